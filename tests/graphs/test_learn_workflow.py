"""The learning workflow: proves the text that it hands over, and says why where it cannot."""

from pathlib import Path

import pytest

from agents.workbench import Workbench
from graphs.learn import LearnWorkflow
from graphs.loop import LoopContext, build_loop
from lpcm.gateway import Gateway
from lpcm.scripted import ScriptedModel
from memory.records import Evidence, Goal, Result, Step
from memory.runs import RunStore
from sandboxes.probe import open_sandbox
from tools.bsd import package
from tools.bsd.learn import Settings


@pytest.fixture
def bench(tmp_path: Path):
    run = RunStore(tmp_path).create(Goal(text="x", seed=1), {}, {})
    model = ScriptedModel([])  # any question would be an error
    with run:
        yield Workbench(run, Gateway(lambda name: model), "scripted", open_sandbox("host"))


def begin(bench: Workbench, text: str) -> LearnWorkflow | Result:
    return LearnWorkflow.begin(Step(id="1", workflow="learn", text=text), bench)


def finish(workflow: LearnWorkflow, bench: Workbench) -> Result:
    context = LoopContext(workflow, bench.run, "1")
    final = build_loop().invoke({}, {"recursion_limit": 50}, context=context)
    return Result.model_validate(final["result"])


def test_a_circuit_is_learned_once_and_handed_over_proved(bench, monkeypatch):
    workflow = begin(bench, "learn a 3-bit decoder from examples")
    assert isinstance(workflow, LearnWorkflow)
    result = finish(workflow, bench)
    assert (result.status, result.evidence) == ("done", Evidence.PROVED)
    names = {a.name for a in result.artifacts}
    assert names == {"decoder3.v", "figures.json", "diagrams.svg", "rounds.svg", "area.svg"}
    kinds = [e.kind for e in bench.run.log.events]
    assert "learning" in kinds and kinds.count("task.made") == 1
    monkeypatch.setattr(package, "run", None)
    assert finish(workflow, bench) == result, "a learned circuit was learned again"


def test_a_text_that_is_not_what_was_learned_fails(bench):
    workflow = begin(bench, "learn a 3-bit decoder from examples")
    assert isinstance(workflow, LearnWorkflow)
    (right,) = workflow.propose()
    assert workflow.check(right).outcome == "pass"
    store = bench.run.artifacts
    code = store.text(right.files["decoder3.v"])
    spoiled = store.put(code.replace("assign y[0] =", "assign y[0] = !"))
    assert spoiled != right.files["decoder3.v"]
    wrong = right.model_copy(update={"files": {**right.files, "decoder3.v": spoiled}})
    verdict = workflow.check(wrong)
    assert (verdict.outcome, verdict.evidence) == ("fail", Evidence.NONE)
    figures = store.text(right.files["figures.json"])
    blind = store.put(figures.replace('"3 of 3"', '"2 of 3"'))
    blinded = right.model_copy(update={"files": {**right.files, "figures.json": blind}})
    assert workflow.check(blinded).outcome == "fail", "the proof accepted a mutant"


def test_what_is_too_large_is_not_achieved(bench, monkeypatch):
    monkeypatch.setattr(Settings, "__init__", _small(Settings.__init__))
    workflow = begin(bench, "learn a 10-bit multiplier from examples")
    assert isinstance(workflow, LearnWorkflow)
    result = finish(workflow, bench)
    assert (result.status, result.evidence) == ("not_achieved", Evidence.NONE)
    assert "more than 64 nodes" in result.reasons[0] and not result.artifacts


def _small(init):
    return lambda self, seed=0, nodes=64, vectors=1 << 12: init(self, seed, nodes, vectors)


def test_what_words_leave_open_is_said(bench):
    result = begin(bench, "learn an adder")
    assert isinstance(result, Result) and result.status == "unsupported"
    assert "kind and a width" in result.reasons[0]
