"""Check and time kernels the way a sceptic would.

The evaluator owns the inputs, the reference and the clock: a kernel runs in a process of its
own on shared memory, and its time is that process's CPU time read from outside (with several
threads the wall's time, and the CPU time says how many cores they had). Outputs are
poisoned and fenced by canaries, inputs are fresh for every check and hashed around it, the
kernel is checked again after timing on inputs it has never seen at addresses it knows, and a
speed above the roofline is refused.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.kernels.arena import RAW, Arena, Refused, Worker
from tools.kernels.c import ISAS, Array
from tools.kernels.card import Card
from tools.kernels.judge import check, check_values, imports
from tools.kernels.notation import Operator
from tools.kernels.reference import signature

MAX_CALLS = 1 << 16


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a call, all samples: of CPU for one thread, of the wall for several.

    ``cores`` are those that kernel and baseline had in each round, where there are several
    ``threads``; ``stolen`` the seconds that the hypervisor took from this machine meanwhile.
    """

    kernel: tuple[float, ...]
    baseline: tuple[float, ...]
    threads: int = 1
    cores: tuple[tuple[float, float], ...] = ()
    stolen: float = 0.0

    @property
    def seconds(self) -> float:
        return statistics.median(self.kernel)

    @property
    def ratio(self) -> float:
        """How many times faster than the baseline: the median over interleaved pairs."""
        return statistics.median(b / k for k, b in zip(self.kernel, self.baseline, strict=True))

    @property
    def starved(self) -> bool:
        """Whether kernel or baseline had less than nine tenths of its cores: others worked there,
        or it did not keep them busy. Such a ratio says little.
        """
        sides = zip(*self.cores, strict=True)
        return any(statistics.median(side) < 0.9 * self.threads for side in sides)

    def record(self) -> dict[str, Any]:
        """The samples, and what several threads had, as JSON-serialisable data."""
        samples = {"seconds": self.kernel, "baseline_seconds": self.baseline, "ratio": self.ratio}
        if self.threads == 1:
            return samples
        shared = {"threads": self.threads, "cores": self.cores, "stolen": self.stolen}
        return samples | shared | {"starved": self.starved}


@dataclass(frozen=True, slots=True)
class Roofline:
    """Ceilings: operations of the element type, and bytes, a second."""

    flops: float
    bytes: float


def roofline(spec: Operator, card: Card, threads: int = 1) -> Roofline:
    """Ceilings of an operator on some cores of a machine."""
    return Roofline(threads * card.flops * dot_gain(spec, card.isa), threads * card.bytes)


def evaluate(
    spec: Operator,
    library: Path,
    arguments: tuple[Array, ...],
    baseline: str,
    limits: Roofline,
    rounds: int = 9,
    seconds: float = 0.02,
    cold: bool = False,
    threads: int = 1,
) -> Timing:
    """Check a kernel, time it interleaved with a baseline, and check it again.

    ``baseline`` is ``module:function``; ``cold`` rotates over more memory than the last cache
    holds; ``threads`` are for each of the two. Raises Refused when any check fails.
    """
    imports(library)
    random = np.random.default_rng()
    order = tuple(a.name for a in arguments)
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(spec, order, _sets(spec, cold), Path(folder))
        arena.fill(random)
        with (
            Worker(str(library), arena, True, threads) as kernel,
            Worker(baseline, arena, False, threads) as other,
        ):
            before = kernel.threads()
            check(kernel, arena, random)
            alive = kernel.threads()
            if threads > 1 and alive - before >= threads:
                raise Refused(f"the kernel made {alive - before + 1} threads of {threads}")
            arena.fill(random)
            timing = _interleave(kernel, other, rounds, seconds)
            if kernel.threads() > alive:
                raise Refused("the kernel left threads behind")
            _check_again(kernel, arena, random)
    _below(spec, timing, limits, cold)
    return timing


def quick(
    spec: Operator, library: Path, arguments: tuple[Array, ...], cold: bool, threads: int = 1
) -> float:
    """One check and the best of three short timings, in seconds: enough to rank points."""
    random = np.random.default_rng()
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(spec, tuple(a.name for a in arguments), _sets(spec, cold), Path(folder))
        arena.fill(random)
        with Worker(str(library), arena, True, threads) as worker:
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
    mine, theirs, cores = [], [], []
    stolen = stolen_seconds()
    for _ in range(rounds):
        mine.append(kernel.run(0, counts[0]) / counts[0])
        theirs.append(other.run(0, counts[1]) / counts[1])
        cores.append((kernel.used, other.used))
    stolen = stolen_seconds() - stolen
    return Timing(tuple(mine), tuple(theirs), kernel.given, tuple(cores), stolen)


def stolen_seconds() -> float:
    """Seconds that a hypervisor has taken from this machine's processors; 0 where nobody says."""
    path = Path("/proc/stat")
    words = path.read_text().split("\n", 1)[0].split() if path.exists() else []
    return int(words[8]) / os.sysconf("SC_CLK_TCK") if len(words) > 8 else 0.0


def _calls(worker: Worker, seconds: float) -> int:
    """How many calls take about ``seconds``, found by growing numbers of them.

    The first calls, which meet cold caches and fresh pages, are not counted.
    """
    worker.run(0, 2)
    count = 2
    while (spent := worker.run(0, count)) < seconds / 4 and count < MAX_CALLS:
        count *= 4
    return max(2, min(MAX_CALLS, round(count * seconds / max(spent, 1e-9))))


def _below(spec: Operator, timing: Timing, limits: Roofline, cold: bool) -> None:
    rate = spec.flops / min(timing.kernel)
    if rate > 1.05 * limits.flops:
        raise Refused(f"{rate / 1e9:.0f} GFLOP/s is above the roofline")
    if cold and traffic(spec) / min(timing.kernel) > 1.1 * limits.bytes:
        raise Refused("more bytes a second than the memory delivers")


def dot_gain(spec: Operator, isa: str) -> int:
    """How many times the fp32 peak a target's instructions for an operator's type reach: dot
    products, or products of tiles, which do the work of eight.
    """
    dtype = getattr(spec, "dtype", "fp32")
    tiles = 8 if ISAS[isa].tiles(dtype) else 1
    return {"bf16": 2, "int8": 4}.get(dtype, 1) * tiles


def traffic(spec: Operator) -> int:
    """Bytes that any kernel must move: every array once."""
    return sum(
        int(np.prod(a.shape)) * np.dtype(RAW[a.dtype]).itemsize for a in signature(spec).values()
    )
