"""What the RTL workflow hands over: the chosen design, its tests, pictures and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphs.workflow import History
from memory.records import Artifact, Candidate, Evidence, Metric, Result, Verdict
from tools.hdl.compare import first_difference, mask_power_up
from tools.hdl.emit_testbench import cocotb_test, verilog_testbench
from tools.hdl.simulate import SimulationError, simulate
from tools.hdl.trace import Stimulus, Trace
from tools.hdl.waveform import to_svg

if TYPE_CHECKING:
    from graphs.rtl import RtlWorkflow

VERILATOR_SECONDS = 120.0


def best_of(history: History) -> Candidate | None:
    """The smallest of the designs that passed; of equals the shallowest, then the first."""

    def size(candidate: Candidate) -> tuple[float, float]:
        measured = history.measurements.get(candidate.id)
        if measured is None or not measured.metrics:
            return (float("inf"), float("inf"))
        return (measured.metrics["area"].value, measured.metrics["depth"].value)

    return min(history.passed(), key=size, default=None)


def write(workflow: RtlWorkflow, history: History) -> Result:
    """The result of a finished loop; its files are in the run's artifacts."""
    best = best_of(history)
    if best is None:
        return _not_achieved(workflow, history)
    verdict = _belief(history, best)
    stimulus, trace = _observed(workflow, best)
    files = _files(workflow, best, stimulus, trace)
    doubt = _second_opinion(workflow, best, stimulus, trace)
    return Result(
        status="not_achieved" if doubt else "done",
        workflow="rtl",
        evidence=Evidence.COMPILED if doubt else verdict.evidence,
        detail=verdict.reason,
        reasons=(doubt,) if doubt else (),
        artifacts=_artifacts(workflow, files),
        metrics=_metrics(history, best, verdict),
        baseline=_baseline(workflow, history, trace, stimulus),
    )


def _belief(history: History, best: Candidate) -> Verdict:
    """The verdict behind a design: a proved rewrite is worth what its origin was worth."""
    while best.kind == "variant":
        best = history.candidates[best.parents[0]]
    return history.verdicts[best.id]


def _observed(workflow: RtlWorkflow, best: Candidate) -> tuple[Stimulus, Trace]:
    source = workflow.text_of(best)
    stimulus = workflow.tester.stimulus(workflow.contract, [source])
    trace = simulate(source, workflow.contract, stimulus, workflow.verifier.sandbox)
    return stimulus, mask_power_up(trace, workflow.contract, stimulus)


def _second_opinion(
    workflow: RtlWorkflow, best: Candidate, stimulus: Stimulus, trace: Trace
) -> str | None:
    """What Verilator has against the design that Icarus ran; None when it agrees."""
    contract, sandbox = workflow.contract, workflow.verifier.sandbox
    source = workflow.text_of(best)
    try:
        other = simulate(source, contract, stimulus, sandbox, "verilator", VERILATOR_SECONDS)
    except SimulationError as error:
        return f"Verilator does not run the design: {error}"
    difference = first_difference(trace, mask_power_up(other, contract, stimulus))
    return f"Icarus and Verilator disagree: {difference}" if difference else None


def _files(
    workflow: RtlWorkflow, best: Candidate, stimulus: Stimulus, trace: Trace
) -> dict[str, str]:
    contract = workflow.contract
    return {
        "design.sv": workflow.text_of(best),
        "testbench.sv": verilog_testbench(contract, stimulus, trace),
        f"test_{contract.top}.py": cocotb_test(contract, stimulus, trace),
        "waveform.svg": to_svg(contract, stimulus, trace),
    }


def _artifacts(workflow: RtlWorkflow, files: Mapping[str, str]) -> tuple[Artifact, ...]:
    store = workflow.workbench.run.artifacts
    return tuple(Artifact(name=name, sha256=store.put(text)) for name, text in files.items())


def _metrics(history: History, best: Candidate, verdict: Verdict) -> dict[str, Metric]:
    measured = history.measurements.get(best.id)
    metrics = dict(measured.metrics) if measured else {}
    return metrics | {"vectors": Metric(value=verdict.vectors, unit="cycles")}


def _baseline(
    workflow: RtlWorkflow, history: History, believed: Trace, stimulus: Stimulus
) -> dict[str, Any] | None:
    """What the same model alone would have given: its first answer, as it came; None when no
    model was asked."""
    first = history.candidates.get("design-1")
    if first is None:
        return None
    source = workflow.workbench.run.artifacts.text(first.files["answer.sv"])
    contract = workflow.contract
    try:
        trace = simulate(source, contract, stimulus, workflow.verifier.sandbox)
        same = mask_power_up(trace, contract, stimulus) == believed
        outcome = "behaves the same" if same else "behaves differently"
    except SimulationError as error:
        outcome = f"does not run ({error.kind})"
    return {"name": "the model's first answer, as it came", "outcome": outcome}


def _not_achieved(workflow: RtlWorkflow, history: History) -> Result:
    """The best attempt and the reasons; it claims no more than that it compiles."""
    reasons = [_why_open(workflow, history)]
    attempt = _best_attempt(workflow, history)
    return Result(
        status="not_achieved",
        workflow="rtl",
        evidence=Evidence.COMPILED if attempt else Evidence.NONE,
        detail="this attempt compiles; nothing says that it is right" if attempt else "",
        artifacts=_artifacts(workflow, {"design.sv": attempt}) if attempt else (),
        reasons=tuple(reasons),
    )


def _best_attempt(workflow: RtlWorkflow, history: History) -> str | None:
    """A design of the largest group; failing that, any that compiles."""
    runs = {c.id: c for c in workflow.judged(history) if c.kind != "reference"}
    if not runs:
        return None
    for cluster in workflow.population(history).agreement.clusters:
        for member in cluster.members:
            if member.id in runs:
                return workflow.text_of(runs[member.id])
    return workflow.text_of(next(iter(runs.values())))


def _why_open(workflow: RtlWorkflow, history: History) -> str:
    if workflow.golden is not None:
        last = list(history.verdicts.values())[-1]
        return f"no attempt equals the golden module; the last one: {last.reason}"
    population = workflow.population(history)
    agreement = population.agreement
    if not agreement.clusters and population.empty:
        return f"every attempt is too empty to be believed: {next(iter(population.empty.values()))}"
    if not agreement.clusters and workflow.drawn:
        verdicts = list(history.verdicts.values())
        told = next((v for v in reversed(verdicts) if v.counterexample), verdicts[-1])
        return f"no attempt does what the {workflow.drawn.kind} in the words shows: {told.reason}"
    if not agreement.clusters:
        return "no attempt of the model compiles; a larger model or a shorter goal may help"
    return (
        f"the attempts do not agree: {agreement.detail}; "
        "--candidates N tries more, a clearer goal or a larger model helps most"
    )
