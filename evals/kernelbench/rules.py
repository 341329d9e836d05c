"""When is an answer right? The benchmark's own rule, and a stricter one.

An answer and a model are callables from tensors to one tensor; ``draw`` gives inputs for a seed.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]
Draw = Callable[[int], list[Any]]

TOLERANCE = 1e-4  # of fp32, absolute and relative, in KernelBench's eval
TRIALS = 5  # as its scripts ask for
SETS = (("own", 1.0), ("own", 1.0), ("normal", 1.0), ("normal", 8.0), ("normal", 1 / 16))
"""Inputs of the strict rule: the problem's own kind or standard normal numbers, and their scale."""
ROUNDINGS = 2.4e-7  # four of fp32, as in tools.kernels.judge


class Wrong(ValueError):
    """The answer is not right; the message is the evidence."""


def _torch() -> Any:
    return importlib.import_module("torch")


def official(model: Function, answer: Function, draw: Draw, trials: int = TRIALS) -> None:
    """KernelBench's rule: the model first, then the answer on the same inputs; shapes agree and
    torch.allclose with 1e-4, for ``trials`` seeds drawn from 42. Raises Wrong.
    """
    torch = _torch()
    torch.manual_seed(42)
    seeds = [int(torch.randint(0, 2**32 - 1, (1,))) for _ in range(trials)]
    for seed in seeds:
        inputs = draw(seed)
        want, got = model(*inputs), answer(*inputs)
        if want.shape != got.shape:
            raise Wrong(f"shape {tuple(got.shape)} where {tuple(want.shape)} is wanted")
        if not torch.allclose(want, got, atol=TOLERANCE, rtol=TOLERANCE):
            raise Wrong(f"differs by {float((want - got).abs().max()):.3g}")


def strict(model: Function, wide: Function, answer: Function, draw: Draw, seed: int) -> float:
    """The answer's largest error over the largest value, from float64 (``wide`` is the model
    there). Raises Wrong when it is above twice torch's own and above four roundings, over sets
    with signs and scales; when the answer changes its inputs, leaves poison, disagrees with
    itself; and when an answer that does no work would pass as well.

    The answer runs first, on copies, so that there is nothing to copy its result from.
    """
    worst, pool = 0.0, _Dummies()
    for at, (kind, scale) in enumerate(SETS):
        inputs = _scaled(draw(seed + at), kind, scale, seed + at)
        got = _careful(answer, inputs, twice=at in (0, 3))
        want = wide(*[_double(v) for v in inputs])
        if not bool(want.isfinite().all()):
            continue  # outside the function's domain
        if got.shape != want.shape or got.dtype != _torch().float32:
            raise Wrong(f"{got.dtype} of shape {tuple(got.shape)}")
        own = error(model(*inputs), want)
        mine = error(got, want)
        allowed = max(2 * own, ROUNDINGS)
        if not mine <= allowed:
            what = f"{kind} inputs times {scale:g}"
            raise Wrong(f"error {mine:.3g} where {allowed:.3g} is allowed ({what})")
        pool.add(want, allowed)
        worst = max(worst, mine)
    pool.judge()
    return worst


def error(got: Any, want: Any) -> float:
    """Largest difference over the largest value, inf where not finite; ``want`` is float64."""
    if not bool(got.isfinite().all()):
        return math.inf
    top = float(want.abs().max()) if want.numel() else 0.0
    gap = got.double()
    gap -= want
    return float(gap.abs_().max()) / max(top, 1e-30)


def _double(value: Any) -> Any:
    floats = hasattr(value, "is_floating_point") and value.is_floating_point()
    return value.double() if floats else value


def _scaled(inputs: list[Any], kind: str, scale: float, seed: int) -> list[Any]:
    """The inputs, their numbers as drawn or replaced by normal ones, times ``scale``."""
    torch = _torch()
    torch.manual_seed(seed + 7919)
    found = []
    for value in inputs:
        if not hasattr(value, "is_floating_point") or not value.is_floating_point():
            found.append(value)
            continue
        fresh = torch.randn_like(value) if kind == "normal" else value
        found.append(fresh.mul_(scale) if scale != 1.0 else fresh)
    return found


def _careful(answer: Function, inputs: list[Any], twice: bool) -> Any:
    """The answer's result, with memory poisoned before and inputs compared after."""
    copies = [v.clone() if hasattr(v, "clone") else v for v in inputs]
    got = answer(*copies).clone()
    if twice:
        # Memory of this size that the allocator gives next has NaN in it.
        poison = _torch().full_like(got, math.nan)
        del poison
        if not _torch().equal(answer(*copies), got) and bool(got.isfinite().all()):
            raise Wrong("two runs on the same inputs differ")
    for copy, value in zip(copies, inputs, strict=True):
        if hasattr(value, "clone") and not _torch().equal(copy, value):
            raise Wrong("the answer changed its inputs")
    return got


class _Dummies:
    """Answers that do no work: zeros, one constant, what an earlier set was answered with. Where
    one of them passes on every set, the problem shows nothing.
    """

    def __init__(self) -> None:
        self.first: Any = None
        self.passing = {"zero": True, "a constant": True, "an earlier answer": True}
        self.sets = 0

    def add(self, want: Any, allowed: float) -> None:
        self.sets += 1
        zero = _torch().zeros((), dtype=want.dtype, device=want.device)
        tries = {"zero": zero, "a constant": want.mean()}
        if self.first is not None:
            tries["an earlier answer"] = self.first
        else:
            self.first = want.float()
        top = max(float(want.abs().max()), 1e-30)
        if want.numel() == 1:  # its mean is no constant but the answer
            tries["a constant"] = zero
        for name, value in tries.items():
            gap = float((want - value).abs_().max()) / top
            self.passing[name] &= gap <= allowed

    def judge(self) -> None:
        if not self.sets:
            raise Wrong("float64 gives no finite answer on any set")
        for name, passes in self.passing.items():
            if passes and (self.sets > 1 or name != "an earlier answer"):
                raise Wrong(f"the problem is void: {name} would pass")
