"""Simulation: a design and a stimulus in, a trace out. ``tools.hdl.batch`` takes many designs.

Timing is described in ``tools.hdl.trace``. A design is guarded and stripped first, runs in the
sandbox without its golden, and what it did is read from a record it cannot reach.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pyslang import Diags

from sandboxes import Command, Limits, Outcome, Sandbox
from tools.hdl.contract import Contract
from tools.hdl.guard import inspect, strip
from tools.hdl.plain import plain
from tools.hdl.syntax import SourceError, elaborate
from tools.hdl.testbench import (
    STIMULUS_FILE,
    Instance,
    icarus_testbench,
    read_record,
    record_name,
    stimulus_file,
    to_trace,
)
from tools.hdl.trace import Stimulus, Trace
from tools.hdl.verilator import run_verilator
from tools.hdl.yosys import run_yosys_each

Kind = Literal["compile", "timeout", "runtime", "guard", "starved"]
"""``timeout``: it used its CPU time; ``starved``: the machine did not give it any."""
Simulator = Literal["icarus", "verilator"]

AS_WRITTEN = "setattr -unset always_comb -unset always_latch -unset always_ff p:*"
"""For Yosys before ``proc``: a latch in an ``always_comb`` is to be found, not refused."""
OPEN_SELECTIONS = "techmap t:$shiftx"
"""For Yosys: what a selection shows beyond the end of its vector becomes an X like any other."""
AFTER_YOSYS = "icarus after yosys"
_COMPILE_FAILED = 90
_COMPLAINT = re.compile(r"design(?:_(?P<file>\d+))?\.sv:(?P<line>\d+):(?:\d+:)?\s*(?P<message>.*)")
_BENCH = re.compile(r"bench_[0-9a-f]{16}\.dut_\d+")
_SCRIPT = f"iverilog -g2012 -u -o sim -s $0 $@ || exit {_COMPILE_FAILED}; exec vvp -n sim"


class SimulationError(RuntimeError):
    """The design gave no trace. ``line`` is its line at fault, 0 when there is none."""

    def __init__(
        self, kind: Kind, message: str, line: int = 0, culprits: frozenset[int] = frozenset()
    ) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.line = line
        self.culprits = culprits
        """Of designs compiled together, the numbers of those the compiler complained about."""


def simulate(
    source: str,
    contract: Contract,
    stimulus: Stimulus,
    sandbox: Sandbox,
    simulator: Simulator = "icarus",
    seconds: float = 20.0,
) -> Trace:
    """Simulate module ``contract.top`` of ``source``; raises SimulationError.

    Icarus has four-state values. Language it lacks is lowered by Yosys first, and failing that
    Verilator simulates it (two-state); ``Trace.simulator`` says which. A stimulus that has a
    column for the clock drives it by level.
    """
    contract = as_driven(contract, stimulus)
    text = admit(source, contract.top)
    if simulator == "verilator":
        return _verilator(text, contract, stimulus, sandbox, seconds)
    try:
        return run_icarus([text], [Instance(contract.top)], contract, [stimulus], sandbox, seconds)[
            0
        ]
    except SimulationError as error:
        if error.kind != "compile":
            raise
        return _other_ways(text, contract, stimulus, sandbox, seconds, error)


def simulate_under(
    source: str,
    contract: Contract,
    stimuli: Sequence[Stimulus],
    sandbox: Sandbox,
    seconds: float = 20.0,
) -> list[Trace]:
    """Simulate one design under many stimuli with the same columns, in one compile and one run."""
    contract, text = as_driven(contract, stimuli[0]), admit(source, contract.top)
    try:
        duts = [Instance(contract.top, lane) for lane in range(len(stimuli))]
        return run_icarus([text], duts, contract, stimuli, sandbox, seconds)
    except SimulationError as error:
        if error.kind != "compile":
            raise
        return [simulate(source, contract, s, sandbox, seconds=seconds) for s in stimuli]


def as_driven(contract: Contract, stimulus: Stimulus) -> Contract:
    """The contract as this stimulus drives it: by level when it has a column for the clock."""
    by_level = contract.pulsed is not None and contract.pulsed.port in stimulus.inputs
    return contract.unpulsed() if by_level else contract


def admit(source: str, top: str) -> str:
    """The design as every tool gets it: no printing, delays, macros, directives or comments.

    Lines stay. Raises SimulationError when it has a syntax error, names what it does not
    declare, or does what no design may.
    """
    try:
        design = elaborate(source, top)
        findings = inspect(design)
    except SourceError as error:
        raise SimulationError("compile", str(error), error.line) from error
    for finding in findings:
        if not finding.strippable:
            raise SimulationError("guard", finding.message, finding.line)
    for diagnostic in design.diagnostics:
        if diagnostic.code == Diags.UndeclaredIdentifier:
            line = design.line(diagnostic.location)
            raise SimulationError("compile", design.message(diagnostic), line)
    return plain(strip(source) if findings else source)


def run_icarus(
    sources: Sequence[str],
    duts: Sequence[Instance],
    contract: Contract,
    stimuli: Sequence[Stimulus],
    sandbox: Sandbox,
    seconds: float,
) -> list[Trace]:
    """All instances in lockstep under one testbench; one failure fails all."""
    nonce, rows = secrets.token_hex(8), max(len(stimulus.rows) for stimulus in stimuli)
    designs = {f"design_{i}.sv": source.encode() for i, source in enumerate(sources)}
    files = {
        **designs,
        "bench.sv": icarus_testbench(contract, duts, len(stimuli), rows, nonce).encode(),
        STIMULUS_FILE: stimulus_file(contract, stimuli),
    }
    record_bytes = rows * len(duts) * (2 * sum(p.width for p in contract.outputs) + 40)
    outcome = sandbox.run(
        Command(
            argv=("/bin/sh", "-c", _SCRIPT, f"bench_{nonce}", "bench.sv", *designs),
            files=files,
            collect=(record_name(nonce),),
            limits=replace(patient(seconds), disk_mb=64 + record_bytes // 1_000_000),
        )
    )
    _raise_failure(outcome, seconds)
    record = outcome.files.get(record_name(nonce), b"")
    recorded = read_record(record, nonce, len(duts))
    if any(len(samples) != rows for samples in recorded):
        raise SimulationError("runtime", "the simulation ended before the last row")
    return [
        to_trace(contract, samples[: len(stimuli[dut.lane].rows)], "icarus")
        for dut, samples in zip(duts, recorded, strict=True)
    ]


def _raise_failure(outcome: Outcome, seconds: float) -> None:
    if outcome.killed == "cpu":
        raise SimulationError("timeout", f"no end after {seconds:.3g} s of CPU time")
    if outcome.killed == "wall":
        raise SimulationError("starved", f"the machine is too busy: under {seconds:.3g} s of CPU")
    if outcome.killed is not None:
        raise SimulationError("runtime", f"the simulation exceeded its {outcome.killed} limit")
    if outcome.exit_code == _COMPILE_FAILED:
        message, line = compile_message(outcome.text())
        culprits = frozenset(int(m["file"] or 0) for m in _COMPLAINT.finditer(outcome.text()))
        raise SimulationError("compile", message, line, culprits)
    if not outcome.ok:
        raise SimulationError("runtime", outcome.text()[-400:] or f"status {outcome.exit_code}")


def patient(seconds: float) -> Limits:
    """CPU time decides; the wall limit is far behind it, for a busy machine."""
    return Limits(wall_seconds=10 * seconds + 10, cpu_seconds=seconds)


def compile_message(text: str) -> tuple[str, int]:
    """The first complaint of a compiler that names a design's line, and that line."""
    match = _COMPLAINT.search(text)
    if match is None:
        return text[:400], 0
    message = _BENCH.sub("the design", match["message"].removeprefix("error: "))
    return message, int(match["line"])


