"""The software designer: kernels for an operator, proposed by engine and judged in the sandbox.

The words are read by rule; a model is asked only for sizes that the words hold but no rule can
place, and may answer only with numbers of the words.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from agents.role import RoleAgent, load_prompt
from memory.kernels import KernelLibrary, KnownKernel
from memory.records import Step
from memory.slots import alone
from sandboxes import Command, Limits
from tools.kernels import sandboxed
from tools.kernels.c import ISAS, Source, Unsupported
from tools.kernels.card import Card
from tools.kernels.emulated import card_of, emulated, missing_tools
from tools.kernels.notation import BadOperator, Operator, name_of, words_of
from tools.kernels.package import assembly_line, c_file
from tools.kernels.reference import signature
from tools.kernels.sandboxed import KernelRefused, Subject
from tools.kernels.search import METHODS, Trace
from tools.kernels.space import Point, diverse, fitted, kernel, space, starting_at
from tools.kernels.word_rules import Unclear
from tools.kernels.words import Reading, read
from tools.tl import TLError

EXAMPLE = (
    'for example "causal attention, 8 heads, 1024 tokens, d=64" or "fp32 GEMM, 512 x 512 x 512"'
)
METHOD = "hill"


@dataclass(frozen=True)
class KernelTask:
    """What is to be made: the operator, and the machine it is for."""

    spec: Operator
    card: Card

    @property
    def timed(self) -> bool:
        """Whether the machine is at hand: an emulator's times say nothing."""
        return not emulated(self.card)


