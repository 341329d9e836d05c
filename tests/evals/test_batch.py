"""Requests written down ahead are the requests that a run makes."""

import json
from pathlib import Path

from agents.workbench import Workbench
from evals.batch.collect import first_requests
from graphs.rtl import RtlWorkflow
from lpcm.gateway import Gateway
from lpcm.scripted import ScriptedModel
from memory.records import Goal, Step
from memory.runs import RunStore
from sandboxes.probe import open_sandbox

TEXT = (
    "Write a module named inverter with the following interface: input a, output y. "
    "The output is the complement of the input."
)


def test_a_run_asks_what_was_written_down(tmp_path: Path) -> None:
    goal = Goal(text=TEXT, candidates=3, seed=2)
    ahead = [r.key() for r in first_requests(goal, "scripted", open_sandbox())]
    run = RunStore(tmp_path).create(goal, {}, {})
    model = ScriptedModel(["nothing"] * 4)
    with run:
        bench = Workbench(run, Gateway(lambda name: model), "scripted", open_sandbox())
        workflow = RtlWorkflow.begin(Step(id="1", workflow="rtl", text=TEXT), bench)
        assert isinstance(workflow, RtlWorkflow)
        workflow.propose()
    lines = (run.folder / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    asked = [e["data"]["key"] for e in events if e["kind"] == "call.started"]
    assert len(asked) == 4 and asked == ahead[:4]
    assert len(ahead) == len(set(ahead)) == 6


def test_nothing_can_be_written_down_where_the_interface_is_open() -> None:
    goal = Goal(text="Design something that inverts.", candidates=3)
    assert first_requests(goal, "scripted", open_sandbox()) == []
