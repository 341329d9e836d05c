"""Run an emitted module on numpy arrays: on a CUDA device, or Triton in its interpreter.

It is the worker's side of a check (``tools.kernels.worker``); the evaluator judges it like any
other kernel. The interpreter shows what a program computes, and nothing of its speed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tools.kernels.arena import Arena, Worker
from tools.kernels.emulated import NoEmulator
from tools.kernels.gpu.cases import compile_kernel, library
from tools.kernels.gpu.emitter import GpuSchedule
from tools.kernels.gpu.persistent import emit_tilelang
from tools.kernels.gpu.triton import emit_triton
from tools.kernels.judge import Checked, check
from tools.kernels.notation import Operator
from tools.kernels.operators import Elementwise, Gemm, Gemv, Rows, gemm_blocked
from tools.kernels.reference import signature
from tools.kernels.space import program
from tools.tl import parse

NEEDS = {
    "triton": ("torch", "triton"),
    "tilelang": ("torch", "tilelang"),
    "persistent": ("torch", "tilelang"),
}
"""Targets and their packages; ``persistent`` is TileLang with a loading warpgroup."""


def triton(path: str) -> Callable[..., None]:
    """A function that runs the Triton module in the file ``path`` on numpy arrays in place."""
    cuda = bool(library("torch").cuda.is_available())
    if not cuda:
        os.environ["TRITON_INTERPRET"] = "1"
    spec = importlib.util.spec_from_file_location("emitted", path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return _on_tensors(loaded.launch, cuda)


def tilelang(path: str) -> Callable[..., None]:
    """The same for the TileLang module in the file ``path``; it needs a Hopper GPU."""
    with contextlib.redirect_stdout(sys.stderr):  # the compiler talks where the worker answers
        kernel = compile_kernel(Path(path).read_text())
    return _on_tensors(kernel, cuda=True)


def _on_tensors(kernel: Callable[..., Any], cuda: bool) -> Callable[..., None]:
    torch = library("torch")

    def run(*arrays: Any) -> None:
        tensors = [torch.from_numpy(a) for a in arrays]
        # numpy has no bf16: the evaluator holds such values as 16 bits.
        tensors = [t.view(torch.bfloat16) if t.dtype == torch.uint16 else t for t in tensors]
        there = [t.cuda() for t in tensors] if cuda else tensors
        kernel(*there)
        for tensor, result in zip(tensors, there, strict=True):
            if cuda:
                tensor.copy_(result)

    return run


def source(spec: Operator, target: str = "triton") -> str:
    """The module of an operator, from the TL that the other emitters take."""
    if isinstance(spec, Gemm):
        code = parse(gemm_blocked(spec, 64, 64, 32))
    else:
        rows = 4 if isinstance(spec, Rows | Elementwise | Gemv) else 64
        code = parse(program(spec, {"bm": rows, "bn": 64}))
    if target == "triton":
        return emit_triton(code)
    roles = target == "persistent"
    return emit_tilelang(code, GpuSchedule(blocks=132 * roles, overlap=roles))


def check_gpu(text: str, spec: Operator, folder: Path, target: str = "triton") -> Checked:
    """Judge a module on this machine's device, or Triton in its interpreter. Raises Refused, and
    NoEmulator without the packages of the target.
    """
    if lacking := [p for p in NEEDS[target] if importlib.util.find_spec(p) is None]:
        raise NoEmulator(f"a {target} check needs the packages {' and '.join(lacking)}")
    path = folder / "emitted.py"
    path.write_text(text)
    arena = Arena(spec, tuple(signature(spec)), 1, folder)
    runner = "triton" if target == "triton" else "tilelang"
    with Worker(f"tools.kernels.gpu.run:{runner} {path}", arena, native=False) as worker:
        return check(worker, arena, np.random.default_rng())
