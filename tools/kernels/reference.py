"""Inputs and float64 references of every operator: what a kernel must compute.

The references are written from the definitions, with no blocking and no TL, so that nothing
they share with a program can hide an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.kernels.attention import Attention
from tools.kernels.notation import Operator
from tools.kernels.operators import Conv2d, Elementwise, Gemm, Gemv, Rows
from tools.tl.executor import NUMPY, convert

Array = npt.NDArray[Any]
SQUARE = 32  # rows and columns from which BLAS takes a product for one of matrices


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One argument of a kernel."""

    shape: tuple[int, ...]
    dtype: str
    output: bool = False


def signature(spec: Operator) -> dict[str, ArraySpec]:
    """Arguments of the operator's kernel, inputs before outputs, in calling order."""
    match spec:
        case Gemm():
            out = "int32" if spec.dtype == "int8" else spec.dtype
            b = (spec.n, spec.k) if spec.transposed else (spec.k, spec.n)
            bias = {"Bias": ArraySpec((spec.n,), "fp32")} if spec.bias else {}
            return {
                "A": ArraySpec((spec.batch, spec.m, spec.k), spec.dtype),
                "B": ArraySpec((spec.batch, *b), spec.dtype),
                **bias,
                "C": ArraySpec((spec.batch, spec.m, spec.n), out, True),
            }
        case Gemv(m, k):
            return _fp32({"A": (m, k), "X": (k,)}, {"Y": (m,)})
        case Rows(kind, m, n):
            weights = {"layernorm": "GB", "rmsnorm": "G"}.get(kind, "")
            reduced = kind in ("sum", "max", "mean")
            result: tuple[int, ...] = (m,) if reduced else (m, n)
            given: dict[str, tuple[int, ...]] = {"X": (m, n), **dict.fromkeys(weights, (n,))}
            return _fp32(given, {"Y": result})
        case Elementwise(_, m, n):
            return _fp32({"X": (m, n)}, {"Y": (m, n)})
        case Conv2d():
            taps = (spec.kernel, spec.kernel, spec.ci)
            return _fp32(
                {
                    "X": (spec.batch, spec.height, spec.width, spec.ci),
                    "F": taps if spec.depthwise else (*taps, spec.co),
                },
                {"Y": (spec.batch, spec.out_height, spec.out_width, spec.co)},
            )
        case Attention():
            return _attention_signature(spec)


def _fp32(
    inputs: dict[str, tuple[int, ...]], outputs: dict[str, tuple[int, ...]]
) -> dict[str, ArraySpec]:
    given = {name: ArraySpec(shape, "fp32") for name, shape in inputs.items()}
    return {**given, **{name: ArraySpec(shape, "fp32", True) for name, shape in outputs.items()}}


def _attention_signature(spec: Attention) -> dict[str, ArraySpec]:
    b, h, kind = spec.batch, spec.heads, spec.dtype
    found = {
        "Q": ArraySpec((b, h, spec.queries, spec.width), kind),
        "K": ArraySpec((b, spec.kv_heads, spec.keys, spec.width), kind),
    }
    if not spec.latent:
        found["V"] = ArraySpec((b, spec.kv_heads, spec.keys, spec.value_width), kind)
    found["O"] = ArraySpec((b, h, spec.queries, spec.value_width), kind, True)
    if spec.ragged:
        found["Length"] = ArraySpec((b,), "int32")
    if spec.alibi:
        found["Slope"] = ArraySpec((h,), "fp32")
    if spec.statistics:
        found["L"] = ArraySpec((b, h, spec.queries), "fp32", True)
    return found


def inputs(spec: Operator, random: np.random.Generator, scale: float = 1.0) -> dict[str, Array]:
    """Fresh random inputs, and outputs poisoned with NaN (the lowest number for integers)."""
    return {name: _fill(name, a, spec, random, scale) for name, a in signature(spec).items()}


def _fill(
    name: str, a: ArraySpec, spec: Operator, random: np.random.Generator, scale: float
) -> Array:
    if a.output:
        return poison(a)
    if name == "Length" and isinstance(spec, Attention):
        return random.integers(1, spec.keys + 1, a.shape, np.int32)
    if name == "Slope":
        return random.uniform(0.01, 0.3, a.shape).astype(np.float32)
    if a.dtype == "int8":
        return random.integers(-128, 128, a.shape, np.int8)
    return convert(random.standard_normal(a.shape, np.float32) * np.float32(scale), a.dtype)


def poison(a: ArraySpec) -> Array:
    """An output no kernel has written yet."""
    if a.dtype == "int32":
        return np.full(a.shape, np.iinfo(np.int32).min, np.int32)
    return np.full(a.shape, np.nan, NUMPY[a.dtype])


