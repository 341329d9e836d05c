"""The Icarus testbench: drives a contract with recorded rows, records outputs, judges nothing.

Outputs go to a file whose name holds a fresh nonce, each line starting with the nonce, so a
design can neither print into the record nor guess where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.hdl.contract import Contract, Port
from tools.hdl.trace import Stimulus, Trace

STIMULUS_FILE = "rows.hex"


def icarus_testbench(contract: Contract, tops: Sequence[str], rows: int, nonce: str) -> str:
    """Verilog that drives one instance of each of ``tops`` with the same rows, in lockstep."""
    driven, outputs = contract.driven, contract.outputs
    late = [i for i, p in enumerate(driven) if p.name in contract.edge_sensitive]
    early = [i for i in range(len(driven)) if i not in late]
    width, out_width = max(1, sum(p.width for p in driven)), sum(p.width for p in outputs)
    lines = ["`timescale 1ns/1ps", f"module bench_{nonce};", "integer fd, cycle;"]
    lines.append(f"reg [{width - 1}:0] rows [0:{rows - 1}], row;")
    lines += [f"reg [{p.width - 1}:0] in_{i};" for i, p in enumerate(driven)]
    lines.append("reg clock;")
    for k, top in enumerate(tops):
        lines += [f"wire [{p.width - 1}:0] out_{k}_{i};" for i, p in enumerate(outputs)]
        lines.append(f"reg [{out_width - 1}:0] before_{k};")
        lines.append(_instance(contract, top, k))
    lines.append("initial begin")
    lines.append(f'fd = $fopen("{record_name(nonce)}"); $readmemh("{STIMULUS_FILE}", rows);')
    lines.append(_power_up(contract))
    lines.append(f"for (cycle = 0; cycle < {rows}; cycle = cycle + 1) begin row = rows[cycle];")
    lines.append(_assign(driven, early))
    lines.append(_assign(driven, late))
    lines.append(_sample(contract, len(tops), nonce))
    lines += ["end", "$fclose(fd); $finish(0);", "end", "endmodule", ""]
    return "\n".join(lines)


def record_name(nonce: str) -> str:
    """The file the testbench records into."""
    return f"record-{nonce}.txt"


def stimulus_file(contract: Contract, stimulus: Stimulus) -> bytes:
    """The rows as one hexadecimal word each, the last input in the lowest bits."""
    widths = [p.width for p in contract.driven]
    digits = (max(1, sum(widths)) + 3) // 4
    words = []
    for row in stimulus.rows:
        word = 0
        for value, width in zip(row, widths, strict=True):
            word = word << width | value
        words.append(f"{word:0{digits}x}")
    return "\n".join(words).encode()


def read_record(contract: Contract, record: bytes, nonce: str, count: int) -> list[list[str]]:
    """For each instance, the recorded bits of each row, as far as the run came."""
    bits: list[list[str]] = [[] for _ in range(count)]
    for line in record.decode("ascii", "replace").splitlines():
        head, _, rest = line.partition(" ")
        index, _, value = rest.partition(" ")
        if head == nonce and index.isdigit() and int(index) < count:
            bits[int(index)].append(value)
    return bits


def to_trace(contract: Contract, recorded: Sequence[str], simulator: str) -> Trace:
    """Recorded bits (before, then after) cut into ports."""
    cuts, at = [], 0
    for port in contract.outputs:
        cuts.append((at, at + port.width))
        at += port.width
    names = tuple(p.name for p in contract.outputs)
    before = tuple(tuple(bits[a:b] for a, b in cuts) for bits in recorded)
    if contract.pulsed is None:
        return Trace(names, before, simulator=simulator)
    after = tuple(tuple(bits[at + a : at + b] for a, b in cuts) for bits in recorded)
    return Trace(names, before, after, simulator=simulator)


def _instance(contract: Contract, top: str, k: int) -> str:
    """One design under test; escaped names take any port name."""
    wires = {p.name: f"in_{i}" for i, p in enumerate(contract.driven)}
    wires |= {p.name: f"out_{k}_{i}" for i, p in enumerate(contract.outputs)}
    if contract.pulsed is not None:
        wires[contract.pulsed.port] = "clock"
    pins = ", ".join(f".\\{port} ({wire})" for port, wire in wires.items())
    return f"\\{top} dut_{k} ({pins});"


def _power_up(contract: Contract) -> str:
    """Clocks and asynchronous resets start inactive, so that the first row makes real edges."""
    idle = 1 if contract.pulsed is not None and contract.pulsed.edge == "negedge" else 0
    levels = [f"clock = {idle};"]
    resets = {r.port: r for r in contract.resets if r.asynchronous}
    for i, port in enumerate(contract.driven):
        if port.name in contract.edge_sensitive:
            reset = resets.get(port.name)
            levels.append(f"in_{i} = {0 if reset is None or reset.active_high else 1};")
    return " ".join([*levels, "#10;"])


def _assign(driven: Sequence[Port], which: Sequence[int]) -> str:
    """Take the columns ``which`` from the row, then let the design settle."""
    offsets, at = {}, 0
    for i in reversed(range(len(driven))):
        offsets[i] = at
        at += driven[i].width
    parts = [f"in_{i} = row[{offsets[i] + driven[i].width - 1}:{offsets[i]}];" for i in which]
    return " ".join([*parts, "#10;"]) if parts else ""


def _sample(contract: Contract, count: int, nonce: str) -> str:
    """Record outputs before and, with a pulsed clock, after the active edge."""
    n = len(contract.outputs)
    outs = ["{" + ", ".join(f"out_{k}_{i}" for i in range(n)) + "}" for k in range(count)]
    if contract.pulsed is None:
        return "\n".join(f'$fdisplay(fd, "{nonce} {k} %b", {out});' for k, out in enumerate(outs))
    lines = [f"before_{k} = {out};" for k, out in enumerate(outs)]
    lines.append("clock = ~clock; #10;")
    lines += [f'$fdisplay(fd, "{nonce} {k} %b%b", before_{k}, {o});' for k, o in enumerate(outs)]
    return "\n".join([*lines, "clock = ~clock; #10;"])
