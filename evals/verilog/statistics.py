"""pass@k and its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt

_Z = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The unbiased estimate (Chen et al., 2021): the chance that some of ``k`` samples is right.

    ValueError when there are fewer than ``k`` samples.
    """
    if not 0 < k <= samples:
        raise ValueError(f"pass@{k} needs at least {k} samples, there are {samples}")
    return 1.0 - comb(samples - correct, k) / comb(samples, k)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Wilson's 95 % interval of the mean of values in 0..1, problems taken as a random sample.

    Exact in spirit for 0 and 1; for averages over several samples it is too wide, never too
    narrow, since their variance is at most that of a single trial. (0, 1) without values.
    """
    n = len(values)
    if n == 0:
        return 0.0, 1.0
    mean = sum(values) / n
    middle = mean + _Z**2 / (2 * n)
    half = _Z * sqrt(mean * (1 - mean) / n + _Z**2 / (4 * n**2))
    return max(0.0, (middle - half) / (1 + _Z**2 / n)), min(1.0, (middle + half) / (1 + _Z**2 / n))