def _other_ways(
    text: str,
    contract: Contract,
    stimulus: Stimulus,
    sandbox: Sandbox,
    seconds: float,
    refused: SimulationError,
) -> Trace:
    """Language Icarus lacks: lowered by Yosys, else Verilator; else Icarus' own complaint.

    Only for legal text: Yosys and Verilator forgive more.
    """
    if not is_legal(text, contract.top):
        raise refused
    lowered = lower(text, contract.top, sandbox, seconds)
    try:
        if lowered is not None:
            duts = [Instance(contract.top)]
            trace = run_icarus([lowered], duts, contract, [stimulus], sandbox, seconds)[0]
            return replace(trace, simulator=AFTER_YOSYS)
        return _verilator(text, contract, stimulus, sandbox, seconds)
    except SimulationError as error:
        raise (refused if error.kind == "compile" else error) from error


def is_legal(text: str, top: str) -> bool:
    """True when the reference elaborator has no complaint."""
    return not any(d.isError() for d in elaborate(text, top).diagnostics)


def lower(
    source: str,
    top: str,
    sandbox: Sandbox,
    seconds: float = 20.0,
    fill: Literal["zero", "one"] | None = None,
) -> str | None:
    """The design as plain Verilog from Yosys, or None when Yosys refuses it.

    Registers keep their initial values; with ``fill``, all that has none starts as that, and
    so does every X and every undriven wire, and conflicting drivers or loops are refused.
    Raises SimulationError when Yosys does not end in ``seconds``.
    """
    return lower_many([(source, top)], sandbox, seconds, fill)[0]


def lower_many(
    designs: Sequence[tuple[str, str]],
    sandbox: Sandbox,
    seconds: float = 20.0,
    fill: Literal["zero", "one"] | None = None,
) -> list[str | None]:
    """``lower`` for each (source, top), in one run of ``seconds`` in all."""
    filled = (
        f"check -assert; {OPEN_SELECTIONS}; setundef -{fill}; setundef -init -{fill}; "
        if fill
        else ""
    )
    scripts = [
        f"read_verilog -sv design_{i}.sv; hierarchy -check -top \\{top} ; "
        f"{AS_WRITTEN}; proc; flatten; opt; memory; "
        f"{filled}opt_clean; write_verilog -noattr lowered_{i}.v"
        for i, (_, top) in enumerate(designs)
    ]
    files = {f"design_{i}.sv": source.encode() for i, (source, _) in enumerate(designs)}
    outcome = run_yosys_each(sandbox, scripts, files, ("lowered_*.v",), seconds)
    if outcome.killed is not None:
        raise SimulationError("starved", f"Yosys did not end: {outcome.killed}")
    lowered = [outcome.files.get(f"lowered_{i}.v") for i in range(len(designs))]
    return [text.decode() if text is not None else None for text in lowered]


def _verilator(
    text: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox, seconds: float
) -> Trace:
    outcome, trace = run_verilator(text, contract, stimulus, sandbox, seconds)
    _raise_failure(outcome, seconds)
    if trace is None:
        raise SimulationError("runtime", "the simulation ended before the last row")
    return trace
