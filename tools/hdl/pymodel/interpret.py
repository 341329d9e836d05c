"""Runs the small language on ranges: abstract interpretation over intervals.

Conditions narrow ranges in their branches, so ``0 if n == 9 else n + 1`` stays within 0..9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tools.hdl.pymodel import ranges
from tools.hdl.pymodel.ir import (
    Assign,
    Binary,
    Block,
    Choice,
    Compare,
    Const,
    Element,
    Expr,
    Fill,
    If,
    Logic,
    Lookup,
    Shift,
    Slice,
    Statement,
    Store,
    Unary,
    Var,
    reads,
)
from tools.hdl.pymodel.ranges import BIT, LIMIT, Range

FEW = 16
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


@dataclass
class Facts:
    """What is known at one place: ranges, what locals stand for, pairs known to be in order."""

    ranges: dict[str, Range]
    meaning: dict[str, Expr] = field(default_factory=dict)
    at_least: set[tuple[str, str]] = field(default_factory=set)

    def copy(self) -> Facts:
        return Facts(dict(self.ranges), dict(self.meaning), set(self.at_least))

    def join(self, other: Facts) -> Facts:
        names = self.ranges.keys() | other.ranges.keys()
        joined = {n: either(self.ranges.get(n), other.ranges.get(n)) for n in names}
        same = {n: e for n, e in self.meaning.items() if other.meaning.get(n) is e}
        return Facts(joined, same, self.at_least & other.at_least)

    def forget(self, name: str) -> None:
        self.meaning = {n: e for n, e in self.meaning.items() if n != name and name not in reads(e)}
        self.at_least = {pair for pair in self.at_least if name not in pair}


Key: TypeAlias = tuple[Range | None, ...]


class Interpreter:
    """Runs statements on ranges, noting the range of every place and variable on the way.

    What is known is a list of cases, which differ in the values of ``keys``.
    """

    def __init__(self, given: Mapping[str, Range], keys: tuple[str, ...]) -> None:
        self.given = given
        self.keys = keys
        self.places: dict[int, Range] = {}
        self.held: dict[str, Range] = {}

    def key(self, facts: Facts) -> Key:
        return tuple(facts.ranges.get(name) for name in self.keys)

    def merged(self, cases: list[Facts]) -> dict[Key, Facts]:
        found: dict[Key, Facts] = {}
        for facts in cases:
            key = self.key(facts)
            found[key] = found[key].join(facts) if key in found else facts
        return found

    def block(self, block: Block, cases: list[Facts]) -> list[Facts]:
        """What is known afterwards; empty when the end is never reached."""
        for statement in block:
            ends = [end for facts in cases for end in self._statement(statement, facts)]
            cases = list(self.merged(ends).values()) if len(ends) > 1 else ends
        return cases

    def _statement(self, node: Statement, facts: Facts) -> list[Facts]:
        match node:
            case If():
                self.expr(node.test, facts)
                yes, no = self.assume(node.test, True, facts), self.assume(node.test, False, facts)
                then = self.block(node.then, [yes.copy()]) if yes else []
                return then + (self.block(node.orelse, [no.copy()]) if no else [])
            case Assign():
                return self._assign(node.name, node.value, facts)
            case Store():
                self.expr(node.index, facts)
                value = self.expr(node.value, facts)
                facts.forget(node.array)
                self._put(node.array, value, facts)
            case Fill():
                found = [self.expr(v, facts) for v in node.values]
                facts.forget(node.array)
                facts.ranges.pop(node.array, None)
                for r in found:
                    self._put(node.array, r, facts)
            case Shift():
                value = self.expr(node.value, facts) if node.value is not None else Range(0, 0)
                facts.forget(node.array)
                self._put(node.array, value, facts)
        return [facts]

    def _assign(self, name: str, value: Expr, facts: Facts) -> list[Facts]:
        if name in self.keys and isinstance(value, Choice):
            self.expr(value, facts)
            ends = []
            for truth, part in ((True, value.a), (False, value.b)):
                known = self.assume(value.test, truth, facts)
                ends += self._assign(name, part, known.copy()) if known else []
            return ends
        if name in self.keys and isinstance(value, Compare | Logic):
            self.expr(value, facts)
            ends = []
            for truth in (True, False):
                known = self.assume(value, truth, facts)
                ends += self._assign(name, Const(int(truth)), known.copy()) if known else []
            return ends
        result = self.expr(value, facts)
        facts.forget(name)
        facts.ranges.pop(name, None)
        self._put(name, result, facts)
        if name not in reads(value):
            facts.meaning[name] = value
        if name not in self.keys or result.high - result.low >= FEW:
            return [facts]
        cases = []
        for number in range(result.low, result.high + 1):
            known = self._compared("==", Var(name), Const(number), facts)
            cases += [known] if known else []
        return cases

    def _put(self, name: str, value: Range, facts: Facts) -> None:
        """Weak update: a list keeps what its other elements may hold."""
        wrap = self.given.get(name)
        if wrap is not None and value not in wrap:
            value = wrap
        facts.ranges[name] = either(facts.ranges.get(name), value)
        self.held[name] = either(self.held.get(name), facts.ranges[name])

    def expr(self, node: Expr, facts: Facts) -> Range:
        result = self._expr(node, facts)
        self.places[id(node)] = either(self.places.get(id(node)), result)
        return result

    def _expr(self, node: Expr, facts: Facts) -> Range:
        match node:
            case Const():
                return Range(node.value, node.value)
            case Var():
                return facts.ranges.get(node.name, Range(0, 0))
            case Unary():
                return ranges.unary(node.op, self.expr(node.a, facts))
            case Binary():
                result = ranges.binary(node.op, self.expr(node.a, facts), self.expr(node.b, facts))
                ordered = (_key(node.a), _key(node.b)) in facts.at_least
                floor = Range(0, LIMIT) if node.op == "-" and ordered else result
                return result & floor or result
            case Compare():
                return ranges.comparison(
                    node.op, self.expr(node.a, facts), self.expr(node.b, facts)
                )
            case Logic():
                return self._logic(node, facts)
            case Choice():
                return self._choice(node, facts)
            case Element():
                self.expr(node.index, facts)
                return facts.ranges.get(node.array, Range(0, 0))
            case Lookup():
                index = self.expr(node.index, facts)
                reached = node.values[max(index.low, 0) : max(index.high + 1, 0)]
                values = reached if index.low >= 0 and reached else node.values
                return Range(min(values), max(values))
            case Slice():
                return ranges.unsigned(node.high - node.low + 1)

    def _logic(self, node: Logic, facts: Facts) -> Range:
        known: Facts | None = facts
        for part in node.args:
            self.expr(part, known if known is not None else facts)
            if known is not None:
                known = self.assume(part, node.op == "and", known)
        if self.assume(node, True, facts) is None:
            return Range(0, 0)
        return Range(1, 1) if self.assume(node, False, facts) is None else BIT

    def _choice(self, node: Choice, facts: Facts) -> Range:
        self.expr(node.test, facts)
        found = None
        for branch, truth in ((node.a, True), (node.b, False)):
            known = self.assume(node.test, truth, facts)
            if known is not None:
                found = either(found, self.expr(branch, known))
        return found or Range(0, 0)

    def quiet(self, node: Expr, facts: Facts) -> Range:
        """The range of an expression without noting it."""
        places, self.places = self.places, {}
        try:
            return self.expr(node, facts)
        finally:
            self.places = places

    # --- conditions --------------------------------------------------------------------------

    def assume(self, test: Expr, truth: bool, facts: Facts) -> Facts | None:
        """What is known where ``test`` has this truth; None when it cannot have it."""
        match test:
            case Logic(op="not"):
                return self.assume(test.args[0], not truth, facts)
            case Logic() if (test.op == "and") == truth:
                known: Facts | None = facts
                for part in test.args:
                    known = self.assume(part, truth, known) if known is not None else None
                return known
            case Logic():
                return self._any(test.args, truth, facts)
            case Compare():
                op = test.op if truth else _NEGATED[test.op]
                return self._compared(op, test.a, test.b, facts)
            case _:
                return self._compared("!=" if truth else "==", test, Const(0), facts)

    def _any(self, parts: tuple[Expr, ...], truth: bool, facts: Facts) -> Facts | None:
        """At least one part has this truth: each in turn is the first."""
        joined: Facts | None = None
        before: Facts | None = facts
        for part in parts:
            if before is None:
                break
            here = self.assume(part, truth, before)
            if here is not None:
                joined = joined.join(here) if joined else here
            before = self.assume(part, not truth, before)
        return joined

    def _compared(self, op: str, a: Expr, b: Expr, facts: Facts) -> Facts | None:
        ra, rb = self.quiet(a, facts), self.quiet(b, facts)
        known = self._narrow(a, op, rb, facts.copy())
        known = self._narrow(b, _MIRRORED[op], ra, known) if known is not None else None
        if known is not None and _key(a) and _key(b):
            if op in (">", ">=", "=="):
                known.at_least.add((_key(a), _key(b)))
            if op in ("<", "<=", "=="):
                known.at_least.add((_key(b), _key(a)))
        return known

    def _narrow(self, node: Expr, op: str, other: Range, facts: Facts) -> Facts | None:
        """Narrow what ``node op other`` says about the variable in ``node``."""
        present = self.quiet(node, facts)
        kept = _kept(present, op, other)
        if kept is None:
            return None
        match node:
            case Var():
                if node.name in facts.ranges:
                    facts.ranges[node.name] = kept
                meaning = facts.meaning.get(node.name)
                if meaning is not None and kept != present:
                    return self._meant(meaning, kept, facts)
            case Binary(op="+" | "-", b=Const() as step):
                back = step.value if node.op == "-" else -step.value
                return self._narrow(node.a, op, Range(other.low + back, other.high + back), facts)
            case Compare() | Logic() if kept.low == kept.high:
                return self.assume(node, bool(kept.low), facts)
        return facts

    def _meant(self, meaning: Expr, kept: Range, facts: Facts) -> Facts | None:
        """A local was narrowed: so is what it was computed from."""
        if isinstance(meaning, Compare | Logic):
            return self.assume(meaning, bool(kept.low), facts) if kept.low == kept.high else facts
        known = self._narrow(meaning, ">=", Range(kept.low, kept.low), facts)
        return self._narrow(meaning, "<=", Range(kept.high, kept.high), known) if known else None


def either(a: Range | None, b: Range | None) -> Range:
    if a is None or b is None:
        present = a or b
        assert present is not None
        return present
    return a | b


def _key(node: Expr) -> str:
    return node.name if isinstance(node, Var) else ""


def _kept(present: Range, op: str, other: Range) -> Range | None:
    """The part of ``present`` that can stand in this relation to some value of ``other``."""
    low, high = present.low, present.high
    match op:
        case "==":
            return present & other
        case "!=":
            if other.low == other.high:
                low += int(low == other.low)
                high -= int(high == other.low)
        case "<":
            high = min(high, other.high - 1)
        case "<=":
            high = min(high, other.high)
        case ">":
            low = max(low, other.low + 1)
        case ">=":
            low = max(low, other.low)
    return Range(low, high) if low <= high else None
