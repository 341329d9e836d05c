"""The kernel workflow: reads, judges in the sandbox, refuses what is wrong, asks only for gaps."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agents.software import SoftwareDesigner
from agents.workbench import Workbench
from graphs.kernel import KernelWorkflow
from graphs.loop import LoopContext, build_loop
from lpcm.gateway import Gateway
from lpcm.scripted import ScriptedModel
from memory.kernels import KernelLibrary
from memory.records import Evidence, Goal, Result, Step
from memory.runs import RunStore
from sandboxes.probe import open_sandbox
from tools.kernels import sandboxed
from tools.kernels.card import Card, best_isa, processor_features
from tools.kernels.emulated import card_of, missing_tools
from tools.kernels.operators import Gemm

TINY = "row sums, 8 rows of 32, for this CPU"
CARD = Card("this", best_isa(processor_features()), frozenset(), 32768, 1 << 20, 1e12, 1e12)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A workbench in a home of its own, on a known card."""
    monkeypatch.setenv("QIMENG_HOME", str(tmp_path))
    monkeypatch.setattr(sandboxed, "card", lambda sandbox: CARD)

    def make(*answers: str) -> Workbench:
        run = RunStore(tmp_path).create(Goal(text=TINY, candidates=1), {}, {})
        model = ScriptedModel(list(answers))
        return Workbench(run, Gateway(lambda name: model), "scripted", open_sandbox("auto"))

    return make


def begin(workbench: Workbench, text: str) -> KernelWorkflow | Result:
    return KernelWorkflow.begin(Step(id="1", workflow="kernel", text=text), workbench)


MUTANTS = {
    "another sum": ("v_sum(", "1.0f + v_sum("),
    "not C": ("void kernel(", "void kernel(]"),
    "nothing is written": ("void kernel(", "void unused("),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_kernel_fails_its_check(name: str, bench):
    workbench = bench()
    with workbench.run:
        workflow = begin(workbench, TINY)
        assert isinstance(workflow, KernelWorkflow)
        (right,) = workflow.propose()
        old, new = MUTANTS[name]
        code = workflow.code_of(right)
        head, mark, body = code.rpartition(old)
        assert mark
        digest = workbench.run.artifacts.put(head + new + body)
        wrong = right.model_copy(update={"files": {**right.files, "kernel.c": digest}})
        verdict = workflow.check(wrong)
        assert (verdict.outcome, verdict.evidence) == ("fail", Evidence.NONE)
        assert verdict.reason
        if name == "another sum":
            good = workflow.check(right)
            assert (good.outcome, good.vectors) == ("pass", 3 * 1024)


def test_a_designer_that_writes_wrong_kernels_achieves_nothing(bench, monkeypatch):
    write = SoftwareDesigner.write

    def spoil(self, task, point):
        text, source = write(self, task, point)
        return text, replace(source, text=source.text.replace("void kernel(", "void no_kernel("))

    monkeypatch.setattr(SoftwareDesigner, "write", spoil)
    workbench = bench()
    with workbench.run:
        workflow = begin(workbench, TINY)
        context = LoopContext(workflow, workbench.run, "1")
        final = build_loop().invoke({}, {"recursion_limit": 50}, context=context)["result"]
    assert final["status"] == "not_achieved"
    assert final["evidence"] == "none" and not final["artifacts"]
    assert not list(KernelLibrary().folder.glob("*"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a GEMM for this CPU", "gemm needs m, n, k"),
        ("gemm m=4 m=5", "4 and 5"),
        ("gemm 30000x30000x30000", "too large"),
        ("fp16 gemm 64x64x64 for this CPU", "fp16"),
    ],
)
def test_what_cannot_be_made_is_unsupported_with_its_reason(text: str, why: str, bench):
    workbench = bench()
    with workbench.run:
        result = begin(workbench, text)
    assert isinstance(result, Result) and result.status == "unsupported"
    assert why in result.reasons[0]


def test_for_a_gpu_there_is_source_and_no_claim(bench):
    workbench = bench()
    with workbench.run:
        result = begin(workbench, "fp16 causal attention, 8 heads, 1k tokens, d=64, on an H100")
        assert isinstance(result, Result)
        (source,) = result.artifacts
        compile(workbench.run.artifacts.text(source.sha256), source.name, "exec")
    assert (result.status, result.evidence) == ("unsupported", Evidence.NONE)
    assert "python -m tools.kernels.gpu attention" in result.reasons[1]


def test_a_chain_for_a_gpu_is_a_module_for_each_program(bench):
    workbench = bench()
    with workbench.run:
        result = begin(workbench, "fp32 gemm 512x512x512 on an H100")
        assert isinstance(result, Result) and len(result.artifacts) > 1
        names = [artifact.name for artifact in result.artifacts]
        for artifact in result.artifacts:
            compile(workbench.run.artifacts.text(artifact.sha256), artifact.name, "exec")
    assert names[:2] == ["kernel_tilelang.py", "kernel_tilelang_2.py"]


def test_the_model_places_only_numbers_of_the_words(bench):
    workbench = bench(json.dumps({"m": 48, "n": 48, "k": 48}))
    with workbench.run:
        spec, _ = SoftwareDesigner(workbench).read("a GEMM of forty-eight: 48 in all directions")
        request = next(e for e in workbench.run.log.events if e.kind == "call.started")
        asked = json.loads(workbench.run.artifacts.text(request.data["request"]))
    assert spec == Gemm(48, 48, 48)
    assert asked["json_schema"]["properties"]["k"] == {"enum": [48]}


def test_the_library_gives_the_first_candidate_of_a_near_shape(bench):
    workbench = bench()
    with workbench.run:
        workflow = begin(workbench, TINY)
        assert isinstance(workflow, KernelWorkflow)
        workflow.designer.remember(workflow.task, {"bm": 4}, 1.0, 1.0)
    again = bench()
    with again.run:
        near = begin(again, "row sums, 16 rows of 32")
        assert isinstance(near, KernelWorkflow)
        (first,) = near.propose()
        assert near.point_of(first) == {"bm": 4}
        assert "kernel library" in first.origin


@pytest.mark.skipif(
    bool(missing_tools(card_of("rvv256"))), reason="no RISC-V compiler and emulator here"
)
def test_for_another_processor_there_is_checked_source_and_no_time(bench):
    workbench = bench()
    with workbench.run:
        workflow = begin(workbench, "a 24x16x8 GEMM for RISC-V with vectors")
        assert isinstance(workflow, KernelWorkflow)
        context = LoopContext(workflow, workbench.run, "1")
        final = build_loop().invoke({}, {"recursion_limit": 50}, context=context)["result"]
        files = {a["name"]: workbench.run.artifacts.text(a["sha256"]) for a in final["artifacts"]}
        (right,) = workflow.propose()
        code = workflow.code_of(right)
        wrong = workbench.run.artifacts.put(code.replace("c0_0 += a0 * b0", "c0_0 -= a0 * b0"))
        verdict = workflow.check(
            right.model_copy(update={"files": {**right.files, "kernel.c": wrong}})
        )
    assert (final["status"], final["evidence"]) == ("done", "tested")
    assert set(final["metrics"]) == {"error"} and "not timed" in final["detail"]
    assert "vfmacc" in files["kernel.s"]
    assert verdict.outcome == "fail"
