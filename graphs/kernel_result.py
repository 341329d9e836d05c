"""What the kernel workflow hands over: source, how to call it, pictures and numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agents.workbench import Workbench
from graphs.workflow import History
from memory.records import Artifact, Candidate, Evidence, Measurement, Result
from tools.kernels.attention import Attention
from tools.kernels.c import Source
from tools.kernels.gpu.choices import choices
from tools.kernels.gpu.table import source
from tools.kernels.measure import dot_gain, traffic
from tools.kernels.notation import Operator, words_of
from tools.kernels.operators import Gemm
from tools.kernels.package import header, python_module
from tools.kernels.pictures import roofline_svg, search_svg
from tools.kernels.torch_module import torch_module

if TYPE_CHECKING:
    from graphs.kernel import KernelWorkflow


def best_of(history: History, kind: str | None = None) -> Candidate | None:
    """The candidate furthest ahead of the baseline, the first where none could be timed; None
    when none was measured.
    """

    def ratio(candidate: Candidate) -> float:
        metrics = history.measurements[candidate.id].metrics
        return metrics["ratio"].value if "ratio" in metrics else 0.0

    measured = [
        c
        for c in history.passed()
        if (m := history.measurements.get(c.id)) and m.metrics and kind in (None, c.kind)
    ]
    return max(measured, key=ratio, default=None)


def write(workflow: KernelWorkflow, history: History) -> Result:
    """The result of a finished loop; its files are in the run's artifacts."""
    best = best_of(history)
    if best is None:
        return _not_achieved(history)
    if not workflow.task.timed:
        return _untimed(workflow, history, best)
    measured = history.measurements[best.id]
    files = _files(workflow, history, best, measured)
    fault = workflow.designer.try_package({n: files[n] for n in ("kernel.c", "kernel.py")})
    verdict, ratio = history.verdicts[best.id], measured.metrics["ratio"]
    if not fault:
        gflops = measured.metrics["speed"].value
        workflow.designer.remember(workflow.task, workflow.point_of(best), gflops, ratio.value)
    return Result(
        status="not_achieved" if fault else "done",
        workflow="kernel",
        evidence=Evidence.COMPILED if fault else verdict.evidence,
        detail=f"{verdict.reason}; {ratio.value:.2f}x {measured.baseline}",
        reasons=(f"kernel.py does not run: {fault}",) if fault else (),
        artifacts=_artifacts(workflow.workbench, files),
        metrics=measured.metrics,
        baseline={
            "name": measured.baseline,
            "measured": "same inputs, same run, interleaved; medians of the kernel's CPU time",
        },
    )


def _files(
    workflow: KernelWorkflow, history: History, best: Candidate, measured: Measurement
) -> dict[str, str]:
    spec, card = workflow.task.spec, workflow.task.card
    _, source = workflow.designer.write(workflow.task, workflow.point_of(best))
    speed, rival = (measured.metrics[name].value for name in ("speed", "baseline"))
    name = str(measured.baseline)
    trace = workflow.search(history)
    tried = [seconds for _, seconds in trace.tried] if trace else []
    speeds = [spec.flops / s / 1e9 if math.isfinite(s) else 0.0 for s in tried]
    return {
        **_sources(workflow, best, source),
        "kernel.py": python_module(spec, source),
        "kernel_torch.py": torch_module(spec),
        "search.svg": search_svg(speeds, rival, name),
        "roofline.svg": roofline_svg(
            card.flops * dot_gain(spec, card.isa) / 1e9,
            card.bytes / 1e9,
            spec.flops / traffic(spec),
            {"this kernel": speed, name: rival},
        ),
    }


def _sources(workflow: KernelWorkflow, best: Candidate, source: Source) -> dict[str, str]:
    return {
        "kernel.c": source.text,
        "kernel.h": header(workflow.task.spec, source),
        "kernel.tl": workflow.workbench.run.artifacts.text(best.files["kernel.tl"]),
    }


def _untimed(workflow: KernelWorkflow, history: History, best: Candidate) -> Result:
    """A kernel for a processor that is emulated here."""
    task = workflow.task
    _, source = workflow.designer.write(task, workflow.point_of(best))
    files = _sources(workflow, best, source) | {"kernel.s": workflow.designer.assembly(source)}
    verdict = history.verdicts[best.id]
    return Result(
        status="done",
        workflow="kernel",
        evidence=verdict.evidence,
        detail=f"{verdict.reason}, on {task.card.isa} under {task.card.model}; not timed",
        reasons=("an emulator says nothing of speed: the block sizes are the engine's defaults",),
        artifacts=_artifacts(
            workflow.workbench, {name: text for name, text in files.items() if text}
        ),
        metrics=history.measurements[best.id].metrics,
    )


def _artifacts(workbench: Workbench, files: Mapping[str, str]) -> tuple[Artifact, ...]:
    store = workbench.run.artifacts
    return tuple(Artifact(name=name, sha256=store.put(text)) for name, text in files.items())


def _not_achieved(history: History) -> Result:
    """No kernel passed: why not."""
    reasons = {
        f"{v.candidate}: {v.reason}" for v in history.verdicts.values() if v.outcome == "fail"
    }
    refused = "the kernels that passed were refused when they were measured (qimeng trace says why)"
    return Result(
        status="not_achieved",
        workflow="kernel",
        reasons=tuple(sorted(reasons)) or (refused,),
    )


def for_a_gpu(spec: Operator, workbench: Workbench) -> Result:
    """TileLang source, unchecked: nothing that runs here has a GPU. More than one module where a
    product is a chain of programs, to be run in order.
    """
    if not isinstance(spec, Gemm | Attention) or spec.dtype == "int8":
        reason = "for GPUs there are matrix products in fp16, bf16 and fp32, and attention"
        return Result(status="unsupported", workflow="kernel", reasons=(reason,))
    if isinstance(spec, Attention) and (spec.dtype != "fp16" or spec.width > 256):
        reason = "attention for GPUs is made in fp16, with heads up to 256 wide"
        return Result(status="unsupported", workflow="kernel", reasons=(reason,))
    texts = source(spec, choices(spec)[0])
    names = ["kernel_tilelang.py", *(f"kernel_tilelang_{n}.py" for n in range(2, len(texts) + 1))]
    command = f"python -m tools.kernels.gpu {' '.join(words_of(spec))}"
    return Result(
        status="unsupported",
        workflow="kernel",
        evidence=Evidence.NONE,
        artifacts=_artifacts(workbench, dict(zip(names, texts, strict=True))),
        reasons=(
            "runs have no GPU here: the TileLang source is generated, neither compiled nor run",
            "to check and time it, on a machine with a Hopper GPU, torch and tilelang, in a "
            f"checkout of QiMeng: {command}",
        ),
    )
