"""Mutants of a design: one small named fault each, for testing whatever claims to find faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pyslang.syntax import SyntaxKind, SyntaxNode, SyntaxTree

from tools.hdl.contract import Contract, Unsupported
from tools.hdl.interface import extract
from tools.hdl.syntax import Edit, SourceError, apply, line_of, nodes, parse, span, tokens

_OPERATORS = {
    SyntaxKind.AddExpression: "-",
    SyntaxKind.SubtractExpression: "+",
    SyntaxKind.MultiplyExpression: "+",
    SyntaxKind.DivideExpression: "*",
    SyntaxKind.ModExpression: "/",
    SyntaxKind.BinaryAndExpression: "|",
    SyntaxKind.BinaryOrExpression: "&",
    SyntaxKind.BinaryXorExpression: "|",
    SyntaxKind.BinaryXnorExpression: "^",
    SyntaxKind.LogicalAndExpression: "||",
    SyntaxKind.LogicalOrExpression: "&&",
    SyntaxKind.EqualityExpression: "!=",
    SyntaxKind.InequalityExpression: "==",
    SyntaxKind.LessThanExpression: "<=",
    SyntaxKind.LessThanEqualExpression: "<",
    SyntaxKind.GreaterThanExpression: ">=",
    SyntaxKind.GreaterThanEqualExpression: ">",
    SyntaxKind.LogicalShiftLeftExpression: ">>",
    SyntaxKind.LogicalShiftRightExpression: "<<",
    SyntaxKind.ArithmeticShiftRightExpression: ">>",
    SyntaxKind.UnaryBitwiseNotExpression: "",
    SyntaxKind.UnaryLogicalNotExpression: "",
    SyntaxKind.UnaryMinusExpression: "",
    SyntaxKind.UnaryBitwiseAndExpression: "|",
    SyntaxKind.UnaryBitwiseOrExpression: "&",
    SyntaxKind.UnaryBitwiseXorExpression: "|",
}
_LITERALS = frozenset({SyntaxKind.IntegerLiteralExpression, SyntaxKind.IntegerVectorExpression})
_ASSIGNMENTS = frozenset(
    {SyntaxKind.AssignmentExpression, SyntaxKind.NonblockingAssignmentExpression}
)
_DEEP = 64
"""A counter limit from here on is a deep one: few stimuli reach it."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A faulty design: what kind of fault, in words what was done, on which line."""

    kind: str
    name: str
    line: int
    source: str


@dataclass(frozen=True, slots=True)
class _Change:
    kind: str
    name: str
    edits: tuple[Edit, ...]


def mutants(source: str, top: str | None = None) -> Iterator[Mutant]:
    """Every mutant of ``source``, in source order. Some may be equivalent to it.

    Kinds: operator, constant, limit (of a deep counter), condition, edge, reset polarity,
    reset kind, width, transition, signedness, dropped. Raises SourceError.
    """
    tree = parse(source)
    design = _Design(source, tree, _contract(source, top))
    seen = {source}
    for node in nodes(tree.root):
        if any(tree.sourceManager.isMacroLoc(token.location) for token in tokens(node)):
            continue
        for rule in _RULES:
            for change in rule(design, node):
                mutated = apply(source, change.edits)
                if mutated not in seen:
                    seen.add(mutated)
                    line = line_of(tree, node.sourceRange.start)
                    yield Mutant(change.kind, f"line {line}: {change.name}", line, mutated)


class _Design:
    """What rules need to know of the design beyond the node at hand."""

    def __init__(self, source: str, tree: SyntaxTree, contract: Contract | None) -> None:
        self._bytes = source.encode()
        self.tree = tree
        self.resets = {r.port: r for r in contract.resets} if contract else {}
        self.groups = [_members(node) for node in nodes(tree.root) if _declares_states(node)]

    def text(self, node: SyntaxNode) -> str:
        """The node's text without what surrounds it."""
        extent = node.sourceRange
        return self._bytes[extent.start.offset : extent.end.offset].decode()


def _contract(source: str, top: str | None) -> Contract | None:
    try:
        return extract(source, top)
    except (SourceError, Unsupported):
        return None


def _declares_states(node: SyntaxNode) -> bool:
    parameters = node.kind == SyntaxKind.ParameterDeclaration and len(_members(node)) > 1
    return parameters or node.kind == SyntaxKind.EnumType


def _members(node: Any) -> list[str]:
    declared = node.members if node.kind == SyntaxKind.EnumType else node.declarators
    return [item.name.valueText for item in declared if hasattr(item, "name")]


def _operator(design: _Design, node: Any) -> Iterator[_Change]:
    other = _OPERATORS.get(node.kind)
    if other is None:
        return
    token = node.operatorToken
    shown = f"{token.rawText} became {other}" if other else f"{token.rawText} removed"
    yield _Change("operator", f"{shown} in {design.text(node)}", (span(token.range, other),))


def _constant(design: _Design, node: Any) -> Iterator[_Change]:
    if node.kind not in _LITERALS or _inside(node, _NO_CONSTANT):
        return
    vector = node.kind == SyntaxKind.IntegerVectorExpression
    token = node.value if vector else node.literal
    if getattr(token.value, "hasUnknown", False):
        return  # whatever takes the place of X is one of the values it stands for: no fault
    try:
        value = int(token.value)
    except (TypeError, ValueError):
        return
    width = int(node.size.value) if vector and node.size.rawText else 32
    for delta in (1, -1) if vector or value else (1,):
        changed = (value + delta) % (1 << width)
        digits = (
            format(changed, _RADIX.get(node.base.rawText[-1].lower(), "d")) if vector else changed
        )
        kind = "limit" if value >= _DEEP else "constant"
        yield _Change(kind, f"{value} became {changed}", (span(token.range, str(digits)),))


