"""Wire orders worth trying for one output port in one cell.

The size of a decision diagram hangs on the order: an adder's is linear with the operands'
bits interleaved and exponential with one operand first. What the queries say about a wire:

* *significance*: the lowest output bit that it can turn over. It pairs wires of equal weight,
  also where an immediate field is scattered over an instruction. Where one output bit carries
  all (a comparison), significance is borrowed from the cell with the most similar inputs.
* *severity*: how many output bits turn over when it matters. Shift amounts, comparisons and
  trap conditions are severe, operands of an adder are not.

Orders are built from blocks of wires, each from its most or from its least significant bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

import numpy as np
import numpy.typing as npt

from tools.bsd.box import Box, Oracle, Words
from tools.bsd.jit import compiled
from tools.bsd.path import Path
from tools.bsd.probes import Prober

Floats = npt.NDArray[np.float64]

SEVERE = 4.0
MOST = 0.75
TELLING = 1024


@dataclass(frozen=True, slots=True)
class Scan:
    """What one cell's inputs do to one output port.

    ``moving`` are the output bits that moved; ``low[wire]`` and ``severity[wire]`` are given
    for the wires that matter. ``telling`` holds TELLING vectors, shape (ports, TELLING), in
    which rare influences show: what random vectors seldom reach, speculation is tested on.
    """

    port: int
    moving: tuple[int, ...]
    low: dict[int, int]
    severity: dict[int, float]
    telling: Words


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make an order: a way to cut the wires into blocks, and for each block whether its
    most significant wire comes first.

    ``all``: one block. ``severe``: severe wires, the rest. ``late``: the rest, severe wires, so
    that what these decide is shared by all output bits. ``ports``: the same by whole ports,
    those that are mostly severe last; but a severe wire of another port comes first of all.
    ``most``: by whole ports too, only those as severe as the most severe one last.
    ``first:PORT``, ``last:PORT``: one port before or after the rest.
    """

    kind: str
    descending: tuple[bool, ...]

    @property
    def is_fallback(self) -> bool:
        """Whether it is worth trying only when the others give nothing modest."""
        return ":" in self.kind

    def __str__(self) -> str:
        return f"{self.kind}/{'+'.join('msb' if d else 'lsb' for d in self.descending)}"


def scan(oracle: Oracle, prober: Prober, path: Path, probes: Words) -> list[Scan]:
    """Flip every free wire in every probe under the path; one Scan per output port."""
    box = oracle.box
    vectors = path.apply(probes)
    answers = oracle(vectors)
    low: list[dict[int, int]] = [{} for _ in box.outputs]
    severity: list[dict[int, float]] = [{} for _ in box.outputs]
    moved = np.bitwise_or.reduce(answers ^ answers[:, :1], axis=1)
    rarity = np.zeros(answers.shape)
    for wire, (place, bit) in enumerate(box.input_bits):
        if path.fixes((place, bit)):
            continue
        vectors[place] ^= np.uint64(1 << bit)
        touched, mean = _survey(answers ^ oracle(vectors), rarity)
        vectors[place] ^= np.uint64(1 << bit)
        moved |= touched
        for port in np.flatnonzero(touched):
            mark = int(touched[port])
            low[port][wire] = (mark & -mark).bit_length() - 1
            severity[port][wire] = float(mean[port])
    return [
        Scan(
            p, _bits(int(moved[p]), port.width), low[p], severity[p],
            _telling(prober, vectors, rarity[p]),
        )
        for p, port in enumerate(box.outputs)
    ]  # fmt: skip


@compiled
def _survey(change: Words, rarity: Floats) -> tuple[Words, Floats]:
    """Which bits of each output port a wire turned over, and how many on average when any; a
    probe where it reached an output bit as high in few others gains ``rarity``."""
    touched = np.zeros(len(change), dtype=np.uint64)
    mean = np.zeros(len(change))
    reach = np.zeros(change.shape[1], dtype=np.int64)
    for port in range(len(change)):
        seen = np.zeros(65)
        total, moves = 0, 0
        for n in range(change.shape[1]):
            word, top = change[port, n], 0
            touched[port] |= word
            moves += word != 0
            while word:
                top += 1
                total += word & np.uint64(1)
                word >>= np.uint64(1)
            reach[n] = top
            seen[top] += 1
        for n in range(change.shape[1]):
            if reach[n]:
                rarity[port, n] += 1 / seen[reach[n]]
        mean[port] = total / max(1, moves)
    return touched, mean


