"""A model under repair, and what the rules ask of its tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.hdl.contract import Contract


@dataclass
class Answer:
    """A model under repair."""

    tree: ast.Module
    model: ast.ClassDef
    contract: Contract

    def method(self, name: str) -> ast.FunctionDef | None:
        found = [n for n in self.model.body if isinstance(n, ast.FunctionDef) and n.name == name]
        return found[-1] if found else None

    @property
    def methods(self) -> list[ast.FunctionDef]:
        return [n for n in self.model.body if isinstance(n, ast.FunctionDef)]

    @property
    def takers(self) -> list[ast.FunctionDef]:
        """The methods the harness passes inputs to."""
        return [m for m in self.methods if m.name in ("outputs", "tick")]

    @property
    def inputs(self) -> set[str]:
        return {p.name for p in self.contract.ports if p.direction == "input"}


class Rewriter(ast.NodeTransformer):
    """A transformer that knows whether it changed anything."""

    def __init__(self) -> None:
        self.changed = False


def transform(methods: list[ast.FunctionDef], rewriter: Callable[[str], Rewriter]) -> bool:
    """Rewrite bodies; ``rewriter`` is given the name of each method's inputs."""
    changed = False
    for method in methods:
        rewrite = rewriter(inputs_name(method))
        method.body = [rewrite.visit(statement) for statement in method.body]
        changed = changed or rewrite.changed
    return changed


def inputs_name(method: ast.FunctionDef) -> str:
    names = [a.arg for a in method.args.args]
    return names[1] if len(names) > 1 else ""


def is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _attributes(node: ast.AST) -> Iterator[ast.Attribute]:
    return (n for n in ast.walk(node) if isinstance(n, ast.Attribute) and is_name(n.value, "self"))


def stored(node: ast.AST) -> set[str]:
    return {n.attr for n in _attributes(node) if isinstance(n.ctx, ast.Store)}


def read(node: ast.AST) -> set[str]:
    """Attributes that are read, also by ``+=``."""
    found = {n.attr for n in _attributes(node) if isinstance(n.ctx, ast.Load)}
    for n in ast.walk(node):
        if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Attribute):
            found.add(n.target.attr)
    return found


def class_names(model: ast.ClassDef) -> set[str]:
    return {
        n.id
        for s in model.body
        if isinstance(s, ast.Assign | ast.AnnAssign)
        for n in ast.walk(s)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def arguments(*names: str) -> ast.arguments:
    return ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])


def function(name: str, body: list[ast.stmt]) -> ast.FunctionDef:
    return ast.FunctionDef(name, arguments("self", "i"), body, [])


def dict_of_attributes(names: list[str]) -> ast.Dict:
    keys: list[ast.expr | None] = [ast.Constant(n) for n in names]
    return ast.Dict(
        keys, [ast.Attribute(ast.Name("self", ast.Load()), n, ast.Load()) for n in names]
    )
