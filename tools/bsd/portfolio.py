"""Choose a wire order for one output port in one cell by trying a portfolio of recipes.

A recipe is tried on a few output bits under a node budget that doubles twice each time all
recipes fail; the smallest diagram, extrapolated to all bits, wins. Recipes that won for the same
ports are tried first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from tools.bsd.diagram import Diagrams, OverBudget, Site
from tools.bsd.orders import Recipe, Scan, order, recipes, significance
from tools.bsd.path import Path
from tools.bsd.trial import Trial

SAMPLE_BITS = 4
FIRST_BUDGET = 64
NEARLY = 1.25
LINEAR = 6
MODEST = 8


class TooLarge(RuntimeError):
    """No order tried keeps the diagrams within the node budget. The message names them."""


@dataclass(frozen=True, slots=True)
class Grown:
    """One output port's diagrams: a literal for each bit, the order, how many nodes are new."""

    literals: list[int]
    wires: Sequence[int]
    new: int


class Portfolio:
    """Grows the diagrams of output ports, remembering which recipes won and at what size."""

    def __init__(self, diagrams: Diagrams, budget: int) -> None:
        self.diagrams, self.box, self.budget = diagrams, diagrams.box, budget
        self.wins: dict[Recipe, int] = {}
        self._sizes: dict[tuple[int, frozenset[int]], dict[Recipe, float]] = {}

    def grow(self, site: Site, own: Scan, others: Sequence[Scan]) -> Grown:
        """Diagrams for each bit of the scanned output port at a site.

        Best first: a recipe waits at the least size that it may still turn out to have, is
        estimated when its turn comes and grown when its turn comes again. Raises TooLarge when
        every recipe exceeds the budget.
        """
        weights, tried = significance(self.box, own, others), self._candidates(own)
        won = self._sizes.setdefault(self._kind(own), {})
        linear = LINEAR * len(own.low)
        first = max(FIRST_BUDGET, linear)
        queue = [
            (float(r.is_fallback and MODEST * len(own.low)), place, False)
            for place, r in enumerate(tried)
        ]
        least = self.budget
        while queue:
            size, place, estimated = heappop(queue)
            recipe = tried[place]
            wires = self._free(site.path, order(self.box, own, weights, recipe))
            budget = min(int(2 * size) + first, self.budget)
            if not estimated:
                budget = min(budget, least)
                found = self._estimate(Trial(self.diagrams, site), own, wires, budget)
                least = int(min(least, found))
                good = found <= max(linear, NEARLY * won.get(recipe, 0))
                size = 0.0 if good else found
            elif grown := self.grow_in(site, own.port, wires, budget):
                self.wins[recipe] = self.wins.get(recipe, 0) + 1
                won[recipe] = max(grown.new, won.pop(recipe, 0))
                return grown
            else:
                size, least = math.inf, self.budget
            if size < math.inf:
                heappush(queue, (size, place, True))
            elif budget < self.budget:
                heappush(queue, (budget + 1.0, place, estimated))
        raise TooLarge(
            f"{self.box.name}: output {self.box.outputs[own.port].name} needs more than "
            f"{self.budget} nodes in every order tried: {', '.join(map(str, tried))}"
        )

    def grow_in(self, site: Site, port: int, wires: Sequence[int], budget: int) -> Grown | None:
        """Diagrams for each bit of an output port in one order; None beyond the budget."""
        before = len(self.diagrams.known)
        end = before + budget
        literals = []
        try:
            for output in self._outputs(port):
                left = end - len(self.diagrams.known)
                literals.append(self.diagrams.grow(site, output, wires, left))
        except OverBudget:
            self.diagrams.rollback()
            return None
        self.diagrams.commit()
        return Grown(literals, wires, len(self.diagrams.known) - before)

    def _free(self, path: Path, wires: list[int]) -> list[int]:
        return [w for w in wires if not path.fixes(self.box.input_bits[w])]

    def _estimate(self, trial: Trial, own: Scan, wires: list[int], budget: int) -> float:
        """New nodes for the whole port in this order, extrapolated from a few of its bits, the
        highest first: what later ones add, the bits left out will add too. Infinite when the
        few alone exceed the budget."""
        sample = self._sample(own)
        if not sample:
            return 0.0
        try:
            sizes = trial.sizes(sample, wires, budget)
        except OverBudget:
            return math.inf
        first, total = sizes[0], sizes[-1]
        return first + (total - first) * (len(own.moving) - 1) / max(1, len(sample) - 1)

    def _candidates(self, own: Scan) -> list[Recipe]:
        """All recipes; those that won before for these ports first, the latest winner first."""
        known = list(reversed(self._sizes.get(self._kind(own), {})))
        return known + [r for r in recipes(self.box, own) if r not in known]

    def _kind(self, own: Scan) -> tuple[int, frozenset[int]]:
        return own.port, frozenset(self.box.input_bits[w][0] for w in own.low)

    def _outputs(self, port: int) -> list[int]:
        return [i for i, (p, _) in enumerate(self.box.output_bits) if p == port]

    def _sample(self, own: Scan) -> list[int]:
        outputs = self._outputs(own.port)
        spread = [(len(own.moving) - 1) * i // (SAMPLE_BITS - 1) for i in range(SAMPLE_BITS)]
        return [outputs[own.moving[i]] for i in sorted(set(spread))[::-1]] if own.moving else []
