"""Value predictors of the literature: what each makes of every result of a trace.

Tables have ENTRIES entries and are indexed by the program counter; a value is predicted once
the entry's confidence counter is at CONFIDENT. Last value: Lipasti and Shen 1996; stride:
Gabbay and Mendelson 1996; finite context (FCM): Sazeides and Smith 1997.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tools.bsd.jit import compiled
from tools.bsd.netlist import Ints
from tools.bsd.superscalar.issue import RIGHT, Machine, Mean, mean, predicted
from tools.bsd.superscalar.trace import Bools, Trace

Outcomes = npt.NDArray[np.int8]
Predictor = Callable[[Trace], Outcomes]

ENTRIES = 4096
CONFIDENT = 7


def none(trace: Trace) -> Outcomes:
    """No prediction."""
    return np.zeros(len(trace), dtype=np.int8)


def perfect(trace: Trace) -> Outcomes:
    """Every value known: the bound of any value prediction."""
    return np.full(len(trace), RIGHT, dtype=np.int8)


def last_value(trace: Trace) -> Outcomes:
    """The value that the instruction gave last time."""
    return _simple(trace.pc, trace.target, trace.value, 0)


def stride(trace: Trace) -> Outcomes:
    """The last value and the last difference."""
    return _simple(trace.pc, trace.target, trace.value, 1)


def finite_context(trace: Trace) -> Outcomes:
    """The value that followed the instruction's last two values."""
    return _contextual(trace.pc, trace.target, trace.value, 0 * trace.pc)


def branch_context(trace: Trace) -> Outcomes:
    """The value that the instruction gave after the same last eight branch outcomes."""
    return _contextual(trace.pc, trace.target, trace.value, 1 + _history(trace.branch, trace.taken))


BASELINES: dict[str, Predictor] = {
    "none": none, "last value": last_value, "stride": stride, "FCM": finite_context,
    "branch context": branch_context, "perfect": perfect,
}  # fmt: skip


def baselines(traces: Sequence[Trace], machine: Machine) -> dict[str, Mean]:
    """What every predictor of BASELINES makes of the traces, together."""
    return {
        name: mean(predicted(t, machine, predictor(t)) for t in traces)
        for name, predictor in BASELINES.items()
    }


@compiled
def _simple(pc: Ints, target: Ints, value: Ints, strided: int) -> Outcomes:
    last = np.zeros(ENTRIES, dtype=np.int64)
    step = np.zeros(ENTRIES, dtype=np.int64)
    sure = np.zeros(ENTRIES, dtype=np.int64)
    result = np.zeros(len(pc), dtype=np.int8)
    for n in range(len(pc)):
        if not target[n]:
            continue
        e = (pc[n] >> 2) % ENTRIES
        right = (last[e] + strided * step[e]) & 0xFFFFFFFF == value[n]
        if sure[e] >= CONFIDENT:
            result[n] = 1 if right else 2
        sure[e] = min(sure[e] + 1, CONFIDENT) if right else 0
        step[e], last[e] = value[n] - last[e], value[n]
    return result


@compiled
def _contextual(pc: Ints, target: Ints, value: Ints, history: Ints) -> Outcomes:
    """``history`` 0: the instruction's last two values are the context; else it is."""
    one = np.zeros(ENTRIES, dtype=np.int64)
    two = np.zeros(ENTRIES, dtype=np.int64)
    guess = np.zeros(ENTRIES, dtype=np.int64)
    sure = np.zeros(ENTRIES, dtype=np.int64)
    result = np.zeros(len(pc), dtype=np.int8)
    for n in range(len(pc)):
        if not target[n]:
            continue
        own = (pc[n] >> 2) % ENTRIES
        context = history[n] * 0x9E3779B1 if history[n] else one[own] * 0x85EBCA6B ^ two[own] * 31
        e = ((pc[n] >> 2) * 0x01000193 ^ context ^ context >> 13) % ENTRIES
        right = guess[e] == value[n]
        if sure[e] >= CONFIDENT:
            result[n] = 1 if right else 2
        sure[e] = min(sure[e] + 1, CONFIDENT) if right else 0
        guess[e] = value[n]
        two[own], one[own] = one[own], value[n]
    return result


@compiled
def _history(branch: Bools, taken: Bools) -> Ints:
    """The last eight branch outcomes before each instruction, as a number."""
    history = np.zeros(len(taken), dtype=np.int64)
    state = 0
    for n in range(len(taken)):
        history[n] = state
        if branch[n]:
            state = (state << 1 | (1 if taken[n] else 0)) & 255
    return history
