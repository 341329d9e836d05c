"""Expressions of TL: their text, their values, the names in them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from tools.tl.syntax import Binary, Call, Element, Expr, Name, Number

PRECEDENCE = {"<": 1, "<=": 1, ">": 1, ">=": 1, "==": 1, "+": 2, "-": 2, "*": 3, "/": 3, "%": 3}

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "ceil": lambda a, b: -(-a // b),
}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


def evaluate(expr: Expr, values: Mapping[str, Any]) -> Any:
    """The value of an expression; ``values`` maps names to numbers and arrays.

    ``/`` floors when both sides are integers. KeyError for an unknown name.
    """
    match expr:
        case Number(value):
            return value
        case Name(name):
            return values[name]
        case Call(function, arguments):
            return _FUNCTIONS[function](*(evaluate(a, values) for a in arguments))
        case Element(array, index):
            return values[array][tuple(evaluate(i, values) for i in index)].item()
        case Binary("/", left, right):
            a, b = evaluate(left, values), evaluate(right, values)
            return a // b if isinstance(a, int) and isinstance(b, int) else a / b
        case Binary(op, left, right):
            return _OPERATORS[op](evaluate(left, values), evaluate(right, values))


def names(expr: Expr) -> set[str]:
    """Names of parameters, variables and arrays an expression reads."""
    match expr:
        case Number():
            return set()
        case Name(name):
            return {name}
        case Call(_, arguments):
            return set().union(*(names(a) for a in arguments))
        case Element(array, index):
            return {array}.union(*(names(i) for i in index))
        case Binary(_, left, right):
            return names(left) | names(right)


def text(expr: Expr, rename: Mapping[str, str] | None = None, divide: str = "/") -> str:
    """The expression as TL writes it; ``rename`` replaces names, ``divide`` the division sign."""
    return _text(expr, rename or {}, divide, 0)


def _text(expr: Expr, rename: Mapping[str, str], divide: str, outer: int) -> str:
    match expr:
        case Number(value):
            return number(value)
        case Name(name):
            return rename.get(name, name)
        case Call(function, arguments):
            inner = ", ".join(_text(a, rename, divide, 0) for a in arguments)
            return f"{function}({inner})"
        case Element(array, index):
            inner = ", ".join(_text(i, rename, divide, 0) for i in index)
            return f"{rename.get(array, array)}[{inner}]"
        case Binary(op, left, right):
            mine = PRECEDENCE[op]
            sign = divide if op == "/" else op
            # The right side of an equal operator needs brackets: a - (b - c).
            body = (
                f"{_text(left, rename, divide, mine)} {sign} "
                f"{_text(right, rename, divide, mine + 1)}"
            )
            return f"({body})" if mine < outer else body


def number(value: int | float) -> str:
    """A literal; infinities are ``inf`` and ``-inf``."""
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return repr(value)
