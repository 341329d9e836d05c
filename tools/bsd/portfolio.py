"""Choose a wire order for one output port in one cell by trying a portfolio of recipes.

A recipe is tried on a few output bits under a node budget that doubles twice each time all
recipes fail; the smallest diagram wins. Recipes that won for the same ports are tried first.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.bsd.diagram import Diagrams, OverBudget
from tools.bsd.orders import Recipe, Scan, order, recipes, significance
from tools.bsd.path import Path

SAMPLE_BITS = 4
FIRST_BUDGET = 64


class TooLarge(RuntimeError):
    """No order tried keeps the diagrams within the node budget. The message names them."""


class Portfolio:
    """Grows the diagrams of output ports, remembering which recipes won."""

    def __init__(self, diagrams: Diagrams, budget: int) -> None:
        self.diagrams, self.box, self.budget = diagrams, diagrams.box, budget
        self.wins: dict[Recipe, int] = {}
        self._winners: dict[tuple[int, frozenset[int]], list[Recipe]] = {}

    def grow(self, path: Path, own: Scan, others: Sequence[Scan]) -> list[int]:
        """A literal for each bit of the scanned output port under the path.

        Raises TooLarge when every recipe exceeds the budget.
        """
        weights = significance(self.box, own, others)
        tried = self._candidates(own)
        orders = {recipe: order(self.box, own, weights, recipe) for recipe in tried}
        outputs = self._outputs(own.port)
        sample = self._sample(own, outputs)
        while orders:
            recipe = self._smallest(path, sample, orders, len(own.low))
            wires = orders.pop(recipe) if recipe else []
            if recipe is None:
                break
            try:
                literals = self._all(path, outputs, wires, self.budget)
            except OverBudget:
                continue
            self._remember(own, recipe)
            return literals
        raise TooLarge(
            f"{self.box.name}: output {self.box.outputs[own.port].name} needs more than "
            f"{self.budget} nodes in every order tried: {', '.join(map(str, tried))}"
        )

    def _smallest(
        self, path: Path, sample: Sequence[int], orders: dict[Recipe, list[int]], easy: int
    ) -> Recipe | None:
        """The recipe with the fewest new nodes over the sample; the first with few enough."""
        budget = min(FIRST_BUDGET, self.budget)
        while True:
            best: Recipe | None = None
            limit = budget
            for recipe, wires in orders.items():
                before = len(self.diagrams.known)
                try:
                    self._all(path, sample, wires, limit)
                except OverBudget:
                    continue
                finally:
                    cost = len(self.diagrams.known) - before
                    self.diagrams.rollback()
                best, limit = recipe, cost - 1
                if cost <= easy:
                    return best
            if best or budget >= self.budget:
                return best
            budget = min(4 * budget, self.budget)

    def _all(self, path: Path, outputs: Sequence[int], wires: list[int], budget: int) -> list[int]:
        """Grow several output wires under one shared budget; nothing is kept on OverBudget."""
        end = len(self.diagrams.known) + budget
        try:
            literals = [
                self.diagrams.grow(path, output, wires, end - len(self.diagrams.known))
                for output in outputs
            ]
        except OverBudget:
            self.diagrams.rollback()
            raise
        return literals

    def _candidates(self, own: Scan) -> list[Recipe]:
        known = self._winners.get(self._kind(own), [])
        return known + [r for r in recipes(self.box, own) if r not in known]

    def _kind(self, own: Scan) -> tuple[int, frozenset[int]]:
        return own.port, frozenset(self.box.input_bits[w][0] for w in own.low)

    def _remember(self, own: Scan, recipe: Recipe) -> None:
        self.diagrams.commit()
        self.wins[recipe] = self.wins.get(recipe, 0) + 1
        known = self._winners.setdefault(self._kind(own), [])
        if recipe in known:
            known.remove(recipe)
        known.insert(0, recipe)

    def _outputs(self, port: int) -> list[int]:
        return [i for i, (p, _) in enumerate(self.box.output_bits) if p == port]

    @staticmethod
    def _sample(own: Scan, outputs: Sequence[int]) -> list[int]:
        spread = [(len(own.moving) - 1) * i // (SAMPLE_BITS - 1) for i in range(SAMPLE_BITS)]
        return [outputs[own.moving[i]] for i in sorted(set(spread))] if own.moving else []
