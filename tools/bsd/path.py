"""A partial assignment of input wires: where in a decision diagram a function lives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.bsd.box import Box, Words


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """``mask`` marks the fixed wires of each port, ``value`` holds what they are fixed to."""

    mask: Words
    value: Words

    @staticmethod
    def free(box: Box) -> Path:
        """The path that fixes nothing."""
        zero = np.zeros(len(box.inputs), dtype=np.uint64)
        return Path(zero, zero)

    def fix(self, wire: tuple[int, int], bit: int) -> Path:
        """This path with one more wire, given as (port, bit), fixed."""
        port, place = wire
        mask, value = self.mask.copy(), self.value.copy()
        mask[port] |= np.uint64(1 << place)
        value[port] |= np.uint64(bit << place)
        return Path(mask, value)

    def fixes(self, wire: tuple[int, int]) -> bool:
        """Whether the wire is fixed."""
        return bool(int(self.mask[wire[0]]) >> wire[1] & 1)

    def apply(self, vectors: Words) -> Words:
        """The vectors with this path's wires overwritten."""
        result: Words = (vectors & ~self.mask[:, None]) | self.value[:, None]
        return result
