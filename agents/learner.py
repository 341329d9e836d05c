"""The learner: a hardware designer that asks a black box instead of a language model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from agents.role import RoleAgent
from memory.records import Step
from tools.bsd.aig import AigError
from tools.bsd.box import Box, BoxError
from tools.bsd.boxes import Example
from tools.bsd.catalogue import Unclear, find, named
from tools.bsd.learn import NotConverged, Progress, Settings
from tools.bsd.package import Package, make
from tools.bsd.portfolio import TooLarge
from tools.bsd.prove import Proof, prove

EVERY_SECONDS = 5.0
"""How often a person hears of the progress within one stage."""


@dataclass(frozen=True)
class CircuitTask:
    """What is to be learned: a named box, and the reference that it is proved against."""

    name: str
    example: Example


class CircuitLearner(RoleAgent):
    """Reads the task, learns by queries, proves what it learned."""

    name = "hardware"

    def task(self, text: str) -> CircuitTask:
        """The box that words mean. Raises Unclear with what to say instead."""
        name = find(text)
        try:
            return CircuitTask(name, named(name))
        except (KeyError, ValueError) as error:
            raise Unclear(f"no {name} can be made: {error}") from error

    def announce(self, step: Step, task: CircuitTask) -> None:
        """Show the interface, once."""
        if not self.workbench.run.has("task.made", step=step.id):
            data = {"contract": interface(task.example.box)}
            self.workbench.run.emit("task.made", self.name, step=step.id, task=data)

    def learn(self, task: CircuitTask, seed: int) -> Package | str:
        """What was learned, or why nothing could be. Journaled: a resumed run does not ask the
        box again once it is learned.
        """
        settings = Settings(seed=seed)
        request = json.dumps({"learn": task.name, **asdict(settings)}).encode()
        return self.workbench.run.once(
            "tool",
            "bsd",
            hashlib.sha256(request).hexdigest(),
            request,
            do=lambda: self._learn(task, settings),
            dump=lambda made: (_to_json(made), {"exit_code": 0, "killed": None}),
            load=_from_json,
            actor=self.name,
        )

    def _learn(self, task: CircuitTask, settings: Settings) -> Package | str:
        try:
            return make(task.name, self.sandbox, settings, self._show())
        except (TooLarge, NotConverged, BoxError, AigError) as error:
            return str(error)

    def _show(self) -> Callable[[Progress], None]:
        """Tells of each new stage, and within one now and then."""
        last = ("", 0.0)

        def show(now: Progress) -> None:
            nonlocal last
            stage, told = last
            if now.stage != stage or now.seconds - told >= EVERY_SECONDS:
                last = (now.stage, now.seconds)
                self.workbench.run.emit("learning", self.name, **asdict(now))

        return show

    def prove(self, task: CircuitTask, verilog: str) -> Proof:
        """The proof of a text, whoever wrote it, against the task's reference."""
        return prove(task.example.box, verilog, task.example.reference, self.sandbox)


def interface(box: Box) -> dict[str, object]:
    """A box's ports as the contract that people are shown."""
    sides = (("input", box.inputs), ("output", box.outputs))
    ports = [
        {"name": port.name, "direction": direction, "width": port.width}
        for direction, side in sides
        for port in side
    ]
    return {"top": box.name, "ports": ports}


def _to_json(made: Package | str) -> bytes:
    return json.dumps(made if isinstance(made, str) else asdict(made)).encode()


def _from_json(data: bytes) -> Package | str:
    found = json.loads(data)
    return found if isinstance(found, str) else Package(**found)
