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
    Slice,
    Unary,
    Var,
)
from tools.hdl.pymodel.normal import Normal, Signal
from tools.hdl.pymodel.ranges import Range

_LEVELS = {
    "*": 10, "//": 10, "%": 10, "+": 9, "-": 9, "<<": 8, ">>": 8, "<": 7, "<=": 7, ">": 7,
    ">=": 7, "==": 6, "!=": 6, "&": 5, "^": 4, "|": 3, "and": 2, "or": 1,
}  # fmt: skip  # fmt: skip
_ATOM, _UNARY, _CHOICE = 12, 11, 0
_SYMBOLS = {"//": "/", "and": "&&", "or": "||"}


@dataclass
class _Group:
    """Operands that share a width. ``pad``: the next operand written takes the whole width."""

    signed: bool
    width: int
    pad: bool


class Texts(Normal):
    """Writes expressions. ``labels`` and ``tables`` are the constants the text names."""

    def __init__(self, bounds: Bounds, signals: dict[str, Signal], codes: int) -> None:
        super().__init__(bounds, signals)
        self.labels: dict[str, Const] = {}
        self.tables: dict[str, Lookup] = {}
        self._code_bits = Range(0, max(codes - 1, 1)).bits()

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

    def _texts(self, parts: Sequence[Expr], target: int, exact: bool) -> list[tuple[str, int]]:
        """Operands that share a width, to be used where ``target`` bits are (0: nowhere)."""
        demands: list[Range] = []
        signed = max([self._demands(p, exact, demands) for p in parts])  # each is asked
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
            case Slice():
                return (self._bits(node), _ATOM), node.high - node.low + 1, False
            case _:
                raise AssertionError(node)

    def _bits(self, node: Slice) -> str:
        signal = self.signal(node.of.name)
        if signal.width == 1:  # declared without a range, so it has no part
            return f"{{{signal.name}}}" if signal.signed else signal.name
        place = str(node.low) if node.high == node.low else f"{node.high}:{node.low}"
        return f"{signal.name}[{place}]"

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
