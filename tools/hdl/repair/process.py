"""The processes of a design (always and initial blocks): what starts them, reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyslang.parsing import Token, TokenKind
from pyslang.syntax import SyntaxKind, SyntaxNode, SyntaxTree

from tools.hdl.syntax import nodes, tokens

_ALWAYS = frozenset(
    {
        SyntaxKind.AlwaysBlock,
        SyntaxKind.AlwaysCombBlock,
        SyntaxKind.AlwaysFFBlock,
        SyntaxKind.AlwaysLatchBlock,
        SyntaxKind.InitialBlock,
    }
)
_DECLARING = frozenset(
    {
        SyntaxKind.NetDeclaration,
        SyntaxKind.DataDeclaration,
        SyntaxKind.PortDeclaration,
        SyntaxKind.ImplicitAnsiPort,
    }
)


@dataclass(frozen=True)
class Write:
    """One procedural assignment: target name, whether all of it, the operator, where."""

    name: str
    whole: bool
    operator: Token
    node: Any


@dataclass(frozen=True)
class Process:
    """One always or initial block. ``events`` are (edge or empty, name) of its event list."""

    node: Any
    module: Any
    kind: SyntaxKind
    control: Any
    events: tuple[tuple[str, str], ...]
    implicit: bool
    body: Any
    writes: tuple[Write, ...]
    reads: frozenset[str]

    @property
    def clocked(self) -> bool:
        return any(edge for edge, _ in self.events)

    @property
    def combinational(self) -> bool:
        """An always block that restates its outputs whenever a signal changes."""
        if self.kind is SyntaxKind.AlwaysCombBlock:
            return True
        return self.kind is SyntaxKind.AlwaysBlock and not self.clocked and self.control is not None

    @property
    def as_assigns(self) -> str:
        """The process as continuous assignments; empty when it does more than assign whole
        signals.
        """
        nested = self.body.kind is SyntaxKind.SequentialBlockStatement
        statements = list(self.body.items) if nested else [self.body]
        plain = all(s.kind is SyntaxKind.ExpressionStatement for s in statements)
        names = [w.name for w in self.writes if w.whole]
        if not plain or len(set(names)) != len(statements):
            return ""
        return "\n".join(f"assign {str(w.node).strip()};" for w in self.writes)


def module_nodes(tree: SyntaxTree) -> list[Any]:
    """The module declarations of the tree, in source order."""
    return [n for n in nodes(tree.root) if n.kind is SyntaxKind.ModuleDeclaration]


def signals(module: SyntaxNode) -> frozenset[str]:
    """Names of ports, nets and variables declared in ``module`` (not parameters)."""
    names = set()
    for node in nodes(module):
        if node.kind in _DECLARING:
            names |= {
                d.name.valueText  # type: ignore[attr-defined]
                for d in nodes(node)
                if d.kind is SyntaxKind.Declarator
            }
    return frozenset(names)


def processes(module: SyntaxNode) -> Iterator[Process]:
    """Every process of ``module``."""
    for node in nodes(module):
        if node.kind in _ALWAYS:
            yield _process(node, module)


def assignments(statement: SyntaxNode) -> Iterator[Write]:
    """Procedural assignments inside ``statement``; a concatenation gives one per member."""
    for node in nodes(statement):
        if node.kind not in (
            SyntaxKind.AssignmentExpression,
            SyntaxKind.NonblockingAssignmentExpression,
        ):
            continue
        for name, whole in targets(node.left):  # type: ignore[attr-defined]
            yield Write(name, whole, node.operatorToken, node)  # type: ignore[attr-defined]


def targets(left: Any) -> Iterator[tuple[str, bool]]:
    """Names written by the left side of an assignment, and whether each is written whole."""
    match left.kind:
        case SyntaxKind.IdentifierName:
            yield left.identifier.valueText, True
        case SyntaxKind.IdentifierSelectName:
            yield left.identifier.valueText, False
        case SyntaxKind.ConcatenationExpression:
            for member in left.expressions:
                if isinstance(member, SyntaxNode):
                    yield from targets(member)
        case _:
            first = next((t for t in tokens(left) if t.kind is TokenKind.Identifier), None)
            if first is not None:
                yield first.valueText, False


def _process(node: Any, module: Any) -> Process:
    statement, control = node.statement, None
    if statement.kind is SyntaxKind.TimingControlStatement:
        control, statement = statement.timingControl, statement.statement
    events, implicit = _events(control)
    writes = tuple(assignments(statement))
    written = {
        t.location.offset
        for w in writes
        for t in tokens(w.node.left)
        if t.valueText == w.name and w.operator.kind in (TokenKind.Equals, TokenKind.LessThanEquals)
    }
    reads = frozenset(
        t.valueText
        for t in tokens(statement)
        if t.kind is TokenKind.Identifier and t.location.offset not in written
    )
    return Process(node, module, node.kind, control, events, implicit, statement, writes, reads)


def _events(control: Any) -> tuple[tuple[tuple[str, str], ...], bool]:
    if control is None:
        return (), False
    if control.kind is SyntaxKind.ImplicitEventControl:
        return (), True
    found = []
    for node in nodes(control):
        if node.kind is SyntaxKind.SignalEventExpression:
            edge = node.edge.valueText if node.edge else ""  # type: ignore[attr-defined]
            name = str(node.expr).strip()  # type: ignore[attr-defined]
            found.append((edge, name))
    return tuple(found), False
