"""Resets in rare states: where a synchronous reset and an asynchronous one look different.

A reset that ends before the clock's next edge tells them apart, but only in a state that shows
it. So the golden's own trace says which output values are rare, the rows that led there are
replayed by level, and each reset is pulsed there between two edges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tools.hdl.contract import Contract
from tools.hdl.trace import Stimulus, Trace

MOST_PLACES = 4
MOST_ROWS = 12_000
_MOST_BITS = 8

Rows = tuple[tuple[int, ...], ...]


def resets_in_rare_states(contract: Contract, stimulus: Stimulus, trace: Trace) -> Rows:
    """Rows for ``contract.unpulsed()``; none when there is no reset, pulsed clock or rare value."""
    if contract.pulsed is None or not contract.resets:
        return ()
    column = {name: i for i, name in enumerate(stimulus.inputs)}
    resets = [(column[r.port], int(r.active_high)) for r in contract.resets]
    starts = [n for n, row in enumerate(stimulus.rows) if all(row[i] == v for i, v in resets)]
    clock_at = [p.name for p in contract.unpulsed().driven].index(contract.pulsed.port)
    active = int(contract.pulsed.edge == "posedge")
    rows: list[tuple[int, ...]] = []
    for cycle in _rare(trace):
        start = max((n for n in starts if n <= cycle), default=None)
        if start is None or start == cycle:
            continue
        lead = stimulus.rows[start : cycle + 1]
        for reset, level in resets:
            if len(rows) + 2 * len(lead) > MOST_ROWS:
                return tuple(rows)
            rows += _pulse(lead, reset, level, clock_at, active)
    return tuple(rows)


def _rare(trace: Trace) -> list[int]:
    """Cycles where an output of few bits first takes a value that under 1 % of samples have."""
    cycles = []
    for i in range(len(trace.outputs)):
        values = [sample[i] for sample in trace.after]
        if not values or len(values[0]) > _MOST_BITS:
            continue
        for value, count in Counter(values).items():
            if count * 100 <= len(values) and set(value) <= {"0", "1"}:
                cycles.append(values.index(value))
    return sorted(set(cycles))[:MOST_PLACES]


def _pulse(
    lead: Rows, reset: int, level: int, clock_at: int, active: int
) -> Iterator[tuple[int, ...]]:
    """The rows up to the rare state, the reset on and off there, and two more cycles."""

    def with_clock(row: tuple[int, ...], value: int) -> tuple[int, ...]:
        return (*row[:clock_at], value, *row[clock_at:])

    for row in lead:
        yield with_clock(row, 1 - active)
        yield with_clock(row, active)
    last = lead[-1]
    asserted = (*last[:reset], level, *last[reset + 1 :])
    yield with_clock(asserted, active)
    yield with_clock(last, active)
    for _ in range(2):
        yield with_clock(last, 1 - active)
        yield with_clock(last, active)
