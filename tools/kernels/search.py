"""Search over a product of choices: random, hill climbing, and MCTS, at equal budgets.

``evaluate`` gives seconds, or infinity for a point that does not exist or was refused. A prior
weights the choices of an axis given those made before it; a model can supply it, none is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tools.kernels.space import Point, Space

Evaluate = Callable[[Point], float]
Prior = Callable[[Point, str, tuple[int | str, ...]], list[float]]
Method = Callable[[Space, Evaluate, int, int], "Trace"]
"""Search a space within a budget of evaluations, from a seed."""


@dataclass(slots=True)
class Trace:
    """Everything that was tried, in order."""

    tried: list[tuple[Point, float]] = field(default_factory=list)

    @property
    def best(self) -> tuple[Point, float]:
        return min(self.tried, key=lambda pair: pair[1])

    @property
    def curve(self) -> list[float]:
        """Best value after each evaluation."""
        found, low = [], math.inf
        for _, value in self.tried:
            low = min(low, value)
            found.append(low)
        return found


class _Memory:
    """Evaluates each point once and counts only new ones against the budget."""

    def __init__(self, evaluate: Evaluate, budget: int) -> None:
        self.evaluate, self.budget = evaluate, budget
        self.trace = Trace()
        self.known: dict[tuple[int | str, ...], float] = {}
        self.asked = 0

    def __call__(self, point: Point) -> float:
        self.asked += 1
        key = tuple(point.values())
        if key not in self.known:
            self.known[key] = self.evaluate(dict(point))
            self.trace.tried.append((dict(point), self.known[key]))
        return self.known[key]

    def spent(self) -> bool:
        """The budget is used up, or a small space gives nothing new any more."""
        return len(self.trace.tried) >= self.budget or self.asked >= 20 * self.budget


def random_search(space: Space, evaluate: Evaluate, budget: int, seed: int) -> Trace:
    """Independent uniform points; the defaults first."""
    memory, random = _Memory(evaluate, budget), Random(seed)
    memory({axis: choices[0] for axis, choices in space.items()})
    while not memory.spent():
        memory({axis: random.choice(choices) for axis, choices in space.items()})
    return memory.trace


def hill_climb(space: Space, evaluate: Evaluate, budget: int, seed: int) -> Trace:
    """Change one axis at a time, keep what is better, start again at random when stuck."""
    memory, random = _Memory(evaluate, budget), Random(seed)
    here: Point = {axis: choices[0] for axis, choices in space.items()}
    value = memory(here)
    while not memory.spent():
        moves = [(a, c) for a, choices in space.items() for c in choices if c != here[a]]
        random.shuffle(moves)
        for axis, choice in moves:
            there = {**here, axis: choice}
            if memory.spent():
                break
            if (new := memory(there)) < value:
                here, value = there, new
                break
        else:
            here = {axis: random.choice(choices) for axis, choices in space.items()}
            value = memory(here)
    return memory.trace


@dataclass(slots=True)
class _Node:
    visits: int = 0
    reward: float = 0.0
    children: dict[int | str, _Node] = field(default_factory=dict)


def mcts(
    space: Space, evaluate: Evaluate, budget: int, seed: int, prior: Prior | None = None
) -> Trace:
    """UCT with priors (PUCT): one level an axis, rollouts drawn from the prior, reward best over
    value.
    """
    memory, random = _Memory(evaluate, budget), Random(seed)
    root = _Node()
    best = memory({axis: choices[0] for axis, choices in space.items()})
    while not memory.spent():
        path, point = [root], Point()
        node: _Node | None = root
        for axis, choices in space.items():
            weights = prior(point, axis, choices) if prior else [1.0] * len(choices)
            if node is None:
                point[axis] = random.choices(choices, weights)[0]
                continue
            choice = _select(node, choices, weights, random)
            point[axis] = choice
            fresh = choice not in node.children
            child = node.children.setdefault(choice, _Node())
            path.append(child)
            node = None if fresh else child
        value = memory(point)
        best = min(best, value)
        reward = best / value if math.isfinite(value) else 0.0
        for node_ in path:
            node_.visits += 1
            node_.reward += reward
    return memory.trace


def _select(
    node: _Node, choices: tuple[int | str, ...], weights: list[float], random: Random
) -> int | str:
    total = sum(weights)

    def score(pair: tuple[int | str, float]) -> float:
        child = node.children.get(pair[0], _Node())
        mean = child.reward / child.visits if child.visits else 0.5
        share = pair[1] / total * len(choices)
        wide = 0.3 * share * math.sqrt(node.visits + 1) / (1 + child.visits)
        return mean + wide + 1e-6 * random.random()

    return max(zip(choices, weights, strict=True), key=score)[0]


METHODS: dict[str, Method] = {
    "hill": hill_climb,
    "random": random_search,
    "mcts": mcts,
}
