"""Black boxes: what the learner is allowed to see.

A box is a port list and a function ``step(batch) -> batch``. A batch maps port names to
one-dimensional ``uint64`` arrays of equal length: one element per query. A box is
combinational: the answer to a query depends on that query alone. Ports are at most 64 bits
wide; a wider one is split by whoever writes the box.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Step = Callable[[Mapping[str, Words]], Mapping[str, Words]]

MAX_WIDTH = 64
RECHECK_EVERY = 512
SLOW_SECONDS = 1e-4
TIMINGS = 3


class BoxError(ValueError):
    """The black box broke its contract. The message names the query at fault."""


@dataclass(frozen=True, slots=True)
class Port:
    """A named bundle of ``width`` wires, 1 to 64."""

    name: str
    width: int

    @property
    def ones(self) -> int:
        """The largest value the port can carry."""
        return (1 << self.width) - 1


@dataclass(frozen=True, slots=True)
class Encoding:
    """An example source: queries whose ``port`` agrees with ``match`` under ``mask`` are worth
    asking. It biases sampling and nothing else."""

    port: str
    mask: int
    match: int


@dataclass(frozen=True)
class Box:
    """A combinational black box. Raises BoxError on an ill-formed port list."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    step: Step
    examples: tuple[Encoding, ...] = ()

    def __post_init__(self) -> None:
        names = [p.name for p in self.inputs + self.outputs]
        if not self.inputs or not self.outputs:
            raise BoxError(f"{self.name}: a box needs at least one input and one output port")
        if len(set(names)) != len(names):
            raise BoxError(f"{self.name}: two ports share a name in {names}")
        for port in self.inputs + self.outputs:
            if not port.name.isidentifier():
                raise BoxError(f"{self.name}: port name {port.name!r} is not an identifier")
            if not 1 <= port.width <= MAX_WIDTH:
                raise BoxError(f"{self.name}: port {port.name} has width {port.width}, not 1..64")

    @cached_property
    def input_bits(self) -> tuple[tuple[int, int], ...]:
        """(port index, bit) of every input wire; its position here is the wire's number."""
        return tuple((p, b) for p, port in enumerate(self.inputs) for b in range(port.width))

    @cached_property
    def output_bits(self) -> tuple[tuple[int, int], ...]:
        """(port index, bit) of every output wire; its position here is the wire's number."""
        return tuple((p, b) for p, port in enumerate(self.outputs) for b in range(port.width))