class SoftwareDesigner(RoleAgent):
    """Reads the task, proposes points of the engine's space, has them judged, and searches."""

    name = "software"

    # -- the task -------------------------------------------------------------------------

    def read(self, text: str) -> tuple[Operator, Reading]:
        """The operator of a request. Raises Unclear with what to say instead."""
        reading = read(text)
        if reading.gpu and reading.name in ("gemm", "attention"):
            reading.values.setdefault("dtype", "fp16")
        more = self._placed(text, reading) if reading.missing and reading.numbers else {}
        try:
            return reading.operator(more), reading
        except BadOperator as error:
            raise Unclear(f"{error}; {EXAMPLE}") from error

    def _placed(self, text: str, reading: Reading) -> dict[str, int]:
        """Numbers of the words put in the missing places, by the model."""
        size = {"enum": sorted(set(reading.numbers))}
        schema = {
            "type": "object",
            "properties": dict.fromkeys(reading.missing, size),
            "required": list(reading.missing),
        }
        missing = ", ".join(reading.missing)
        messages = load_prompt("kernel_sizes", goal=text, operator=reading.name, missing=missing)
        reply = self.ask(messages, json_schema=schema, max_tokens=100)
        answer = json.loads(reply.text)
        self.note(f"no rule could place these sizes; the model did: {answer}")
        return {name: int(answer[name]) for name in reading.missing}

    def task(self, spec: Operator, reading: Reading) -> KernelTask:
        """The task on this machine. Raises Unclear when no kernel can be made or checked here."""
        card = self._card(reading)
        if why := sandboxed.too_large(spec, emulated(card)):
            raise Unclear(f"{' '.join(words_of(spec))} is too large to be checked here: {why}")
        try:
            self.write(KernelTask(spec, card), diverse(spec, card, 1)[0])
        except (Unsupported, TLError) as error:
            raise Unclear(f"no kernel is made for this on {card.isa}: {error}") from error
        return KernelTask(spec, card)

    def _card(self, reading: Reading) -> Card:
        """The machine that the words mean: this one, or one that is emulated here."""
        if reading.isa and emulated(foreign := card_of(reading.isa)):
            if lacking := missing_tools(foreign):
                raise Unclear(lacking)
            return foreign
        try:
            card = sandboxed.card(self.sandbox)
        except KernelRefused as error:
            raise Unclear(f"this machine cannot be measured: {error}") from error
        if reading.isa and not ISAS[reading.isa].needs <= card.features:
            raise Unclear(f"this processor has no {reading.isa}, only {card.isa}")
        return replace(card, isa=reading.isa or card.isa)

    def announce(self, step: Step, task: KernelTask, reading: Reading) -> None:
        """Show what was understood, once."""
        arrays = [
            {"name": name, "shape": list(a.shape), "dtype": a.dtype, "output": a.output}
            for name, a in signature(task.spec).items()
        ]
        data = {
            "operator": " ".join(words_of(task.spec)),
            "arrays": arrays,
            "processor": task.card.model,
            "isa": task.card.isa,
            "unread": list(reading.numbers) if not reading.missing else [],
        }
        if not self.workbench.run.has("task.made", step=step.id):
            self.workbench.run.emit("task.made", self.name, step=step.id, task={"kernel": data})

    # -- proposing ------------------------------------------------------------------------

    def write(self, task: KernelTask, point: Point) -> tuple[str, Source]:
        """TL Code and C of a point. Raises TLError or Unsupported where it does not exist."""
        text, source = kernel(task.spec, point, task.card)
        return text, replace(source, text=c_file(task.spec, source))

    def points(self, task: KernelTask, count: int) -> list[tuple[Point, str]]:
        """First points and where each is from: the library's nearest, then the engine's own."""
        found = [
            (fitted(known.point, task.spec, task.card), f"kernel library, run {known.run}")
            for known in self._remembered(task)
        ]
        own = diverse(task.spec, task.card, count + len(found))
        found += [(point, "deterministic proposer") for point in own]
        first: dict[str, tuple[Point, str]] = {}
        for point, origin in found:
            first.setdefault(json.dumps(point, sort_keys=True), (point, origin))
        return list(first.values())[:count]

    def _remembered(self, task: KernelTask) -> list[KnownKernel]:
        """Near results of earlier runs; journaled, so that a resumed run sees the same ones."""
        spec, card = task.spec, task.card
        request = json.dumps(["kernel library", words_of(spec), card.model, card.isa]).encode()
        found: list[dict[str, Any]] = self.once(
            "kernel library",
            request,
            do=lambda: [
                known.model_dump(mode="json")
                for known in KernelLibrary().near(name_of(spec), asdict(spec), card.model, card.isa)
            ],
            dump=lambda known: json.dumps(known).encode(),
            load=json.loads,
        )
        return [KnownKernel.model_validate(known) for known in found]

    def remember(self, task: KernelTask, point: Point, gflops: float, ratio: float) -> None:
        """Enter a result in the library."""
        known = KnownKernel(
            operator=name_of(task.spec),
            spec=asdict(task.spec),
            processor=task.card.model,
            isa=task.card.isa,
            point=point,
            gflops=gflops,
            ratio=ratio,
            run=self.workbench.run.id,
        )
        KernelLibrary().put(known)

    # -- judging --------------------------------------------------------------------------

    def check(self, task: KernelTask, point: Point, code: str) -> dict[str, Any]:
        """Compiled and compared with float64. Raises KernelRefused."""
        sandbox = self.workbench.sandbox("tester")
        return sandboxed.check(Subject(task.spec, point, code), task.card, sandbox)

    def measure(self, task: KernelTask, point: Point, code: str) -> dict[str, Any]:
        """Timed beside the baseline; never two at once. Raises KernelRefused."""
        sandbox = self.workbench.sandbox("tuner")
        with alone():
            return sandboxed.measure(Subject(task.spec, point, code), task.card, sandbox)

    def search(self, task: KernelTask, start: Point, budget: int, seed: int) -> Trace:
        """Every point tried with its seconds, ``start`` first; infinity for what was refused.

        Each look is a sandboxed call of its own, so a search that was killed goes on where it was.
        """
        axes = starting_at(start, space(task.spec, task.card))
        return METHODS[METHOD](axes, self._seconds(task), budget, seed)

    def _seconds(self, task: KernelTask) -> Callable[[Point], float]:
        sandbox = self.workbench.sandbox("tuner")

        def seconds(point: Point) -> float:
            try:
                _, source = self.write(task, point)
                with alone():
                    return sandboxed.rank(
                        Subject(task.spec, point, source.text), task.card, sandbox
                    )
            except (TLError, Unsupported, KernelRefused):
                return math.inf

        return seconds

    def assembly(self, source: Source) -> str:
        """What the compiler makes of a kernel; empty when it does not tell."""
        outcome = self.workbench.sandbox("tester").run(
            Command(
                argv=tuple(assembly_line(source).split()),
                files={"kernel.c": source.text.encode()},
                limits=Limits(wall_seconds=120, cpu_seconds=120, output_kb=4096),
            )
        )
        return outcome.stdout.decode() if outcome.ok else ""

    def try_package(self, files: dict[str, str]) -> str:
        """Run the module that the user gets, in a folder as the user has it; what is wrong with
        it, or nothing.
        """
        outcome = self.workbench.sandbox("tester").run(
            Command(
                argv=(sys.executable, "kernel.py"),
                files={name: text.encode() for name, text in files.items()},
                limits=Limits(wall_seconds=300, cpu_seconds=300, memory_mb=6144),
            )
        )
        return "" if outcome.ok else outcome.text()[-300:] or f"stopped by {outcome.killed}"
