"""Verilog source as a syntax tree: walking it, editing the text under it, elaborating it.

pyslang keeps every token's place in the text, so a design is changed by replacing the text of
tokens and nodes; all else (comments, spacing, directives) stays byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from pyslang import (
    Bag,
    Diagnostic,
    DiagnosticEngine,
    SourceLocation,
    SourceManager,
    SourceRange,
    ast,
)
from pyslang.parsing import PreprocessorOptions, Token, TokenKind
from pyslang.syntax import SyntaxKind, SyntaxNode, SyntaxTree

_NAMED_UNITS = frozenset(
    {
        SyntaxKind.ModuleDeclaration,
        SyntaxKind.PackageDeclaration,
        SyntaxKind.InterfaceDeclaration,
        SyntaxKind.UdpDeclaration,
    }
)
_MAX_INSTANCES = 20_000


class SourceError(ValueError):
    """The text is not Verilog that can be elaborated. ``line`` counts from 1, 0 when unknown."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace bytes ``start`` to ``end`` of the UTF-8 text by ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Elaborated:
    """A design after elaboration: its top instance and every complaint about it."""

    tree: SyntaxTree
    compilation: ast.Compilation
    top: ast.InstanceSymbol
    diagnostics: tuple[Diagnostic, ...]

    def message(self, diagnostic: Diagnostic) -> str:
        """The diagnostic in words."""
        return DiagnosticEngine(self.tree.sourceManager).formatMessage(diagnostic)

    def line(self, location: SourceLocation) -> int:
        """The line of a place, counted from 1."""
        return line_of(self.tree, location)


def parse(source: str) -> SyntaxTree:
    """Parse; raises SourceError at the first syntax error. No file is ever included."""
    options = PreprocessorOptions()
    options.maxIncludeDepth = 0
    try:
        tree = SyntaxTree.fromText(source, SourceManager(), options=Bag([options]))
    except Exception as error:  # the binding raises several kinds on hostile text
        raise SourceError(f"cannot be parsed: {error}") from error
    for diagnostic in tree.diagnostics:
        if diagnostic.isError():
            message = DiagnosticEngine(tree.sourceManager).formatMessage(diagnostic)
            raise SourceError(message, line_of(tree, diagnostic.location))
    return tree


def elaborate(source: str, top: str | None = None) -> Elaborated:
    """Parse and elaborate with ``top`` as root, or else the one module nobody instantiates.

    Raises SourceError when the text has a syntax error, declares a module twice or has no single
    such module. Semantic complaints do not raise: tools differ in what they accept, so callers
    decide.
    """
    tree = parse(source)
    _refuse_twins(tree)
    options = ast.CompilationOptions()
    options.flags = ast.CompilationFlags.AllowUseBeforeDeclare
    if top is not None:
        options.topModules = {top}
    try:
        compilation = ast.Compilation(Bag([options]))
        compilation.addSyntaxTree(tree)
        tops = list(compilation.getRoot().topInstances)
        diagnostics = tuple(compilation.getAllDiagnostics())
    except Exception as error:
        raise SourceError(f"cannot be elaborated: {error}") from error
    if len(tops) != 1:
        names = ", ".join(instance.name for instance in tops)
        there = f"no module named {top}; there is {', '.join(sorted(declared(tree))) or 'none'}"
        raise SourceError(there if top else f"name the top module: {names or 'none'}")
    return Elaborated(tree, compilation, tops[0], diagnostics)


def instances(top: ast.InstanceSymbol) -> Iterator[ast.InstanceSymbol]:
    """The top instance and all below it, parents first. Raises SourceError past 20,000."""
    stack, count = [top], 0
    while stack:
        count += 1
        if count > _MAX_INSTANCES:
            raise SourceError(f"more than {_MAX_INSTANCES} instances")
        instance = stack.pop()
        yield instance
        below = [node for node in contents(instance) if isinstance(node, ast.InstanceSymbol)]
        stack.extend(reversed(below))


