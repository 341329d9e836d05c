"""Machines with hidden state in a run: three claims, each no stronger than what was done."""

from pathlib import Path

import pytest

from agents.planner import Planner
from agents.routing import needs_model
from agents.workbench import Workbench
from graphs.loop import LoopContext, build_loop
from graphs.machine import MachineWorkflow
from lpcm.gateway import Gateway
from lpcm.scripted import ScriptedModel
from memory.artifacts import digest_of
from memory.records import Evidence, Goal, Plan, Result, Step
from memory.runs import RunStore
from sandboxes.probe import open_sandbox

TOGGLE = """
class Toggle:
    def __init__(self):
        self.on, self.was = 0, 0

    def step(self, button: 1) -> {"lamp": 1}:
        self.on ^= button and not self.was
        self.was = button
        return self.on
"""
RANDOM = TOGGLE.replace("return self.on", "return __import__('random').random() < 0.5")


@pytest.fixture
def bench(tmp_path: Path):
    store = RunStore(tmp_path)

    def make(words: str, golden: str = "") -> Workbench:
        data = golden.encode()
        goal = Goal(text=words, seed=1, golden=digest_of(data) if golden else None)
        run = store.create(goal, {digest_of(data): data}, {})
        model = ScriptedModel([])  # any question would be an error
        return Workbench(run, Gateway(lambda name: model), "scripted", open_sandbox("host"))

    return make


def begin(workbench: Workbench) -> MachineWorkflow | Result:
    plan = Planner(workbench).plan()
    assert isinstance(plan, Plan) and plan.steps[0].workflow == "machine"
    return MachineWorkflow.begin(Step(id="1", workflow="machine", text="x"), workbench)


def finish(workflow: MachineWorkflow, workbench: Workbench) -> Result:
    context = LoopContext(workflow, workbench.run, "1")
    final = build_loop().invoke({}, {"recursion_limit": 50}, context=context)
    return Result.model_validate(final["result"])


def test_a_class_is_mined_and_its_circuit_handed_over_tested(bench):
    assert not needs_model("this machine", None, TOGGLE)
    workbench = bench("this machine", TOGGLE)
    with workbench.run:
        workflow = begin(workbench)
        result = finish(workflow, workbench)
        assert (result.status, result.evidence) == ("done", Evidence.TESTED)
        assert "at most 5 states" in result.detail and "proved to be that" in result.detail
        names = {a.name for a in result.artifacts}
        assert names == {"Toggle.v", "Toggle_logic.v", "Toggle_table.v", "figures.json"}
        assert result.metrics["states"].value == 4
        stages = [e.data["stage"] for e in workbench.run.log.events if e.kind == "learning"]
        assert "mine states" in stages and "refute" in stages


def test_texts_that_are_not_what_was_learned_fail(bench):
    workbench = bench("this machine", TOGGLE)
    with workbench.run:
        workflow = begin(workbench)
        (right,) = workflow.propose()
        assert workflow.check(right).outcome == "pass"
        store = workbench.run.artifacts
        for name, old, new in (
            ("Toggle_logic.v", "assign lamp = ", "assign lamp = !"),
            ("Toggle.v", "rst ? 0 : next", "rst ? 0 : state"),
            ("figures.json", '"3 of 3"', '"2 of 3"'),
        ):
            text = store.text(right.files[name])
            assert old in text
            spoiled = {**right.files, name: store.put(text.replace(old, new))}
            verdict = workflow.check(right.model_copy(update={"files": spoiled}))
            assert (verdict.outcome, verdict.evidence) == ("fail", Evidence.NONE), name


def test_a_machine_of_the_collection_is_found_by_words(bench):
    workbench = bench("learn a vending machine from its black box")
    with workbench.run:
        workflow = MachineWorkflow.begin(
            Step(id="1", workflow="machine", text=workbench.run.goal.text), workbench
        )
        assert isinstance(workflow, MachineWorkflow)
        names = [port["name"] for port in workflow.task.contract["ports"]]
        assert names == ["clk", "rst", "coin", "can", "change"]


@pytest.mark.parametrize(
    ("golden", "why"),
    [(RANDOM, "does not come back to one state"), (TOGGLE.replace("^= ", "+= "), "does not fit")],
)
def test_a_box_that_is_no_machine_is_not_achieved(bench, golden, why):
    workbench = bench("this machine", golden)
    with workbench.run:
        result = finish(begin(workbench), workbench)
    assert (result.status, result.artifacts) == ("not_achieved", ())
    assert why in result.reasons[0]


def test_ports_that_cannot_be_used_are_unsupported(bench):
    workbench = bench("this machine", TOGGLE.replace("button: 1", "button: 9"))
    with workbench.run:
        result = begin(workbench)
    assert isinstance(result, Result) and result.status == "unsupported"
    assert "512 input values" in result.reasons[0]
