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
        self.wire: list[int] = [-1]
        self.low: list[int] = [FALSE]
        self.high: list[int] = [FALSE]
        self._made: dict[tuple[int, int, int], int] = {}

    def __len__(self) -> int:
        return len(self.wire) - 1

    def node(self, wire: int, low: int, high: int) -> int:
        """The literal of ``wire ? high : low``; an existing node is reused."""
        if low == high:
            return low
        negate = high & 1
        key = (wire, low ^ negate, high ^ negate)
        if key not in self._made:
            self._made[key] = len(self.wire)
            self.wire.append(wire)
            self.low.append(key[1])
            self.high.append(key[2])
        return 2 * self._made[key] + negate

    def reachable(self, roots: Iterable[int]) -> list[int]:
        """Nodes under the given literals, children first, without the constant."""
        seen: set[int] = {0}
        stack = [literal >> 1 for literal in roots]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += (self.low[node] >> 1, self.high[node] >> 1)
        return sorted(seen - {0})

    def simulate(self, planes: Words, literals: Sequence[int]) -> Words:
        """Values of ``literals`` over bit planes.

        ``planes[w]`` holds input wire ``w``, 64 queries to a word; the result has one row of
        the same length per literal.
        """
        nodes = self.reachable(literals)
        place = np.zeros(len(self.wire), dtype=np.int64)
        place[nodes] = np.arange(1, len(nodes) + 1)
        low, high = np.array(self.low, np.int64)[nodes], np.array(self.high, np.int64)[nodes]
        roots = np.array(literals, dtype=np.int64)
        return _simulate(
            np.array(self.wire, np.int64)[nodes],
            2 * place[low >> 1] + (low & 1),
            2 * place[high >> 1] + (high & 1),
            2 * place[roots >> 1] + (roots & 1),
            planes,
        )


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