def reference(spec: Operator, arrays: dict[str, Array]) -> dict[str, Array]:
    """The outputs in float64 (int64 for int8 GEMM)."""
    match spec:
        case Gemm():
            # Sums of int8 products are exact in float64, which BLAS multiplies.
            result = _gemm(spec, arrays, np.float64)
            return {"C": result.astype(np.int64) if spec.dtype == "int8" else result}
        case Gemv():
            return {"Y": arrays["A"].astype(np.float64) @ arrays["X"].astype(np.float64)}
        case Rows():
            return {"Y": _rows(spec, {k: v.astype(np.float64) for k, v in arrays.items()})}
        case Elementwise():
            return {"Y": activation(spec.kind, arrays["X"].astype(np.float64))}
        case Conv2d():
            return {"Y": _conv(spec, arrays["X"].astype(np.float64), arrays["F"])}
        case Attention():
            return attention(spec, arrays)


def ordinary(spec: Operator, arrays: dict[str, Array]) -> dict[str, Array]:
    """The same operator as numpy users write it, in the kernel's own precision.

    Its error against ``reference`` is the measuring rod: a kernel may be twice as wrong.
    """
    match spec:
        case Gemm(dtype="int8"):
            return reference(spec, arrays)
        case Gemm():
            result = _gemm(spec, _square(spec, arrays), np.float32)
            return {"C": convert(result[:, : spec.m, : spec.n], spec.dtype)}
        case Gemv():
            return {"Y": arrays["A"] @ arrays["X"]}
        case Rows():
            return {"Y": _rows(spec, arrays)}
        case Elementwise():
            return {"Y": activation(spec.kind, arrays["X"].astype(np.float64)).astype(np.float32)}
        case Conv2d():
            return {"Y": _conv(spec, arrays["X"], arrays["F"])}
        case Attention():
            single = attention(spec, arrays, np.float32)
            return {k: convert(v, "fp32" if k == "L" else spec.dtype) for k, v in single.items()}


def activation(kind: str, x: Array) -> Array:
    """The named function, in the precision of ``x``."""
    one = x.dtype.type(1)
    if kind == "Gelu":
        vectorize: Any = np.vectorize
        erf = vectorize(math.erf, otypes=[x.dtype])
        return np.asarray(x * (one + erf(x / x.dtype.type(math.sqrt(2)))) / 2)
    with np.errstate(over="ignore"):
        table: dict[str, Callable[[], Any]] = {
            "": lambda: x,
            "Relu": lambda: np.maximum(x, 0),
            "Silu": lambda: x / (one + np.exp(-x)),
            "Tanh": lambda: np.tanh(x),
            "Sigmoid": lambda: one / (one + np.exp(-x)),
            "Exp": lambda: np.exp(x),
        }
        return np.asarray(table[kind]())


def _gemm(spec: Gemm, arrays: dict[str, Array], kind: type[np.generic]) -> Array:
    a, b = arrays["A"].astype(kind), arrays["B"].astype(kind)
    result = a @ (np.ascontiguousarray(b.swapaxes(1, 2)) if spec.transposed else b)
    if spec.bias:
        result = result + arrays["Bias"].astype(kind)
    return activation(spec.activation, result) if spec.activation else result


def _rows(spec: Rows, arrays: dict[str, Array]) -> Array:
    x = arrays["X"]
    match spec.kind:
        case "sum":
            return np.asarray(x.sum(1))
        case "max":
            return np.asarray(x.max(1))
        case "mean":
            return np.asarray(x.mean(1))
        case "softmax":
            e = np.exp(x - x.max(1, keepdims=True))
            return np.asarray(e / e.sum(1, keepdims=True))
        case "layernorm":
            centred = x - x.mean(1, keepdims=True)
            spread = (centred**2).mean(1, keepdims=True)
            return np.asarray(centred / np.sqrt(spread + 1e-5) * arrays["G"] + arrays["B"])
        case _:
            size = (x**2).mean(1, keepdims=True)
            return np.asarray(x / np.sqrt(size + 1e-5) * arrays["G"])


def _square(spec: Gemm, arrays: dict[str, Array]) -> dict[str, Array]:
    """The arrays with rows and columns of zeros, so that BLAS computes a matrix product: thin ones
    it takes for dot products, whose partial sums round less than any matrix kernel's.
    """
    rows, columns = (0, max(0, SQUARE - spec.m)), (0, max(0, SQUARE - spec.n))
    b = ((0, 0), columns, (0, 0)) if spec.transposed else ((0, 0), (0, 0), columns)
    padded = {
        "A": np.pad(arrays["A"], ((0, 0), rows, (0, 0))),
        "B": np.pad(arrays["B"], b),
        "Bias": np.pad(arrays["Bias"], columns) if spec.bias else None,
    }
    return {name: array for name, array in padded.items() if array is not None}


