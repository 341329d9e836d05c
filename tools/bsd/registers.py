"""Find the register file of a processor given as a black box from full state to full state.

The box shows every register as an input port and its next value as an output port. From
queries alone: which field of which port names the register that is written, which fields name
the registers that are read, and which registers are hard-wired. A field is a run of adjacent
wires of a port that are no register's.

A fact counts only when it explains every event seen; `Registers` says how many that were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.bsd.box import Box, Oracle, Words
from tools.bsd.probes import Prober

Indices = npt.NDArray[np.int64]

VECTORS = 4096


class NoRegisterFile(RuntimeError):
    """No field explains which registers are written or read. The message says which events."""


@dataclass(frozen=True, slots=True, order=True)
class Field:
    """Wires ``low`` to ``low + width - 1`` of an input port."""

    port: str
    low: int
    width: int

    def __str__(self) -> str:
        return f"{self.port}[{self.low + self.width - 1}:{self.low}]"


@dataclass(frozen=True, slots=True)
class Registers:
    """The register file: the field that names the written register, the fields that name the
    read ones (the one that explains most first), registers that are always zero, and the
    events these explain, all of those seen."""

    write: Field
    reads: tuple[Field, ...]
    zero: tuple[str, ...]
    writes_seen: int
    reads_seen: int
    queries: int


@dataclass(frozen=True, slots=True)
class _Events:
    """Register ``register[i]`` was written, or mattered, in query ``query[i]``."""

    query: Indices
    register: Indices

    def named_by(self, values: Words) -> npt.NDArray[np.bool_]:
        """Which events a field explains, given its value in every query."""
        named: npt.NDArray[np.bool_] = values[self.query] == self.register
        return named


def find_registers(box: Box, next_port: Mapping[str, str], seed: int = 0) -> Registers:
    """Find the register file. ``next_port`` maps each register's input port, in the order of
    their numbers, to the output port with its next value. Raises NoRegisterFile, BoxError.
    """
    oracle, prober = Oracle(box), Prober(box, seed)
    inputs, outputs = [p.name for p in box.inputs], [p.name for p in box.outputs]
    now = [inputs.index(name) for name in next_port]
    then = [outputs.index(name) for name in next_port.values()]
    vectors = prober.uniform(VECTORS)
    oracle.audit(vectors[:, :1024])
    answers = oracle(vectors)
    zero = [i for i, o in enumerate(then) if not answers[o].any()]
    fields = _fields(box, set(next_port), (len(now) - 1).bit_length())
    values = {field: _value(field, vectors, inputs) for field in fields}

    written = _events((answers[then] != vectors[now]) & ~_rows(zero, len(now)))
    writers = _cover(written, values, most=1, what="written")
    reading = np.stack([_matters(oracle, vectors, answers, i, now, then) for i in range(len(now))])
    readers = _cover(_events(reading), values, most=4, what="read")
    names = list(next_port)
    return Registers(
        writers[0], tuple(readers), tuple(names[i] for i in zero),
        len(written.query), int(reading.sum()), oracle.queries,
    )  # fmt: skip


def _fields(box: Box, registers: set[str], width: int) -> list[Field]:
    return [
        Field(port.name, low, width)
        for port in box.inputs
        if port.name not in registers
        for low in range(port.width - width + 1)
    ]


def _value(field: Field, vectors: Words, inputs: list[str]) -> Words:
    word: Words = vectors[inputs.index(field.port)] >> np.uint64(field.low)
    word &= np.uint64((1 << field.width) - 1)
    return word


def _rows(chosen: list[int], count: int) -> npt.NDArray[np.bool_]:
    return np.isin(np.arange(count), chosen)[:, None]


def _events(seen: npt.NDArray[np.bool_]) -> _Events:
    register, query = np.nonzero(seen)
    return _Events(query, register)


def _matters(
    oracle: Oracle, vectors: Words, answers: Words, register: int, now: list[int], then: list[int]
) -> npt.NDArray[np.bool_]:
    """In which queries another value of the register changes anything but its own keeping."""
    turned = vectors.copy()
    ones = np.uint64(oracle.box.inputs[now[register]].ones)
    turned[now[register]] = ~turned[now[register]] & ones
    after = oracle(turned)
    changed = after != answers
    own = then[register]
    kept = (answers[own] == vectors[now[register]]) & (after[own] == turned[now[register]])
    changed[own] &= ~kept
    result: npt.NDArray[np.bool_] = changed.any(axis=0)
    return result


def _cover(events: _Events, values: Mapping[Field, Words], most: int, what: str) -> list[Field]:
    """Few fields that together explain all events, greedily."""
    left = np.ones(len(events.query), dtype=np.bool_)
    chosen: list[Field] = []
    while left.any() and len(chosen) < most:
        best = max(values, key=lambda field: int((events.named_by(values[field]) & left).sum()))
        chosen.append(best)
        left &= ~events.named_by(values[best])
    if left.any() or not chosen:
        told = ", ".join(map(str, chosen)) or "no field"
        raise NoRegisterFile(
            f"{int(left.sum())} of {len(left)} registers {what} are not named by {told}"
        )
    return chosen
