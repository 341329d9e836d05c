"""Self-checking testbenches to hand over: one in Verilog, one for cocotb.

Each is a single file with the first recorded rows in it as text, driven and sampled as
``tools.hdl.trace`` describes. They are for people: the engine's own checks record with
``tools.hdl.testbench`` and judge outside the simulation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from tools.hdl.contract import Contract, Port
from tools.hdl.trace import Stimulus, Trace

MAX_ROWS = 300
SHOWN_MISMATCHES = 10
_KNOWN = str.maketrans("01xz", "1100")
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*")


def verilog_testbench(contract: Contract, stimulus: Stimulus, trace: Trace) -> str:
    """Module ``<top>_tb``, Verilog-2005: Icarus, and Verilator with ``--binary --timing``, take it.

    Drives the first ``MAX_ROWS`` rows; an ``x`` of ``trace`` is a don't-care. Prints the first
    wrong values and a last line ``PASS`` or ``FAIL`` with counts; ends in ``$fatal`` on FAIL.
    """
    plan = _plan(contract, stimulus, trace)
    text, fields = _resource("testbench.v"), _columns(plan)
    pins = ", ".join(f".{_name(n)}({_name(n)})" for n in plan.pins)
    parts = {
        "TOP": plan.contract.top,
        "NAME": _name(f"{plan.contract.top}_tb"),
        "ROWS": str(len(plan.rows)),
        "SIMULATOR": trace.simulator or "a simulator",
        "WIRES": "\n".join(f"  {line}" for line in _wires(plan)),
        "DUT": f"{_name(plan.contract.top)} {plan.fresh}dut ({pins});",
        "NAME_BITS": str(8 * max(len(p.name) for p in plan.contract.outputs)),
        "WIDTH": str(max(p.width for p in plan.contract.outputs)),
        "CARE": str(_care_width(plan)),
        "SHOWN": str(SHOWN_MISMATCHES),
        "FIELDS": "\n".join(f"  reg {_range(w)}{name};" for name, w in fields),
        "VECTOR": str(sum(width for _, width in fields)),
        "ROW": "\n".join(f"      {line}" for line in _row(plan)),
        "POWER_UP": "\n".join(f"    {_name(n)} = 1'b{v};" for n, v in plan.power_up.items()),
        "VECTORS": "\n".join(_verilog_rows(plan)),
    }
    text = re.sub(r"\btb_", plan.fresh, text)
    return re.sub(r"@([A-Z_]+)@", lambda match: parts[match[1]], text)


def cocotb_test(contract: Contract, stimulus: Stimulus, trace: Trace) -> str:
    """One Python file for cocotb 2.1; its docstring says how to run it.

    Same rows and same rules as the Verilog testbench. Run as a program it exits with status 1
    on a mismatch.
    """
    plan = _plan(contract, stimulus, trace)
    pulsed = plan.contract.pulsed
    parts = {
        "TOP": plan.contract.top,
        "ROWS": str(len(plan.rows)),
        "SIMULATOR": trace.simulator or "a simulator",
        "CLOCK": repr(pulsed.port if pulsed else None),
        "POWER_UP": repr(plan.power_up),
        "INPUTS": repr(plan.inputs),
        "LATE": repr(tuple(n for n in plan.inputs if n in plan.contract.edge_sensitive)),
        "OUTPUTS": repr({p.name: p.width for p in plan.contract.outputs}),
        "SHOWN": str(SHOWN_MISMATCHES),
        "COLUMNS": _heading(plan),
        "VECTORS": "\n".join(_cocotb_rows(plan)).replace("\\", "\\\\"),
    }
    return re.sub(r"@([A-Z_]+)@", lambda match: parts[match[1]], _resource("cocotb_test.txt"))


@dataclass(frozen=True)
class _Plan:
    """What both testbenches do: the contract as driven, and the rows with their samples."""

    contract: Contract
    inputs: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    samples: tuple[tuple[tuple[str, ...], ...], ...]
    """For each row, the expected outputs before and, with a pulsed clock, after the edge."""

    @property
    def phases(self) -> tuple[str, ...]:
        """When the outputs are checked in a row, relative to the active edge."""
        return ("before", "after")[: len(self.samples[0])]

    @property
    def pins(self) -> list[str]:
        """Every port that is connected: the pulsed clock, inputs, outputs."""
        pulsed = self.contract.pulsed
        outputs = [p.name for p in self.contract.outputs]
        return [*([pulsed.port] if pulsed else []), *self.inputs, *outputs]

    @property
    def fresh(self) -> str:
        """A prefix that no port's name starts with."""
        prefix = "tb_"
        while any(pin.startswith(prefix) for pin in self.pins):
            prefix += "_"
        return prefix

    @property
    def power_up(self) -> dict[str, int]:
        """Clocks and asynchronous resets start inactive, so that the first row makes real edges."""
        pulsed = self.contract.pulsed
        levels = {pulsed.port: int(pulsed.edge == "negedge")} if pulsed else {}
        low = {r.port for r in self.contract.resets if r.asynchronous and not r.active_high}
        late = [n for n in self.inputs if n in self.contract.edge_sensitive]
        return levels | {name: int(name in low) for name in late}


def _plan(contract: Contract, stimulus: Stimulus, trace: Trace) -> _Plan:
    by_level = contract.pulsed is not None and contract.pulsed.port in stimulus.inputs
    contract = contract.unpulsed() if by_level else contract
    rows = stimulus.rows[:MAX_ROWS]
    phases = [trace.before, trace.after] if trace.after else [trace.before]
    samples = tuple(tuple(phase[i] for phase in phases) for i in range(len(rows)))
    return _Plan(contract, stimulus.inputs, rows, samples)


