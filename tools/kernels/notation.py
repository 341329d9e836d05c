"""The short notation of operators: ``gemm m=512 n=512 k=512``, read and written."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from typing import Any

from tools.kernels.attention import Attention
from tools.kernels.operators import Conv2d, Elementwise, Gemm, Gemv, Rows

Operator = Gemm | Gemv | Rows | Elementwise | Conv2d | Attention

OPERATORS: dict[str, type[Any]] = {
    "gemm": Gemm,
    "gemv": Gemv,
    "rows": Rows,
    "elementwise": Elementwise,
    "conv2d": Conv2d,
    "attention": Attention,
}


class BadOperator(ValueError):
    """The words name no operator, or lack something; the message says which words there are."""


def operator(words: list[str]) -> Operator:
    """An operator from its words. BadOperator with the names it takes when they are wrong."""
    name, *pairs = words or [""]
    if name not in OPERATORS:
        raise BadOperator(f"unknown operator {name}; there are {', '.join(OPERATORS)}")
    return make(name, values_of(name, pairs))


def values_of(name: str, pairs: list[str]) -> dict[str, Any]:
    """The values of ``key=value`` pairs of an operator, some or all. BadOperator for a key that
    it lacks, or a value that is no number where one is needed.
    """
    known = {f.name: f.type for f in fields(OPERATORS[name])}
    values: dict[str, Any] = {}
    for key, _, value in (pair.partition("=") for pair in pairs):
        if key not in known:
            raise BadOperator(f"{name} has no {key}; it takes {', '.join(sorted(known))}")
        number = re.fullmatch(r"\d+(\.\d+)?", value) is not None
        if known[key] in ("int", "float", "bool") and not number:
            raise BadOperator(f"{key} is a number, not {value or 'nothing'}")
        values[key] = float(value) if "." in value else int(value) if number else value
    return values


def make(name: str, values: dict[str, Any]) -> Operator:
    """The operator ``name`` with the usual value for what is not given. BadOperator names what
    has none.
    """
    kind = OPERATORS[name]
    known = {f.name: f for f in fields(kind)}
    usual = {
        "batch": 1,
        "kv_heads": values.get("heads"),
        "value_width": values.get("width"),
        "keys": values.get("queries"),
    }
    given = {key: value for key, value in usual.items() if key in known and value is not None}
    given |= values
    if missing := [k for k, f in known.items() if f.default is MISSING and k not in given]:
        raise BadOperator(f"{name} needs {', '.join(missing)}")
    for key, field in known.items():
        if field.type == "bool" and key in given:
            given[key] = bool(given[key])
    result: Operator = kind(**given)
    return result


def name_of(spec: Operator) -> str:
    """The operator's word."""
    return next(name for name, kind in OPERATORS.items() if kind is type(spec))


def words_of(spec: Operator) -> list[str]:
    """The notation of an operator, as ``operator`` reads it; what is off is left out."""
    values = {f.name: (getattr(spec, f.name), f.default) for f in fields(spec)}
    said = {key: value for key, (value, default) in values.items() if value != default}
    return [name_of(spec), *written(said)]


def written(values: dict[str, Any]) -> list[str]:
    """Values as the pairs that ``values_of`` reads."""
    return [f"{k}={int(v) if isinstance(v, bool) else v}" for k, v in values.items()]
