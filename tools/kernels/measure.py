"""Check and time kernels the way a sceptic would.

The evaluator owns the inputs, the reference and the clock: a kernel runs in a process of its
own on shared memory, and its time is that process's CPU time read from outside. Outputs are
poisoned and fenced by canaries, inputs are fresh for every check and hashed around it, the
kernel is checked again after timing on inputs it has never seen at addresses it knows, and a
speed above the roofline is refused.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tools.kernels.c import Array
from tools.kernels.notation import Operator
from tools.kernels.reference import (
    ArraySpec,
    error,
    inputs,
    ordinary,
    poison,
    reference,
    signature,
)

CANARY = 4096  # bytes of fence on both sides of every array
_RAW = {
    "fp32": np.float32,
    "fp16": np.float16,
    "bf16": np.uint16,
    "int8": np.int8,
    "int32": np.int32,
}
# Symbols a kernel may take from outside itself; no BLAS, no clock, no thread of its own making.
_MATHEMATICS = ("exp", "log", "sqrt", "tanh", "erf", "pow", "fmax", "fmin", "floor", "rint")
ALLOWED = frozenset(
    {*_MATHEMATICS, *(f"{name}f" for name in _MATHEMATICS)}
    | {"memcpy", "memset", "memmove", "malloc", "calloc", "aligned_alloc", "free"}
    | {"__tls_get_addr", "__stack_chk_fail"}
    | {"GOMP_parallel", "omp_get_num_threads", "omp_get_thread_num", "__gmon_start__"}
    | {"GOMP_loop_nonmonotonic_dynamic_start", "GOMP_loop_nonmonotonic_dynamic_next"}
    | {"GOMP_loop_end_nowait", "__cxa_finalize"}
    | {"_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable"}
)


class Refused(RuntimeError):
    """A kernel that is wrong or that cheats; the message is the evidence."""


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


def imported_symbols(library: Path) -> frozenset[str]:
    """Undefined symbols of an object file, or dynamic ones of a shared library."""
    kind = [] if library.suffix == ".o" else ["--dynamic"]
    done = subprocess.run(
        ["nm", *kind, "--undefined-only", str(library)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return frozenset(line.split()[-1].split("@")[0] for line in done.stdout.splitlines())


class Arena:
    """Shared memory with ``sets`` independent copies of an operator's arrays, each fenced."""

    def __init__(self, spec: Operator, order: tuple[str, ...], sets: int, folder: Path) -> None:
        self.spec = spec
        self.arrays = {name: signature(spec)[name] for name in order}
        self.path = Path(tempfile.mkstemp(dir=folder, suffix=".mem")[1])
        self.places: list[dict[str, int]] = []
        at = CANARY
        for _ in range(sets):
            place = {}
            for name, a in self.arrays.items():
                place[name] = at
                size = int(np.prod(a.shape)) * np.dtype(_RAW[a.dtype]).itemsize
                at += -(-size // 64) * 64 + CANARY
            self.places.append(place)
        with self.path.open("r+b") as file:
            file.truncate(at)
            self.memory = mmap.mmap(file.fileno(), at)

    def view(self, index: int, name: str) -> Any:
        a = self.arrays[name]
        count = int(np.prod(a.shape))
        flat = np.frombuffer(self.memory, _RAW[a.dtype], count, self.places[index][name])
        return flat.reshape(a.shape)

    def job(self) -> list[list[tuple[tuple[int, ...], str, int]]]:
        """Where everything is, for a worker."""
        return [
            [(a.shape, a.dtype, place[name]) for name, a in self.arrays.items()]
            for place in self.places
        ]

    def fill(self, random: np.random.Generator, scale: float = 1.0) -> None:
        """Fresh inputs, poisoned outputs and new fences everywhere."""
        self.fence = random.bytes(CANARY)
        for index, place in enumerate(self.places):
            values = inputs(self.spec, random, scale)
            for name, a in self.arrays.items():
                self.view(index, name)[...] = _raw(values[name], a)
                self.memory[place[name] - CANARY : place[name]] = self.fence
        self.memory[-CANARY:] = self.fence

    def spoil(self) -> None:
        """Poison all outputs."""
        for index in range(len(self.places)):
            for name, a in self.arrays.items():
                if a.output:
                    self.view(index, name)[...] = _raw(poison(a), a)

    def values(self, index: int) -> dict[str, Any]:
        """Arrays of one set as the reference takes them."""
        return {name: _wide(self.view(index, name), a) for name, a in self.arrays.items()}

    def digest(self, index: int) -> str:
        """Hash of the inputs and the fences of one set."""
        total = hashlib.sha256()
        for name, a in self.arrays.items():
            place = self.places[index][name]
            total.update(self.memory[place - CANARY : place])
            if not a.output:
                total.update(np.ascontiguousarray(self.view(index, name)).tobytes())
        last = place + self.view(index, name).nbytes
        total.update(self.memory[last : last + CANARY])
        return total.hexdigest()


def _raw(values: Any, a: ArraySpec) -> Any:
    if a.dtype == "bf16":
        return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16)
    return values


