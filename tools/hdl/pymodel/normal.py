"""Expressions rewritten into operations that mean the same in Verilog as in Python."""

from __future__ import annotations

from dataclasses import dataclass

from tools.hdl.pymodel import ranges
from tools.hdl.pymodel.analysis import Bounds
from tools.hdl.pymodel.ir import (
    Binary,
    Choice,
    Compare,
    Const,
    Element,
    Expr,
    Logic,
    Lookup,
    NotTranslatable,
    Slice,
    Unary,
    Var,
)
from tools.hdl.pymodel.ranges import BIT, Range


@dataclass(frozen=True)
class Signal:
    """A declared vector. ``count`` is the number of elements of a list, 0 for a number."""

    name: str
    width: int
    signed: bool = False
    count: int = 0

    @property
    def declaration(self) -> str:
        size = self.width * max(self.count, 1)
        sign = "signed " if self.signed and not self.count else ""
        return f"{sign}{f'[{size - 1}:0] ' if size > 1 or self.count else ''}{self.name}"


class Normal:
    """Rewrites expressions. ``signals`` are the variables by name; in ``following`` are
    registers whose next value is what the name means at present.
    """

    def __init__(self, bounds: Bounds, signals: dict[str, Signal]) -> None:
        self.bounds = bounds
        self.signals = signals
        self.following: set[str] = set()
        self._places = dict(bounds.places)
        self._made: list[object] = []

    def signal(self, name: str) -> Signal:
        """What a name means at present."""
        return self.signals[f"{name}'" if name in self.following else name]

    def range(self, node: Expr) -> Range:
        return self._places.get(id(node), Range(0, 0))

    def normal(self, node: Expr) -> Expr:
        """The expression in operations Verilog has with the same meaning."""
        found = self._range_of(node)
        if found.low == found.high and not isinstance(node, Const):
            return self._new(Const(found.low), found)
        match node:
            case Unary():
                return self._normal_unary(node, found)
            case Binary():
                return self._normal_binary(node, found)
            case Compare():
                return self._normal_compare(node, found)
            case Logic():
                return self._new(Logic(node.op, tuple(map(self.normal, node.args))), found)
            case Choice() if self._range_of(node.test) in (Range(0, 0), Range(1, 1)):
                return self.normal(node.a if self._range_of(node.test).low else node.b)
            case Choice():
                parts = (self.normal(node.test), self.normal(node.a), self.normal(node.b))
                return self._new(Choice(*parts), found)
            case Element():
                count = self.signals[node.array].count
                length = self.signals.get(f"{node.array}.len")
                size = Var(f"{node.array}.len") if length else Const(count)
                return self._new(Element(node.array, self.index(node.index, size)), found)
            case Lookup():
                index = self.index(node.index, Const(len(node.values)))
                return self._new(Lookup(node.name, node.values, index), found)
            case _:
                return node

    def _room(self, size: Expr) -> Range:
        """The range of a list's length."""
        return self.bounds.variables[size.name] if isinstance(size, Var) else self._range_of(size)

    def index(self, node: Expr, size: Expr) -> Expr:
        """A list index: negative ones count from the end."""
        found = self._range_of(node)
        if found.low >= 0:
            return self.normal(node)
        room = self._room(size)
        self._new(size, room)
        test = self._new(Compare("<", node, self._number(0)), BIT)
        wrapped = self._new(Binary("+", node, size), Range(0, room.high))
        return self.normal(
            self._new(Choice(test, wrapped, node), Range(0, max(found.high, room.high)))
        )

    def _range_of(self, node: Expr) -> Range:
        if isinstance(node, Const):
            return Range(node.value, node.value)
        return self.range(node)

    def _new(self, node: Expr, found: Range) -> Expr:
        self._made.append(node)  # kept, so that its identity stays its own
        self._places[id(node)] = found
        return node

    def _number(self, value: int) -> Expr:
        return self._new(Const(value), Range(value, value))

    def _normal_unary(self, node: Unary, found: Range) -> Expr:
        inside = self._range_of(node.a)
        if node.op in ("-", "~"):
            return self._new(Unary(node.op, self.normal(node.a)), found)
        if node.op == "abs":
            if inside.low >= 0:
                return self.normal(node.a)
            test = self._new(Compare("<", node.a, self._number(0)), BIT)
            negated = self._new(Unary("-", node.a), ranges.unary("-", inside))
            return self.normal(self._new(Choice(test, negated, node.a), found))
        if inside.low < 0 or not isinstance(node.a, Var):
            raise NotTranslatable("bits are counted in a number that may be negative")
        bits = [self._slice(node.a, k, k) for k in range(inside.bits())]
        result: Expr = self._number(0) if node.op == "bits" else bits[0]
        for k, bit in enumerate(bits):
            if node.op == "bits":
                result = self._new(Choice(bit, self._number(k + 1), result), Range(0, k + 1))
            elif k:
                result = self._new(Binary("+", result, bit), Range(0, k + 1))
        return result

    def _slice(self, of: Var, high: int, low: int) -> Expr:
        return self._new(Slice(of, high, low), ranges.unsigned(high - low + 1))

    def _normal_binary(self, node: Binary, found: Range) -> Expr:
        a, b = self._range_of(node.a), self._range_of(node.b)
        if node.op in ("min", "max"):
            test = self._new(Compare("<" if node.op == "min" else ">", node.a, node.b), BIT)
            return self.normal(self._new(Choice(test, node.a, node.b), found))
        if node.op in ("//", "%"):
            return self._normal_division(node, a, b, found)
        if node.op in ("<<", ">>") and b.low < 0:
            raise NotTranslatable("a shift by an amount that may be negative")
        if node.op == "&" and b.low == b.high:
            mask = b.low
            if mask >= 0 and mask & (mask + 1) == 0:
                if a.low >= 0 and a.high <= mask:
                    return self.normal(node.a)
                taken = self._taken(node.a, mask.bit_length())
                if taken is not None:
                    return taken
        return self._new(Binary(node.op, self.normal(node.a), self.normal(node.b)), found)

    def _taken(self, node: Expr, bits: int) -> Expr | None:
        """``(x >> k) & mask`` as a part of x."""
        low = 0
        if isinstance(node, Binary) and node.op == ">>":
            amount = self._range_of(node.b)
            if amount.low != amount.high:
                return None
            low, node = amount.low, node.a
        if not isinstance(node, Var):
            return None
        signal = self.signal(node.name)
        if low + bits > signal.width:
            return None
        return (
            node
            if bits == signal.width and not signal.signed
            else self._slice(node, low + bits - 1, low)
        )

    def _normal_division(self, node: Binary, a: Range, b: Range, found: Range) -> Expr:
        if b.high <= 0 or b.low < 0:
            raise NotTranslatable("a division by a number that may be negative")
        if node.op == "%" and a.low >= 0 and a.high < b.low:
            return self.normal(node.a)
        if b.low == b.high and b.low & (b.low - 1) == 0:
            size = b.low.bit_length() - 1
            other = self._number(b.low - 1) if node.op == "%" else self._number(size)
            op = "&" if node.op == "%" else ">>"
            return self.normal(self._new(Binary(op, node.a, other), found))
        if a.low >= 0:
            return self._new(Binary(node.op, self.normal(node.a), self.normal(node.b)), found)
        if b.low != b.high:
            raise NotTranslatable("a negative number is divided by one that is not constant")
        return self._lifted(node, a, b.low, found)

    def _lifted(self, node: Binary, a: Range, divisor: int, found: Range) -> Expr:
        """Python rounds down, Verilog towards 0: divide a number made positive first."""
        turns = -(a.low // divisor)
        lift = turns * divisor
        raised = self._new(
            Binary("+", node.a, self._number(lift)), Range(a.low + lift, a.high + lift)
        )
        result = self._new(
            Binary(node.op, raised, node.b),
            Range(found.low + turns, found.high + turns) if node.op == "//" else found,
        )
        if node.op == "//":
            result = self._new(Binary("-", result, self._number(turns)), found)
        return self.normal(result)

    def _normal_compare(self, node: Compare, found: Range) -> Expr:
        a, b = self._range_of(node.a), self._range_of(node.b)
        if node.op == "!=" and b == Range(0, 0) and a in BIT:
            return self.normal(node.a)
        return self._new(Compare(node.op, self.normal(node.a), self.normal(node.b)), found)
