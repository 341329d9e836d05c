"""The state selector: which few state words make most blocking results computable ahead.

A *blocker* is a result that another instruction of the same window needs. It can be computed
ahead when its operands are among the selected registers and, for a load, its memory word is in
the buffer. The energy of a selection is minus the share of blockers it covers; simulated
annealing lowers it under a budget of state words. `greedy` and `random` are its baselines.
Coverage is fast to compute but is not cycles: `select` anneals several times and keeps what
gains most cycles on the same programs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import geometric_mean

import numpy as np

from tools.bsd.netlist import Ints
from tools.bsd.superscalar.issue import Machine, Selection, predicted, reuse, selected
from tools.bsd.superscalar.predictors import none
from tools.bsd.superscalar.trace import Trace

STEPS, RESTARTS = 4000, 4
HOT, COLD = 0.05, 0.0005
MOST_WORDS = 8
REGISTERS = range(1, 32)


class Blockers:
    """The blockers of some traces for a window of ``width``, each trace of equal weight."""

    def __init__(self, traces: Sequence[Trace], width: int) -> None:
        found: dict[tuple[int, int], float] = {}
        for trace in traces:
            keys, counts = np.unique(_blockers(trace, width), axis=1, return_counts=True)
            for (mask, words), count in zip(keys.T, counts, strict=True):
                key = (int(mask), int(words))
                found[key] = found.get(key, 0) + count / counts.sum() / len(traces)
        self._masks, self._words = np.array(list(found), dtype=np.int64).T
        self._shares = np.array(list(found.values()))

    def covered(self, chosen: Selection) -> float:
        """The share of blockers that can be computed ahead."""
        mask = sum(1 << r for r in chosen.registers)
        fits = (self._masks & ~mask == 0) & (self._words <= chosen.words)
        return float(self._shares[fits].sum())


class Gain:
    """What selections gain on some traces: the geometric mean of cycles without speculation
    over cycles with it, less one."""

    def __init__(self, traces: Sequence[Trace], machine: Machine, early: bool = False) -> None:
        self._traces, self._machine, self._early = traces, machine, early
        self._without = [predicted(t, machine, none(t)).cycles for t in traces]

    def __call__(self, chosen: Selection) -> float:
        """The gain of one selection."""
        runs = (selected(t, self._machine, chosen, self._early).cycles for t in self._traces)
        return geometric_mean([n / c for n, c in zip(self._without, runs, strict=True)]) - 1


def select(traces: Sequence[Trace], machine: Machine, budget: int, early: bool) -> Selection:
    """The selection of most gain on the traces, of RESTARTS annealed ones and the greedy one:
    on the traces it is never below greedy."""
    blockers, gain = Blockers(traces, machine.width), Gain(traces, machine, early)
    candidates = [anneal(blockers, budget, seed) for seed in range(RESTARTS)]
    return max([*candidates, greedy(blockers, budget)], key=gain)


def anneal(blockers: Blockers, budget: int, seed: int = 0) -> Selection:
    """The best selection met by simulated annealing within the budget, from greedy (seed 0) or
    from a random selection (other seeds)."""
    rng = np.random.default_rng(seed)
    now = best = random(budget, seed) if seed else greedy(blockers, budget)
    energy = least = -blockers.covered(now)
    for step in range(STEPS):
        heat = HOT * (COLD / HOT) ** (step / STEPS)
        near = _neighbour(now, budget, rng)
        there = -blockers.covered(near)
        if there < energy or rng.random() < math.exp((energy - there) / heat):
            now, energy = near, there
        if energy < least:
            best, least = now, energy
    return best


def greedy(blockers: Blockers, budget: int) -> Selection:
    """Add the word that covers most for its cost, until the budget is spent."""
    chosen = Selection(frozenset(), 0)
    while True:
        more = [Selection(chosen.registers | {r}, chosen.words) for r in REGISTERS]
        more.append(Selection(chosen.registers, chosen.words + 1))
        more = [s for s in more if chosen.cost < s.cost <= budget and s.words <= MOST_WORDS]
        if not more:
            return chosen
        gain = blockers.covered(chosen)
        paid = chosen.cost
        chosen = max(more, key=lambda s: (blockers.covered(s) - gain) / (s.cost - paid))


def random(budget: int, seed: int = 0) -> Selection:
    """A selection of any words within the budget."""
    rng = np.random.default_rng(seed)
    words = int(rng.integers(0, min(MOST_WORDS, budget // 2) + 1))
    count = min(len(REGISTERS), budget - 2 * words)
    return Selection(frozenset(rng.choice(REGISTERS, count, replace=False).tolist()), words)


def _neighbour(now: Selection, budget: int, rng: np.random.Generator) -> Selection:
    """A register more, one less, or one exchanged; or one memory word more or less."""
    registers, words = set(now.registers), now.words
    move = int(rng.integers(4))
    if move in (0, 1) and registers:
        registers.discard(int(rng.choice(sorted(registers))))
    if move in (0, 2):
        registers.add(int(rng.choice(REGISTERS)))
    if move == 3:
        words = min(MOST_WORDS, max(0, words + int(rng.choice([-1, 1]))))
    while len(registers) + 2 * words > budget:
        if registers and (words == 0 or rng.random() < 0.7):
            registers.discard(int(rng.choice(sorted(registers))))
        else:
            words -= 1
    return Selection(frozenset(registers), words)


def _blockers(trace: Trace, width: int) -> Ints:
    """One column for each blocker: a mask of its operand registers, buffer words it needs."""
    last = np.zeros(32, dtype=np.int64) - width
    needs = np.where(trace.load, reuse(trace) + 1, 0)
    columns = []
    for n in range(len(trace)):
        for source in {int(trace.first[n]), int(trace.second[n])} - {0}:
            i = last[source]
            if n - i < width:
                operands = {int(trace.first[i]), int(trace.second[i])} - {0}
                columns.append((sum(1 << r for r in operands), needs[i]))
        last[trace.target[n]] = n
    return np.array(columns, dtype=np.int64).reshape(-1, 2).T
