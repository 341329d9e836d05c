"""Which queries to ask: uniform words show little of a carry chain or an equality test.

The top sum bit of a 32-bit adder feels its carry input with probability 2^-31 under uniform
words, so half of all probes are shaped: runs of equal bits inside a random word, small signed
numbers, one-hot and constant words, and words that repeat another port's word, complemented
or with one bit turned over. Nothing here knows what the box computes.
"""

from __future__ import annotations

import numpy as np

from tools.bsd.box import Box, Encoding, Port, Words


class Prober:
    """A seeded source of query vectors for one box."""

    def __init__(self, box: Box, seed: int) -> None:
        self.box = box
        self.rng = np.random.default_rng(seed)

    def uniform(self, count: int) -> Words:
        """``count`` vectors of independent wires, shape (ports, count); half of them follow the
        box's example encodings when it has any."""
        vectors = np.stack([self._uniform(p, count) for p in self.box.inputs])
        self._follow_examples(vectors)
        return vectors

    def mixed(self, count: int) -> Words:
        """``count`` vectors: half as `uniform`, half shaped, in random places."""
        shaped = np.stack([self._shaped(p, count) for p in self.box.inputs])
        self._correlate(shaped)
        self._follow_examples(shaped)
        return np.where(self.rng.random(count) < 0.5, shaped, self.uniform(count))

    def neighbours(self, vector: Words, count: int) -> Words:
        """``count`` copies of one vector (shape (ports,)), each with one or two bits flipped."""
        copies = np.repeat(vector[:, None], count, axis=1)
        bits = np.array(self.box.input_bits)
        for _ in range(2):
            picked = bits[self.rng.integers(len(bits), size=count)]
            flip = np.left_shift(np.uint64(1), picked[:, 1].astype(np.uint64))
            copies[picked[:, 0], np.arange(count)] ^= flip
        return copies

    def _uniform(self, port: Port, count: int) -> Words:
        return self.rng.integers(0, port.ones, count, dtype=np.uint64, endpoint=True)

    def _shaped(self, port: Port, count: int) -> Words:
        word = self._uniform(port, count)
        if port.width < 4:
            return word
        one, ones = np.uint64(1), np.uint64(port.ones)
        low = self.rng.integers(0, port.width, count, dtype=np.uint64)
        length = self.rng.integers(1, port.width + 1, count, dtype=np.uint64)
        run = ((ones >> (np.uint64(port.width) - length)) << low) & ones
        small = word >> length if port.width > 1 else word
        flip = np.where(self.rng.random(count) < 0.5, np.uint64(0), ones)
        constant = flip
        kinds = [word | run, word & ~run, run, one << low, small ^ flip, constant]
        weights = [0.3, 0.3, 0.1, 0.1, 0.1, 0.1]
        kind = self.rng.choice(len(kinds), size=count, p=weights)
        return np.choose(kind, kinds) & ones

    def _correlate(self, vectors: Words) -> None:
        """Make about half of the vectors repeat one port's word on another port."""
        ports, count = vectors.shape
        if ports < 2:
            return
        index = np.flatnonzero(self.rng.random((count,)) < 0.5)
        source = self.rng.integers(ports, size=len(index))
        target = (source + self.rng.integers(1, ports, size=len(index))) % ports
        word = vectors[source, index]
        widths = np.array([p.width for p in self.box.inputs], dtype=np.uint64)
        bit = self.rng.integers(0, widths[target], dtype=np.uint64)
        kind = self.rng.integers(4, size=len(index))
        word = np.choose(kind, [word, word, ~word, word ^ (np.uint64(1) << bit)])
        ones = np.array([p.ones for p in self.box.inputs], dtype=np.uint64)
        vectors[target, index] = word & ones[target]

    def _follow_examples(self, vectors: Words) -> None:
        examples = self.box.examples
        if not examples:
            return
        count = vectors.shape[1]
        chosen = self.rng.integers(2 * len(examples), size=count)
        names = [p.name for p in self.box.inputs]
        for i, example in enumerate(examples):
            row = names.index(example.port)
            self._impose(vectors, row, np.flatnonzero(np.equal(chosen, i)), example)

    @staticmethod
    def _impose(vectors: Words, row: int, index: np.ndarray, example: Encoding) -> None:
        mask, match = np.uint64(example.mask), np.uint64(example.match)
        vectors[row, index] = (vectors[row, index] & ~mask) | match