class Oracle:
    """The counted and checked door to a box.

    Vectors go in and come out as arrays of shape (ports, queries). Every answer is checked
    for shape, type and width; now and then a batch is asked twice. ``queries`` counts them all.
    """

    def __init__(self, box: Box) -> None:
        self.box = box
        self.queries = 0
        self._calls = 0
        self._beyond: Words = ~np.array([[p.ones] for p in box.outputs], dtype=np.uint64)

    def __call__(self, vectors: Words) -> Words:
        """Ask the box. Raises BoxError when it breaks its contract."""
        answers = self.ask(vectors)
        self._calls += 1
        if self._calls % RECHECK_EVERY == 0:
            self._compare(vectors, answers, self.ask(vectors), "two answers to the same query")
        return answers

    def audit(self, vectors: Words) -> None:
        """Refuse a box that is slow, not repeatable, or whose answers depend on the batch."""
        self.ask(vectors[:, :1])  # a box may compile itself on its first query
        each = min(self._seconds(vectors) for _ in range(TIMINGS)) / vectors.shape[1]
        if each > SLOW_SECONDS:
            raise BoxError(
                f"{self.box.name}: too slow, {each * 1e6:.0f} us per query over the batch that "
                f"starts with {self.describe(vectors, 0)}; the limit is {SLOW_SECONDS * 1e6:.0f} us"
            )
        answers = self.ask(vectors)
        self._compare(vectors, answers, self.ask(vectors), "two answers to the same query")
        backwards = self.ask(np.ascontiguousarray(vectors[:, ::-1]))[:, ::-1]
        self._compare(vectors, answers, backwards, "the answer depends on the query's place")
        alone = np.hstack([self.ask(vectors[:, i : i + 1]) for i in range(16)])
        self._compare(vectors[:, :16], answers[:, :16], alone, "the answer depends on the batch")

    def describe(self, vectors: Words, index: int) -> str:
        """One query in words: ``a=0x1f b=0x0``."""
        return " ".join(
            f"{p.name}={int(vectors[i, index]):#x}" for i, p in enumerate(self.box.inputs)
        )

    def _seconds(self, vectors: Words) -> float:
        started = time.perf_counter()
        self.ask(vectors)
        return time.perf_counter() - started

    def ask(self, vectors: Words) -> Words:
        """Ask the box once, the answers checked for shape, type and width. Raises BoxError."""
        count = vectors.shape[1]
        self.queries += count
        batch = {p.name: vectors[i] for i, p in enumerate(self.box.inputs)}
        for row in batch.values():
            row.flags.writeable = False
        try:
            reply = self.box.step(batch)
        except Exception as error:
            raise BoxError(self._blame(vectors, error)) from error
        answers = self._stacked(reply, count)
        if answers is None:
            raise BoxError(self._malformed(reply, vectors))
        wide = answers & self._beyond
        if wide.any():
            raise BoxError(self._too_wide(vectors, answers, wide))
        return answers

    def _stacked(self, reply: Mapping[str, Words], count: int) -> Words | None:
        """The reply as one array (ports, queries); None when it is malformed."""
        try:
            answers = np.array([reply[port.name] for port in self.box.outputs])
        except (KeyError, TypeError, ValueError):
            return None
        if answers.shape[1:] != (count,) or answers.dtype.kind not in "ub":
            return None
        return answers.astype(np.uint64, copy=False)

    def _malformed(self, reply: object, vectors: Words) -> str:
        """Which output of a reply is missing, or has another shape or type."""
        start = f"in the batch that starts with {self.describe(vectors, 0)}"
        for port in self.box.outputs:
            where = f"{self.box.name}: output {port.name}"
            if not isinstance(reply, Mapping) or port.name not in reply:
                return f"{where} is missing {start}"
            row = np.asarray(reply[port.name])
            if row.shape != vectors[0].shape:
                return f"{where} has shape {row.shape}, not {vectors[0].shape}, {start}"
            if row.dtype.kind not in "ub":
                return f"{where} has type {row.dtype}, not an unsigned integer, {start}"
        return f"{self.box.name}: the outputs cannot be put together {start}"

    def _too_wide(self, vectors: Words, answers: Words, wide: Words) -> str:
        index, at = (int(n[0]) for n in np.nonzero(wide))
        port = self.box.outputs[index]
        return (
            f"{self.box.name}: output {port.name} is {int(answers[index, at]):#x}, wider than "
            f"{port.width} bits, for {self.describe(vectors, at)}"
        )

    def _compare(self, vectors: Words, one: Words, two: Words, what: str) -> None:
        wrong = (one != two).any(axis=0)
        if wrong.any():
            raise BoxError(
                f"{self.box.name} is not a function: {what} for "
                f"{self.describe(vectors, int(np.argmax(wrong)))}"
            )

    def _blame(self, vectors: Words, error: Exception) -> str:
        """Halve the batch until one query is left that still raises."""
        rows = vectors
        while rows.shape[1] > 1:
            half = rows.shape[1] // 2
            for part in (rows[:, :half], rows[:, half:]):
                if self._raises(part):
                    rows = part
                    break
            else:
                break
        only = "for" if rows.shape[1] == 1 else "only in batches; the smallest starts with"
        return f"{self.box.name} raised {repr(error)[:200]} {only} {self.describe(rows, 0)}"

    def _raises(self, vectors: Words) -> bool:
        try:
            self.box.step({p.name: vectors[i] for i, p in enumerate(self.box.inputs)})
        except Exception:
            return True
        return False