def _conv(spec: Conv2d, x: Array, weights: Array) -> Array:
    pad = ((0, 0), (spec.pad, spec.pad), (spec.pad, spec.pad), (0, 0))
    padded = np.pad(x, pad)
    every = np.lib.stride_tricks.sliding_window_view(padded, (spec.kernel,) * 2, axis=(1, 2))
    windows = every[:, :: spec.stride, :: spec.stride]
    pattern = "nyxcrs,rsc->nyxc" if spec.depthwise else "nyxcrs,rsco->nyxo"
    return np.asarray(np.einsum(pattern, windows, weights.astype(x.dtype), optimize=True))


def attention(
    spec: Attention, arrays: dict[str, Array], kind: type[np.generic] = np.float64
) -> dict[str, Array]:
    """Outputs O (and L) of attention from its definition."""
    weights, top, total = _weights(spec, arrays, kind)
    value = _value(spec, arrays, kind)
    out = np.divide(weights @ value, total, out=np.zeros_like(weights @ value), where=total > 0)
    if not spec.statistics:
        return {"O": out}
    with np.errstate(divide="ignore"):
        return {"O": out, "L": (top + np.log(total))[..., 0]}


def _value(spec: Attention, arrays: dict[str, Array], kind: type[np.generic]) -> Array:
    value = arrays["K"][..., : spec.value_width] if spec.latent else arrays["V"]
    return np.repeat(value, spec.heads // spec.kv_heads, 1).astype(kind)


def _weights(
    spec: Attention, arrays: dict[str, Array], kind: type[np.generic]
) -> tuple[Array, Array, Array]:
    """Unnormalised weights exp(S - row maximum), the maxima and the row sums."""
    query = arrays["Q"].astype(kind)
    key = np.repeat(arrays["K"], spec.heads // spec.kv_heads, 1).astype(kind)
    score = query @ key.swapaxes(2, 3) * np.asarray(spec.scale, kind)
    if spec.softcap:
        cap = np.asarray(spec.softcap, kind)
        score = cap * np.tanh(score / cap)
    row = np.arange(spec.queries)[:, None]
    column = np.arange(spec.keys)[None, :]
    if spec.alibi:
        slope = arrays["Slope"].astype(kind)[None, :, None, None]
        score = score + slope * (column - row).astype(kind)
    score = np.where(_visible(spec, arrays, row, column), score, np.asarray(-np.inf, kind))
    top = score.max(-1, keepdims=True)
    weights = np.exp(score - np.where(np.isneginf(top), np.asarray(0, kind), top))
    return weights, top, weights.sum(-1, keepdims=True)


def _visible(spec: Attention, arrays: dict[str, Array], row: Array, column: Array) -> Array:
    shift = spec.keys - spec.queries
    keep = np.ones((spec.batch, 1, spec.queries, spec.keys), bool)
    if spec.masked:
        keep &= (column <= row + shift) | (column < spec.prefix)
    if spec.window:
        keep &= column > row + shift - spec.window
    if spec.ragged:
        keep &= column < arrays["Length"][:, None, None, None]
    return keep


def attention_gradients(
    spec: Attention, arrays: dict[str, Array], upstream: Array
) -> dict[str, Array]:
    """dQ, dK, dV in float64, by the chain rule on the full score matrix."""
    weights, _, total = _weights(spec, arrays, np.float64)
    p = weights / total
    group = spec.heads // spec.kv_heads
    key, value = (np.repeat(arrays[n], group, 1).astype(np.float64) for n in "KV")
    up = upstream.astype(np.float64)
    dp = up @ value.swapaxes(2, 3)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) * spec.scale
    dk, dv = ds.swapaxes(2, 3) @ arrays["Q"], p.swapaxes(2, 3) @ up
    shape = (spec.batch, spec.kv_heads, group, spec.keys)
    return {
        "dQ": ds @ key,
        "dK": dk.reshape(*shape, spec.width).sum(2),
        "dV": dv.reshape(*shape, spec.value_width).sum(2),
    }


def error(got: Array, want: Array) -> float:
    """Largest absolute difference over the largest reference value; inf where not finite."""
    return difference(got, want) / max(magnitude(want), 1e-30)


def difference(got: Array, want: Array) -> float:
    """Largest absolute difference; inf where not finite."""
    wide = got.astype(np.float64)
    with np.errstate(invalid="ignore"):
        # -inf is right where -inf is wanted
        gap = np.where(wide == want, 0.0, np.abs(wide - want))
    return float(gap.max()) if np.all(np.isfinite(gap)) else math.inf


def magnitude(want: Array) -> float:
    """Largest finite absolute value; 0 where there is none."""
    return float(np.abs(want[np.isfinite(want)]).max(initial=0.0))
