"""Functions of one number as TL statements that change a tile in place.

What TL lacks is written from what it has: a clamp is a maximum with a filled tile, Mish comes
from exp by tanh(log(1 + e)) = (e^2 + 2e) / (e^2 + 2e + 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable

Fresh = Callable[[], str]
"""Gives the name of a new tile."""

DIRECT = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "silu": "Silu",
    "exp": "Exp",
    "log": "Log",
    "square": "Square",
    "rsqrt": "Rsqrt",
    "reciprocal": "Reciprocal",
}
_SELU = (1.6732632423543772, 1.0507009873554805)


class NoFunction(ValueError):
    """TL has no statements for it; the message says for what."""


def number(value: float) -> str:
    """A constant as TL writes it."""
    return repr(float(value))


def scale(x: str, value: float) -> str:
    return f"Compute Scale {x} {number(value)}"


def offset(x: str, value: float) -> str:
    return f"Compute Offset {x} {number(value)}"


def at_least(x: str, low: float, fresh: Fresh) -> list[str]:
    t = fresh()
    return [f"Compute Fill {t} {number(low)}", f"Compute Maximum {x}, {t}"]


def at_most(x: str, high: float, fresh: Fresh) -> list[str]:
    return [scale(x, -1), *at_least(x, -high, fresh), scale(x, -1)]


def clamp(x: str, low: float | None, high: float | None, fresh: Fresh) -> list[str]:
    """min(max(x, low), high); a bound that is None does not bind."""
    lines = [] if low is None else at_least(x, low, fresh)
    return lines if high is None else [*lines, *at_most(x, high, fresh)]


def absolute(x: str, fresh: Fresh) -> list[str]:
    t = fresh()
    return [f"Compute Scale {x} -1.0 and get {t}", f"Compute Maximum {x}, {t}"]


def function(name: str, x: str, fresh: Fresh, values: dict[str, float | None]) -> list[str]:
    """Statements that turn the tile ``x`` into ``name`` of it. Raises NoFunction."""
    if name in DIRECT:
        return [f"Compute {DIRECT[name]} {x}"]
    if name not in _WRITTEN:
        raise NoFunction(f"no TL for {name}")
    return _WRITTEN[name](x, fresh, {k: v for k, v in values.items() if v is not None})


def _leaky_relu(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    slope, t = v.get("negative_slope", 0.01), fresh()
    if not 0 <= slope <= 1:
        raise NoFunction("leaky_relu with a slope outside [0, 1]")
    return [f"Compute Scale {x} {number(slope)} and get {t}", f"Compute Maximum {x}, {t}"]


def _gelu_tanh(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    t = fresh()
    return [
        f"Compute Square {x} and get {t}",
        scale(t, 0.044715 * math.sqrt(2 / math.pi)),
        offset(t, math.sqrt(2 / math.pi)),
        f"Compute Multiply {t}, {x}",
        *(f"Compute Tanh {t}", offset(t, 1), scale(t, 0.5), f"Compute Multiply {x}, {t}"),
    ]


def _mish(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    e, t = fresh(), fresh()
    return [
        # Above 20 the factor is 1 in fp32, and exp must not overflow.
        *(f"Compute Scale {x} 1.0 and get {e}", *at_most(e, 20, fresh), f"Compute Exp {e}"),
        *(f"Compute Offset {e} 2.0 and get {t}", f"Compute Multiply {e}, {t}"),
        *(f"Compute Offset {e} 2.0 and get {t}", f"Compute Reciprocal {t}"),
        *(f"Compute Multiply {e}, {t}", f"Compute Multiply {x}, {e}"),
    ]


def _softplus(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    if v.get("beta", 1) != 1 or v.get("threshold", 20) != 20:
        raise NoFunction("softplus with beta or threshold")
    t = fresh()
    return [
        *(f"Compute Scale {x} 1.0 and get {t}", *absolute(t, fresh), scale(t, -1)),
        *(f"Compute Exp {t}", offset(t, 1), f"Compute Log {t}"),
        *(f"Compute Relu {x}", f"Compute Add {x}, {t}"),
    ]


def _softsign(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    t = fresh()
    lines = [f"Compute Scale {x} 1.0 and get {t}", *absolute(t, fresh), offset(t, 1)]
    return [*lines, f"Compute Reciprocal {t}", f"Compute Multiply {x}, {t}"]


def _hardsigmoid(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    return [scale(x, 1 / 6), offset(x, 0.5), *clamp(x, 0, 1, fresh)]


def _hardswish(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    t = fresh()
    copy = f"Compute Scale {x} 1.0 and get {t}"
    return [copy, *_hardsigmoid(t, fresh, {}), f"Compute Multiply {x}, {t}"]


def _elu(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    t = fresh()
    return [
        *(f"Compute Scale {x} 1.0 and get {t}", *at_most(t, 0, fresh), f"Compute Exp {t}"),
        *(offset(t, -1), scale(t, v.get("alpha", 1.0))),
        *(f"Compute Relu {x}", f"Compute Add {x}, {t}"),
    ]


def _selu(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    return [*_elu(x, fresh, {"alpha": _SELU[0]}), scale(x, _SELU[1])]


def _hardtanh(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    return clamp(x, v.get("min_val", -1.0), v.get("max_val", 1.0), fresh)


def _clamp(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    return clamp(x, v.get("min"), v.get("max"), fresh)


def _abs(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    return absolute(x, fresh)


def _gelu(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    return [f"Compute Gelu {x}"]


def _neg(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    return [scale(x, -1)]


def _pow(x: str, fresh: Fresh, v: dict[str, float]) -> list[str]:
    if v["exponent"] == 2:
        return [f"Compute Square {x}"]
    if v["exponent"] != 3:
        raise NoFunction(f"pow with exponent {v['exponent']}")
    t = fresh()
    return [f"Compute Square {x} and get {t}", f"Compute Multiply {x}, {t}"]


_WRITTEN: dict[str, Callable[[str, Fresh, dict[str, float]], list[str]]] = {
    "abs": _abs,
    "neg": _neg,
    "pow": _pow,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "leaky_relu": _leaky_relu,
    "mish": _mish,
    "softplus": _softplus,
    "softsign": _softsign,
    "hardsigmoid": _hardsigmoid,
    "hardswish": _hardswish,
    "hardtanh": _hardtanh,
    "clamp": _clamp,
    "elu": _elu,
    "selu": _selu,
}

ARGUMENTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys([*DIRECT, *_WRITTEN], ()),
    "leaky_relu": ("negative_slope",),
    "softplus": ("beta", "threshold"),
    "hardtanh": ("min_val", "max_val"),
    "clamp": ("min", "max"),
    "elu": ("alpha",),
    "pow": ("exponent",),
}
"""Functions that can be written, and the names of what follows the tensor in a call."""
