"""Which lines of a design are about some of its signals."""

from __future__ import annotations

from collections.abc import Iterator, Set

from pyslang import ast
from pyslang.syntax import SyntaxNode

from tools.hdl.syntax import Elaborated, contents, elaborate, instances


def lines_about(source: str, top: str, signals: Set[str]) -> tuple[int, ...]:
    """Lines, counted from 1, of the modules that hold ``signals`` (paths below the top), less
    what declares or drives other signals only. Raises SourceError.
    """
    design = elaborate(source, top)
    modules: set[int] = set()
    wanted: set[int] = set()
    unwanted: set[int] = set()
    for instance in instances(design.top):
        if _holds(instance, signals):
            modules |= _lines(design, instance.definition.syntax)
            for syntax, names in _constructs(instance, signals):
                (wanted if names & signals else unwanted).update(_lines(design, syntax))
    text = source.splitlines()
    return tuple(n for n in sorted(modules - (unwanted - wanted)) if text[n - 1].strip())


def _constructs(
    instance: ast.InstanceSymbol, signals: Set[str]
) -> Iterator[tuple[SyntaxNode, Set[str]]]:
    """Pieces of an instance's text, with the signals each declares or drives.

    Of a block that drives one of ``signals``, the pieces are its single assignments.
    """
    for node in contents(instance):
        match node:
            case ast.NetSymbol() | ast.VariableSymbol():
                yield node.syntax, {_path(node)}
            case ast.ContinuousAssignSymbol():
                yield node.syntax, _driven(node.assignment)
            case ast.InstanceSymbol():
                yield node.syntax, signals if _holds(node, signals) else set()
            case ast.ProceduralBlockSymbol():
                statements = list(_assignments(node))
                driven = {name for statement in statements for name in _driven(statement.expr)}
                if driven & signals:
                    yield from ((s.syntax, _driven(s.expr)) for s in statements)
                else:
                    yield node.syntax, driven


def _assignments(block: ast.ProceduralBlockSymbol) -> Iterator[ast.ExpressionStatement]:
    found: list[object] = []
    block.body.visit(found.append)
    return (n for n in found if isinstance(n, ast.ExpressionStatement))


def _driven(expression: ast.Expression) -> set[str]:
    """Signals named by the left side of an assignment, or changed by ``++`` and its kin."""
    changed = expression.left if isinstance(expression, ast.AssignmentExpression) else expression
    found: list[object] = []
    changed.visit(found.append)
    return {
        _path(n.symbol)
        for n in found
        if isinstance(n, ast.NamedValueExpression | ast.HierarchicalValueExpression)
    }


def _holds(instance: ast.InstanceSymbol, signals: Set[str]) -> bool:
    path = _path(instance)
    return not path or any(name.startswith(f"{path}.") for name in signals)


def _path(symbol: ast.Symbol) -> str:
    """Below the top."""
    return str(symbol.hierarchicalPath).partition(".")[2]


def _lines(design: Elaborated, syntax: SyntaxNode) -> set[int]:
    extent = syntax.sourceRange
    return set(range(design.line(extent.start), design.line(extent.end) + 1))
