"""Simulation: a design and a stimulus in, a trace out; many designs in one compile and run.

Timing is described in ``tools.hdl.trace``. A design is guarded and stripped first, runs in the
sandbox without its golden, and what it did is read from a record it cannot reach.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Literal

from sandboxes import Command, Limits, Outcome, Sandbox
from tools.hdl.contract import Contract, Unsupported
from tools.hdl.guard import inspect, strip
from tools.hdl.syntax import SourceError, declared, elaborate, parse, rename
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
from tools.hdl.yosys import run_yosys

Kind = Literal["compile", "timeout", "runtime", "guard"]
Simulator = Literal["icarus", "verilator"]

_COMPILE_FAILED = 90
_SCRIPT = f"iverilog -g2012 -u -o sim -s $0 $@ || exit {_COMPILE_FAILED}; exec vvp -n sim"


class SimulationError(RuntimeError):
    """The design gave no trace. ``line`` is its line at fault, 0 when there is none."""

    def __init__(self, kind: Kind, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.line = line


def simulate(
    source: str,
    contract: Contract,
    stimulus: Stimulus,
    sandbox: Sandbox,
    simulator: Simulator = "icarus",
    wall_seconds: float = 20.0,
) -> Trace:
    """Simulate module ``contract.top`` of ``source``; raises SimulationError.

    Icarus has four-state values. Language it lacks is lowered by Yosys first, and failing that
    Verilator simulates it (two-state); ``Trace.simulator`` says which. A stimulus that has a
    column for the clock drives it by level.
    """
    contract = _as_driven(contract, stimulus)
    text = admit(source, contract)
    if simulator == "verilator":
        return _verilator(text, contract, stimulus, sandbox, wall_seconds)
    try:
        return _icarus(
            [text], [Instance(contract.top)], contract, [stimulus], sandbox, wall_seconds
        )[0]
    except SimulationError as error:
        if error.kind != "compile":
            raise
        return _other_ways(text, contract, stimulus, sandbox, wall_seconds, error)


def simulate_many(
    sources: Sequence[str],
    contract: Contract,
    stimulus: Stimulus,
    sandbox: Sandbox,
    wall_seconds: float = 20.0,
) -> list[Trace | SimulationError]:
    """Simulate many designs of one contract with the same rows, in one compile and one run.

    Each gets what it would get alone: when the batch fails, its members run one by one.
    """
    contract = _as_driven(contract, stimulus)
    results: list[Trace | SimulationError | None] = [None] * len(sources)
    batch: list[tuple[int, str, str]] = []
    for i, source in enumerate(sources):
        try:
            text = admit(source, contract)
            names = {name: f"{name}_{i}" for name in declared(parse(text))}
            batch.append((i, rename(text, names), names[contract.top]))
        except SimulationError as error:
            results[i] = error
        except (SourceError, KeyError):
            pass
    try:
        texts, duts = [text for _, text, _ in batch], [Instance(top) for _, _, top in batch]
        traces = _icarus(texts, duts, contract, [stimulus], sandbox, wall_seconds) if batch else []
        for (i, _, _), trace in zip(batch, traces, strict=True):
            results[i] = trace
    except SimulationError:
        pass
    return [
        result or _alone(sources[i], contract, stimulus, sandbox, wall_seconds)
        for i, result in enumerate(results)
    ]


def simulate_under(
    source: str,
    contract: Contract,
    stimuli: Sequence[Stimulus],
    sandbox: Sandbox,
    wall_seconds: float = 20.0,
) -> list[Trace]:
    """Simulate one design under many stimuli with the same columns, in one compile and one run."""
    contract, text = _as_driven(contract, stimuli[0]), admit(source, contract)
    try:
        duts = [Instance(contract.top, lane) for lane in range(len(stimuli))]
        return _icarus([text], duts, contract, stimuli, sandbox, wall_seconds)
    except SimulationError as error:
        if error.kind != "compile":
            raise
        return [simulate(source, contract, s, sandbox, wall_seconds=wall_seconds) for s in stimuli]


def _as_driven(contract: Contract, stimulus: Stimulus) -> Contract:
    by_level = contract.pulsed is not None and contract.pulsed.port in stimulus.inputs
    return contract.unpulsed() if by_level else contract


def _alone(
    source: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox, wall_seconds: float
) -> Trace | SimulationError:
    try:
        return simulate(source, contract, stimulus, sandbox, wall_seconds=wall_seconds)
    except SimulationError as error:
        return error


def admit(source: str, contract: Contract) -> str:
    """The design without printing and delays.

    Raises SimulationError when it has a syntax error or does what no design may.
    """
    if not contract.outputs:
        raise Unsupported(f"{contract.top} has no outputs to observe")
    try:
        findings = inspect(source, contract.top)
    except SourceError as error:
        raise SimulationError("compile", str(error), error.line) from error
    for finding in findings:
        if not finding.strippable:
            raise SimulationError("guard", finding.message, finding.line)
    return strip(source) if findings else source


def _icarus(
    sources: Sequence[str],
    duts: Sequence[Instance],
    contract: Contract,
    stimuli: Sequence[Stimulus],
    sandbox: Sandbox,
    wall_seconds: float,
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
            limits=Limits(
                wall_seconds=wall_seconds,
                cpu_seconds=wall_seconds,
                disk_mb=64 + record_bytes // 1_000_000,
            ),
        )
    )
    _raise_failure(outcome, wall_seconds)
    record = outcome.files.get(record_name(nonce), b"")
    recorded = read_record(contract, record, nonce, len(duts))
    if any(len(samples) != rows for samples in recorded):
        raise SimulationError("runtime", "the simulation ended before the last row")
    return [
        to_trace(contract, samples[: len(stimuli[dut.lane].rows)], "icarus")
        for dut, samples in zip(duts, recorded, strict=True)
    ]


def _raise_failure(outcome: Outcome, wall_seconds: float) -> None:
    if outcome.killed in ("wall", "cpu"):
        raise SimulationError("timeout", f"no end after {wall_seconds:g} s: {outcome.killed}")
    if outcome.killed is not None:
        raise SimulationError("runtime", f"the simulation exceeded its {outcome.killed} limit")
    if outcome.exit_code == _COMPILE_FAILED:
        message, line = compile_message(outcome.text())
        raise SimulationError("compile", message, line)
    if not outcome.ok:
        raise SimulationError("runtime", outcome.text()[-400:] or f"status {outcome.exit_code}")


def compile_message(text: str) -> tuple[str, int]:
    """The first complaint of a compiler that names a design's line, and that line."""
    match = re.search(r"design_\d+\.s?v:(\d+):(?:\d+:)?\s*(.*)", text)
    if match:
        return match[2].removeprefix("error: "), int(match[1])
    return text[:400], 0


