"""Operations of the small language, computed at once where their operands are constants."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence

from tools.hdl.pymodel.ir import (
    Binary,
    Choice,
    Compare,
    Const,
    Expr,
    Logic,
    Unary,
)
from tools.hdl.pymodel.program import (
    Items,
    Value,
)
from tools.hdl.pymodel.ranges import MAX_BITS

BINARY: dict[type[ast.operator], tuple[str, Callable[[int, int], int]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.BitAnd: ("&", operator.and_),
    ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor),
    ast.LShift: ("<<", operator.lshift),
    ast.RShift: (">>", operator.rshift),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
}
COMPARE: dict[type[ast.cmpop], tuple[str, Callable[[int, int], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Is: ("==", operator.eq),
    ast.IsNot: ("!=", operator.ne),
}


def named(value: Value, label: str) -> Value:
    """A constant under the name it will be printed by."""
    if isinstance(value, Const) and not value.text:
        return Const(value.value, label if value.value >= 0 else "")
    if isinstance(value, Items):
        return Items(value.values, label, shared=True)
    return value


def total(numbers: Sequence[Expr]) -> Expr:
    result: Expr = Const(0)
    for number in numbers:
        result = (
            number
            if isinstance(result, Const) and not result.value
            else binary("+", result, number)
        )
    return result


def truthful(node: Expr) -> bool:
    """True when the value is certainly 0 or 1."""
    match node:
        case Const():
            return node.value in (0, 1)
        case Compare() | Logic():
            return True
        case Choice():
            return truthful(node.a) and truthful(node.b)
        case _:
            return False


def binary(op: str, a: Expr, b: Expr) -> Expr:
    """A folded operation. Raises ArithmeticError, ValueError where Python would."""
    if isinstance(a, Const) and isinstance(b, Const):
        if op in ("min", "max"):
            return a if (a.value < b.value) == (op == "min") else b
        if op in ("<<", "**") and b.value > MAX_BITS:
            raise ValueError(f"more than {MAX_BITS} bits")
        compute = next(f for name, f in BINARY.values() if name == op)
        result = compute(a.value, b.value)
        if not isinstance(result, int):
            raise ValueError("not an integer")
        return Const(result)
    if op == "**":
        if isinstance(a, Const) and a.value == 2:
            return Binary("<<", Const(1), b)
        if isinstance(b, Const) and b.value == 2:
            return Binary("*", a, a)
        raise ValueError("a power of something not known")
    neutral = {"+": 0, "-": 0, "|": 0, "^": 0, "<<": 0, ">>": 0, "*": 1, "//": 1}
    if isinstance(b, Const) and neutral.get(op) == b.value:
        return a
    return Binary(op, a, b)


def unary(op: str, a: Expr) -> Expr:
    if op == "+":
        return a
    if isinstance(a, Const):
        value = a.value
        results = {"-": -value, "~": ~value, "abs": abs(value), "ones": abs(value).bit_count()}
        return Const({**results, "bits": value.bit_length()}[op])
    return Unary(op, a)


def compare(op: str, a: Expr, b: Expr) -> Expr:
    if isinstance(a, Const) and isinstance(b, Const):
        known = next(f for name, f in COMPARE.values() if name == op)
        return Const(int(known(a.value, b.value)))
    return Compare(op, a, b)


def logic(op: str, parts: Sequence[Expr]) -> Expr:
    if op == "not":
        known = parts[0]
        return Const(int(not known.value)) if isinstance(known, Const) else Logic("not", (known,))
    absorbing = op == "or"
    if any(isinstance(p, Const) and bool(p.value) == absorbing for p in parts):
        return Const(int(absorbing))
    rest = tuple(p for p in parts if not isinstance(p, Const))
    if not rest:
        return Const(int(not absorbing))
    if len(rest) == 1:
        return rest[0] if truthful(rest[0]) else Compare("!=", rest[0], Const(0))
    return Logic(op, rest)


def choice(test: Expr, a: Expr, b: Expr) -> Expr:
    if isinstance(test, Const):
        return a if test.value else b
    return Choice(test, a, b)
