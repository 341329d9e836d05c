"""A stretch of a recorded run as lanes: what a waveform picture draws, signal by signal.

The unit of time is one row, counted from the start of the stretch. Inputs change at the start
of a row; a pulsed clock has its active edge in the middle of it, where outputs turn from
``before`` to ``after``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Literal

from tools.hdl.contract import Clock, Contract
from tools.hdl.trace import Stimulus, Trace

_LEAD = 2
"""Rows of the leading reset, or before a mismatch's neighbourhood, that stay in view."""
_BUSY = 8
"""More changes of one output than this make a stretch no more interesting."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A value held from ``start`` to ``end``; ``wanted`` is set where it should be another."""

    start: float
    end: float
    bits: str
    wanted: str | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """One signal over the stretch, as few segments as its values allow."""

    name: str
    width: int
    kind: Literal["clock", "input", "output"]
    segments: tuple[Segment, ...]


def lanes(
    contract: Contract,
    stimulus: Stimulus,
    trace: Trace,
    expected: Trace | None,
    span: range,
) -> list[Lane]:
    """The pulsed clock, inputs and outputs over the rows of ``span``, in the contract's order."""
    widths = {p.name: p.width for p in contract.ports}
    found = []
    if contract.pulsed is not None and trace.after:
        found.append(_clock(contract.pulsed, len(span)))
    for i, name in enumerate(stimulus.inputs):
        levels = [f"{stimulus.rows[row][i]:0{widths[name]}b}" for row in span]
        held = [Segment(t, t + 1, bits) for t, bits in enumerate(levels)]
        found.append(Lane(name, widths[name], "input", tuple(_merged(held))))
    for i, name in enumerate(trace.outputs):
        samples = list(_samples(trace, expected, i, span))
        found.append(Lane(name, widths[name], "output", tuple(_merged(samples))))
    return found


def interesting(
    contract: Contract, stimulus: Stimulus, trace: Trace, expected: Trace | None, cycles: int
) -> int:
    """The first row of a stretch worth a look.

    The first mismatch in its later half; without one, the rows from the end of the leading
    reset if the outputs are about as active there as anywhere, else where they are most active.
    """
    last = max(0, len(stimulus.rows) - cycles)
    wrong = _first_mismatch(trace, expected)
    if wrong is not None:
        return min(last, max(0, wrong - 2 * cycles // 3))
    start = min(last, max(0, leading_reset(contract, stimulus) - _LEAD))
    activity = _activity(trace, cycles)
    busiest = max(range(0, last + 1, max(1, cycles // 2)), key=activity.__getitem__)
    return start if 2 * activity[start] >= activity[busiest] else busiest


def leading_reset(contract: Contract, stimulus: Stimulus) -> int:
    """How many rows from the start assert every reset."""
    column = {name: i for i, name in enumerate(stimulus.inputs)}
    active = [(column[r.port], int(r.active_high)) for r in contract.resets]
    rows = stimulus.rows if active else ()
    for i, row in enumerate(rows):
        if any(row[at] != level for at, level in active):
            return i
    return len(rows)


def _clock(clock: Clock, rows: int) -> Lane:
    idle, active = ("1", "0") if clock.edge == "negedge" else ("0", "1")
    halves = [Segment(t / 2, (t + 1) / 2, active if t % 2 else idle) for t in range(2 * rows)]
    return Lane(clock.port, 1, "clock", tuple(halves))


def _samples(trace: Trace, expected: Trace | None, i: int, span: range) -> Iterator[Segment]:
    phases = [(trace.before, expected.before if expected else None)]
    if trace.after:
        phases.append((trace.after, expected.after if expected else None))
    length = 1 / len(phases)
    for t, row in enumerate(span):
        for k, (got, want) in enumerate(phases):
            wanted = want[row][i] if want and _wrong(want[row][i], got[row][i]) else None
            yield Segment(t + k * length, t + (k + 1) * length, got[row][i], wanted)


def _wrong(want: str, got: str) -> bool:
    return any(w not in ("x", g) for w, g in zip(want, got, strict=True))


def _merged(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Neighbours of one value become one segment."""
    held: Segment | None = None
    for segment in segments:
        if held is not None and (held.bits, held.wanted) == (segment.bits, segment.wanted):
            held = replace(held, end=segment.end)
            continue
        if held is not None:
            yield held
        held = segment
    if held is not None:
        yield held


def _first_mismatch(trace: Trace, expected: Trace | None) -> int | None:
    if expected is None:
        return None
    for row in range(len(trace.before)):
        pairs = [(expected.before[row], trace.before[row])]
        if trace.after:
            pairs.append((expected.after[row], trace.after[row]))
        if any(_wrong(w, g) for want, got in pairs for w, g in zip(want, got, strict=True)):
            return row
    return None


def _activity(trace: Trace, cycles: int) -> list[int]:
    """For each first row: changes of the outputs over the stretch, each capped at ``_BUSY``."""
    rows = trace.after or trace.before
    starts = max(1, len(rows) - cycles + 1)
    total = [0] * starts
    for i in range(len(trace.outputs)):
        changed = [a[i] != b[i] and "x" not in a[i] + b[i] for a, b in pairwise(rows)]
        upto = [0, *accumulate(int(c) for c in changed)]
        for start in range(starts):
            end = min(start + cycles - 1, len(changed))
            total[start] += min(_BUSY, upto[end] - upto[start])
    return total
