"""Cycles of an in-order machine that issues up to ``width`` instructions together.

An instruction that needs a result of its own group ends the group before it, unless that
result is known early: predicted, or computed ahead from selected state words (State-BSD).
A taken branch ends a group after it; so does the last free memory port.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.bsd.jit import compiled
from tools.bsd.netlist import Ints
from tools.bsd.superscalar.trace import Bools, Trace

PENALTY = 2
NOTHING, RIGHT, WRONG = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Machine:
    """``width`` instructions and ``ports`` memory accesses a cycle."""

    width: int
    ports: int


TWO, FOUR = Machine(2, 1), Machine(4, 2)


@dataclass(frozen=True, slots=True)
class Cycles:
    """``mispredictions`` counts wrong values that an instruction of the same group used; each
    costs PENALTY cycles, included in ``cycles``."""

    instructions: int
    cycles: int
    mispredictions: int

    @property
    def ipc(self) -> float:
        """Instructions per cycle."""
        return self.instructions / self.cycles


@dataclass(frozen=True, slots=True)
class Selection:
    """Selected state words: registers, and the size of a buffer of recent memory words."""

    registers: frozenset[int]
    words: int

    @property
    def cost(self) -> int:
        """State words: one for a register, two (address and value) for a memory word."""
        return len(self.registers) + 2 * self.words


def predicted(trace: Trace, machine: Machine, outcome: npt.NDArray[np.int8]) -> Cycles:
    """Cycles when ``outcome[i]`` says what a predictor made of instruction i's result: NOTHING,
    RIGHT or WRONG."""
    none = np.zeros(32, dtype=np.bool_)
    return _cycles(trace, machine, outcome, none, np.zeros(len(trace), np.bool_), 0)


def selected(trace: Trace, machine: Machine, chosen: Selection, early: bool = False) -> Cycles:
    """Cycles with State-BSD: a result is known when its operands are selected and known, and,
    for a load, its memory word is buffered. With ``early`` the operands must be older than the
    group before, so that the speculator may be registered; without, it is a chain of execution
    units within the cycle. It never guesses, so it is never wrong."""
    registers = np.zeros(32, dtype=np.bool_)
    registers[[0, *chosen.registers]] = True
    held = ~trace.load | (reuse(trace) < chosen.words)
    nothing = np.zeros(len(trace), dtype=np.int8)
    return _cycles(trace, machine, nothing, registers, held, 2 if early else 1)


def reuse(trace: Trace, most: int = 64) -> Ints:
    """For each memory access, how many other words were used since the last use of its word;
    ``most`` when more, or never before."""
    return _reuse(trace.word, most)


def _cycles(
    trace: Trace, machine: Machine, outcome: npt.NDArray[np.int8], registers: Bools, held: Bools,
    mode: int,
) -> Cycles:  # fmt: skip
    cycles, wrong = _issue(
        trace.target, trace.first, trace.second, trace.word, trace.load, trace.taken,
        machine.width, machine.ports, outcome, registers, held, mode,
    )  # fmt: skip
    return Cycles(len(trace), cycles + PENALTY * wrong, wrong)


@compiled
def _issue(
    target: Ints, first: Ints, second: Ints, word: Ints, load: Bools, taken: Bools,
    width: int, ports: int, outcome: npt.NDArray[np.int8], registers: Bools, held: Bools,
    mode: int,
) -> tuple[int, int]:  # fmt: skip
    """Groups issued and wrong values used. ``mode`` 0: predictor, 1: chain, 2: early."""
    writer = np.full(32, -1, dtype=np.int64)  # the last instruction that wrote each register
    known = np.zeros(len(target), dtype=np.bool_)
    start, before, used, cycles, wrong = 0, 0, 0, 1, 0
    for n in range(len(target)):
        waits, misled, stored = False, False, False
        for source in (first[n], second[n]):
            i = writer[source] if source else -1
            if i >= start:
                waits |= not known[i]
                misled |= outcome[i] == 2
        for i in range(start, n):
            stored |= word[i] >= 0 and not load[i]
        full = n - start >= width or (word[n] >= 0 and used == ports)
        if waits or full or (n > start and taken[n - 1]):
            before, start, used, cycles = start, n, 0, cycles + 1
            misled = stored = False
        wrong += misled
        used += word[n] >= 0
        if mode == 0:
            known[n] = outcome[n] != 0
        else:
            known[n] = held[n] and not (load[n] and stored)
            for source in (first[n], second[n]):
                i = writer[source] if source else -1
                known[n] &= registers[source]
                known[n] &= i < (start if mode == 1 else before) or (mode == 1 and known[i])
        if target[n]:
            writer[target[n]] = n
    return cycles, wrong


@compiled
def _reuse(word: Ints, most: int) -> Ints:
    """A list of recent words, the latest first."""
    recent = np.full(most, -1, dtype=np.int64)
    result = np.full(len(word), most, dtype=np.int64)
    for n in range(len(word)):
        if word[n] < 0:
            continue
        place = 0
        while place < most - 1 and recent[place] != word[n]:
            place += 1
        if recent[place] == word[n]:
            result[n] = place
        for k in range(place, 0, -1):
            recent[k] = recent[k - 1]
        recent[0] = word[n]
    return result
