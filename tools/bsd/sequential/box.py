"""The sequential black box: what only resets and clocks can be asked of.

A *letter* is one value of all input ports, as a number, the first port in the lowest bits; a
*word* is a run of letters from reset. Outputs are packed in the same way. The answer to a letter
is what the outputs are while it is given, before the clock edge that moves the state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tools.bsd.box import Box, BoxError, Oracle, Port, Step, Words

if TYPE_CHECKING:  # whoever only looks at a port list loads no compiler
    from tools.bsd.netlist import Ints

MOST_LETTERS = 256
TAKEN = {"clk", "rst", "state", "next"}
"""Names of ports and wires of the circuit that is put around a machine's logic."""


@dataclass(frozen=True)
class SequentialBox:
    """A machine with hidden state. ``play`` gives the packed outputs at each letter of words of
    equal length, both of shape (words, length), each word from reset; it raises BoxError.

    Raises BoxError where a word of letters cannot be asked.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    play: Callable[[Ints], Words]

    def __post_init__(self) -> None:
        Box(self.name, self.inputs, self.outputs, dict)  # the port list must be well formed
        if self.letters > MOST_LETTERS:
            raise BoxError(f"{self.name}: {self.letters} input values; at most {MOST_LETTERS}")
        if sum(port.width for port in self.outputs) > 64:
            raise BoxError(f"{self.name}: more than 64 output wires")
        if taken := TAKEN & {port.name for port in self.inputs + self.outputs}:
            raise BoxError(f"{self.name}: no port may be called {min(taken)}")

    @property
    def letters(self) -> int:
        """How many values the inputs have together."""
        return 1 << sum(port.width for port in self.inputs)


def clocked(
    name: str, inputs: tuple[Port, ...], outputs: tuple[Port, ...], start: Callable[[int], Step]
) -> SequentialBox:
    """The box of a machine in this process: ``start(count)`` gives copies of it at reset, as a
    function that moves each a clock on and answers with its outputs before the clock edge."""

    def play(words: Ints) -> Words:
        oracle = Oracle(Box(name, inputs, outputs, start(len(words))))
        answers = [_packed(oracle.ask(unpacked(inputs, column)), outputs) for column in words.T]
        return np.stack(answers, axis=1) if answers else np.zeros(words.shape, dtype=np.uint64)

    return SequentialBox(name, inputs, outputs, play)


class Asker:
    """The counted door to a sequential box; ``clocks`` counts every step of it."""

    def __init__(self, box: SequentialBox) -> None:
        self.box, self.clocks = box, 0

    def __call__(self, words: Ints) -> Words:
        """What the box answers to words. Raises BoxError."""
        self.clocks += words.size
        return self.box.play(words)

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


def unpacked(ports: tuple[Port, ...], packed: Ints) -> Words:
    """The value of each port in packed ones: shape (ports, values)."""
    rows, rest = [], packed.astype(np.uint64)
    for port in ports:
        rows.append(rest & np.uint64(port.ones))
        rest = rest >> np.uint64(port.width)
    return np.stack(rows)


def _packed(answers: Words, ports: tuple[Port, ...]) -> Words:
    packed, low = np.zeros(answers.shape[1], dtype=np.uint64), 0
    for row, port in zip(answers, ports, strict=True):
        packed |= row << np.uint64(low)
        low += port.width
    return packed
