"""A black box given as the golden: the RTL workflow learns it, and asks no model."""

from pathlib import Path

import pytest

from agents.planner import Planner
from agents.routing import needs_model
from agents.workbench import Workbench
from graphs.loop import LoopContext, build_loop
from graphs.rtl import RtlWorkflow
from lpcm.gateway import Gateway
from lpcm.scripted import ScriptedModel
from memory.artifacts import digest_of
from memory.records import Evidence, Goal, Plan, Result, Step
from memory.runs import RunStore
from sandboxes.probe import open_sandbox

GRAY = 'def gray(a: 3, on: 1) -> {"y": 3}:\n    return a ^ (a >> 1) if on else 0\n'
STEP = Step(id="1", workflow="rtl", text="this block")


@pytest.fixture
def bench(tmp_path: Path):
    store = RunStore(tmp_path)

    def make(golden: str) -> Workbench:
        data = golden.encode()
        goal = Goal(text="this block", golden=digest_of(data))
        run = store.create(goal, {digest_of(data): data}, {})
        model = ScriptedModel([])  # any question would be an error
        return Workbench(run, Gateway(lambda name: model), "scripted", open_sandbox("host"))

    return make


def test_it_is_learned_and_proved_without_a_model(bench):
    assert not needs_model("this block", None, GRAY)
    workbench = bench(GRAY)
    with workbench.run:
        plan = Planner(workbench).plan()
        assert isinstance(plan, Plan) and plan.steps[0].workflow == "rtl"
        workflow = RtlWorkflow.begin(STEP, workbench)
        assert isinstance(workflow, RtlWorkflow)
        (learned,) = workflow.propose()
        text = workflow.text_of(learned)
        wrong = workbench.run.artifacts.put(text.replace("assign y[0] =", "assign y[0] = !"))
        spoiled = learned.model_copy(update={"files": {"design.sv": wrong}})
        assert workflow.check(spoiled).outcome == "fail"
        context = LoopContext(workflow, workbench.run, "1")
        final = build_loop().invoke({}, {"recursion_limit": 50}, context=context)
        result = Result.model_validate(final["result"])
    assert (result.status, result.evidence) == ("done", Evidence.PROVED)
    assert {"design.sv", "testbench.sv", "test_gray.py"} <= {a.name for a in result.artifacts}


def test_a_bad_box_is_unsupported_with_its_reason(bench):
    workbench = bench(GRAY.replace("else 0", "else 9"))
    with workbench.run:
        result = RtlWorkflow.begin(STEP, workbench)
    assert isinstance(result, Result) and result.status == "unsupported"
    assert "gray(0, 0) gave (9,)" in result.reasons[0]
