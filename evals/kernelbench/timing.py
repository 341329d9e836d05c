"""Time an answer and eager torch in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.kernels.gpu.cases import cold_ms

WARM, MOST = 2, 100  # KernelBench times 100 calls; so do we where ``seconds`` allow
TICKS = 0.02  # seconds that a timing on a CPU takes at least


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of every call, in turns."""

    ours: tuple[float, ...]
    torch: tuple[float, ...]

    @property
    def mean_ratio(self) -> float:
        """KernelBench's speedup: mean over mean."""
        return statistics.fmean(self.torch) / statistics.fmean(self.ours)

    @property
    def ratio(self) -> float:
        """The median over pairs of torch's time over ours."""
        return statistics.median(t / o for o, t in zip(self.ours, self.torch, strict=True))


def measure(
    answer: Callable[[], Any], model: Callable[[], Any], device: str, seconds: float
) -> Timing:
    """At least three and at most 100 pairs, as many as ``seconds`` hold."""
    one = cold_ms if device == "cuda" else _processor
    for call in (answer, model) * WARM:
        one(call)
    ours: list[float] = []
    theirs: list[float] = []
    start = time.monotonic()
    while len(ours) < 3 or (len(ours) < MOST and time.monotonic() - start < seconds):
        ours.append(one(answer))
        theirs.append(one(model))
    return Timing(tuple(ours), tuple(theirs))


def _processor(call: Callable[[], Any]) -> float:
    """CPU time of the process, where other work on the machine does not count; its clock ticks
    slowly, so short calls are repeated.
    """
    start, count = time.process_time(), 0
    while (spent := time.process_time() - start) < TICKS:
        call()
        count += 1
    return spent / count * 1e3
