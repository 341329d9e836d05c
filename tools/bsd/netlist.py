"""Decision nodes, shared by structure and simulated 64 queries to a word.

A *literal* is ``2 * node + negated``. Node 0 is constant false, so literal 0 is false and
literal 1 is true. Every other node is a multiplexer: ``wire ? high : low``. The high edge of a
stored node is never negated (the usual rule for complement edges), so a function and its
complement share one node and equal structures are equal literals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tools.bsd.box import Box, Words
from tools.bsd.jit import compiled

FALSE, TRUE = 0, 1
CHUNK_WORDS = 64

Ints = npt.NDArray[np.int64]


class Netlist:
    """An append-only store of decision nodes over a box's input wires."""

    def __init__(self) -> None:
        self._table = np.zeros((3, 1024), dtype=np.int64)
        self._table[0, 0] = -1
        self._size = 1
        self._made: dict[tuple[int, int, int], int] = {}

    def __len__(self) -> int:
        return self._size - 1

    @property
    def wire(self) -> Ints:
        """The wire that each node decides on; -1 for the constant."""
        return self._table[0, : self._size]

    @property
    def low(self) -> Ints:
        """Each node's literal for wire 0."""
        return self._table[1, : self._size]

    @property
    def high(self) -> Ints:
        """Each node's literal for wire 1."""
        return self._table[2, : self._size]

    def node(self, wire: int, low: int, high: int) -> int:
        """The literal of ``wire ? high : low``; an existing node is reused."""
        if low == high:
            return low
        negate = high & 1
        key = (wire, low ^ negate, high ^ negate)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._append(key)
        return 2 * made + negate

    def _append(self, key: tuple[int, int, int]) -> int:
        if self._size == self._table.shape[1]:
            self._table = np.hstack([self._table, np.zeros_like(self._table)])
        self._table[:, self._size] = key
        self._size += 1
        return self._size - 1

    def reachable(self, roots: Iterable[int]) -> Ints:
        """Nodes under the given literals, children first, without the constant."""
        used = np.zeros(self._size, dtype=np.bool_)
        used[[literal >> 1 for literal in roots]] = True
        _mark(self.low, self.high, used)
        return np.flatnonzero(used[1:]) + 1

    def simulate(self, planes: Words, literals: Sequence[int]) -> Words:
        """Values of ``literals`` over bit planes.

        ``planes[w]`` holds input wire ``w``, 64 queries to a word; the result has one row of
        the same length per literal.
        """
        nodes = self.reachable(literals)
        place = np.zeros(self._size, dtype=np.int64)
        place[nodes] = np.arange(1, len(nodes) + 1)
        low, high = self.low[nodes], self.high[nodes]
        roots = np.array(literals, dtype=np.int64)
        return _simulate(
            self.wire[nodes],
            2 * place[low >> 1] + (low & 1),
            2 * place[high >> 1] + (high & 1),
            2 * place[roots >> 1] + (roots & 1),
            planes,
        )


@compiled
def _mark(low: Ints, high: Ints, used: npt.NDArray[np.bool_]) -> None:
    """Mark what marked nodes use; a node's children come before it."""
    for n in range(len(used) - 1, 0, -1):
        if used[n]:
            used[low[n] >> 1] = True
            used[high[n] >> 1] = True


@compiled
def _simulate(wire: Ints, low: Ints, high: Ints, roots: Ints, planes: Words) -> Words:
    """Sixty-four-word chunks at a time, so that all node values stay in the cache."""
    words = planes.shape[1]
    result = np.empty((len(roots), words), dtype=np.uint64)
    values = np.zeros((len(wire) + 1, CHUNK_WORDS), dtype=np.uint64)
    ones = ~np.uint64(0)
    for start in range(0, words, CHUNK_WORDS):
        size = min(CHUNK_WORDS, words - start)
        for n in range(len(wire)):
            flip = ones if low[n] & 1 else np.uint64(0)
            below, above = values[low[n] >> 1], values[high[n] >> 1]
            select, here = planes[wire[n]], values[n + 1]
            for w in range(size):
                a = below[w] ^ flip
                here[w] = a ^ (select[start + w] & (a ^ above[w]))
        for r in range(len(roots)):
            flip = ones if roots[r] & 1 else np.uint64(0)
            source = values[roots[r] >> 1]
            for w in range(size):
                result[r, start + w] = source[w] ^ flip
    return result


def input_planes(box: Box, vectors: Words) -> Words:
    """Vectors of shape (ports, queries) as bit planes (wires, words); the tail is padded."""
    return _planes(vectors, [p.width for p in box.inputs])


def output_planes(box: Box, answers: Words) -> Words:
    """Answers of shape (ports, queries) as bit planes (wires, words)."""
    return _planes(answers, [p.width for p in box.outputs])


def _planes(rows: Words, widths: Sequence[int]) -> Words:
    count = rows.shape[1]
    padded = np.zeros((rows.shape[0], -(-count // 64) * 64), dtype="<u8")
    padded[:, :count] = rows
    parts = []
    for row, width in zip(padded, widths, strict=True):
        bits = np.unpackbits(row.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        parts.append(np.packbits(bits[:, :width].T, axis=1, bitorder="little"))
    return np.ascontiguousarray(np.vstack(parts)).view(np.uint64)
