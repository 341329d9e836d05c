"""Find a fast kernel for an operator on this machine, and measure it against a baseline."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from tools.kernels.arena import Refused
from tools.kernels.attention import Attention
from tools.kernels.c import CompileError, Unsupported, build
from tools.kernels.card import Card
from tools.kernels.measure import Timing, evaluate, quick, roofline
from tools.kernels.notation import Operator, words_of
from tools.kernels.operators import Elementwise, Gemm, Gemv, Rows
from tools.kernels.search import METHODS, Trace
from tools.kernels.space import Point, kernel, space
from tools.tl import TLError

_HERE = "tools.kernels.baselines"
FINALISTS, TURNS = 4, 3


@dataclass(frozen=True, slots=True)
class Tuned:
    """A checked kernel: its point, TL Code, C, and the timing against ``baseline``."""

    spec: Operator
    point: Point
    tl: str
    code: str
    baseline: str
    timing: Timing
    trace: Trace

    def record(self) -> dict[str, Any]:
        """Everything measured, as JSON-serialisable data."""
        return {
            "operator": type(self.spec).__name__,
            "spec": asdict(self.spec),
            "point": self.point,
            "baseline": self.baseline,
            "gflops": self.spec.flops / self.timing.seconds / 1e9,
            **self.timing.record(),
            "evaluations": len(self.trace.tried),
        }


def baseline(spec: Operator) -> str:
    """The function an operator is compared with: torch's where there is one and torch is
    installed, else numpy's.
    """
    if isinstance(spec, Gemm) and spec == Gemm(spec.m, spec.n, spec.k, batch=spec.batch):
        return f"{_HERE}:gemm_numpy"
    if isinstance(spec, Gemv):
        return f"{_HERE}:gemv_numpy"
    name = _torch_function(spec) if find_spec("torch") else ""
    return f"{_HERE}:{name}" if name else f"{_HERE}:numpy {' '.join(words_of(spec))}"


def _torch_function(spec: Operator) -> str:
    """The torch baseline of an operator; empty where there is none."""
    match spec:
        case Gemm(dtype="bf16", transposed=False, bias=False, activation=""):
            return "gemm_torch"
        case Gemm(dtype="int8", transposed=False, batch=1):
            return "gemm_torch"
        case Rows(kind="softmax" | "layernorm"):
            return f"{spec.kind}_torch"
        case Elementwise(kind="Gelu"):
            return "gelu_torch"
        case Attention():
            plain = Attention(
                *(spec.batch, spec.heads, spec.heads, spec.queries, spec.keys),
                *(spec.width, spec.value_width),
                causal=spec.causal,
            )
            if spec == plain:
                return f"attention{'_causal' * spec.causal}_torch"
    return ""


def cold(spec: Operator) -> bool:
    """Whether an operator is limited by memory, and so is measured out of cache."""
    return isinstance(spec, Rows | Elementwise | Gemv)


def finalists(trace: Trace, seconds: Callable[[Point], float]) -> list[Point]:
    """The best points, looked at again in turns: one quick time may be luck."""
    tried = sorted(trace.tried, key=lambda pair: pair[1])[:FINALISTS]
    best = [point for point, value in tried if math.isfinite(value)]
    again = [[seconds(point) for point in best] for _ in range(TURNS)]
    order = sorted(range(len(best)), key=lambda n: median(turn[n] for turn in again))
    return [best[n] for n in order]


def tune(
    spec: Operator,
    card: Card,
    folder: Path,
    budget: int,
    seed: int = 0,
    method: str = "hill",
    threads: int = 1,
) -> Tuned:
    """Search, then the full evaluation of the best point, with ``threads`` for both sides.

    A quick look ranks points, a longer one the best of them; should the first be refused by the
    full evaluation, the next one is tried. Raises Refused when none passes.
    """

    def seconds(point: Point) -> float:
        try:
            _, source = kernel(spec, point, card)
            library = build(source, folder)
            return quick(spec, library, source.arguments, cold(spec), threads)
        except (TLError, Unsupported, CompileError, Refused):
            return math.inf

    trace = METHODS[method](space(spec, card, threads), seconds, budget, seed)
    limits = roofline(spec, card, threads)
    reason = "no point compiled"
    for point in finalists(trace, seconds):
        text, source = kernel(spec, point, card)
        library = build(source, folder)
        try:
            timing = evaluate(
                *(spec, library, source.arguments, baseline(spec), limits),
                cold=cold(spec),
                threads=threads,
            )
        except Refused as problem:
            reason = str(problem)
            continue
        return Tuned(spec, point, text, source.text, baseline(spec), timing, trace)
    raise Refused(reason)
