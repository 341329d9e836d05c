"""Binary speculation diagrams: decision diagrams grown from queries alone.

A *subfunction* is an output wire restricted by a path. Its *signature* is its value on one
global probe set with the path's wires overwritten, so signatures of subfunctions of different
paths, cells and outputs can be compared: equal signature (or equal complement) means "perhaps
the same function". Speculation is then tested: both subfunctions are asked fresh probes, each
under its own path. A probe that tells them apart joins the global set (`Separated`), all
signatures grow by it, and the build goes on with the knowledge.

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
RESERVE = 1 << 17
MERGE_CHECKS = 512
LEAF_CHECKS = 6144


class OverBudget(Exception):
    """The diagram grew past the node budget of this attempt."""


class Separated(Exception):
    """Fresh probes told two speculated-equal subfunctions apart; ``vectors`` are a few."""

    def __init__(self, vectors: Words) -> None:
        super().__init__("speculation refuted")
        self.vectors = vectors


@dataclass(slots=True, eq=False)
class Known:
    """A subfunction that has a node, in the polarity that makes it false on probe 0."""

    path: Path
    output: int
    negated: bool
    literal: int
    signature: bytes


class Diagrams:
    """All subfunctions known so far, and the way to grow more."""

    def __init__(self, oracle: Oracle, prober: Prober) -> None:
        self.oracle, self.prober, self.box = oracle, prober, oracle.box
        self.netlist = Netlist()
        self.known: dict[bytes, Known] = {}
        half = prober.uniform(PROBES // 2)
        self.probes: Words = np.hstack([half, prober.mixed(PROBES // 2)])
        self.reserve: Words = prober.mixed(RESERVE)
        self._limit, self._check = 0, True
        self._trial: list[Known] = []

    def value(self, path: Path, output: int, vectors: Words) -> Bits:
        """One output wire under a path, over the vectors."""
        port, bit = self.box.output_bits[output]
        answers = self.oracle(path.apply(vectors))[port]
        return _bit(answers, bit)

    def grow(
        self, path: Path, output: int, order: Sequence[int], budget: int, check: bool = True
    ) -> int:
        """The literal of one output wire under a path, expanding wires in ``order``.

        At most ``budget`` new subfunctions are made, else OverBudget is raised. What was made
        since the last `commit` can be undone with `rollback`. Without ``check`` speculation is
        not tested: good enough to learn how large a diagram gets.
        """
        self._limit, self._check = len(self.known) + budget, check
        while True:
            try:
                return self._expand(path, output, self.value(path, output, self.probes), order, 0)
            except Separated as found:
                self.learn(found.vectors)

    def commit(self) -> None:
        """Keep every subfunction made so far."""
        self._trial.clear()

    def rollback(self) -> None:
        """Forget the subfunctions made since the last commit (their nodes stay, unused)."""
        for entry in self._trial:
            if self.known.get(entry.signature) is entry:
                del self.known[entry.signature]
        self._trial.clear()

    def learn(self, vectors: Words) -> None:
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
        for i in np.nonzero(right)[0]:
            entries[i].signature += tails[i].tobytes()
            self.known[entries[i].signature] = entries[i]

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

    def _expand(
        self, path: Path, output: int, signature: Bits, order: Sequence[int], start: int
    ) -> int:
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
        place, low, high = self._split(path, output, signature, order, start)
        wire = self.box.input_bits[order[place]]
        literal = self.netlist.node(
            order[place],
            self._expand(path.fix(wire, 0), output, low, order, place + 1),
            self._expand(path.fix(wire, 1), output, high, order, place + 1),
        )
        self.known[key] = Known(path, output, negated, literal ^ negated, key)
        self._trial.append(self.known[key])
        return literal

    def _split(
        self, path: Path, output: int, signature: Bits, order: Sequence[int], start: int
    ) -> tuple[int, Bits, Bits]:
        """The first wire in the order that matters, and the signatures of both cofactors.

        One flip of every probe gives both: each probe already has the wire at one value.
        """
        for place in range(start, len(order)):
            port, bit = self.box.input_bits[order[place]]
            turned = self.probes.copy()
            turned[port] ^= np.uint64(1 << bit)
            flipped = self.value(path, output, turned)
            if not np.array_equal(flipped, signature):
                at_one = _bit(self.probes[port], bit)
                low = np.where(at_one, flipped, signature)
                return place, low, np.where(at_one, signature, flipped)
        raise Separated(self._boundary(path, output, signature))

    def _boundary(self, path: Path, output: int, signature: Bits) -> Words:
        """A vector where a single flip of a wire passed over matters, found on the walk from a
        false probe to a true one; on this path, so that nodes above will see it too."""
        ends = path.apply(self.probes[:, [np.argmin(signature), np.argmax(signature)]])
        here, there = ends[:, 0].copy(), ends[:, 1]
        for port, bit in self.box.input_bits:
            here[port] ^= (here[port] ^ there[port]) & np.uint64(1 << bit)
            if self.value(path, output, here[:, None])[0]:
                break
        return np.repeat(here[:, None], 8, axis=1)

    def _check_leaf(self, path: Path, output: int, constant: bool) -> None:
        if not self._check:
            return
        vectors = path.apply(self._fresh(LEAF_CHECKS))
        self._separate(vectors, self.value(path, output, vectors) ^ constant)

    def _check_merge(self, path: Path, output: int, negated: bool, known: Known) -> None:
        if not self._check:
            return
        vectors = self._fresh(MERGE_CHECKS)
        mine = self.value(path, output, vectors) ^ negated
        self._separate(
            vectors, mine ^ self.value(known.path, known.output, vectors) ^ known.negated
        )

    def _separate(self, vectors: Words, differ: Bits) -> None:
        if differ.any():
            found = np.nonzero(differ)[0]
            raise Separated(vectors[:, np.resize(found, 8)])

    def _fresh(self, count: int) -> Words:
        start = int(self.prober.rng.integers(self.reserve.shape[1] - count))
        return self.reserve[:, start : start + count]


def _bit(words: Words, bit: int) -> Bits:
    result: Bits = ((words >> np.uint64(bit)) & np.uint64(1)).astype(np.bool_)
    return result
