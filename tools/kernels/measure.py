"""Check and time kernels the way a sceptic would.

The evaluator owns the inputs, the reference and the clock: a kernel runs in a process of its
own on shared memory, and its time is that process's CPU time read from outside. Outputs are
poisoned and fenced by canaries, inputs are fresh for every check and hashed around it, the
kernel is checked again after timing on inputs it has never seen at addresses it knows, and a
speed above the roofline is refused.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.kernels.arena import RAW, Arena, Refused, Worker
from tools.kernels.c import Array
from tools.kernels.judge import check, check_values, imports
from tools.kernels.notation import Operator
from tools.kernels.reference import signature

MAX_CALLS = 1 << 16


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU seconds a call, all samples; ``ratio`` is the median of baseline over kernel."""

    kernel: tuple[float, ...]
    baseline: tuple[float, ...]

    @property
    def seconds(self) -> float:
        return statistics.median(self.kernel)

    @property
    def ratio(self) -> float:
        """How many times faster than the baseline: the median over interleaved pairs."""
        return statistics.median(b / k for k, b in zip(self.kernel, self.baseline, strict=True))


@dataclass(frozen=True, slots=True)
class Roofline:
    """Ceilings of one core: floating-point operations and bytes a second."""

    flops: float
    bytes: float


def evaluate(
    spec: Operator,
    library: Path,
    arguments: tuple[Array, ...],
    baseline: str,
    roofline: Roofline,
    rounds: int = 9,
    seconds: float = 0.02,
    cold: bool = False,
) -> Timing:
    """Check a kernel, time it interleaved with a baseline, and check it again.

    ``baseline`` is ``module:function``; ``cold`` rotates over more memory than the last cache
    holds. Raises Refused when any check fails.
    """
    imports(library)
    random = np.random.default_rng()
    order = tuple(a.name for a in arguments)
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(spec, order, _sets(spec, cold), Path(folder))
        arena.fill(random)
        with Worker(str(library), arena) as kernel, Worker(baseline, arena, False) as other:
            check(kernel, arena, random)
            threads = kernel.threads()
            arena.fill(random)
            timing = _interleave(kernel, other, rounds, seconds)
            if kernel.threads() > threads:
                raise Refused("the kernel left threads behind")
            _check_again(kernel, arena, random)
    _below(spec, timing, roofline, cold)
    return timing


def quick(spec: Operator, library: Path, arguments: tuple[Array, ...], cold: bool) -> float:
    """One check and the best of three short timings, in seconds: enough to rank points."""
    random = np.random.default_rng()
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(spec, tuple(a.name for a in arguments), _sets(spec, cold), Path(folder))
        arena.fill(random)
        with Worker(str(library), arena) as worker:
            check_values(worker, arena, random, 1)
            count = _calls(worker, 0.005)
            return min(worker.run(0, count) for _ in range(3)) / count


def _check_again(kernel: Worker, arena: Arena, random: np.random.Generator) -> None:
    """New values at addresses the kernel has seen many times."""
    try:
        check_values(kernel, arena, random, min(len(arena.places), 2))
    except Refused as problem:
        raise Refused(f"after timing: {problem}") from None


def _sets(spec: Operator, cold: bool) -> int:
    size = sum(int(np.prod(a.shape)) * 4 for a in signature(spec).values())
    return min(max(2, (80 << 20) // size), 64) if cold else 2


def _interleave(kernel: Worker, other: Worker, rounds: int, seconds: float) -> Timing:
    counts = [_calls(worker, seconds) for worker in (kernel, other)]
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(kernel.run(0, counts[0]) / counts[0])
        theirs.append(other.run(0, counts[1]) / counts[1])
    return Timing(tuple(mine), tuple(theirs))


def _calls(worker: Worker, seconds: float) -> int:
    """How many calls take about ``seconds``, found by growing numbers of them.

    The first calls, which meet cold caches and fresh pages, are not counted.
    """
    worker.run(0, 2)
    count = 2
    while (spent := worker.run(0, count)) < seconds / 4 and count < MAX_CALLS:
        count *= 4
    return max(2, min(MAX_CALLS, round(count * seconds / max(spent, 1e-9))))


def _below(spec: Operator, timing: Timing, roofline: Roofline, cold: bool) -> None:
    rate = spec.flops / min(timing.kernel)
    if rate > 1.05 * roofline.flops * dot_gain(spec):
        raise Refused(f"{rate / 1e9:.0f} GFLOP/s is above the roofline of this core")
    if cold and traffic(spec) / min(timing.kernel) > 1.1 * roofline.bytes:
        raise Refused("more bytes a second than the memory delivers")


def dot_gain(spec: Operator) -> int:
    """How many times the fp32 peak the dot instructions of an operator's type reach."""
    return {"bf16": 2, "int8": 4}.get(getattr(spec, "dtype", "fp32"), 1)


def traffic(spec: Operator) -> int:
    """Bytes that any kernel must move: every array once."""
    return sum(
        int(np.prod(a.shape)) * np.dtype(RAW[a.dtype]).itemsize for a in signature(spec).values()
    )
