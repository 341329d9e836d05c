"""Formal equivalence: Yosys builds a miter as an and-inverter graph, ABC decides it.

The claim, two-valued: from every power-up state, after the resets have been held while every
clock had both edges, the outputs agree for all inputs at all times. Clocks are free inputs
(``clk2fflogic``), so edges, gated clocks, latches and pulses within a cycle all count. Registers
with an initial value start there; others of the golden may start like those of the DUT with the
same name (``tools.hdl.aiger`` says why). A golden X is a don't-care: an output counts when it is
the same with every X as 0 and with every X as 1. With state, X as 0 is tried first, which only
strengthens the claim. An X or Z of the DUT may be any value at any time. What could make a proof
empty ends in ``unknown``: combinational loops, two drivers. A counterexample only counts when
simulation shows it. Two designs of which Yosys makes the same netlist, name by name, need no
proof, and may then drive Z.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Literal

from sandboxes import Command, Limits, Sandbox
from tools.hdl.aiger import has_latches, power_up
from tools.hdl.compare import first_difference
from tools.hdl.contract import Contract
from tools.hdl.simulate import AS_WRITTEN, OPEN_SELECTIONS, SimulationError, admit, simulate
from tools.hdl.trace import Stimulus
from tools.hdl.yosys import run_yosys

BOOT_STEPS = 4
NOT_SHOWN = "simulation does not show the counterexample"
_EQX = files("tools.hdl") / "library" / "eqx.v"
_GOLD, _GATE, _GOLD_ONE = "pair_gold", "pair_gate", "pair_gold_one"
_FILL = {_GOLD: "-zero", _GOLD_ONE: "-one", _GATE: "-anyseq"}
_DRIVES_Z = re.compile(r"\d'[01x-]*z")
_BIT = re.compile(r"\bp_(\d+)(?:\[(\d+)\])?@(\d+)=1\b")
_PLACE = re.compile(r"\s*attribute \\src |#|autoidx |  parameter ")
_OWN_NAME = re.compile(r"\$\S+\$\d+\S*")
_LENGTH = re.compile(r"COUNTEREXAMPLE LENGTH: (\d+)")


@dataclass(frozen=True, slots=True)
class Proof:
    """What formal checking found. ``reason`` says why the status is ``unknown``.

    A counterexample drives clocks by level: simulate it against ``contract`` as it is.
    """

    status: Literal["proved", "different", "unknown"]
    counterexample: Stimulus | None = None
    reason: str = ""


def prove(
    golden: str, dut: str, contract: Contract, sandbox: Sandbox, seconds: float = 10.0
) -> Proof:
    """Decide whether ``dut`` equals ``golden`` within about ``seconds``.

    Raises SimulationError when the guard or the compiler refuses one of them.
    """
    deadline = monotonic() + seconds
    golden, dut = admit(golden, contract.top), admit(dut, contract.top)
    pair = _Pair(golden, dut, contract, sandbox, deadline)
    found = _attempt(pair, twice=not contract.clocks)
    if found.reason == NOT_SHOWN and contract.clocks:
        return _attempt(pair, twice=True)
    return found


@dataclass(frozen=True)
class _Pair:
    """Two admitted designs to be compared until ``deadline``."""

    golden: str
    dut: str
    contract: Contract
    sandbox: Sandbox
    deadline: float


def _attempt(pair: _Pair, twice: bool) -> Proof:
    """``prove`` with the golden read once, X as 0, or twice, X as 0 and X as 1."""
    contract, sandbox = pair.contract, pair.sandbox
    designs = {_GOLD: "gold.sv", _GATE: "gate.sv"} | ({_GOLD_ONE: "gold.sv"} if twice else {})
    seconds = max(1.0, pair.deadline - monotonic())
    sources = {"gold.sv": pair.golden, "gate.sv": pair.dut, "eqx.v": _EQX.read_text()}
    sources["harness.sv"] = _harness(contract, designs)
    built = run_yosys(
        sandbox,
        _miter_script(contract, designs),
        {name: text.encode() for name, text in sources.items()},
        ("miter.aig", "miter.map", f"{_GOLD}.il", f"{_GATE}.il"),
        wall_seconds=seconds,
    )
    read = [_netlist(built.files.get(f"{name}.il", b"").decode()) for name in (_GOLD, _GATE)]
    if read[0] and read[0] == read[1]:
        return Proof("proved")
    graph = built.files.get("miter.aig")
    if not built.ok or graph is None:
        return Proof("unknown", reason=f"no miter: {built.killed or _last_error(built.text())}")
    if _DRIVES_Z.search(read[0]):
        return Proof("unknown", reason="the golden drives Z")
    goldens = [f"{name}_." for name in designs if name != _GATE]
    graph = power_up(graph, built.files["miter.map"].decode(), goldens, f"{_GATE}_.")
    status, trace = _decide(graph, contract, sandbox, pair.deadline)
    if status != "different":
        return Proof(status, reason="" if status == "proved" else "no answer in time")
    stimulus = _stimulus(contract, trace)
    if _shows(pair.golden, pair.dut, contract, stimulus, sandbox):
        return Proof("different", stimulus)
    return Proof("unknown", reason=NOT_SHOWN)


def _netlist(text: str) -> str:
    """A design as Yosys writes it, without places in the source; its own names in order of use.

    Names that the source gives, and types of cells, stay as they are.
    """
    numbers: dict[str, str] = {}
    lines = [line for line in text.splitlines() if not _PLACE.match(line)]
    return _OWN_NAME.sub(
        lambda name: numbers.setdefault(name[0], f"$own{len(numbers)}"), "\n".join(lines)
    )


def stateless(source: str, contract: Contract, sandbox: Sandbox) -> bool:
    """True when Yosys finds no register, latch, memory or loop: outputs depend on inputs alone."""
    script = (
        f"read_verilog -sv design.sv; {_read(contract)}; {_checked()}; "
        "select -assert-none t:*dff* t:*ff t:*latch* t:$sr t:*_SR_* t:$mem*"
    )
    files = {"design.sv": admit(source, contract.top).encode()}
    return run_yosys(sandbox, script, files).ok


def _read(contract: Contract) -> str:
    return (
        f"hierarchy -check -top \\{contract.top} ; {AS_WRITTEN}; "
        "proc -noopt; flatten; chformal -remove"
    )


def _checked() -> str:
    """Checked before any optimisation too: it would give a loop some value and so hide it."""
    return "check -assert; opt_expr; opt_clean; memory; opt_expr; opt_clean; check -assert"


def _miter_script(contract: Contract, designs: Mapping[str, str]) -> str:
    """All designs flattened and checked, then one graph whose output ``bad`` means different.

    Selections beyond the end of a vector become X like any other before X gets its values, and
    comparisons with X are decided.
    """
    lines, top = [], f"\\{contract.top} "
    for name, file in designs.items():
        lines.append(f"read_verilog -sv {file}; {_read(contract)}; write_rtlil {name}.il")
        lines.append(f"design -stash {name}")
    for name in designs:
        lines.append(f"design -load {name}; {_checked()}; techmap -map eqx.v; {OPEN_SELECTIONS}")
        lines.append(f"setundef -undriven {_FILL[name]}")
        lines.append(f"rename {top} {name}; design -stash {name}")
    lines += [f"design -copy-from {name} -as {name} {name}" for name in designs]
    return "\n".join(
        [
            *lines,
            "read_verilog -sv harness.sv; hierarchy -check -top harness; proc; flatten",
            "clk2fflogic; opt; techmap; opt -fast; aigmap; opt_clean",
            "write_aiger -symbols -vmap miter.map miter.aig",
        ]
    )


def _harness(contract: Contract, names: Collection[str]) -> str:
    """All designs on the same inputs; resets are held first, clocks toggling."""
    clocks = {c.port for c in contract.clocks}
    resets = {r.port: int(r.active_high) for r in contract.resets}
    inputs = [p for p in contract.ports if p.direction == "input"]
    pins = []
    for i, port in enumerate(inputs):
        value = f"p_{i}"
        if resets and port.name in clocks:
            value = f"booting ? age[0] : p_{i}"
        elif port.name in resets:
            value = f"booting ? 1'b{resets[port.name]} : p_{i}"
        pins.append(f".\\{port.name} ({value})")
    columns = [f"input [{p.width - 1}:0] p_{i}" for i, p in enumerate(inputs)]
    lines = [f"module harness({', '.join([*columns, 'output bad'])});"]
    if contract.clocks:
        lines.append("reg [2:0] age = 0;")
        lines.append(f"always @($global_clock) if (age != {_boot(contract)}) age <= age + 1;")
    lines.append(f"wire booting = {f'age != {_boot(contract)}' if contract.clocks else '0'};")
    differs = []
    for i, port in enumerate(contract.outputs):
        lines += [f"wire [{port.width - 1}:0] {name}_{i};" for name in names]
        care = f" & ~({_GOLD}_{i} ^ {_GOLD_ONE}_{i})" if _GOLD_ONE in names else ""
        differs.append(f"|(({_GOLD}_{i} ^ {_GATE}_{i}){care})")
    for name in names:
        outs = [f".\\{p.name} ({name}_{i})" for i, p in enumerate(contract.outputs)]
        lines.append(f"{name} {name}_({', '.join([*pins, *outs])});")
    lines += [f"assign bad = ~booting & ({' | '.join(differs)});", "endmodule", ""]
    return "\n".join(lines)


def _boot(contract: Contract) -> int:
    """Steps in which nothing counts yet. Without resets one: the next can be the same again."""
    return BOOT_STEPS if contract.resets else 1


def _decide(
    graph: bytes, contract: Contract, sandbox: Sandbox, deadline: float
) -> tuple[Literal["proved", "different", "unknown"], str]:
    """Ask ABC: first whether merging equal registers settles it, then reachability, then SAT.

    The first question starts after the booting steps (``tempor``), where registers have their
    reset values; nothing can be ``bad`` in those, so a proof from there on is whole.
    """
    if contract.clocks:
        merge = f"tempor -F {_boot(contract)}; scorr; iprove; print_status"
        status, _ = _abc(graph, merge, sandbox, deadline)
        if status == "proved":
            return status, ""
    now = "print_status; write_cex -n trace.txt"
    reach = f"scorr; pdr -T {max(1, int(deadline - monotonic()))}; {now}; "
    return _abc(graph, f"{reach if has_latches(graph) else ''}iprove; {now}", sandbox, deadline)


def _abc(
    graph: bytes, script: str, sandbox: Sandbox, deadline: float
) -> tuple[Literal["proved", "different", "unknown"], str]:
    """The status a script ends with, and the counterexample it wrote."""
    spec = find_spec("pyosys")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("pyosys is not installed")
    abc = Path(spec.submodule_search_locations[0]) / "yosys-abc"
    seconds = max(1.0, deadline - monotonic())
    outcome = sandbox.run(
        Command(
            argv=(str(abc), "-c", f"read_aiger miter.aig; strash; {script}"),
            files={"miter.aig": graph},
            collect=("trace.txt",),
            limits=Limits(wall_seconds=seconds + 1, cpu_seconds=seconds + 1),
        )
    )
    statuses = re.findall(r"^Status = (-?\d)", outcome.text(), re.MULTILINE)
    trace = outcome.files.get("trace.txt", b"").decode()
    if "1" in statuses:
        return "proved", ""
    return ("different", trace) if "0" in statuses and trace else ("unknown", "")


def _stimulus(contract: Contract, trace: str) -> Stimulus:
    """ABC's counterexample as rows with clocks by level.

    A register samples what its inputs were before the clock moved, so each step is two rows:
    the clocks move over the old data, then the data and resets move.
    """
    inputs = [p.name for p in contract.ports if p.direction == "input"]
    length = _LENGTH.search(trace)
    steps = int(length[1]) if length else 1
    values = [[0] * len(inputs) for _ in range(steps)]
    for match in _BIT.finditer(trace):
        values[int(match[3])][int(match[1])] |= 1 << int(match[2] or 0)
    clocks = {inputs.index(c.port) for c in contract.clocks}
    resets = {inputs.index(r.port): int(r.active_high) for r in contract.resets}
    if resets:
        for step in range(min(BOOT_STEPS, steps)):
            for i in clocks:
                values[step][i] = step & 1
            for i, level in resets.items():
                values[step][i] = level
    rows = [tuple(values[0])]
    for old, new in pairwise(values):
        if clocks:
            rows.append(tuple(v if i in clocks else old[i] for i, v in enumerate(new)))
        rows.append(tuple(new))
    return Stimulus(tuple(inputs), tuple(rows))


def _shows(golden: str, dut: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox) -> bool:
    """True when simulation shows a wrong value under the counterexample."""
    try:
        expected = simulate(golden, contract, stimulus, sandbox)
        got = simulate(dut, contract, stimulus, sandbox)
    except SimulationError:
        return False
    return first_difference(expected, got) is not None


def _last_error(text: str) -> str:
    errors: Sequence[str] = re.findall(r"^ERROR: (.*)", text, re.MULTILINE)
    return errors[-1] if errors else text[-200:]