def _resource(name: str) -> str:
    return (files("tools.hdl") / "templates" / name).read_text()


def _name(name: str) -> str:
    """A Verilog identifier; escaped where the plain form would not do."""
    return name if _PLAIN_NAME.fullmatch(name) else f"\\{name} "


def _input_ports(plan: _Plan) -> list[Port]:
    ports = {p.name: p for p in plan.contract.driven}
    return [ports[name] for name in plan.inputs]


def _range(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""


def _wires(plan: _Plan) -> Iterator[str]:
    if plan.contract.pulsed is not None:
        yield f"reg {_name(plan.contract.pulsed.port)};"
    for port in _input_ports(plan):
        yield f"reg {_range(port.width)}{_name(port.name)};"
    for port in plan.contract.outputs:
        yield f"wire {_range(port.width)}{_name(port.name)};"


def _care_width(plan: _Plan) -> int:
    return len(plan.samples[0]) * sum(p.width for p in plan.contract.outputs)


def _columns(plan: _Plan) -> list[tuple[str, int]]:
    """Name and width of each field of a vector, in the order of the table."""
    tb, inputs, outputs = plan.fresh, _input_ports(plan), plan.contract.outputs
    fields = [(f"{tb}in_{i}", p.width) for i, p in enumerate(inputs)]
    for phase in plan.phases:
        fields += [(f"{tb}{phase}_{i}", p.width) for i, p in enumerate(outputs)]
    return [*fields, (f"{tb}care", _care_width(plan))]


def _row(plan: _Plan) -> Iterator[str]:
    """What is done with one vector: drive, check, pulse the clock, check again."""
    tb, outputs, pulsed = plan.fresh, plan.contract.outputs, plan.contract.pulsed
    yield f"{{{', '.join(name for name, _ in _columns(plan))}}} = {tb}vectors[{tb}row];"
    late = plan.contract.edge_sensitive
    for group in (False, True):
        inputs = [(i, n) for i, n in enumerate(plan.inputs) if (n in late) == group]
        if inputs:
            yield f"{' '.join(f'{_name(n)} = {tb}in_{i};' for i, n in inputs)} #10;"
    at = _care_width(plan)
    toggle = f"{_name(pulsed.port)} = ~{_name(pulsed.port)}; #10;" if pulsed else ""
    for phase in plan.phases:
        if phase == "after":
            yield toggle
        for i, port in enumerate(outputs):
            at -= port.width
            care = f"{tb}care[{at + port.width - 1}:{at}]"
            values = f"{_name(port.name)}, {tb}{phase}_{i}, {care}"
            yield f'{tb}check("{port.name}", "{phase}", {values});'
    if pulsed:
        yield toggle


def _verilog_rows(plan: _Plan) -> Iterator[str]:
    inputs, outputs = _input_ports(plan), plan.contract.outputs
    header = [p.name for p in inputs]
    for _ in plan.samples[0]:
        header += [f"  {outputs[0].name}", *(p.name for p in outputs[1:])]
    table = [[*header, "  bits that count"]]
    for row, samples in zip(plan.rows, plan.samples, strict=True):
        cells = [_literal(v, p.width) for v, p in zip(row, inputs, strict=True)]
        care = ""
        for sample in samples:
            known = [re.sub("[xz]", "0", bits) for bits in sample]
            cells += [_literal(int(v, 2), p.width) for v, p in zip(known, outputs, strict=True)]
            care += "".join(sample).translate(_KNOWN)
        table.append([*cells, _care(care, plan.fresh)])
    head, *lines = _aligned(table, ", ")
    yield f"    // {' ' * (len(plan.fresh) + len(str(len(lines))) + 10)}{head}"
    for i, line in enumerate(lines):
        yield f"    {plan.fresh}vectors[{i:>{len(str(len(lines)))}}] = {{{line}}};"


def _care(bits: str, tb: str) -> str:
    if "0" not in bits:
        return f"{tb}ALL"
    return _literal(int(bits, 2), len(bits)) if "1" in bits else f"{tb}NONE"


def _literal(value: int, width: int) -> str:
    if width == 1:
        return f"1'b{value}"
    return f"{width}'h{value:0{(width + 3) // 4}x}"


def _heading(plan: _Plan) -> str:
    outputs = " ".join(p.name for p in plan.contract.outputs)
    return " | ".join([" ".join(plan.inputs), *(outputs for _ in plan.samples[0])])


def _cocotb_rows(plan: _Plan) -> Iterator[str]:
    widths = [p.width for p in _input_ports(plan)]
    table = []
    for row, samples in zip(plan.rows, plan.samples, strict=True):
        cells = [f"{v:0{(w + 3) // 4}x}" for v, w in zip(row, widths, strict=True)]
        for sample in samples:
            cells += ["|", *(_digits(bits) for bits in sample)]
        table.append(cells)
    yield from _aligned(table, " ")


def _digits(bits: str) -> str:
    """Hexadecimal with a digit ``x`` for four unknown bits; binary when that does not fit."""
    padded = bits.rjust(-(-len(bits) // 4) * 4, "x" if bits[0] in "xz" else "0").replace("z", "x")
    nibbles = [padded[i : i + 4] for i in range(0, len(padded), 4)]
    if any("x" in n and n != "xxxx" for n in nibbles):
        return "b'" + bits.replace("z", "x")
    return "".join("x" if "x" in n else f"{int(n, 2):x}" for n in nibbles)


def _aligned(table: Sequence[Sequence[str]], separator: str) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        yield separator.join(cells)
