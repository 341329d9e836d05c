"""Binary speculation diagrams: decision diagrams grown from queries alone.

A *subfunction* is an output wire restricted by a path. Its *signature* is its value on one
global probe set with the path's wires overwritten, so signatures of subfunctions of different
paths, cells and outputs can be compared: equal signature (or equal complement) means "perhaps
the same function". Speculation is then tested: both subfunctions are asked further vectors,
each under its own path; some are fresh, some are known to be telling at the two sites. A vector
that tells them apart joins the global set (`Separated`), all signatures grow by it, and the
build goes on with the knowledge.

Shannon expansion over a static wire order gives the nodes; see QiMeng-CPU-v1 (2306.12456) for
the original, whose merging is by signature alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.bsd.box import Oracle, Words
from tools.bsd.netlist import FALSE, TRUE, Netlist, input_planes
from tools.bsd.path import Path
from tools.bsd.probes import Prober

Bits = npt.NDArray[np.bool_]

PROBES = 2048
MERGE_CHECKS = 256
LEAF_CHECKS = 2048
SITE_CHECKS = 64


class OverBudget(Exception):
    """The diagram grew past the node budget of this attempt."""


class Separated(Exception):
    """Further vectors told two speculated-equal subfunctions apart; ``vectors`` are a few."""

    def __init__(self, vectors: Words) -> None:
        super().__init__("speculation refuted")
        self.vectors = vectors


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Where a diagram is grown: a cell's path, and vectors that are telling there (see
    `orders.Scan`), those that once refuted a diagram of this site first."""

    path: Path
    telling: Words


@dataclass(slots=True, eq=False)
class Known:
    """A subfunction that has a node, in the polarity that makes it false on probe 0."""

    path: Path
    output: int
    negated: bool
    literal: int
    signature: bytes
    telling: Words