def _wide(values: Any, a: ArraySpec) -> Any:
    if a.dtype == "bf16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


class Worker:
    """A child process with one kernel or baseline loaded; a context manager."""

    def __init__(self, target: str, arena: Arena, native: bool = True) -> None:
        self.start([sys.executable, "-m", "tools.kernels.worker"])
        job = {"memory": str(arena.path), "sets": arena.job(), "target": target, "native": native}
        self.say(json.dumps(job), "ready")

    def start(self, command: list[str]) -> None:
        """Begin the process that is spoken to."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        # The kernel's CPU clock of that process (see clock_getcpuclockid): nothing the child
        # does to its own clocks, and no thread it starts, escapes it.
        self.clock = (~self.process.pid << 3) | 2

    def say(self, line: str, answer: str) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Refused("the kernel's process ended") from None
        if self.process.stdout.readline().strip() != answer:
            raise Refused("the kernel's process ended or answered out of turn")

    def run(self, first: int, count: int) -> float:
        """Call ``count`` times over the sets from ``first``; CPU seconds of the process."""
        start = time.clock_gettime(self.clock)
        self.say(f"{first} {count}", "done")
        return time.clock_gettime(self.clock) - start

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check saw: the largest error as a share of the largest value, over ``sets`` sets of
    inputs with ``values`` output values altogether.
    """

    error: float
    values: int
    sets: int


def imports(library: Path) -> None:
    """Raises Refused when a library takes symbols that a kernel has no use for."""
    if foreign := imported_symbols(library) - ALLOWED:
        raise Refused(f"the kernel calls {', '.join(sorted(foreign))}")


def check(worker: Worker, arena: Arena, random: np.random.Generator) -> Checked:
    """Run once on fresh inputs of each scale. Raises Refused.

    The kernel runs before the reference is computed, twice, and must agree with itself.
    """
    worst, scales = 0.0, (1.0, 8.0, 0.0)
    for scale in scales:
        arena.fill(random, scale)
        before = arena.digest(0)
        worker.run(0, 1)
        first = {n: arena.view(0, n).copy() for n, a in arena.arrays.items() if a.output}
        worst = max(worst, _judge(arena, 0))
        if arena.digest(0) != before:
            raise Refused("the kernel changed its inputs or wrote outside its outputs")
        arena.spoil()
        worker.run(0, 1)
        if any(arena.view(0, n).tobytes() != v.tobytes() for n, v in first.items()):
            raise Refused("two runs on the same inputs differ")
    values = sum(int(np.prod(a.shape)) for a in arena.arrays.values() if a.output)
    return Checked(worst, values * len(scales), len(scales))


def _judge(arena: Arena, index: int) -> float:
    """Error of a set's outputs over twice the ordinary implementation's own. Raises Refused."""
    values = arena.values(index)
    got = {n: v for n, v in values.items() if arena.arrays[n].output}
    own = ordinary(arena.spec, values)
    worst = 0.0
    for name, want in reference(arena.spec, values).items():
        mine, allowed = error(got[name], want), 2 * error(own[name], want)
        if mine > max(allowed, 1.2e-7):
            raise Refused(f"{name} has error {mine:.3g}; twice the ordinary error is {allowed:.3g}")
        worst = max(worst, mine)
    return worst


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
            worker.run(0, 1)
            _judge(arena, 0)
            once = max(worker.run(0, 2) / 2, 1e-7)
            count = max(2, min(1000, round(0.005 / once)))
            return min(worker.run(0, count) for _ in range(3)) / count


def _check_again(kernel: Worker, arena: Arena, random: np.random.Generator) -> None:
    """New values at addresses the kernel has seen many times."""
    arena.fill(random)
    count = len(arena.places)
    kernel.run(0, count)
    for index in range(min(count, 2)):
        try:
            _judge(arena, index)
        except Refused as problem:
            raise Refused(f"after timing: {problem}") from None


def _sets(spec: Operator, cold: bool) -> int:
    size = sum(int(np.prod(a.shape)) * 4 for a in signature(spec).values())
    return min(max(2, (80 << 20) // size), 64) if cold else 2


def _interleave(kernel: Worker, other: Worker, rounds: int, seconds: float) -> Timing:
    counts = []
    for worker in (kernel, other):
        worker.run(0, 2)
        once = max(worker.run(0, 2) / 2, 1e-7)
        counts.append(max(2, min(2000, round(seconds / once))))
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(kernel.run(0, counts[0]) / counts[0])
        theirs.append(other.run(0, counts[1]) / counts[1])
    return Timing(tuple(mine), tuple(theirs))


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
        int(np.prod(a.shape)) * np.dtype(_RAW[a.dtype]).itemsize for a in signature(spec).values()
    )
