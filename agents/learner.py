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
from tools.bsd.catalogue import WIDE, Unclear, boxes_of, find, machine_of
from tools.bsd.learn import NotConverged, Progress, Settings
from tools.bsd.package import Package, make
from tools.bsd.portfolio import TooLarge
from tools.bsd.prove import Proof, prove
from tools.bsd.rv32i.simulate import SimulationError
from tools.bsd.rv32i.workload import BuildError
from tools.bsd.sequential.box import SequentialBox
from tools.bsd.sequential.encode import logic
from tools.bsd.sequential.job import SimulationFailed, simulated
from tools.bsd.sequential.job import make as make_machine
from tools.bsd.sequential.machines import MACHINES as KNOWN
from tools.bsd.sequential.mine import TooManyStates
from tools.bsd.sequential.python import read_machine
from tools.bsd.superscalar.core import ports
from tools.bsd.superscalar.wide import MACHINES, Rows, again

Files = Mapping[str, str]
EVERY_SECONDS = 5.0
"""How often a person hears of the progress within one stage."""
FAILURES = (
    TooLarge, NotConverged, TooManyStates, BoxError, AigError, BuildError, SimulationError,
    SimulationFailed,
)  # fmt: skip
"""Why nothing could be learned, or put together from what was."""


@dataclass(frozen=True)
class CircuitTask:
    """What is to be made: its boxes with the references that they are proved against, more than
    one where it is put together from several; or a machine with hidden state."""

    name: str
    boxes: Sequence[Example] = ()
    machine: SequentialBox | None = None

    @property
    def contract(self) -> dict[str, object]:
        """The interface that people are shown."""
        width = WIDE.get(self.name)
        if self.machine:
            found = [("clk", "input", 1), ("rst", "input", 1), *_ports(self.machine)]
        else:
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

    def machine_task(self, text: str) -> CircuitTask:
        """The machine with hidden state in the goal's golden, or the one that words mean. Raises
        BoxError for a golden that cannot be used, Unclear with what to say instead."""
        goal, run = self.workbench.run.goal, self.workbench.run
        if goal and goal.golden:
            # The driver itself: a recorded call would have the same answer twice by definition.
            given = read_machine(run.artifacts.text(goal.golden), self.workbench.driver)
            if given is None:
                raise Unclear("the golden holds no class with a `step` that has widths")
            return CircuitTask(given.name, machine=given)
        name = machine_of(text)
        if name is None:
            raise Unclear("name a machine of the collection, or give one of your own as golden")
        return CircuitTask(name, machine=KNOWN[name])

    def announce(self, step: Step, task: CircuitTask) -> None:
        """Show the interface, once."""
        if not self.workbench.run.has("task.made", step=step.id):
            data = {"contract": task.contract}
            self.workbench.run.emit("task.made", self.name, step=step.id, task=data)

    def learn(self, task: CircuitTask, seed: int) -> Package | str:
        """What was learned, or why nothing could be. Journaled: a resumed run does not ask the
        box again once it is learned.
        """
        settings, goal = Settings(seed=seed), self.workbench.run.goal
        golden = {"golden": goal.golden} if goal and goal.golden else {}
        request = json.dumps({"learn": task.name, **asdict(settings), **golden}).encode()
        return self.once(
            "bsd",
            request,
            do=lambda: self._learn(task, settings),
            dump=_to_json,
            load=_from_json,
        )

    def _learn(self, task: CircuitTask, settings: Settings) -> Package | str:
        try:
            if task.machine:
                made = make_machine(task.machine, self.sandbox, settings, progress=self._show())
                return made.package()
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

    def prove_machine(self, task: CircuitTask, figures: Mapping[str, Any], files: Files) -> Proof:
        """The proof of the text of a machine's logic against the text of its table."""
        assert task.machine
        form, name = logic(task.machine, figures["state_bits"]), f"{task.name}_logic.v"
        return prove(form, files[name], files[f"{task.name}_table.v"], self.sandbox)

    def simulate(self, task: CircuitTask, files: Files, seed: int) -> int | str:
        """In how many clocks of random words the texts of a machine answer as the black box does;
        or why they cannot be simulated."""
        assert task.machine
        text = files[f"{task.name}_logic.v"] + files[f"{task.name}.v"]
        try:
            return simulated(task.machine, text, self.sandbox, seed)
        except (SimulationFailed, BoxError) as error:
            return str(error)

    def prove(self, example: Example, verilog: str) -> Proof:
        """The proof of a text, whoever wrote it, against a box's reference."""
        return prove(example.box, verilog, example.reference, self.sandbox)

    def run_programs(self, figures: Mapping[str, Any], files: Files) -> Rows | str:
        """What every program does on a superscalar core, given as texts; or why it cannot run."""
        try:
            return again(figures, files, self.sandbox)
        except SimulationError as error:
            return str(error)


def _ports(box: Box | SequentialBox) -> list[tuple[str, str, int]]:
    sides = (("input", box.inputs), ("output", box.outputs))
    return [(port.name, direction, port.width) for direction, side in sides for port in side]


def _to_json(made: Package | str) -> bytes:
    return json.dumps(made if isinstance(made, str) else asdict(made)).encode()


def _from_json(data: bytes) -> Package | str:
    found = json.loads(data)
    return found if isinstance(found, str) else Package(**found)
