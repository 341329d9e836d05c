"""What kernels are measured against: numpy (its OpenBLAS) and torch, called as users would.

Functions take the arguments of the kernel, inputs then outputs, and write the outputs in place.
They run in a worker process, with the threads that its environment says. A baseline is named
``module:function``; words of an operator behind the name make it the factory of the function for
that operator.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tools.kernels.notation import Operator, operator
from tools.kernels.operators import Elementwise, Gemm
from tools.kernels.reference import activation, ordinary, signature


def title(name: str) -> str:
    """What a baseline is called in a report."""
    function = name.rpartition(":")[2]
    if function.endswith("_torch"):
        return "torch, one thread"
    if function == "gemm_numpy" or function.startswith(("gemv_numpy", "numpy gemm")):
        return "numpy with its BLAS, one thread"
    return "numpy, one thread"


def numpy(*words: str) -> Callable[..., None]:
    """An operator as numpy users write it: products by BLAS, the rest array by array."""
    spec = operator(list(words))
    match spec:
        case Gemm():
            return _numpy_gemm(spec)
        case Elementwise(kind="Relu" | "Tanh" | "Exp"):
            direct: Any = {"Tanh": np.tanh, "Exp": np.exp, "Relu": _relu}[spec.kind]
            return lambda x, y: direct(x, out=y)
        case Elementwise(kind="Gelu"):
            return lambda x, y: np.copyto(y, _gelu(x))
    return _ordinary(spec)


def _ordinary(spec: Operator) -> Callable[..., None]:
    arrays = signature(spec)

    def call(*given: Any) -> None:
        values = dict(zip(arrays, given, strict=True))
        for name, result in ordinary(spec, values).items():
            values[name][...] = result

    return call


def _numpy_gemm(spec: Gemm) -> Callable[..., None]:
    """bf16 arrives as its bits and is widened; int8 is exact in float64."""

    def call(a: Any, b: Any, *rest: Any) -> None:
        if spec.dtype == "bf16":
            a, b = ((x.astype(np.uint32) << 16).view(np.float32) for x in (a, b))
        elif spec.dtype == "int8":
            a, b = a.astype(np.float64), b.astype(np.float64)
        right = b.swapaxes(1, 2) if spec.transposed else b
        place = rest[-1] if spec.dtype == "fp32" else None
        result = np.matmul(a, right, out=place)
        if spec.bias:
            result += rest[0]
        if spec.activation:
            gelu = spec.activation == "Gelu"
            result = _gelu(result) if gelu else activation(spec.activation, result)
        if spec.dtype == "bf16":
            result = (result.view(np.uint32) >> 16).astype(np.uint16)
        rest[-1][...] = result

    return call


def _relu(x: Any, out: Any) -> None:
    np.maximum(x, 0, out=out)


def _gelu(x: Any) -> Any:
    """The tanh form: numpy has no error function."""
    inner = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
    return np.float32(0.5) * x * (np.float32(1) + np.tanh(inner))


def gemm_numpy(a: Any, b: Any, c: Any) -> None:
    """C = A B for a batch of one or more."""
    np.matmul(a, b, out=c)


def gemv_numpy(a: Any, x: Any, y: Any) -> None:
    """y = A x."""
    np.dot(a, x, out=y)


def _torch() -> Any:
    torch = importlib.import_module("torch")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return torch


def gemm_torch(a: Any, b: Any, c: Any) -> None:
    """fp32 through the arrays themselves; bf16 arrives as its bits; int8 into int32."""
    torch = _torch()
    x, y, z = (torch.from_numpy(v) for v in (a, b, c))
    if a.dtype == np.uint16:
        x, y, z = (v.view(torch.bfloat16) for v in (x, y, z))
    if len(a) == 1:
        x, y, z = x[0], y[0], z[0]
    multiply = torch._int_mm if a.dtype == np.int8 else torch.matmul
    multiply(x, y, out=z)


def softmax_torch(x: Any, y: Any) -> None:
    """Row softmax."""
    torch = _torch()
    torch.softmax(torch.from_numpy(x), 1, out=torch.from_numpy(y))


def layernorm_torch(x: Any, g: Any, b: Any, y: Any) -> None:
    """Layer norm of rows."""
    torch = _torch()
    x, g, b = (torch.from_numpy(v) for v in (x, g, b))
    mean, deviation = (torch.empty((y.shape[0], 1)) for _ in range(2))
    torch.ops.aten.native_layer_norm.out(
        *(x, x.shape[1:], g, b, 1e-5),
        out0=torch.from_numpy(y),
        out1=mean,
        out2=deviation,
    )


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
