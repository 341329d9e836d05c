"""Which queries to ask: uniform words show little of a carry chain or an equality test.

The top sum bit of a 32-bit adder feels its carry input with probability 2^-31 under uniform
words, so half of all probes are shaped: runs of equal bits inside a random word, small signed
numbers, one-hot and constant words, and words that repeat another port's word, complemented
or with one bit turned over; and a quarter of the shaped words have one bit turned over, which
breaks a run in two. Nothing here knows what the box computes.
"""

from __future__ import annotations

import numpy as np

from tools.bsd.box import Box, Words
from tools.bsd.jit import compiled

KEPT_WORDS = 0.7
RESERVE = 1 << 17


class Prober:
    """A seeded source of query vectors for one box."""

    def __init__(self, box: Box, seed: int) -> None:
        self.box = box
        self.rng = np.random.default_rng(seed)
        self._widths = np.array([p.width for p in box.inputs], dtype=np.uint64)
        names = [p.name for p in box.inputs]
        self._examples = np.array(
            [(names.index(e.port), e.mask, e.match) for e in box.examples], dtype=np.uint64
        ).reshape(-1, 3)
        self.reserve = self.mixed(RESERVE)

    def uniform(self, count: int) -> Words:
        """``count`` vectors of independent wires, shape (ports, count); half of them follow the
        box's example encodings when it has any."""
        vectors = self._words(count)
        _follow(vectors, self._luck(1, count)[0], self._examples)
        return vectors

    def mixed(self, count: int) -> Words:
        """``count`` vectors: half as `uniform`, half shaped, in random places."""
        vectors = self._words(count)
        luck = self._luck(len(vectors) + 2, count)
        _shape(vectors, self._widths, luck)
        _follow(vectors, luck[0] >> np.uint64(32), self._examples)
        return vectors

    def fresh(self, count: int) -> Words:
        """``count`` mixed vectors from a large reserve, which is cheaper than new ones."""
        if count >= RESERVE:
            return self.mixed(count)
        start = int(self.rng.integers(RESERVE - count))
        return self.reserve[:, start : start + count]

    def cross(self, parents: Words, count: int) -> Words:
        """``count`` children of given vectors: most words are one parent's; the others are fresh
        in half of the children, and a second parent's in the other half. In half of all, one
        word has a run of equal bits moved at an end.

        What made a parent telling, two equal words say, half of the children inherit; and some
        inherit what made either parent telling, equal words and a long carry say, or one that
        goes a few bits further or stops a few bits earlier than the parent's.
        """
        first, second = self.rng.integers(parents.shape[1], size=(2, count))
        kept = self.rng.random((len(parents), count), dtype=np.float32) < KEPT_WORDS
        others = np.where(self.rng.random(count) < 0.5, parents[:, second], self.fresh(count))
        children: Words = np.where(kept, parents[:, first], others)
        _stretch(children, self._widths, self._luck(1, count)[0])
        return children

    def _words(self, count: int) -> Words:
        ones = np.array([[p.ones] for p in self.box.inputs], dtype=np.uint64)
        return self._luck(len(ones), count) & ones

    def _luck(self, rows: int, count: int) -> Words:
        return self.rng.integers(0, (1 << 64) - 1, (rows, count), dtype=np.uint64, endpoint=True)


@compiled
def _shape(vectors: Words, widths: Words, luck: Words) -> None:
    """Shape half of the vectors. Row 0 of ``luck`` says which, row 1 what is repeated, and
    one row for each port how its word is shaped."""
    ports, count = vectors.shape
    for n in range(count):
        if luck[0, n] & np.uint64(1):
            continue
        for p in range(ports):
            if widths[p] >= 4:
                own = luck[p + 2, n]
                vectors[p, n] = _shaped(vectors[p, n], widths[p], own)
                if own >> np.uint64(44) & np.uint64(3) == 0:
                    vectors[p, n] ^= np.uint64(1) << ((own >> np.uint64(48)) % widths[p])
        if ports > 1 and luck[1, n] & np.uint64(1):
            _repeat(vectors, widths, luck[1, n] >> np.uint64(1), n)


@compiled
def _shaped(word: np.uint64, width: np.uint64, luck: np.uint64) -> np.uint64:
    """A word with a run of ones (three in ten) or of zeros, or one of four special words."""
    one = np.uint64(1)
    ones = ~np.uint64(0) >> (np.uint64(64) - width)
    kind = luck % np.uint64(10)
    low = (luck >> np.uint64(8)) % width
    length = one + (luck >> np.uint64(20)) % width
    flip = ones if luck >> np.uint64(40) & one else np.uint64(0)
    run = ((ones >> (width - length)) << low) & ones
    if kind < 3:
        return word | run
    if kind < 6:
        return word & ~run
    if kind == 6:
        return run
    if kind == 7:
        return one << low
    small = word >> length if length < width else np.uint64(0)
    return flip if kind == 9 else small ^ flip


@compiled
def _repeat(vectors: Words, widths: Words, luck: np.uint64, n: int) -> None:
    """Repeat one port's word on another: as it is (two in four), complemented, one bit off."""
    one, ports = np.uint64(1), np.uint64(len(widths))
    source = luck % ports
    target = (source + one + (luck >> np.uint64(16)) % (ports - one)) % ports
    word = vectors[source, n]
    kind = luck >> np.uint64(32) & np.uint64(3)
    if kind == 2:
        word = ~word
    elif kind == 3:
        word ^= one << ((luck >> np.uint64(40)) % widths[target])
    vectors[target, n] = word & (~np.uint64(0) >> (np.uint64(64) - widths[target]))


@compiled
def _stretch(vectors: Words, widths: Words, luck: Words) -> None:
    """In half of the vectors copy one bit of one word to a run of bits around it."""
    one = np.uint64(1)
    for n in range(vectors.shape[1]):
        own = luck[n]
        if own & one:
            continue
        p = (own >> np.uint64(8)) % np.uint64(len(widths))
        bit = (own >> np.uint64(16)) % widths[p]
        length = (own >> np.uint64(32)) % widths[p]
        low = bit if own >> np.uint64(48) & one else bit - min(bit, length)
        run = (~np.uint64(0) >> (np.uint64(63) - length)) << low
        run &= ~np.uint64(0) >> (np.uint64(64) - widths[p])
        if vectors[p, n] >> bit & one:
            vectors[p, n] |= run
        else:
            vectors[p, n] &= ~run


@compiled
def _follow(vectors: Words, luck: Words, examples: Words) -> None:
    """Impose a random example on half of the vectors."""
    count = np.uint64(len(examples))
    if count == 0:
        return
    for n in range(vectors.shape[1]):
        chosen = luck[n] % (count + count)
        if chosen < count:
            port, mask, match = examples[chosen]
            vectors[port, n] = (vectors[port, n] & ~mask) | match
