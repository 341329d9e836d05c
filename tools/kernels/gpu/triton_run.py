"""Run an emitted Triton module on numpy arrays: on a CUDA device, or in Triton's interpreter.

It is the worker's side of a check (``tools.kernels.worker``); the evaluator judges it like any
other kernel. The interpreter shows what a program computes, and nothing of its speed.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tools.kernels.emulated import NoEmulator
from tools.kernels.gpu.cases import library
from tools.kernels.gpu.triton import emit_triton
from tools.kernels.measure import Arena, Checked, Worker, check
from tools.kernels.notation import Operator
from tools.kernels.operators import Elementwise, Gemm, Gemv, Rows, gemm_blocked
from tools.kernels.reference import signature
from tools.kernels.space import program
from tools.tl import parse


def module(path: str) -> Callable[..., None]:
    """A function that runs the module in the file ``path`` on numpy arrays, outputs in place."""
    torch = library("torch")
    cuda = bool(torch.cuda.is_available())
    if not cuda:
        os.environ["TRITON_INTERPRET"] = "1"
    spec = importlib.util.spec_from_file_location("emitted", path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)

    def run(*arrays: Any) -> None:
        tensors = [torch.from_numpy(a) for a in arrays]
        there = [t.cuda() for t in tensors] if cuda else tensors
        loaded.launch(*there)
        for tensor, result in zip(tensors, there, strict=True):
            if cuda:
                tensor.copy_(result)

    return run


def source(spec: Operator, block: tuple[int, int, int] = (64, 64, 32)) -> str:
    """The Triton module of an operator, from the TL that the other emitters take."""
    if isinstance(spec, Gemm):
        return emit_triton(parse(gemm_blocked(spec, *block)))
    rows = 4 if isinstance(spec, Rows | Elementwise | Gemv) else block[0]
    return emit_triton(parse(program(spec, {"bm": rows, "bn": block[1]})))


def check_triton(text: str, spec: Operator, folder: Path) -> Checked:
    """Judge a module on this machine's device, or in the interpreter. Raises Refused, and
    NoEmulator without torch and triton.
    """
    if lacking := [p for p in ("torch", "triton") if importlib.util.find_spec(p) is None]:
        raise NoEmulator(f"a Triton check needs the packages {' and '.join(lacking)}")
    path = folder / "emitted.py"
    path.write_text(text)
    arena = Arena(spec, tuple(signature(spec)), 1, folder)
    with Worker(f"tools.kernels.gpu.triton_run:module {path}", arena, native=False) as worker:
        return check(worker, arena, np.random.default_rng())
