"""The decode tree: split the box into cells where the same inputs always matter.

A *control* wire decides which other inputs matter: fixing an opcode bit turns whole ports on
or off, fixing a bit of an adder's operand turns nothing on or off. So at each tree node every
free wire is flipped in many probes, and the wire whose value changes the influence of all
other wires most is split on. A wire must beat coin tosses scored in the same way, and change a
fair share of all influence, else the node is a cell. No port is named as the control port.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.bsd.box import Box, Oracle, Words
from tools.bsd.path import Path
from tools.bsd.probes import Prober

Floats = npt.NDArray[np.float32]

PROBES = 1024
MOST_PROBES = 16 * PROBES
ACTIVE = 256
CONSTANT_CHECKS = 8192
COINS = 8
SHARE = 0.12
MOST_SPLITS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A leaf of the decode tree. ``constant`` when no output moved in any probe."""

    path: Path
    constant: bool


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """An inner node of the decode tree: ``wire ? high : low``."""

    wire: int
    low: Split | Cell
    high: Split | Cell


def cells_of(tree: Split | Cell) -> Iterator[Cell]:
    """The leaves, left to right."""
    if isinstance(tree, Cell):
        yield tree
    else:
        yield from cells_of(tree.low)
        yield from cells_of(tree.high)


def decode(oracle: Oracle, prober: Prober) -> Split | Cell:
    """Grow the decode tree of a box; after MOST_SPLITS splits every node is a cell."""
    left = iter(range(MOST_SPLITS))

    def grow(path: Path) -> Split | Cell:
        answers = oracle(path.apply(prober.mixed(CONSTANT_CHECKS)))
        if (answers == answers[:, :1]).all():
            return Cell(path, constant=True)
        wire = _control_wire(oracle, prober, path)
        if wire is None or next(left, None) is None:
            return Cell(path, constant=False)
        place = oracle.box.input_bits[wire]
        return Split(wire, grow(path.fix(place, 0)), grow(path.fix(place, 1)))

    return grow(Path.free(oracle.box))


def _control_wire(oracle: Oracle, prober: Prober, path: Path) -> int | None:
    """The free wire that most decides what else matters; None when none does."""
    count = PROBES
    while True:
        vectors = path.apply(prober.uniform(count))
        influence = _influence(oracle, path, vectors)
        active = int((influence.sum(axis=(1, 2)) > 0).sum())
        if active >= ACTIVE or count >= MOST_PROBES:
            break
        count *= 4
    scores, coins = _scores(influence, _columns(oracle.box, vectors), prober.rng)
    best = int(np.argmax(scores))
    floor = max(1.5 * coins, SHARE * float(influence.mean(axis=0).sum()))
    return best if scores[best] > floor else None


def _influence(oracle: Oracle, path: Path, vectors: Words) -> Floats:
    """How many bits of each output port turn over when a wire does.

    Shape (probes, wires, output ports); wires fixed by the path have no influence.
    """
    box = oracle.box
    answers = oracle(vectors)
    shape = (vectors.shape[1], len(box.input_bits), len(box.outputs))
    influence = np.zeros(shape, dtype=np.float32)
    for wire, (port, bit) in enumerate(box.input_bits):
        if path.fixes((port, bit)):
            continue
        turned = vectors.copy()
        turned[port] ^= np.uint64(1 << bit)
        influence[:, wire, :] = np.bitwise_count(answers ^ oracle(turned)).T
    return influence


def _columns(box: Box, vectors: Words) -> Floats:
    """The value of each input wire in each vector: shape (vectors, wires)."""
    rows = [(vectors[p] >> np.uint64(b)) & np.uint64(1) for p, b in box.input_bits]
    return np.stack(rows, axis=1).astype(np.float32)


def _scores(influence: Floats, columns: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
    """For each wire, how much the influence of the other wires depends on its value; and the
    highest score that a coin toss got."""
    count, wires, _ports = influence.shape
    coins = rng.integers(0, 2, (count, COINS)).astype(np.float32)
    chooser = np.hstack([columns, coins])
    flat = influence.reshape(count, -1)
    felt: npt.NDArray[np.bool_] = np.any(flat, axis=0)
    flat = flat[:, felt]
    ones = chooser.sum(axis=0)[:, None]
    at_one = chooser.T @ flat
    at_zero = flat.sum(axis=0) - at_one
    change = np.zeros((len(ones), len(felt)), dtype=np.float32)
    change[:, felt] = at_one / np.maximum(ones, 1) - at_zero / np.maximum(count - ones, 1)
    change = np.abs(change).reshape(len(change), wires, -1).sum(axis=2)
    change[np.arange(wires), np.arange(wires)] = 0
    scores = change.sum(axis=1)
    scores[(ones[:, 0] < count / 16) | (ones[:, 0] > count * 15 / 16)] = 0
    return scores[:wires], float(scores[wires:].max())
