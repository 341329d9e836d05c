"""Intervals of integers: what values an operation can give."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BITS = 256
LIMIT = 1 << MAX_BITS


@dataclass(frozen=True, slots=True)
class Range:
    """All integers from ``low`` to ``high``, both included; never empty."""

    low: int
    high: int

    def __or__(self, other: Range) -> Range:
        return Range(min(self.low, other.low), max(self.high, other.high))

    def __and__(self, other: Range) -> Range | None:
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Range(low, high) if low <= high else None

    def __contains__(self, other: Range) -> bool:
        return self.low <= other.low and other.high <= self.high

    @property
    def signed(self) -> bool:
        return self.low < 0

    @property
    def bounded(self) -> bool:
        return self.low > -LIMIT and self.high < LIMIT

    def bits(self, signed: bool | None = None) -> int:
        """Bits that hold every value, at least 1; two's complement when ``signed``."""
        if signed is None:
            signed = self.signed
        size = max(self.high.bit_length(), (~self.low if self.low < 0 else 0).bit_length())
        return max(1, size + int(signed))


BIT = Range(0, 1)


def unsigned(bits: int) -> Range:
    return Range(0, (1 << bits) - 1)


def of_width(bits: int, signed: bool) -> Range:
    half = 1 << (bits - 1)
    return Range(-half, half - 1) if signed else unsigned(bits)


def clip(low: int, high: int) -> Range:
    """A range cut at the limit, where the analysis gives up."""
    return Range(max(low, -LIMIT), min(high, LIMIT))


def unary(op: str, a: Range) -> Range:
    match op:
        case "-":
            return Range(-a.high, -a.low)
        case "~":
            return Range(~a.high, ~a.low)
        case "abs":
            low = 0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
            return Range(low, max(abs(a.low), abs(a.high)))
        case _:  # ones, bits
            return Range(0, a.bits(signed=False))


def binary(op: str, a: Range, b: Range) -> Range:
    match op:
        case "+":
            return clip(a.low + b.low, a.high + b.high)
        case "-":
            return clip(a.low - b.high, a.high - b.low)
        case "*":
            corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
            return clip(min(corners), max(corners))
        case "min":
            return Range(min(a.low, b.low), min(a.high, b.high))
        case "max":
            return Range(max(a.low, b.low), max(a.high, b.high))
        case "<<" | ">>":
            return _shift(op, a, b)
        case "//" | "%":
            return _divide(op, a, b)
        case _:
            return _bitwise(op, a, b)


def _shift(op: str, a: Range, b: Range) -> Range:
    amounts = [min(max(n, 0), LIMIT.bit_length()) for n in (b.low, b.high)]
    move = int.__lshift__ if op == "<<" else int.__rshift__
    corners = [move(x, n) for x in (a.low, a.high) for n in amounts]
    return clip(min(corners), max(corners))


def _divide(op: str, a: Range, b: Range) -> Range:
    """For divisors above 0: others are refused where the text is printed, 0 stops Python."""
    low, high = max(b.low, 1), max(b.high, 1)
    if op == "%":
        return (
            a
            if a.low >= 0 and a.high < low
            else Range(0, min(high - 1, max(a.high, 0)) if a.low >= 0 else high - 1)
        )
    corners = [x // y for x in (a.low, a.high) for y in (low, high)]
    return Range(min(corners), max(corners))


def _bitwise(op: str, a: Range, b: Range) -> Range:
    if op == "&":
        tops = [r.high for r in (a, b) if r.low >= 0]
        if tops:
            return Range(0, min(tops))
    if a.low >= 0 and b.low >= 0:
        high = (1 << max(a.high.bit_length(), b.high.bit_length())) - 1
        return Range(max(a.low, b.low) if op == "|" else 0, high)
    bits = max(a.bits(True), b.bits(True))
    return of_width(bits, signed=True)


def comparison(op: str, a: Range, b: Range) -> Range:
    """0..1, or the one value when the ranges decide."""
    always = {
        "<": a.high < b.low,
        "<=": a.high <= b.low,
        ">": a.low > b.high,
        ">=": a.low >= b.high,
        "==": a.low == a.high == b.low == b.high,
        "!=": (a & b) is None,
    }
    opposite = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
    if always[op]:
        return Range(1, 1)
    return Range(0, 0) if always[opposite[op]] else BIT
