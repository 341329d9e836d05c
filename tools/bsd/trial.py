"""How large a diagram would get in some wire order, found out on few probes without growing it.

The estimate speculates without tests: two subfunctions count as one when a few hundred probes
do not tell them apart. Nodes that other diagrams have already count as free.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.bsd.diagram import PROBES, Bits, Diagrams, OverBudget, Separated, Site
from tools.bsd.path import Path

GLOBAL_PROBES = 512
SITE_PROBES = 128
MOST_RESTARTS = 8


class Trial:
    """Estimates for one site, over the diagrams that are known when it is made."""

    def __init__(self, diagrams: Diagrams, site: Site) -> None:
        self.diagrams, self.path = diagrams, site.path
        few = diagrams.probes[:, :GLOBAL_PROBES]
        learned = diagrams.probes[:, PROBES:][:, -SITE_PROBES:]
        self.probes = np.hstack([few, site.telling[:, :SITE_PROBES], learned])
        self._order: Sequence[int] = ()
        self._limit = 0
        self._known: set[bytes] = set()
        self._seen: set[bytes] = set()
        self._count = 0

    def sizes(self, outputs: Sequence[int], order: Sequence[int], budget: int) -> list[int]:
        """New nodes for the first output wire, the first two, and so on, shared among them.

        Raises OverBudget beyond ``budget`` nodes, or when speculation keeps failing.
        """
        self._order, self._limit = order, budget
        for _ in range(MOST_RESTARTS):
            self._known = self.diagrams.keys(self.probes)
            self._seen.clear()
            self._count = 0
            try:
                return [self._add(output) for output in outputs]
            except Separated as found:
                self.probes = np.hstack([self.probes, found.vectors])
        raise OverBudget

    def _add(self, output: int) -> int:
        top = self.diagrams.value(self.path, output, self.probes)
        self._expand(self.path, output, top, 0)
        return self._count

    def _expand(self, path: Path, output: int, signature: Bits, start: int) -> None:
        key = np.packbits(signature ^ signature[0]).tobytes()
        if not any(key) or key in self._seen or key in self._known:
            return
        if self._count >= self._limit:
            raise OverBudget
        self._count += 1
        order = self._order
        found = self.diagrams.cofactors(path, output, signature, order, start, self.probes)
        if found is None:
            raise Separated(self.diagrams.boundary(path, output, signature, self.probes))
        place, low, high = found
        wire = self.diagrams.box.input_bits[order[place]]
        self._expand(path.fix(wire, 0), output, low, place + 1)
        self._expand(path.fix(wire, 1), output, high, place + 1)
        self._seen.add(key)  # only now: a cofactor is never the same function as what it is of
