"""Comparing traces: the first difference, what the golden left unknown, the shortest example.

A golden X is a don't-care. A DUT X where the golden is known is a difference, but a weaker one
than two known values that differ: a resynthesised netlist can show X where no hardware would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from tools.hdl.contract import Contract
from tools.hdl.trace import Stimulus, Trace

Phase = Literal["before", "after"]
Rows = tuple[tuple[int, ...], ...]
Rerun = Callable[[Sequence[Stimulus]], "Sequence[Difference | None]"]
_ENDS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
_FEW = 64
"""So few rows are tried one by one."""
_UNIONS = 16
_WANTED = {"0": "0", "1": "1", "x": "\x10", "z": "\x50"}
"""Letters of a golden, written so that its and a design's, combined by XOR, tell both."""


def _kinds() -> bytes:
    """For each such combination: ``v`` a wrong known value, ``u`` an unknown one, ``.`` neither."""
    table = bytearray(b"." * 256)
    for want, letter in _WANTED.items():
        for have in "01xz":
            if want not in ("x", have):
                table[ord(letter) ^ ord(have)] = ord("u" if have in "xz" else "v")
    return bytes(table)


_KINDS = _kinds()


@dataclass(frozen=True, slots=True)
class Difference:
    """One sample where the DUT is not the golden. Values are strings of ``01xz``, msb first.

    ``unknown``: the DUT shows X or Z there, and nowhere in the trace a wrong known value.
    """

    cycle: int
    signal: str
    expected: str
    got: str
    phase: Phase
    unknown: bool = False

    def __str__(self) -> str:
        return (
            f"cycle {self.cycle}, {self.phase} the edge: {self.signal} is {self.got}, "
            f"expected {self.expected}"
        )


def first_difference(expected: Trace, got: Trace) -> Difference | None:
    """The first sample with a wrong known value; failing that, the first unknown one; or None.

    Raises ValueError when the traces are not of the same outputs and length.
    """
    if expected.outputs != got.outputs or len(expected.before) != len(got.before):
        raise ValueError("traces of different outputs or lengths")
    weaker: Difference | None = None
    clocked = bool(expected.after)
    for cycle, row in enumerate(expected.before):
        if row == got.before[cycle] and not (clocked and expected.after[cycle] != got.after[cycle]):
            continue
        for phase, want, have in _samples(expected, got, cycle):
            if want == have:
                continue
            for i, signal in enumerate(expected.outputs):
                kind = _mismatch(want[i], have[i])
                if kind == "value":
                    return Difference(cycle, signal, want[i], have[i], phase)
                if kind == "unknown" and weaker is None:
                    weaker = Difference(cycle, signal, want[i], have[i], phase, unknown=True)
    return weaker


def mask_power_up(expected: Trace, contract: Contract, stimulus: Stimulus) -> Trace:
    """The golden trace with X in the rows before its leading reset has done its work.

    What a module shows before reset is no part of its behaviour. The last row of the leading
    run of rows that assert every reset is the first one that counts.
    """
    if not contract.resets:
        return expected
    column = {name: i for i, name in enumerate(stimulus.inputs)}
    active = [(column[r.port], int(r.active_high)) for r in contract.resets]
    leading = 0
    for row in stimulus.rows:
        if any(row[i] != level for i, level in active):
            break
        leading += 1
    hidden = max(0, leading - 1)

    def mask(samples: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        unknown = tuple(tuple("x" * len(v) for v in row) for row in samples[:hidden])
        return unknown + samples[hidden:]

    return replace(expected, before=mask(expected.before), after=mask(expected.after))


def unobserved(expected: Trace) -> tuple[str, ...]:
    """Bits the golden never or hardly ever (under 1 % of samples) determines, as ``name[bit]``."""
    samples = expected.before + expected.after
    found = []
    for i, name in enumerate(expected.outputs):
        counts = Counter(sample[i] for sample in samples)
        width = len(samples[0][i]) if samples else 0
        for place in range(width):
            known = sum(n for value, n in counts.items() if value[place] != "x")
            if known * 100 < len(samples):
                found.append(f"{name}[{width - 1 - place}]")
    return tuple(found)


def shrink(
    stimulus: Stimulus, difference: Difference, keep: int, rerun: Rerun, rounds: int = 6
) -> Stimulus:
    """A shorter stimulus that still shows a difference of the same kind.

    Rows after the difference go first. Then each round tries, together, what is left without
    one of its chunks of rows, in ever smaller chunks (delta debugging), and without all but its
    last few rows; then without several of the chunks that could go alone. The shortest that
    still differs goes on. The first ``keep`` rows, the reset, stay.
    """
    rows = stimulus.rows[: difference.cycle + 1]

    def still(shorter: Sequence[Rows]) -> list[Rows | None]:
        """Each, cut after its difference; None where there is none of that kind."""
        tried = rerun([replace(stimulus, rows=r, exhaustive=False) for r in shorter])
        pairs = zip(shorter, tried, strict=True)
        same = difference.unknown
        return [r[: d.cycle + 1] if d and d.unknown == same else None for r, d in pairs]

    chunks = 2
    for _ in range(rounds):
        length = len(rows) - keep - 1
        if length <= 0:
            break
        chunks = length if length <= _FEW else chunks
        shorter = _shorter(rows, keep, chunks, still)
        if not shorter and chunks >= length:
            break
        chunks = chunks if shorter else chunks * 4
        rows = min([rows, *shorter], key=len)
    return replace(stimulus, rows=rows, exhaustive=False)


def _shorter(
    rows: Rows, keep: int, chunks: int, still: Callable[[Sequence[Rows]], list[Rows | None]]
) -> list[Rows]:
    """What ``still`` differs without a long start, one of ``chunks`` parts, or several of them."""
    length = len(rows) - keep - 1
    size = -(-length // chunks)
    ends = [range(length - n) for n in _ENDS if n < length]
    parts = [range(i, min(i + size, length)) for i in range(0, length, size)]
    found = still([_without(rows, keep, [cut]) for cut in ends + parts])
    loose = [part for part, r in zip(parts, found[len(ends) :], strict=True) if r]
    if len(loose) > 1:
        steps = range(len(loose), 1, -max(1, len(loose) // _UNIONS))
        found += still([_without(rows, keep, loose[:n]) for n in steps])
    return [r for r in found if r]


def _without(rows: Rows, keep: int, cuts: Sequence[range]) -> Rows:
    """The rows without those whose numbers, counted after the first ``keep``, are in ``cuts``."""
    gone = {keep + i for cut in cuts for i in cut}
    return tuple(row for i, row in enumerate(rows) if i not in gone)


def _samples(
    expected: Trace, got: Trace, cycle: int
) -> Sequence[tuple[Phase, tuple[str, ...], tuple[str, ...]]]:
    samples: list[tuple[Phase, tuple[str, ...], tuple[str, ...]]] = [
        ("before", expected.before[cycle], got.before[cycle])
    ]
    if expected.after:
        samples.append(("after", expected.after[cycle], got.after[cycle]))
    return samples


@lru_cache(maxsize=16_384)
def _mismatch(want: str, have: str) -> Literal["value", "unknown"] | None:
    """How one value differs; a known bit against the other known bit weighs most.

    Quick, for a design that shows X differs in every row: all bits at once, and remembered.
    """
    left = want.replace("x", _WANTED["x"]).replace("z", _WANTED["z"]).encode()
    both = int.from_bytes(left, "big") ^ int.from_bytes(have.encode(), "big")
    kinds = both.to_bytes(len(left), "big").translate(_KINDS)
    return "value" if b"v" in kinds else "unknown" if b"u" in kinds else None
