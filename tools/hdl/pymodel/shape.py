"""What can be said of Python statements by looking at their tree."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from tools.hdl.pymodel.ir import NotTranslatable


def exits_of(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """``return`` statements below, and those ``break``/``continue`` that leave this body."""
    found: list[ast.stmt] = []
    for node in body:
        match node:
            case ast.Return() | ast.Break() | ast.Continue():
                found.append(node)
            case ast.If():
                found += exits_of([*node.body, *node.orelse])
            case ast.For() | ast.While():
                found += [n for n in exits_of(node.body) if isinstance(n, ast.Return)]
            case ast.Match():
                found += exits_of([s for c in node.cases for s in c.body])
    return found


def leaves(node: ast.If) -> bool:
    return bool(exits_of([node]))


def stored_names(function: ast.FunctionDef) -> set[str]:
    """Names a function assigns."""
    return {
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def as_if(node: ast.Match) -> ast.If:
    """``match`` over constants as a chain of ``if``."""
    chain: list[ast.stmt] = []
    for case in reversed(node.cases):
        test = _pattern(node.subject, case.pattern)
        if case.guard is not None and test is not None:
            test = ast.BoolOp(ast.And(), [test, case.guard])
        elif case.guard is not None:
            test = case.guard
        test = test if test is not None else ast.Constant(True)
        chain = [ast.If(test, case.body, chain)]
    first = chain[0]
    assert isinstance(first, ast.If)
    return ast.fix_missing_locations(ast.copy_location(first, node))


def _pattern(subject: ast.expr, pattern: ast.pattern) -> ast.expr | None:
    """The condition under which a pattern matches, None for always."""
    match pattern:
        case ast.MatchValue():
            return ast.Compare(subject, [ast.Eq()], [pattern.value])
        case ast.MatchSingleton():
            return ast.Compare(subject, [ast.Eq()], [ast.Constant(pattern.value)])
        case ast.MatchOr():
            tests = [_pattern(subject, p) for p in pattern.patterns]
            known = [t for t in tests if t is not None]
            return ast.BoolOp(ast.Or(), known) if len(known) == len(tests) else None
        case ast.MatchAs(name=None):
            return None
        case _:
            raise NotTranslatable("this match pattern", pattern.lineno)