class Diagrams:
    """All subfunctions known so far, and the way to grow more."""

    def __init__(self, oracle: Oracle, prober: Prober) -> None:
        self.oracle, self.prober, self.box = oracle, prober, oracle.box
        self.netlist = Netlist()
        self.known: dict[bytes, Known] = {}
        probes = np.hstack([prober.uniform(PROBES // 2), prober.mixed(PROBES // 2)])
        self.probes: Words = probes[:, prober.rng.permutation(PROBES)]
        self._limit = 0
        self._order: Sequence[int] = ()
        self._telling: Words = self.probes[:, :0]
        self._trial: list[Known] = []

    def value(self, path: Path, output: int, vectors: Words) -> Bits:
        """One output wire under a path, over the vectors."""
        return self._wire(output, path.apply(vectors))

    def _wire(self, output: int, vectors: Words) -> Bits:
        port, bit = self.box.output_bits[output]
        return _bit(self.oracle(vectors)[port], bit)

    def grow(self, site: Site, output: int, order: Sequence[int], budget: int) -> int:
        """The literal of one output wire at a site, expanding wires in ``order``.

        At most ``budget`` new subfunctions are made, else OverBudget is raised. What was made
        since the last `commit` can be undone with `rollback`.
        """
        self._limit = len(self.known) + budget
        self._order, self._telling = order, site.telling
        while True:
            try:
                top = self.value(site.path, output, self.probes)
                return self._expand(site.path, output, top, 0)
            except Separated as found:
                self._learn(found.vectors)

    def commit(self) -> None:
        """Keep every subfunction made so far."""
        self._trial.clear()

    def rollback(self) -> None:
        """Forget the subfunctions made since the last commit (their nodes stay, unused)."""
        for entry in self._trial:
            if self.known.get(entry.signature) is entry:
                del self.known[entry.signature]
        self._trial.clear()

    def forget(self, vectors: Words) -> None:
        """Drop the subfunctions whose nodes are wrong on any of the vectors."""
        entries = list(self.known.values())
        for at in range(0, vectors.shape[1] if entries else 0, 64):
            part = vectors[:, at : at + 64]
            right = (self._answers(entries, part) == self._built(entries, part)).all(axis=1)
            entries = [entry for entry, keep in zip(entries, right, strict=True) if keep]
        self.known = {entry.signature: entry for entry in entries}

    def cofactors(
        self, path: Path, output: int, signature: Bits, order: Sequence[int], start: int,
        probes: Words,
    ) -> tuple[int, Bits, Bits] | None:  # fmt: skip
        """The first place in the order, from ``start`` on, whose wire matters on the probes,
        and the signatures of both cofactors. None when no wire does.

        Runs of wires that do not matter are passed over together, by turning over a random
        part of the run in each probe. One flip of every probe then gives both cofactors: each
        probe already has the wire at one value.
        """
        vectors = path.apply(probes)
        place, run = start, 1
        while place < len(order):
            if run == 1:
                port, bit = self.box.input_bits[order[place]]
                vectors[port] ^= np.uint64(1 << bit)
                turned = self._wire(output, vectors)
                vectors[port] ^= np.uint64(1 << bit)
            else:
                turned = self._wire(output, self._scrambled(vectors, order[place : place + run]))
            if np.array_equal(turned, signature):
                place, run = place + run, 2 * run
            elif run > 1:
                run //= 2
            else:
                at_one = _bit(probes[port], bit)
                low = np.where(at_one, turned, signature)
                return place, low, np.where(at_one, signature, turned)
        return None

    def _scrambled(self, vectors: Words, wires: Sequence[int]) -> Words:
        """The vectors with random values on some wires."""
        mask = np.zeros((len(vectors), 1), dtype=np.uint64)
        for port, bit in (self.box.input_bits[wire] for wire in wires):
            mask[port] |= np.uint64(1 << bit)
        return vectors ^ ((vectors ^ self.prober.fresh(vectors.shape[1])) & mask)

    def boundary(self, path: Path, output: int, signature: Bits, probes: Words) -> Words:
        """A vector where a single flip of a wire passed over matters, found on the walk from a
        false probe to a true one; on this path, so that nodes above will see it too."""
        ends = path.apply(probes[:, [np.argmin(signature), np.argmax(signature)]])
        here, there = ends[:, 0].copy(), ends[:, 1]
        for port, bit in self.box.input_bits:
            here[port] ^= (here[port] ^ there[port]) & np.uint64(1 << bit)
            if self.value(path, output, here[:, None])[0]:
                break
        return np.repeat(here[:, None], 8, axis=1)

    def _learn(self, vectors: Words) -> None:
        """Add probes (a multiple of 8); extend every signature by its answers on them; drop
        the subfunctions whose nodes contradict those answers."""
        self.probes = np.hstack([self.probes, vectors])
        entries = list(self.known.values())
        if not entries:
            return
        answers, built = self._answers(entries, vectors), self._built(entries, vectors)
        right = (answers == built).all(axis=1)
        tails = np.packbits(answers, axis=1)
        self.known = {}
        for i in np.flatnonzero(right):
            entries[i].signature += tails[i].tobytes()
            self.known[entries[i].signature] = entries[i]

    def keys(self, vectors: Words) -> set[bytes]:
        """What the nodes say about each subfunction on some vectors, packed, in the polarity
        that is false on the first of them."""
        entries = list(self.known.values())
        if not entries:
            return set()
        built = self._built(entries, vectors)
        return {row.tobytes() for row in np.packbits(built ^ built[:, :1], axis=1)}

    def _answers(self, entries: Sequence[Known], vectors: Words) -> Bits:
        """What the box says about each subfunction: shape (entries, vectors)."""
        count = vectors.shape[1]
        mask = np.repeat(np.stack([e.path.mask for e in entries], axis=1), count, axis=1)
        value = np.repeat(np.stack([e.path.value for e in entries], axis=1), count, axis=1)
        answers = self.oracle((np.tile(vectors, len(entries)) & ~mask) | value)
        wires = np.array([self.box.output_bits[e.output] for e in entries])
        picked = answers.reshape(-1, len(entries), count)[wires[:, 0], np.arange(len(entries))]
        bits = (picked >> wires[:, 1, None].astype(np.uint64)) & np.uint64(1)
        negated = np.array([e.negated for e in entries])
        result: Bits = bits.astype(np.bool_) ^ negated[:, None]
        return result

    def _built(self, entries: Sequence[Known], vectors: Words) -> Bits:
        """What the nodes say about each subfunction: shape (entries, vectors)."""
        planes = input_planes(self.box, vectors)
        values = self.netlist.simulate(planes, [e.literal for e in entries])
        bits = np.unpackbits(values.view(np.uint8), axis=1, bitorder="little")
        result: Bits = bits[:, : vectors.shape[1]].astype(np.bool_)
        return result

    def _expand(self, path: Path, output: int, signature: Bits, start: int) -> int:
        negated = bool(signature[0])
        key = np.packbits(signature ^ negated).tobytes()
        if not any(key):
            self._check_leaf(path, output, negated)
            return TRUE if negated else FALSE
        if key in self.known:
            self._check_merge(path, output, negated, self.known[key])
            return self.known[key].literal ^ negated
        if len(self.known) >= self._limit:
            raise OverBudget
        found = self.cofactors(path, output, signature, self._order, start, self.probes)
        if found is None:
            raise Separated(self.boundary(path, output, signature, self.probes))
        place, low, high = found
        wire = self.box.input_bits[self._order[place]]
        literal = self.netlist.node(
            self._order[place],
            self._expand(path.fix(wire, 0), output, low, place + 1),
            self._expand(path.fix(wire, 1), output, high, place + 1),
        )
        entry = Known(path, output, negated, literal ^ negated, key, self._telling)
        self.known[key] = entry
        self._trial.append(entry)
        return literal

    def _check_leaf(self, path: Path, output: int, constant: bool) -> None:
        vectors = np.hstack([self.prober.fresh(LEAF_CHECKS), self._telling])
        _separate(path.apply(vectors), self.value(path, output, vectors) ^ constant)

    def _check_merge(self, path: Path, output: int, negated: bool, known: Known) -> None:
        ours, theirs = (self._sample(t) for t in (self._telling, known.telling))
        vectors = np.hstack([self.prober.fresh(MERGE_CHECKS), ours, theirs])
        mine = self.value(path, output, vectors) ^ negated
        _separate(vectors, mine ^ self.value(known.path, known.output, vectors) ^ known.negated)

    def _sample(self, telling: Words) -> Words:
        """The first few telling vectors and a random run of as many others."""
        count = telling.shape[1]
        if count <= 2 * SITE_CHECKS:
            return telling
        start = int(self.prober.rng.integers(SITE_CHECKS, count - SITE_CHECKS))
        return np.hstack([telling[:, :SITE_CHECKS], telling[:, start : start + SITE_CHECKS]])


def _separate(vectors: Words, differ: Bits) -> None:
    if differ.any():
        raise Separated(vectors[:, np.resize(np.flatnonzero(differ), 8)])


def _bit(words: Words, bit: int) -> Bits:
    result: Bits = ((words >> np.uint64(bit)) & np.uint64(1)).astype(np.bool_)
    return result
