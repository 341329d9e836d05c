"""What the RTL workflow will ask the model first: all samples of designs and references."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agents.hardware import HardwareDesigner
from agents.planner import NoContract, Planner
from agents.tester import Tester
from agents.workbench import Workbench
from graphs.rtl import WARM
from lpcm.gateway import Gateway
from lpcm.messages import ModelError, ModelReply, ModelRequest, OnText
from memory.records import Goal
from memory.runs import RunStore
from sandboxes import Sandbox
from tools.hdl.contract_text import Contradiction


@dataclass
class Recorder:
    """A backend that writes requests down and answers none."""

    requests: list[ModelRequest] = field(default_factory=list)
    identity: str = "recorder"

    def complete(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Raises ModelError."""
        self.requests.append(request)
        raise ModelError("unavailable", "written down, not answered", retryable=False)


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
                contract = Planner(bench).contract(goal.text)
            except (ModelError, NoContract, Contradiction):
                return []
            design, reference = HardwareDesigner(bench).write, Tester(bench).write
            writers = (design, reference) if goal.parts.references else (design,)
            for number in range(goal.candidates):
                warmth = WARM if number else 0.0
                for write in writers:
                    with suppress(ModelError):
                        write(contract, goal.text, goal.seed * 1000 + number, warmth)
    return recorder.requests