def _telling(prober: Prober, vectors: Words, rarity: Floats) -> Words:
    """Children of the probes, where those with rare influences are parents the most often."""
    total = float(rarity.sum())
    if not total:
        return vectors[:, :0]
    chosen = prober.rng.choice(len(rarity), TELLING // 4, p=rarity / total)
    parents = vectors[:, chosen]
    return np.hstack([parents, prober.cross(parents, TELLING - len(chosen))])


def _bits(word: int, width: int) -> tuple[int, ...]:
    return tuple(b for b in range(width) if word >> b & 1)


def significance(box: Box, own: Scan, others: Sequence[Scan]) -> dict[int, int]:
    """A weight for each wire that matters: its own, borrowed, or its place in its port.

    Decided for each input port by itself: in a branch the program counter's wires are graded
    by the target they add to, the compared operands' wires are not.
    """
    weights: dict[int, int] = {}
    for port in range(len(box.inputs)):
        wires = {w for w in own.low if box.input_bits[w][0] == port}
        natural = {w: box.input_bits[w][1] for w in wires}
        source = own.low if _graded(own, wires) else _most_similar(box, port, wires, others)
        weights |= {w: source.get(w, natural[w]) for w in wires}
    return weights


def _graded(scan: Scan, wires: set[int]) -> bool:
    """Whether the scan tells the significance of these wires apart."""
    return len({scan.low[w] for w in wires}) * 3 > len(wires)


def _most_similar(box: Box, port: int, wires: set[int], others: Sequence[Scan]) -> dict[int, int]:
    """Significance in the graded scan whose wires at this port overlap most (Jaccard index)."""
    best, closest = {}, 0.5
    for other in others:
        theirs = {w for w in other.low if box.input_bits[w][0] == port}
        overlap = len(wires & theirs) / max(1, len(wires | theirs))
        if overlap > closest and _graded(other, theirs):
            best, closest = other.low, overlap
    return best


def recipes(box: Box, own: Scan) -> Iterator[Recipe]:
    """Recipes that differ for this scan, the likeliest first."""
    both = (True, False)
    yield from (Recipe("all", (d,)) for d in both)
    for kind in ("ports", "most", "late", "severe"):
        blocks = _blocks(box, own, kind)
        again = kind == "most" and blocks == _blocks(box, own, "ports")
        if sum(map(bool, blocks)) > 1 and not again:
            for d, e in product(both, both):
                yield Recipe(kind, (d, d, e) if kind in ("ports", "most") else (d, e))
    ports = sorted({box.input_bits[w][0] for w in own.low})
    if len(ports) > 1:
        for where, port, d in product(("first", "last"), ports, both):
            yield Recipe(f"{where}:{box.inputs[port].name}", (d, d))


def order(box: Box, own: Scan, weights: dict[int, int], recipe: Recipe) -> list[int]:
    """The wire order of a recipe. Wires that never mattered follow, in case they do."""
    wires: list[int] = []
    for block, descending in zip(_blocks(box, own, recipe.kind), recipe.descending, strict=False):
        sign = -1 if descending else 1
        wires += sorted(block, key=lambda w: (sign * weights[w], w))
    return wires + [w for w in range(len(box.input_bits)) if w not in own.low]


def _blocks(box: Box, own: Scan, kind: str) -> list[list[int]]:
    """The wires that matter, cut into the blocks of a kind of recipe; some may be empty."""
    ports: dict[int, list[int]] = {}
    for wire in own.low:
        ports.setdefault(box.input_bits[wire][0], []).append(wire)
    middle = {p: median(own.severity[w] for w in wires) for p, wires in ports.items()}
    least = MOST * max(middle.values(), default=0.0) if kind == "most" else SEVERE
    deciding = {p for p, severity in middle.items() if severity > least}
    where, _, name = kind.partition(":")

    def block(wire: int) -> int:
        port, severe = box.input_bits[wire][0], own.severity[wire] > SEVERE
        if kind == "most":
            return 2 if port in deciding else 1
        if kind == "ports":
            return 2 if port in deciding else 0 if severe else 1
        if kind in ("severe", "late"):
            return int(severe != (kind == "severe"))
        return int((box.inputs[port].name == name) != (where == "first")) if name else 0

    return [[w for w in own.low if block(w) == place] for place in range(3)]
