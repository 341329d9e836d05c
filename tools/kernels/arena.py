"""Shared memory with an operator's arrays, and the process that runs a kernel on it."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tools.kernels.notation import Operator
from tools.kernels.reference import ArraySpec, inputs, poison, signature

CANARY = 4096  # bytes of fence on both sides of every array
RAW = {
    "fp32": np.float32,
    "fp16": np.float16,
    "bf16": np.uint16,
    "int8": np.int8,
    "int32": np.int32,
}


class Refused(RuntimeError):
    """A kernel that is wrong or that cheats; the message is the evidence."""


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
                size = int(np.prod(a.shape)) * np.dtype(RAW[a.dtype]).itemsize
                at += -(-size // 64) * 64 + CANARY
            self.places.append(place)
        with self.path.open("r+b") as file:
            file.truncate(at)
            self.memory = mmap.mmap(file.fileno(), at)

    def view(self, index: int, name: str) -> Any:
        a = self.arrays[name]
        count = int(np.prod(a.shape))
        flat = np.frombuffer(self.memory, RAW[a.dtype], count, self.places[index][name])
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
    """A child process with one kernel or baseline loaded; a context manager.

    The clock of one thread is its process's CPU time, that of several is the wall's; ``used`` is
    how many cores the last of such runs had, by the CPU time it took meanwhile.
    """

    used = 1.0

    def __init__(self, target: str, arena: Arena, native: bool = True, threads: int = 1) -> None:
        self.start([sys.executable, "-m", "tools.kernels.worker"], threads)
        job = {"memory": str(arena.path), "sets": arena.job(), "target": target, "native": native}
        self.say(json.dumps(job), "ready")

    def start(self, command: list[str], threads: int = 1) -> None:
        """Begin the process that is spoken to."""
        self.given = threads
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        environment |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        if threads > 1:
            # Short parallel loops end before the system moves one of two threads off a core.
            environment["OMP_PROC_BIND"] = "true"
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
        """Call ``count`` times over the sets from ``first``; seconds. Raises Refused when more
        threads worked than were given.
        """
        start, cpu = time.perf_counter(), time.clock_gettime(self.clock)
        self.say(f"{first} {count}", "done")
        wall, cpu = time.perf_counter() - start, time.clock_gettime(self.clock) - cpu
        if self.given == 1:
            return cpu
        self.used = cpu / wall
        if self.used > 1.1 * self.given:
            raise Refused(f"{self.used:.1f} cores worked where {self.given} were given")
        self._rest()
        return wall

    def _rest(self) -> None:
        """Wait, a second at most, until threads that spin after their work have gone to sleep:
        they would take the cores of whoever is measured next.
        """
        for _ in range(100):
            before = time.clock_gettime(self.clock)
            time.sleep(0.01)
            if time.clock_gettime(self.clock) - before < 1e-3:
                return

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