def _condition(design: _Design, node: Any) -> Iterator[_Change]:
    if node.kind == SyntaxKind.ConditionalPredicate:
        text = design.text(node)
        yield _Change("condition", f"({text}) negated", (span(node.sourceRange, f"!({text})"),))


def _edge(design: _Design, node: Any) -> Iterator[_Change]:
    if node.kind == SyntaxKind.SignalEventExpression and node.edge.rawText in _OTHER_EDGE:
        other = _OTHER_EDGE[node.edge.rawText]
        yield _Change(
            "edge", f"{design.text(node)} became {other}", (span(node.edge.range, other),)
        )


def _reset(design: _Design, node: Any) -> Iterator[_Change]:
    """Polarity: edge and test of the reset both flipped. Kind: asynchronous against synchronous."""
    if node.kind != SyntaxKind.TimingControlStatement:
        return
    events = [n for n in nodes(node.timingControl) if n.kind == SyntaxKind.SignalEventExpression]
    named = {design.text(event.expr): event for event in events}  # type: ignore[attr-defined]
    for reset in design.resets.values():
        tests = [
            test
            for test in nodes(node.statement)
            if test.kind == SyntaxKind.ConditionalPredicate
            and design.text(test).strip("!~ ()") == reset.port
        ]
        flips = [span(test.sourceRange, f"!({design.text(test)})") for test in tests[:1]]
        event: Any = named.get(reset.port)
        if event is not None:
            flips.append(span(event.edge.range, _OTHER_EDGE.get(event.edge.rawText, "posedge")))
        if tests:
            yield _Change("reset polarity", f"{reset.port} inverted", tuple(flips))
        if event is not None and event.parent.kind == SyntaxKind.BinaryEventExpression:
            pair = event.parent
            own = design.text(event)
            edit = span(pair.sourceRange, _other_side(design, pair, own))
            yield _Change("reset kind", f"{reset.port} made synchronous", (edit,))
        elif event is None and tests and events:
            edge = "posedge" if reset.active_high else "negedge"
            added = f"{design.text(events[-1])} or {edge} {reset.port}"
            edit = span(events[-1].sourceRange, added)
            yield _Change("reset kind", f"{reset.port} made asynchronous", (edit,))


def _other_side(design: _Design, pair: Any, own: str) -> str:
    """Of an event pair ``left or right``, the text of the one that is not ``own``."""
    left = design.text(pair.left)
    return design.text(pair.right) if left == own else left


def _width(design: _Design, node: Any) -> Iterator[_Change]:
    """One bit fewer in an internal vector."""
    if node.kind == SyntaxKind.RangeDimensionSpecifier and _inside(node, _INTERNAL):
        left = node.selector.left if node.selector.kind == SyntaxKind.SimpleRangeSelect else None
        if left is not None and not _inside(node, _UNPACKED) and design.text(left) != "0":
            text = design.text(left)
            yield _Change(
                "width", f"[{text}:] one bit fewer", (span(left.sourceRange, f"({text})-1"),)
            )


def _transition(design: _Design, node: Any) -> Iterator[_Change]:
    """A named state that is assigned, perhaps by one side of ``?:``, becomes the next one."""
    if node.kind != SyntaxKind.IdentifierName or node.parent.kind not in _GIVES_VALUE:
        return
    state = node.identifier.valueText
    for group in design.groups:
        if state in group and len(group) > 1 and _inside(node, _ASSIGNMENTS):
            other = group[(group.index(state) + 1) % len(group)]
            name = f"{state} became {other} in {design.text(node.parent)}"
            yield _Change("transition", name, (span(node.sourceRange, other),))


def _signedness(design: _Design, node: Any) -> Iterator[_Change]:
    signing = getattr(node, "signing", None)
    if signing is not None and getattr(signing, "rawText", "") == "signed":
        yield _Change("signedness", "signed removed", (span(signing.range),))


def _dropped(design: _Design, node: Any) -> Iterator[_Change]:
    if node.kind == SyntaxKind.ExpressionStatement and node.expr.kind in _ASSIGNMENTS:
        # Not a lone semicolon: Icarus takes none as the whole of an initial block.
        edit = span(node.sourceRange, "begin end")
        yield _Change("dropped", f"{design.text(node)} dropped", (edit,))


def _inside(node: SyntaxNode, kinds: frozenset[SyntaxKind]) -> bool:
    parent: SyntaxNode | None = node.parent
    while parent is not None:
        if parent.kind in kinds:
            return True
        parent = parent.parent
    return False


_GIVES_VALUE = _ASSIGNMENTS | {SyntaxKind.ConditionalExpression}
_OTHER_EDGE = {"posedge": "negedge", "negedge": "posedge"}
_RADIX = {"b": "b", "o": "o", "d": "d", "h": "x"}
_NO_CONSTANT = frozenset(
    {SyntaxKind.RangeDimensionSpecifier, SyntaxKind.SimpleRangeSelect, SyntaxKind.BitSelect}
)
_INTERNAL = frozenset({SyntaxKind.DataDeclaration, SyntaxKind.NetDeclaration})
_UNPACKED = frozenset({SyntaxKind.Declarator})
_RULES: tuple[Callable[[_Design, Any], Iterator[_Change]], ...] = (
    _operator,
    _constant,
    _condition,
    _edge,
    _reset,
    _width,
    _transition,
    _signedness,
    _dropped,
)