def contents(instance: ast.InstanceSymbol) -> list[object]:
    """Symbols, statements and expressions of one instance; of those inside it, only their heads."""
    found: list[object] = []

    def visit(node: object) -> ast.VisitAction:
        found.append(node)
        inner = isinstance(node, ast.InstanceSymbol)
        return ast.VisitAction.Skip if inner else ast.VisitAction.Advance

    instance.body.visit(visit)
    return found


def line_of(tree: SyntaxTree, location: SourceLocation) -> int:
    """The line of a place, counted from 1; of the macro's use when it lies inside a macro."""
    manager = tree.sourceManager
    return manager.getLineNumber(manager.getFullyExpandedLoc(location))


def walk(root: SyntaxNode) -> Iterator[SyntaxNode | Token]:
    """Every node and token below ``root``, in source order, without recursion."""
    stack: list[SyntaxNode | Token] = [root]
    while stack:
        item = stack.pop()
        yield item
        if isinstance(item, SyntaxNode):
            stack.extend(reversed(cast(list[SyntaxNode | Token], list(item))))


def nodes(root: SyntaxNode) -> Iterator[SyntaxNode]:
    """Every node below ``root``, in source order."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed([item for item in node if isinstance(item, SyntaxNode)]))


def tokens(root: SyntaxNode) -> Iterator[Token]:
    """Every token below ``root``, in source order."""
    return (item for item in walk(root) if isinstance(item, Token))


def span(extent: SourceRange, text: str = "") -> Edit:
    """The edit that puts ``text`` in place of a node's or token's ``extent``."""
    return Edit(extent.start.offset, extent.end.offset, text)


def apply(source: str, edits: Iterable[Edit]) -> str:
    """Apply edits that do not overlap."""
    data = source.encode()
    for edit in sorted(edits, key=lambda e: e.start, reverse=True):
        data = data[: edit.start] + edit.text.encode() + data[edit.end :]
    return data.decode()


def declared(tree: SyntaxTree) -> frozenset[str]:
    """Names of the modules, packages, interfaces and primitives the text declares."""
    return frozenset(_name_token(node).valueText for node in _units(tree))


def rename(source: str, names: Mapping[str, str]) -> str:
    """Rename modules, packages, interfaces and primitives, and every use outside macros."""
    edits: dict[int, Edit] = {}
    for token in _unit_references(parse(source)):
        if token.valueText in names:
            edit = span(token.range, f"\\{names[token.valueText]} ")
            edits[edit.start] = edit
    return apply(source, edits.values())


def _refuse_twins(tree: SyntaxTree) -> None:
    """Tools differ in which of two declarations of one name they take, if any."""
    seen: set[str] = set()
    for unit in _units(tree):
        name = _name_token(unit)
        if name.valueText in seen:
            line = line_of(tree, name.location)
            raise SourceError(f"{name.valueText} is declared twice", line)
        seen.add(name.valueText)


def _units(tree: SyntaxTree) -> Iterator[SyntaxNode]:
    return (node for node in nodes(tree.root) if node.kind in _NAMED_UNITS)


def _name_token(unit: SyntaxNode) -> Token:
    name: Token = unit.name if unit.kind == SyntaxKind.UdpDeclaration else unit.header.name  # type: ignore[attr-defined]
    return name


def _unit_references(tree: SyntaxTree) -> Iterator[Token]:
    """Tokens that name a unit: declarations, end labels, instantiations, imports, ``p::x``."""
    for node in nodes(tree.root):
        match node.kind:
            case kind if kind in _NAMED_UNITS:
                yield _name_token(node)
                if node.blockName is not None:  # type: ignore[attr-defined]
                    yield node.blockName.name  # type: ignore[attr-defined]
            case SyntaxKind.HierarchyInstantiation:
                yield node.type  # type: ignore[attr-defined]
            case SyntaxKind.PackageImportItem:
                yield node.package  # type: ignore[attr-defined]
            case SyntaxKind.InterfacePortHeader:
                yield node.nameOrKeyword  # type: ignore[attr-defined]
            case SyntaxKind.ScopedName:
                left = node.left  # type: ignore[attr-defined]
                if left.kind == SyntaxKind.IdentifierName and (
                    node.separator.kind == TokenKind.DoubleColon  # type: ignore[attr-defined]
                ):
                    yield left.identifier
