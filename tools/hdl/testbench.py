"""The Icarus testbench: drives a contract with recorded rows, records outputs, judges nothing.

Outputs go to a file whose name holds a fresh nonce, each line starting with the nonce, so a
design can neither print into the record nor guess where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.hdl.contract import Contract
from tools.hdl.trace import Stimulus, Trace

STIMULUS_FILE = "rows.hex"


@dataclass(frozen=True, slots=True)
class Instance:
    """One design under test: module ``top``, driven by stimulus number ``lane``."""

    top: str
    lane: int = 0


def icarus_testbench(
    contract: Contract, duts: Sequence[Instance], lanes: int, rows: int, nonce: str
) -> str:
    """Verilog that drives ``duts`` in lockstep, each from its lane of the stimulus file."""
    driven = [(lane, i, port) for lane in range(lanes) for i, port in enumerate(contract.driven)]
    width = max(1, sum(port.width for _, _, port in driven))
    out_width = sum(port.width for port in contract.outputs)
    lines = ["`timescale 1ns/1ps", f"module bench_{nonce};", "integer fd, cycle;"]
    lines.append(f"reg [{width - 1}:0] rows [0:{rows - 1}], row;")
    idle = _idle(contract)
    for lane, i, port in driven:
        start = f" = {idle[port.name]}" if port.name in idle else ""
        lines.append(f"reg [{port.width - 1}:0] in_{lane}_{i}{start};")
    if contract.pulsed is not None:
        lines.append(f"reg clock = {idle[contract.pulsed.port]};")
    for k, dut in enumerate(duts):
        for i, port in enumerate(contract.outputs):
            lines.append(f"wire [{port.width - 1}:0] out_{k}_{i};")
        lines.append(f"reg [{out_width - 1}:0] before_{k};")
        lines.append(_instance(contract, dut, k))
    lines.append("initial begin")
    lines.append(f'fd = $fopen("{record_name(nonce)}"); $readmemh("{STIMULUS_FILE}", rows);')
    lines.append("#10;")
    lines.append(f"for (cycle = 0; cycle < {rows}; cycle = cycle + 1) begin row = rows[cycle];")
    lines += _drive(contract, lanes)
    lines.append(_sample(contract, len(duts), nonce))
    lines += ["end", "$fclose(fd); $finish(0);", "end", "endmodule", ""]
    return "\n".join(lines)


def record_name(nonce: str) -> str:
    """The file the testbench records into."""
    return f"record-{nonce}.txt"


def stimulus_file(contract: Contract, stimuli: Sequence[Stimulus]) -> bytes:
    """One hexadecimal word a cycle: the stimuli side by side, the last input in the lowest bits.

    Shorter stimuli repeat their last row.
    """
    widths = [p.width for p in contract.driven]
    digits = (max(1, sum(widths)) * len(stimuli) + 3) // 4
    words = []
    for cycle in range(max(len(s.rows) for s in stimuli)):
        word = 0
        for stimulus in stimuli:
            row = stimulus.rows[min(cycle, len(stimulus.rows) - 1)]
            for value, width in zip(row, widths, strict=True):
                word = word << width | value
        words.append(f"{word:0{digits}x}")
    return "\n".join(words).encode()


def read_record(record: bytes, nonce: str, count: int) -> list[tuple[str, ...]]:
    """For each instance, the recorded bits of each row, as far as the run came."""
    rows = []
    for line in record.decode("ascii", "replace").splitlines():
        head, *samples = line.split(" ")
        if head == nonce and len(samples) == count:
            rows.append(samples)
    return list(zip(*rows, strict=True)) if rows else [()] * count


def to_trace(contract: Contract, recorded: Sequence[str], simulator: str) -> Trace:
    """Recorded bits (before, then after) cut into ports."""
    cuts, at = [], 0
    for port in contract.outputs:
        cuts.append((at, at + port.width))
        at += port.width
    known: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for bits in set(recorded):
        row = tuple(bits[a:b] for a, b in cuts), tuple(bits[at + a : at + b] for a, b in cuts)
        known[bits] = row
    names = tuple(p.name for p in contract.outputs)
    before = tuple([known[bits][0] for bits in recorded])
    if contract.pulsed is None:
        return Trace(names, before, simulator=simulator)
    after = tuple([known[bits][1] for bits in recorded])
    return Trace(names, before, after, simulator=simulator)


def _instance(contract: Contract, dut: Instance, k: int) -> str:
    """One design under test; escaped names take any port name."""
    wires = {p.name: f"in_{dut.lane}_{i}" for i, p in enumerate(contract.driven)}
    wires |= {p.name: f"out_{k}_{i}" for i, p in enumerate(contract.outputs)}
    if contract.pulsed is not None:
        wires[contract.pulsed.port] = "clock"
    pins = ", ".join(f".\\{port} ({wire})" for port, wire in wires.items())
    return f"\\{dut.top} dut_{k} ({pins});"


def _idle(contract: Contract) -> dict[str, int]:
    """Levels that clocks and asynchronous resets have from the start, inactive.

    They are initial values of variables, which are no events: the first row makes the first edge.
    """
    low = {r.port for r in contract.resets if r.asynchronous and not r.active_high}
    levels = {name: int(name in low) for name in contract.edge_sensitive}
    if contract.pulsed is not None:
        levels[contract.pulsed.port] = int(contract.pulsed.edge == "negedge")
    return levels


def _drive(contract: Contract, lanes: int) -> list[str]:
    """Take data inputs from the row and let the design settle, then those whose edges matter."""
    early: list[str] = []
    late: list[str] = []
    at = 0
    for lane in reversed(range(lanes)):
        for i, port in reversed(list(enumerate(contract.driven))):
            assign = f"in_{lane}_{i} = row[{at + port.width - 1}:{at}];"
            (late if port.name in contract.edge_sensitive else early).append(assign)
            at += port.width
    return [" ".join([*group, "#10;"]) for group in (early, late) if group]


def _sample(contract: Contract, count: int, nonce: str) -> str:
    """Record outputs before and, with a pulsed clock, after the active edge: a line a row."""
    n = len(contract.outputs)
    outs = ["{" + ", ".join(f"out_{k}_{i}" for i in range(n)) + "}" for k in range(count)]
    if contract.pulsed is None:
        return f'$fdisplay(fd, "{nonce}{" %b" * count}", {", ".join(outs)});'
    pairs = ", ".join(f"before_{k}, {out}" for k, out in enumerate(outs))
    lines = [f"before_{k} = {out};" for k, out in enumerate(outs)]
    lines.append("clock = ~clock; #10;")
    lines.append(f'$fdisplay(fd, "{nonce}{" %b%b" * count}", {pairs});')
    return "\n".join([*lines, "clock = ~clock; #10;"])
