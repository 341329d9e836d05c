"""Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

RANK = 60
"""The constant of the paper: how little it matters to be first rather than second."""


def fuse(rankings: Sequence[tuple[float, Sequence[int]]]) -> list[tuple[int, float]]:
    """Merge weighted rankings to ``(id, score)``, best first; of equals the smaller id."""
    scores: dict[int, float] = defaultdict(float)
    for weight, ranking in rankings:
        for rank, id_ in enumerate(ranking, 1):
            scores[id_] += weight / (RANK + rank)
    return sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))
