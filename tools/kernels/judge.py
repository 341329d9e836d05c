"""Is a kernel right? Its errors beside the ordinary implementation's, against float64."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.kernels.arena import Arena, Refused, Worker
from tools.kernels.reference import difference, magnitude, ordinary, reference

ENOUGH = 1024  # output values over which errors are compared, where MAX_DRAWS sets give as many
MAX_DRAWS = 256
ROUNDINGS = 2.4e-7  # four of fp32: an error that no order of adding is blamed for
# Symbols a kernel may take from outside itself; no BLAS, no clock, no thread of its own making.
_MATHEMATICS = ("exp", "log", "sqrt", "tanh", "erf", "pow", "fmax", "fmin", "floor", "rint")
_PARALLEL = ("GOMP_parallel", "GOMP_loop_")  # a parallel loop, by the names of any compiler
ALLOWED = frozenset(
    {*_MATHEMATICS, *(f"{name}f" for name in _MATHEMATICS)}
    | {"memcpy", "memset", "memmove", "malloc", "calloc", "aligned_alloc", "free"}
    | {"__tls_get_addr", "__stack_chk_fail"}
    | {"omp_get_num_threads", "omp_get_thread_num", "__gmon_start__", "__cxa_finalize"}
    | {"_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable"}
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check saw: the largest error as a share of the largest value, over ``sets`` sets of
    inputs with ``values`` output values altogether.
    """

    error: float
    values: int
    sets: int


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


def imports(library: Path) -> None:
    """Raises Refused when a library takes symbols that a kernel has no use for."""
    taken = imported_symbols(library) - ALLOWED
    if foreign := [name for name in taken if not name.startswith(_PARALLEL)]:
        raise Refused(f"the kernel calls {', '.join(sorted(foreign))}")


def check(worker: Worker, arena: Arena, random: np.random.Generator) -> Checked:
    """Run on fresh inputs of each scale. Raises Refused.

    The kernel runs before the reference is computed, twice, and must agree with itself.
    """
    worst, scales, draws = 0.0, (1.0, 8.0, 0.0), _draws(arena)
    for scale in scales:
        errors = Errors()
        for _ in range(draws):
            arena.fill(random, scale)
            before = arena.digest(0)
            worker.run(0, 1)
            first = {n: arena.view(0, n).copy() for n, a in arena.arrays.items() if a.output}
            errors.add(arena, 0)
            if arena.digest(0) != before:
                raise Refused("the kernel changed its inputs or wrote outside its outputs")
            arena.spoil()
            worker.run(0, 1)
            if any(arena.view(0, n).tobytes() != v.tobytes() for n, v in first.items()):
                raise Refused("two runs on the same inputs differ")
        worst = max(worst, errors.judge())
    sets = len(scales) * draws
    return Checked(worst, _outputs(arena) * sets, sets)


def _outputs(arena: Arena) -> int:
    """Output values of one set."""
    return sum(int(np.prod(a.shape)) for a in arena.arrays.values() if a.output)


def _draws(arena: Arena) -> int:
    """Sets of inputs that give enough values to compare errors by."""
    return min(MAX_DRAWS, -(-ENOUGH // _outputs(arena)))


class Errors:
    """Errors of a kernel and of the ordinary implementation, over some sets of inputs.

    Rounding errors are luck: on eight sums the ordinary one may be exact, and a right kernel
    that adds in another order looks wrong beside it. So errors, and the largest value that they
    are a share of, are pooled over all sets before they are compared.
    """

    def __init__(self) -> None:
        self.mine: dict[str, float] = {}
        self.own: dict[str, float] = {}
        self.size: dict[str, float] = {}

    def add(self, arena: Arena, index: int) -> None:
        """The outputs of one set."""
        values = arena.values(index)
        own = ordinary(arena.spec, values)
        for name, want in reference(arena.spec, values).items():
            for pool, value in (
                (self.mine, difference(values[name], want)),
                (self.own, difference(own[name], want)),
                (self.size, magnitude(want)),
            ):
                pool[name] = max(pool.get(name, 0.0), value)

    def judge(self) -> float:
        """The kernel's largest error, as a share of the largest value. Raises Refused when it is
        more than twice the ordinary one and more than four roundings.
        """
        worst = 0.0
        for name, size in self.size.items():
            mine = self.mine[name] / max(size, 1e-30)
            allowed = 2 * self.own[name] / max(size, 1e-30)
            if mine > max(allowed, ROUNDINGS):
                raise Refused(
                    f"{name} has error {mine:.3g}; twice the ordinary error is {allowed:.3g}"
                )
            worst = max(worst, mine)
        return worst


def check_values(worker: Worker, arena: Arena, random: np.random.Generator, sets: int) -> None:
    """Run over all places on fresh inputs, and judge the first ``sets``. Raises Refused."""
    errors = Errors()
    for _ in range(-(-_draws(arena) // sets)):
        arena.fill(random)
        worker.run(0, len(arena.places))
        for index in range(sets):
            errors.add(arena, index)
    errors.judge()
