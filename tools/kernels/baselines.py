"""What kernels are measured against: numpy (its OpenBLAS) and torch, called as users would.

Functions take the arguments of the kernel, inputs then outputs, and write the outputs in place.
They run in a worker process, with one thread.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np


def gemm_numpy(a: Any, b: Any, c: Any) -> None:
    """C = A B for a batch of one or more."""
    np.matmul(a, b, out=c)


def gemv_numpy(a: Any, x: Any, y: Any) -> None:
    """y = A x."""
    np.dot(a, x, out=y)


def _torch() -> Any:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    return torch


def gemm_torch(a: Any, b: Any, c: Any) -> None:
    """fp32 through the arrays themselves; bf16 arrives as its bits."""
    torch = _torch()
    x, y, z = (torch.from_numpy(v) for v in (a, b, c))
    if a.dtype == np.uint16:
        x, y, z = (v.view(torch.bfloat16) for v in (x, y, z))
    torch.matmul(x, y, out=z)


def softmax_torch(x: Any, y: Any) -> None:
    """Row softmax."""
    torch = _torch()
    torch.softmax(torch.from_numpy(x), 1, out=torch.from_numpy(y))


def layernorm_torch(x: Any, g: Any, b: Any, y: Any) -> None:
    """Layer norm of rows."""
    torch = _torch()
    x, g, b = (torch.from_numpy(v) for v in (x, g, b))
    torch.native_layer_norm(x, x.shape[1:], g, b, 1e-5, out=_outs(torch, y))


def _outs(torch: Any, y: Any) -> Any:
    statistics = torch.empty((y.shape[0], 1))
    return torch.from_numpy(y), statistics, statistics.clone()


def gelu_torch(x: Any, y: Any) -> None:
    """Exact GELU."""
    torch = _torch()
    torch.ops.aten.gelu.out(torch.from_numpy(x), out=torch.from_numpy(y))


def attention_torch(q: Any, k: Any, v: Any, o: Any) -> None:
    """Full attention; torch has no form that writes into a given output."""
    torch = _torch()
    call = torch.nn.functional.scaled_dot_product_attention
    o[...] = call(*(torch.from_numpy(a) for a in (q, k, v))).numpy()


def attention_causal_torch(q: Any, k: Any, v: Any, o: Any) -> None:
    """Causal attention."""
    torch = _torch()
    call = torch.nn.functional.scaled_dot_product_attention
    o[...] = call(*(torch.from_numpy(a) for a in (q, k, v)), is_causal=True).numpy()
