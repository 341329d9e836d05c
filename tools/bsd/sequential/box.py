"""The sequential black box: what only resets and clocks can be asked of.

``start(count)`` gives ``count`` copies of the machine at reset, as a function ``step(batch)``
that moves each a clock on and answers with its outputs before the clock edge. A *letter* is one
value of all input ports, as a number, the first port in the lowest bits; a *word* is a run of
letters from reset. Outputs are packed in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.bsd.box import Box, BoxError, Oracle, Port, Step, Words
from tools.bsd.netlist import Ints

MOST_LETTERS = 256


@dataclass(frozen=True)
class SequentialBox:
    """A machine with hidden state. Raises BoxError where a word of letters cannot be asked."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    start: Callable[[int], Step]

    def __post_init__(self) -> None:
        self.clocked(1)  # the port list must be well formed
        if self.letters > MOST_LETTERS:
            raise BoxError(f"{self.name}: {self.letters} input values; at most {MOST_LETTERS}")
        if sum(port.width for port in self.outputs) > 64:
            raise BoxError(f"{self.name}: more than 64 output wires")

    @property
    def letters(self) -> int:
        """How many values the inputs have together."""
        return 1 << sum(port.width for port in self.inputs)

    def clocked(self, count: int) -> Box:
        """Copies at reset, as a box that must be asked once a clock."""
        return Box(self.name, self.inputs, self.outputs, self.start(count))


class Asker:
    """The counted and checked door to a sequential box; ``clocks`` counts every step of it."""

    def __init__(self, box: SequentialBox) -> None:
        self.box, self.clocks = box, 0

    def __call__(self, words: Ints) -> Words:
        """The packed outputs at each letter of words of equal length, both of shape
        (words, length). Raises BoxError."""
        oracle = Oracle(self.box.clocked(len(words)))
        answers = [_packed(oracle.ask(self._unpacked(column)), self.box) for column in words.T]
        self.clocks += words.size
        return np.stack(answers, axis=1) if answers else np.zeros(words.shape, dtype=np.uint64)

    def audit(self, words: Ints) -> None:
        """Refuse a box that answers otherwise the second time, in another place, or alone."""
        first = self(words)
        places = {"again": (words, first), "backwards": (words[::-1], first[::-1])}
        places |= {"alone": (words[:1], first[:1])}
        for told, (asked, expected) in places.items():
            wrong = (self(asked) != expected).any(axis=1)
            if wrong.any():
                word = asked[int(np.argmax(wrong))].tolist()
                raise BoxError(
                    f"{self.box.name} does not come back to one state at reset: other answers "
                    f"to the letters {word}, asked {told}"
                )

    def _unpacked(self, letters: Ints) -> Words:
        rows, rest = [], letters.astype(np.uint64)
        for port in self.box.inputs:
            rows.append(rest & np.uint64(port.ones))
            rest = rest >> np.uint64(port.width)
        return np.stack(rows)


def _packed(answers: Words, box: SequentialBox) -> Words:
    packed, low = np.zeros(answers.shape[1], dtype=np.uint64), 0
    for row, port in zip(answers, box.outputs, strict=True):
        packed |= row << np.uint64(low)
        low += port.width
    return packed
