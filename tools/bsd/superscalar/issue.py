"""Cycles of an in-order machine that issues up to ``width`` instructions together.

An instruction that needs a result of its own group ends the group before it, unless that
result is known early: predicted, or computed ahead from selected state words (State-BSD).
A taken branch ends a group after it; so does the last free memory port. `core` is the same
machine in Verilog, and takes exactly these cycles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import geometric_mean

import numpy as np
import numpy.typing as npt

from tools.bsd.jit import compiled
from tools.bsd.netlist import Ints
from tools.bsd.superscalar.trace import Bools, Trace

PENALTY = 2
NOTHING, RIGHT, WRONG = 0, 1, 2
PREDICTOR, CHAIN, EARLY = 0, 1, 2


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
class Mean:
    """The geometric mean of some runs' instructions per cycle, and their mispredictions in all."""

    ipc: float
    mispredictions: int


def mean(runs: Iterable[Cycles]) -> Mean:
    """What some runs did together."""
    results = list(runs)
    ipc = geometric_mean([r.ipc for r in results])
    return Mean(round(ipc, 4), sum(r.mispredictions for r in results))


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
    return _cycles(trace, machine, outcome, np.zeros(32, dtype=np.bool_), 0, PREDICTOR)


def selected(trace: Trace, machine: Machine, chosen: Selection, early: bool = False) -> Cycles:
    """Cycles with State-BSD, which never guesses and so is never wrong.

    The speculator is a chain of execution units within the cycle: a result is known when each
    operand is a selected register or a known result of the same group, and, for a load, its
    word was in the buffer when the group began. With ``early`` the speculator works a cycle
    ahead on the instructions that follow in memory, into registers: operands must be selected
    and older than the group before, which must not have ended in a taken branch, and the word
    must have been in the buffer when that group began and not be stored to since.
    """
    registers = np.zeros(32, dtype=np.bool_)
    registers[list(chosen.registers)] = True
    nothing = np.zeros(len(trace), dtype=np.int8)
    return _cycles(trace, machine, nothing, registers, chosen.words, EARLY if early else CHAIN)


def reuse(trace: Trace, most: int = 64) -> Ints:
    """For each memory access, how many other words were used since the last use of its word;
    ``most`` when more, or never before."""
    return _reuse(trace.word, most)


def _cycles(
    trace: Trace, machine: Machine, outcome: npt.NDArray[np.int8], registers: Bools, words: int,
    mode: int,
) -> Cycles:  # fmt: skip
    cycles, wrong = _issue(
        trace.target, trace.first, trace.second, trace.word, trace.load, trace.taken,
        machine.width, machine.ports, outcome, registers, words, mode,
    )  # fmt: skip
    return Cycles(len(trace), cycles + PENALTY * wrong, wrong)


@compiled
def _issue(
    target: Ints, first: Ints, second: Ints, word: Ints, load: Bools, taken: Bools,
    width: int, ports: int, outcome: npt.NDArray[np.int8], registers: Bools, words: int,
    mode: int,
) -> tuple[int, int]:  # fmt: skip
    """Groups issued and wrong values used."""
    writer = np.full(32, -1, dtype=np.int64)  # the last instruction that wrote each register
    known = np.zeros(len(target), dtype=np.bool_)
    buffer = np.full((2, words), -1, dtype=np.int64)  # as this group began, and the one before
    start, before, used, cycles, wrong = 0, 0, 0, 1, 0
    for n in range(len(target)):
        waits, misled = False, False
        for source in (first[n], second[n]):
            i = writer[source] if source else -1
            if i >= start:
                waits |= not known[i]
                misled |= outcome[i] == WRONG
        full = n - start >= width or (word[n] >= 0 and used == ports)
        if waits or full or (n > start and taken[n - 1]):
            buffer[1] = buffer[0]
            for i in range(start, n):
                _touch(buffer[0], word[i])
            before, start, used, cycles = start, n, 0, cycles + 1
            misled = False
        wrong += misled
        used += word[n] >= 0
        if mode == PREDICTOR:
            known[n] = outcome[n] != NOTHING
        else:
            ready = not load[n] or _buffered(buffer, word, load, before, start, n, mode)
            for source in (first[n], second[n]):
                i = writer[source] if source else -1
                if mode == CHAIN and i >= start:
                    ready &= known[i]
                elif source:
                    ready &= registers[source] and (mode == CHAIN or i < before)
            known[n] = ready and (mode == CHAIN or (start > 0 and not taken[start - 1]))
        if target[n]:
            writer[target[n]] = n
    return cycles, wrong


@compiled
def _buffered(
    buffer: Ints, word: Ints, load: Bools, before: int, start: int, n: int, mode: int
) -> bool:
    """Whether the speculator has load n's word. An early one must not have missed a store to it,
    and takes any store of its own cycle for one."""
    held = False
    for other in buffer[mode - CHAIN]:
        held |= other == word[n]
    for i in range(before if mode == EARLY else n, n):
        held &= load[i] or word[i] < 0 or (i < start and word[i] != word[n])
    return held


@compiled
def _touch(buffer: Ints, word: int) -> None:
    """Move a word to the front of a buffer; the one used longest ago falls out. -1: nothing."""
    if word < 0:
        return
    moved = word
    for k in range(len(buffer)):
        buffer[k], moved = moved, buffer[k]
        if moved == word:
            return


@compiled
def _reuse(word: Ints, most: int) -> Ints:
    """A list of recent words, the latest first."""
    recent = np.full(most - 1, -1, dtype=np.int64)
    result = np.full(len(word), most, dtype=np.int64)
    for n in range(len(word)):
        if word[n] < 0:
            continue
        for place in range(len(recent)):
            if recent[place] == word[n]:
                result[n] = place
                break
        _touch(recent, word[n])
    return result
