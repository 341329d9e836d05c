"""The small language between Python and Verilog: integer expressions and structured statements.

Integers are unbounded here, as in Python. Variables live in name spaces by their prefix:
``self.n`` a register (current and next value are one variable, as an attribute is), ``i.x`` an
input, ``out.y`` an output, anything else a local. A list ``l`` is an array of integers with its
length in the variable ``l.len`` (or a constant). Expression nodes compare by identity: the
analysis notes what it finds about each place, not about each text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


class NotTranslatable(ValueError):
    """The model leaves the subset. ``line`` is its line at fault, 0 when there is none."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True, eq=False, slots=True)
class Const:
    """A number. ``label`` is the name it is printed by; ``text`` holds when it encodes a string."""

    value: int
    label: str = ""
    text: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Var:
    """The present value of a variable."""

    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Unary:
    """``-``, ``~``, ``abs``, ``ones`` (set bits), ``bits`` (bit_length)."""

    op: str
    a: Expr


@dataclass(frozen=True, eq=False, slots=True)
class Binary:
    """``+ - * & | ^ << >> // % min max`` with Python's meaning."""

    op: str
    a: Expr
    b: Expr


@dataclass(frozen=True, eq=False, slots=True)
class Compare:
    """``== != < <= > >=``: 0 or 1."""

    op: str
    a: Expr
    b: Expr


@dataclass(frozen=True, eq=False, slots=True)
class Logic:
    """``not`` (one argument), ``and``, ``or`` over truth values: 0 or 1."""

    op: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Choice:
    """``a`` when ``test`` is not zero, else ``b``."""

    test: Expr
    a: Expr
    b: Expr


@dataclass(frozen=True, eq=False, slots=True)
class Element:
    """One element of a list variable."""

    array: str
    index: Expr


@dataclass(frozen=True, eq=False, slots=True)
class Lookup:
    """One element of a constant list called ``name``."""

    name: str
    values: tuple[int, ...]
    index: Expr


@dataclass(frozen=True, eq=False, slots=True)
class Slice:
    """Bits ``high`` to ``low`` of a variable; made when text is written."""

    of: Var
    high: int
    low: int


Expr: TypeAlias = Const | Var | Unary | Binary | Compare | Logic | Choice | Element | Lookup | Slice


@dataclass(frozen=True, eq=False, slots=True)
class Assign:
    name: str
    value: Expr


@dataclass(frozen=True, eq=False, slots=True)
class Store:
    """One element of a list changes."""

    array: str
    index: Expr
    value: Expr


@dataclass(frozen=True, eq=False, slots=True)
class Fill:
    """All elements of a list are set at once, the right sides read before."""

    array: str
    values: tuple[Expr, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Shift:
    """Elements move by one place: towards 0 (the first falls out) or up (``value`` comes first)."""

    array: str
    value: Expr | None = None


@dataclass(frozen=True, eq=False, slots=True)
class If:
    test: Expr
    then: tuple[Statement, ...]
    orelse: tuple[Statement, ...]


Statement: TypeAlias = Assign | Store | Fill | Shift | If
Block: TypeAlias = tuple[Statement, ...]


def children(node: Expr) -> tuple[Expr, ...]:
    """The operands of an expression."""
    match node:
        case Unary():
            return (node.a,)
        case Binary() | Compare():
            return (node.a, node.b)
        case Logic():
            return node.args
        case Choice():
            return (node.test, node.a, node.b)
        case Element() | Lookup():
            return (node.index,)
        case _:
            return ()


def expressions(node: Statement) -> tuple[Expr, ...]:
    """The expressions of one statement, those of inner statements left out."""
    match node:
        case Assign():
            return (node.value,)
        case Store():
            return (node.index, node.value)
        case Fill():
            return node.values
        case Shift():
            return (node.value,) if node.value is not None else ()
        case If():
            return (node.test,)


def reads(node: Expr) -> frozenset[str]:
    """Names of the variables and lists an expression reads."""
    own = {node.name} if isinstance(node, Var) else set()
    own |= {node.array} if isinstance(node, Element) else set()
    return frozenset(own).union(*(reads(child) for child in children(node)))
