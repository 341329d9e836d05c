"""Expressions as Verilog text whose value is Python's.

Verilog computes an expression at the width of its widest operand and, unless all operands are
signed, without signs. Operands that share a width form a group here (the two sides of a
comparison, one right-hand side). Additions and bit operations are right modulo 2^w whatever
happens above bit w; what needs whole numbers (comparisons, ``>>``, division, conditions) says
how many bits it needs and whether a sign is among them. When the group would be too narrow its
first operand is written wider; when a number may be negative all operands are written signed.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    Unary,
    Var,
)
from tools.hdl.pymodel.ranges import BIT, Range

_LEVELS = {
    "*": 10, "//": 10, "%": 10, "+": 9, "-": 9, "<<": 8, ">>": 8, "<": 7, "<=": 7, ">": 7,
    ">=": 7, "==": 6, "!=": 6, "&": 5, "^": 4, "|": 3, "and": 2, "or": 1,
}  # fmt: skip
_ATOM, _UNARY, _CHOICE = 12, 11, 0
_SYMBOLS = {"//": "/", "and": "&&", "or": "||"}


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


@dataclass(frozen=True, eq=False, slots=True)
class _Slice:
    """Bits ``high`` to ``low`` of a variable."""

    of: Var
    high: int
    low: int


@dataclass
class _Group:
    """Operands that share a width. ``pad``: the next operand written takes the whole width."""

    signed: bool
    width: int
    pad: bool


class Texts:
    """Writes expressions. ``signals`` are the variables by name; in ``following`` are registers
    whose next value is what the name means at present."""

    def __init__(self, bounds: Bounds, signals: dict[str, Signal], codes: int) -> None:
        self.bounds = bounds
        self.signals = signals
        self.following: set[str] = set()
        self.labels: dict[str, Const] = {}
        self.tables: dict[str, Lookup] = {}
        self._code_bits = ranges.Range(0, max(codes - 1, 1)).bits()
        self._places = dict(bounds.places)
        self._made: list[object] = []

    # --- the three ways an expression is used ------------------------------------------------

    def assigned(self, node: Expr, width: int) -> str:
        """The right-hand side of an assignment to ``width`` bits."""
        return self._texts([self.normal(node)], width, exact=False)[0][0]

    def condition(self, node: Expr) -> tuple[str, int]:
        """Text that is true when the number is not 0, and how tightly it binds."""
        return self._texts([self.normal(node)], 0, exact=True)[0]

    def exactly(self, node: Expr, width: int) -> str | None:
        """Text of exactly ``width`` bits for use in a concatenation; None when it is wider."""
        normal = self.normal(node)
        demands: list[Range] = []
        signed = self._demands(normal, False, demands)
        natural = max([self._natural(normal, signed), *(r.bits(signed) for r in demands)])
        if isinstance(normal, Const):
            return f"{width}'d{normal.value % (1 << width)}"
        if natural > width:
            return None
        group = _Group(signed, width, self._natural(normal, signed) < width)
        return self._write(normal, group)[0]

    def label_text(self, node: Const) -> str:
        return self._label(node)[0]

    def signal(self, name: str) -> Signal:
        """What a name means at present."""
        return self.signals[f"{name}'" if name in self.following else name]

    def range(self, node: Expr) -> Range:
        return self._places.get(id(node), Range(0, 0))

    # --- rewriting ---------------------------------------------------------------------------

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

    def index(self, node: Expr, size: Expr) -> Expr:
        """A list index: negative ones count from the end."""
        found = self._range_of(node)
        if found.low >= 0:
            return self.normal(node)
        room = (
            self.bounds.variables[size.name]
            if isinstance(size, Var)
            else Range(
                size.value,
                size.value,  # type: ignore[union-attr]
            )
        )
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
        piece: Expr = _Slice(of, high, low)  # type: ignore[assignment]
        return self._new(piece, ranges.unsigned(high - low + 1))

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
                if 0 <= a.low and a.high <= mask:
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
        return node if bits == signal.width else self._slice(node, low + bits - 1, low)

    def _normal_division(self, node: Binary, a: Range, b: Range, found: Range) -> Expr:
        if b.high <= 0 or b.low < 0:
            raise NotTranslatable("a division by a number that may be negative")
        if node.op == "%" and 0 <= a.low and a.high < b.low:
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

    # --- groups ------------------------------------------------------------------------------

    def _texts(self, parts: Sequence[Expr], target: int, exact: bool) -> list[tuple[str, int]]:
        """Operands that share a width, to be used where ``target`` bits are (0: nowhere)."""
        demands: list[Range] = []
        signed = any([self._demands(p, exact, demands) for p in parts])
        natural = max([self._natural(p, signed) for p in parts] + [target])
        width = max([r.bits(signed) for r in demands] + [natural])
        group = _Group(signed, width, width > natural)
        return [self._write(part, group) for part in parts]

    def _demands(self, node: Expr, exact: bool, demands: list[Range]) -> bool:
        """Collect the ranges the group must hold exactly; True when a sign is needed."""
        signed = False
        if exact:
            demands.append(self._range_of(node))
            signed = demands[-1].signed
        match node:
            case Binary(op="<<"):
                return self._demands(node.a, False, demands) or signed
            case Binary(op=">>"):
                return self._demands(node.a, True, demands) or signed
            case Binary():
                whole = node.op in ("//", "%")
                both = [self._demands(part, whole, demands) for part in (node.a, node.b)]
                return any(both) or signed
            case Unary():
                return self._demands(node.a, False, demands) or signed
            case Choice():
                both = [self._demands(part, False, demands) for part in (node.a, node.b)]
                return any(both) or signed
            case Var():
                return self.signal(node.name).signed or signed
            case Element():
                return self.signals[node.array].signed or signed
            case Lookup():
                return min(node.values) < 0 or signed
            case _:
                return signed

    def _natural(self, node: Expr, signed: bool) -> int:
        """The width Verilog gives the operand by itself."""
        match node:
            case Binary(op="<<" | ">>") | Unary():
                return self._natural(node.a, signed)
            case Binary() | Choice():
                return max(self._natural(node.a, signed), self._natural(node.b, signed))
            case Const():
                return Range(node.value, node.value).bits(signed or node.value < 0)
            case _:
                _, width, is_signed = self._leaf(node)
                return width + int(signed and not is_signed)

    def _write(self, node: Expr, group: _Group) -> tuple[str, int]:
        match node:
            case Binary():
                return self._write_binary(node, group)
            case Unary():
                text, level = self._write(node.a, group)
                return f"{node.op}{_closed(text, level, _UNARY + 1)}", _UNARY
            case Choice():
                test = self._texts([node.test], 0, exact=True)[0]
                a, b = self._write(node.a, group), self._write(node.b, group)
                text = f"{_closed(*test, 1)} ? {_closed(*a, 1)} : {_closed(*b, 0)}"
                return text, _CHOICE
            case Const() if not (node.label or node.text):
                group.pad = False
                return _literal(node.value, group), _ATOM if node.value >= 0 else _UNARY
            case _:
                return self._write_leaf(node, group)

    def _write_binary(self, node: Binary, group: _Group) -> tuple[str, int]:
        level = _LEVELS[node.op]
        clear = node.op in "+-*" or (isinstance(node.a, Binary) and node.a.op == node.op)
        left = _closed(*self._write(node.a, group), level if clear else _UNARY)
        if node.op in ("<<", ">>"):
            amount = node.b
            right = (
                str(amount.value)
                if isinstance(amount, Const)
                else _closed(*self._texts([amount], 0, exact=True)[0], level + 1)
            )
        else:
            tight = level + 1 if node.op in "+-*" else _UNARY
            right = _closed(*self._write(node.b, group), tight)
        symbol = ">>>" if node.op == ">>" and group.signed else _SYMBOLS.get(node.op, node.op)
        return f"{left} {symbol} {right}", level

    def _write_leaf(self, node: Expr, group: _Group) -> tuple[str, int]:
        (text, level), width, signed = self._leaf(node)
        pad, group.pad = group.pad, False
        if group.signed and not signed:
            return f"$signed({{{group.width - width if pad else 1}'d0, {text}}})", _ATOM
        if pad and group.signed:
            return f"({group.width}'sd0 + {text})", _ATOM
        if pad and group.width > width:
            return f"{{{group.width - width}'d0, {text}}}", _ATOM
        return text, level

    def _leaf(self, node: Expr) -> tuple[tuple[str, int], int, bool]:
        """Text, how tightly it binds, width and signedness of what is an operand by itself."""
        match node:
            case Var():
                signal = self.signal(node.name)
                return (signal.name, _ATOM), signal.width, signal.signed
            case Const():
                text, width = self._label(node)
                return (text, _ATOM), width, False
            case Compare():
                a, b = self._texts([node.a, node.b], 0, exact=True)
                level = _LEVELS[node.op]
                text = f"{_closed(*a, level + 1)} {node.op} {_closed(*b, level + 1)}"
                return (text, level), 1, False
            case Logic(op="not"):
                text, level = self._texts([node.args[0]], 0, exact=True)[0]
                return (f"!{_closed(text, level, _ATOM)}", _UNARY), 1, False
            case Logic():
                level = _LEVELS[node.op]
                parts = [
                    _closed(*self._texts([part], 0, exact=True)[0], level + 1) for part in node.args
                ]
                return (f" {_SYMBOLS[node.op]} ".join(parts), level), 1, False
            case Element():
                signal = self.signal(node.array)
                text = self.part(signal, node.index)
                return (
                    (f"$signed({text})" if signal.signed else text, _ATOM),
                    signal.width,
                    (signal.signed),
                )
            case Lookup():
                return self._table(node)
            case _Slice():
                name = self.signal(node.of.name).name
                place = str(node.low) if node.high == node.low else f"{node.high}:{node.low}"
                whole = self.signal(node.of.name).width == 1
                return (
                    (name if whole else f"{name}[{place}]", _ATOM),
                    node.high - node.low + 1,
                    False,
                )
            case _:
                raise AssertionError(node)

    def part(self, signal: Signal, index: Expr) -> str:
        """One element of a list; ``index`` is normal."""
        width = signal.width
        if isinstance(index, Const):
            low = index.value * width
            place = str(low) if width == 1 else f"{low + width - 1}:{low}"
            return f"{signal.name}[{place}]"
        text, level = self._texts([index], 0, exact=True)[0]
        if width == 1:
            return f"{signal.name}[{text}]"
        return f"{signal.name}[{_closed(text, level, 11)}*{width} +: {width}]"

    def _table(self, node: Lookup) -> tuple[tuple[str, int], int, bool]:
        held = Range(min(node.values), max(node.values))
        name = next((n for n, t in self.tables.items() if t.values == node.values), "")
        if not name:
            name = node.name
            while name in self.tables or any(s.name == name for s in self.signals.values()):
                name += "_"
            self.tables[name] = node
        signal = Signal(name, held.bits(), held.signed, len(node.values))
        text = self.part(signal, node.index)
        return (f"$signed({text})" if held.signed else text, _ATOM), held.bits(), held.signed

    def _label(self, node: Const) -> tuple[str, int]:
        """The name of a constant, which becomes a localparam, and its width."""
        width = self._code_bits if node.text else Range(node.value, node.value).bits()
        name = node.label
        while any(s.name == name for s in self.signals.values()) or (
            name in self.labels and self.labels[name].value != node.value
        ):
            name += "_"
        self.labels[name] = node
        return name, width

    def label_width(self, node: Const) -> int:
        return self._label(node)[1]


def _closed(text: str, level: int, needed: int) -> str:
    return f"({text})" if level < needed else text


def _literal(value: int, group: _Group) -> str:
    width = max(group.width, Range(value, value).bits(group.signed or value < 0))
    mark = "sd" if group.signed else "d"
    return f"{'-' if value < 0 else ''}{width}'{mark}{abs(value)}"
