"""What the RTL workflow will ask the model first: all samples of designs and references."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from agents.workbench import Workbench
from graphs.rtl import RtlWorkflow
from lpcm.gateway import Gateway
from lpcm.messages import ModelError, ModelReply, ModelRequest, OnText
from memory.records import Goal, Step
from memory.runs import RunStore
from sandboxes import Sandbox


@dataclass
class Recorder:
    """A backend that writes samples down and answers nothing to the point."""

    requests: list[ModelRequest] = field(default_factory=list)
    identity: str = "recorder"

    def complete(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Raises ModelError where something depends on the answer: an interface, say."""
        if request.json_schema:
            raise ModelError("unavailable", "written down, not answered", retryable=False)
        self.requests.append(request)
        return ModelReply(text="written down", model=request.model)


def first_requests(goal: Goal, model: str, sandbox: Sandbox) -> list[ModelRequest]:
    """The requests of every sample that ``goal`` allows; none where the interface itself must be
    asked for, as all else depends on the answer.
    """
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as folder:
        run = RunStore(Path(folder)).create(goal, {}, {})
        with run:
            bench = Workbench(run, Gateway(lambda name: recorder), model, sandbox)
            try:
                workflow = RtlWorkflow.begin(Step(id="1", workflow="rtl", text=goal.text), bench)
            except ModelError:
                return []
            if isinstance(workflow, RtlWorkflow):
                workflow.samples(0, workflow.wanted)
    return recorder.requests
