"""The learner: a hardware designer that asks a black box instead of a language model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agents.role import RoleAgent
from memory.records import Step
from tools.bsd.aig import AigError
from tools.bsd.box import Box, BoxError
from tools.bsd.boxes import Example
from tools.bsd.catalogue import WIDE, Unclear, boxes_of, find
from tools.bsd.learn import NotConverged, Progress, Settings
from tools.bsd.package import Package, make
from tools.bsd.portfolio import TooLarge
from tools.bsd.prove import Proof, prove
from tools.bsd.rv32i.simulate import SimulationError
from tools.bsd.rv32i.workload import BuildError
from tools.bsd.superscalar.core import ports
from tools.bsd.superscalar.wide import MACHINES, Rows, again

EVERY_SECONDS = 5.0
"""How often a person hears of the progress within one stage."""
FAILURES = (TooLarge, NotConverged, BoxError, AigError, BuildError, SimulationError)
"""Why nothing could be learned, or put together from what was."""


@dataclass(frozen=True)
class CircuitTask:
    """What is to be made: its boxes with the references that they are proved against. More than
    one where it is put together from several."""

    name: str
    boxes: Sequence[Example]

    @property
    def contract(self) -> dict[str, object]:
        """The interface that people are shown."""
        width = WIDE.get(self.name)
        found = ports(MACHINES[width], width) if width else _ports(self.boxes[0].box)
        keys = ("name", "direction", "width")
        each = [dict(zip(keys, port, strict=True)) for port in found]
        return {"top": self.name, "ports": each}


class CircuitLearner(RoleAgent):
    """Reads the task, learns by queries, proves what it learned."""

    name = "hardware"

    def task(self, text: str) -> CircuitTask:
        """The box that words mean. Raises Unclear with what to say instead."""
        name = find(text)
        try:
            return CircuitTask(name, boxes_of(name))
        except (KeyError, ValueError) as error:
            raise Unclear(f"no {name} can be made: {error}") from error

    def announce(self, step: Step, task: CircuitTask) -> None:
        """Show the interface, once."""
        if not self.workbench.run.has("task.made", step=step.id):
            data = {"contract": task.contract}
            self.workbench.run.emit("task.made", self.name, step=step.id, task=data)

    def learn(self, task: CircuitTask, seed: int) -> Package | str:
        """What was learned, or why nothing could be. Journaled: a resumed run does not ask the
        box again once it is learned.
        """
        settings = Settings(seed=seed)
        request = json.dumps({"learn": task.name, **asdict(settings)}).encode()
        return self.once(
            "bsd",
            request,
            do=lambda: self._learn(task, settings),
            dump=_to_json,
            load=_from_json,
        )

    def _learn(self, task: CircuitTask, settings: Settings) -> Package | str:
        try:
            return make(task.name, self.sandbox, settings, self._show())
        except FAILURES as error:
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

    def prove(self, example: Example, verilog: str) -> Proof:
        """The proof of a text, whoever wrote it, against a box's reference."""
        return prove(example.box, verilog, example.reference, self.sandbox)

    def run_programs(self, figures: Mapping[str, Any], files: Mapping[str, str]) -> Rows | str:
        """What every program does on a superscalar core, given as texts; or why it cannot run."""
        try:
            return again(figures, files, self.sandbox)
        except SimulationError as error:
            return str(error)


def _ports(box: Box) -> list[tuple[str, str, int]]:
    sides = (("input", box.inputs), ("output", box.outputs))
    return [(port.name, direction, port.width) for direction, side in sides for port in side]


def _to_json(made: Package | str) -> bytes:
    return json.dumps(made if isinstance(made, str) else asdict(made)).encode()


def _from_json(data: bytes) -> Package | str:
    found = json.loads(data)
    return found if isinstance(found, str) else Package(**found)