def _other_ways(
    text: str,
    contract: Contract,
    stimulus: Stimulus,
    sandbox: Sandbox,
    wall_seconds: float,
    refused: SimulationError,
) -> Trace:
    """Language Icarus lacks: lowered by Yosys, else Verilator; else Icarus' own complaint.

    Only for text that the reference elaborator finds legal: Yosys and Verilator forgive more.
    """
    if any(d.isError() for d in elaborate(text, contract.top).diagnostics):
        raise refused
    lowered = lower(text, contract.top, sandbox, wall_seconds)
    try:
        if lowered is not None:
            duts = [Instance(contract.top)]
            trace = _icarus([lowered], duts, contract, [stimulus], sandbox, wall_seconds)[0]
            return Trace(trace.outputs, trace.before, trace.after, "icarus after yosys")
        return _verilator(text, contract, stimulus, sandbox, wall_seconds)
    except SimulationError as error:
        raise (refused if error.kind == "compile" else error) from error


def lower(
    source: str,
    top: str,
    sandbox: Sandbox,
    wall_seconds: float = 20.0,
    fill: Literal["zero", "one"] | None = None,
) -> str | None:
    """The design as plain Verilog from Yosys, or None when Yosys refuses it.

    Registers keep their initial values; with ``fill``, all that has none starts as that, and
    so does every X and every undriven wire.
    """
    filled = f"setundef -undriven -{fill}; setundef -init -{fill}; " if fill else ""
    script = (
        f"read_verilog -sv design.sv; hierarchy -check -top \\{top} ; proc; flatten; opt; memory; "
        f"{filled}write_verilog -noattr lowered.v"
    )
    files = {"design.sv": source.encode()}
    outcome = run_yosys(sandbox, script, files, ("lowered.v",), wall_seconds)
    return outcome.files["lowered.v"].decode() if outcome.ok else None


def _verilator(
    text: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox, wall_seconds: float
) -> Trace:
    raise SimulationError("compile", "Verilator")
