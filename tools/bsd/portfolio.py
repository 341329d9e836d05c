"""Choose a wire order for one output port in one cell by trying a portfolio of recipes.

A recipe is tried on a few output bits under a node budget that doubles twice each time all
recipes fail; the smallest diagram, extrapolated to all bits, wins. Recipes that won for the same
ports are tried first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tools.bsd.diagram import Diagrams, OverBudget
from tools.bsd.orders import Recipe, Scan, order, recipes, significance
from tools.bsd.path import Path

SAMPLE_BITS = 4
FIRST_BUDGET = 64
NEARLY = 1.25
LINEAR = 4
MODEST = 8


class TooLarge(RuntimeError):
    """No order tried keeps the diagrams within the node budget. The message names them."""


class Portfolio:
    """Grows the diagrams of output ports, remembering which recipes won and at what size."""

    def __init__(self, diagrams: Diagrams, budget: int) -> None:
        self.diagrams, self.box, self.budget = diagrams, diagrams.box, budget
        self.wins: dict[Recipe, int] = {}
        self._sizes: dict[tuple[int, frozenset[int]], dict[Recipe, float]] = {}

    def grow(self, path: Path, own: Scan, others: Sequence[Scan]) -> list[int]:
        """A literal for each bit of the scanned output port under the path.

        Raises TooLarge when every recipe exceeds the budget.
        """
        weights = significance(self.box, own, others)
        tried = self._candidates(own)
        orders = {recipe: order(self.box, own, weights, recipe) for recipe in tried}
        while recipe := self._smallest(path, own, orders):
            wires = orders.pop(recipe)
            try:
                literals = self._grow_all(path, self._outputs(own.port), wires, self.budget)
            except OverBudget:
                self.diagrams.rollback()
                continue
            self.diagrams.commit()
            self.wins[recipe] = self.wins.get(recipe, 0) + 1
            return literals
        raise TooLarge(
            f"{self.box.name}: output {self.box.outputs[own.port].name} needs more than "
            f"{self.budget} nodes in every order tried: {', '.join(map(str, tried))}"
        )

    def _smallest(self, path: Path, own: Scan, orders: dict[Recipe, list[int]]) -> Recipe | None:
        """The recipe with the smallest estimate; or the first that is linear in the inputs, or
        about as small as when it won before."""
        sizes = self._sizes.setdefault(self._kind(own), {})
        linear, modest = LINEAR * len(own.low), MODEST * len(own.low)
        budget = min(FIRST_BUDGET, self.budget)
        while True:
            best, least = None, float(self.budget)
            for recipe, wires in orders.items():
                if recipe.is_fallback and min(least, budget) <= modest:
                    break
                size = self._estimate(path, own, wires, min(budget, int(least)))
                if size < least:
                    best, least = recipe, size
                if size <= max(linear, NEARLY * sizes.get(recipe, 0)):
                    break
            if best:
                sizes[best] = max(least, sizes.pop(best, 0))
                return best
            if budget >= self.budget:
                return None
            budget = min(4 * budget, self.budget)

    def _estimate(self, path: Path, own: Scan, wires: list[int], budget: int) -> float:
        """New nodes for the whole port in this order, extrapolated from a few of its bits, the
        highest first: what later ones add, the bits left out will add too. Infinite when the
        few alone exceed the budget."""
        before = len(self.diagrams.known)
        sample = self._sample(own)
        try:
            self._grow_all(path, sample[:1], wires, budget, check=False)
            first = len(self.diagrams.known) - before
            self._grow_all(path, sample[1:], wires, budget - first, check=False)
            more = len(self.diagrams.known) - before - first
        except OverBudget:
            return math.inf
        finally:
            self.diagrams.rollback()
        return first + more * (len(own.moving) - 1) / max(1, len(sample) - 1)

    def _grow_all(
        self, path: Path, outputs: Sequence[int], wires: list[int], budget: int, check: bool = True
    ) -> list[int]:
        """Grow several output wires under one shared budget."""
        end = len(self.diagrams.known) + budget
        return [
            self.diagrams.grow(path, output, wires, end - len(self.diagrams.known), check)
            for output in outputs
        ]

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
