"""What a problem came to, and fast_p over many: no torch here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

THRESHOLDS = (0.0, 0.8, 1.0, 1.5, 2.0)
UNTRIED = ("unsupported", "too large here")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One problem. ``status`` is ``ran``, ``unsupported``, ``too large here`` or ``failed`` with
    its ``reason``; a rule's word is empty when the answer is right. Ratios are torch's time over
    ours: ``mean_ratio`` of means, as KernelBench takes it, ``ratio`` the median of pairs.
    """

    level: int
    number: int
    name: str
    status: str
    reason: str = ""
    stages: tuple[str, ...] = ()
    official: str = ""
    strict: str = ""
    error: float | None = None
    mean_ratio: float | None = None
    ratio: float | None = None
    ours_ms: float | None = None
    torch_ms: float | None = None
    pairs: int = 0
    seconds: float = 0.0

    @classmethod
    def read(cls, record: dict[str, Any]) -> Outcome:
        return cls(**{**record, "stages": tuple(record["stages"])})

    def record(self) -> dict[str, Any]:
        return asdict(self)

    def speed(self, rule: str) -> float | None:
        """The ratio that a rule takes; None when it says wrong, or nothing ran."""
        if self.status != "ran" or getattr(self, rule):
            return None
        return self.mean_ratio if rule == "official" else self.ratio


def fast_p(speeds: Sequence[float | None], p: float, count: int) -> float:
    """The share of ``count`` problems whose answer is right and more than ``p`` times as fast as
    torch; ``speeds`` are None for those that are not right.
    """
    return sum(s is not None and s > p for s in speeds) / count if count else 0.0


def geometric_mean(speeds: Sequence[float | None]) -> float | None:
    """Of the right answers' ratios; None where there are none."""
    right = [s for s in speeds if s]
    return math.exp(sum(map(math.log, right)) / len(right)) if right else None
