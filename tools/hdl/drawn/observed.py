"""Whether a model does what a table or waveform in the words shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.hdl.contract import Contract
from tools.hdl.drawn.rows import Observation, Row
from tools.hdl.trace import Stimulus, Trace


@dataclass(frozen=True, slots=True)
class Replay:
    """An observation as a stimulus. Each place is (cycle, after its clock edge, line seen)."""

    contract: Contract
    stimulus: Stimulus
    places: tuple[tuple[int, bool, int], ...]


def by_levels(seen: Observation, contract: Contract) -> Replay | None:
    """Every line as it stands, clock levels included; for Verilog. None if inputs are missing.

    Where the clock and other inputs change in one line the clock goes first: what is drawn as
    changing with an edge was launched by it, and is sampled by the next.
    """
    levels = contract.unpulsed()
    start = _idle(seen, levels)
    if start is None:
        return None
    clocks = {c.port for c in contract.clocks}
    rows: list[tuple[int, ...]] = []
    places = []
    held = start
    for at, row in enumerate(seen.rows):
        now = held | _known(seen, row)
        if rows and any(now[c] != held[c] for c in clocks):
            rows.append(_word(levels, held | {c: now[c] for c in clocks}))
        rows.append(_word(levels, now))
        places.append((len(rows) - 1, False, at))
        held = now
    names = tuple(p.name for p in levels.driven)
    return Replay(levels, Stimulus(names, tuple(rows)), tuple(places))


def by_cycles(seen: Observation, contract: Contract) -> Replay | None:
    """The active clock edges only, each with the line before it; for reference models."""
    start = _idle(seen, contract)
    if start is None or contract.pulsed is None:
        return by_levels(seen, contract) if not contract.clocks else None
    level = int(contract.pulsed.edge == "posedge")
    clock = [p.name for p in seen.inputs].index(contract.pulsed.port)
    rows: list[tuple[int, ...]] = []
    places = []
    held = start
    for at, (row, after) in enumerate(zip(seen.rows, seen.rows[1:], strict=False)):
        held = held | _known(seen, row)
        if row.inputs[clock] == 1 - level and after.inputs[clock] == level:
            places.append((len(rows), False, at))
            if _word(contract, held) == _word(contract, held | _known(seen, after)):
                places.append((len(rows), True, at + 1))
            rows.append(_word(contract, held))
    names = tuple(p.name for p in contract.driven)
    return Replay(contract, Stimulus(names, tuple(rows)), tuple(places))


def _idle(seen: Observation, contract: Contract) -> dict[str, int] | None:
    """Inputs before the first line: resets that are not drawn rest. None if others are missing."""
    drawn = {p.name for p in seen.inputs}
    rest = {r.port: 1 - int(r.active_high) for r in contract.resets}
    needed = {p.name for p in contract.driven} | {c.port for c in contract.clocks}
    if needed - drawn - rest.keys():
        return None
    return dict.fromkeys(drawn, 0) | {n: v for n, v in rest.items() if n not in drawn}


def _known(seen: Observation, row: Row) -> dict[str, int]:
    given = zip(seen.inputs, row.inputs, strict=True)
    return {p.name: value for p, value in given if value is not None}


def _word(contract: Contract, values: dict[str, int]) -> tuple[int, ...]:
    return tuple(values[p.name] for p in contract.driven)


def contradiction(seen: Observation, replay: Replay, trace: Trace) -> str | None:
    """The first line that a trace contradicts, in words; None if it does all that was seen."""
    columns = [trace.outputs.index(p.name) for p in seen.outputs]
    for cycle, after, at in replay.places:
        row = seen.rows[at]
        sampled = (trace.after if after else trace.before)[cycle]
        for port, want, column in zip(seen.outputs, row.outputs, columns, strict=True):
            if _differs(want, sampled[column]):
                return (
                    f"at {row.label} of the {seen.kind} ({_inputs(seen, row)}) {port.name} is "
                    f"{want}, here it is {sampled[column]}"
                )
    return None


def _differs(want: str, got: str) -> bool:
    return any(w not in ("x", g) for w, g in zip(want, got, strict=True))


def _inputs(seen: Observation, row: Row) -> str:
    shown: Sequence[str] = [
        f"{p.name}={'x' if value is None else value}"
        for p, value in zip(seen.inputs, row.inputs, strict=True)
    ]
    return " ".join(shown)
