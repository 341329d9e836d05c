"""What is wrong with a design, in one ordered measure: syntax, interface, meaning, hazards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from pyslang import Bag, DiagnosticEngine, DiagnosticSeverity, ast
from pyslang.syntax import SyntaxTree

from tools.hdl.contract import Contract
from tools.hdl.repair.hazards import hazards
from tools.hdl.repair.scan import masked, modules

_DIRECTION = {
    ast.ArgumentDirection.In: "input",
    ast.ArgumentDirection.Out: "output",
    ast.ArgumentDirection.InOut: "inout",
}
# pyslang only warns of these; Icarus or Verilator refuse the code.
_REFUSED = frozenset(
    {
        "CannotIndexScalar",
        "MisplacedTrailingSeparator",
        "MixedVarAssigns",
        "RangeSelectReversed",
        "Redefinition",
    }
)
# pyslang refuses these; Icarus and Yosys take them.
_TOLERATED = frozenset({"NoImplicitConversion"})

_SEVERE = frozenset({DiagnosticSeverity.Error, DiagnosticSeverity.Fatal})


class Stage(IntEnum):
    """How deep a finding lies; an earlier stage hides the later ones."""

    SYNTAX = 0
    INTERFACE = 1
    MEANING = 2
    HAZARD = 3


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One complaint, as exact as a message to the author must be. ``line``, ``column`` from 1.

    An ``error`` keeps the design from compiling or from meeting its contract; a ``warning``
    is code that compiles and is likely wrong (a latch, two drivers).
    """

    line: int
    column: int
    code: str
    message: str
    text: str
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnostic with its stage, its offset in the text and the name it is about."""

    stage: Stage
    code: str
    message: str
    offset: int
    end: int
    name: str = ""


@dataclass(frozen=True)
class View:
    """A text and everything known to be wrong with it."""

    source: str
    tree: SyntaxTree
    top: ast.InstanceSymbol | None
    findings: tuple[Finding, ...]

    @property
    def badness(self) -> tuple[int, ...]:
        """Findings per stage, compared in order: a repair must make this smaller."""
        return tuple(sum(f.stage == stage for f in self.findings) for stage in Stage)

    def of(self, *codes: str) -> Iterator[Finding]:
        """Findings with one of these codes, in source order."""
        return (f for f in self.findings if f.code in codes)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The findings for a reader, in source order."""
        lines = self.source.split("\n")
        found = []
        for finding in sorted(self.findings, key=lambda f: f.offset):
            line = self.source.count("\n", 0, finding.offset)
            column = finding.offset - (self.source.rfind("\n", 0, finding.offset) + 1)
            severity: Literal["error", "warning"] = (
                "warning" if finding.stage is Stage.HAZARD else "error"
            )
            text = lines[line] if line < len(lines) else ""
            found.append(
                Diagnostic(line + 1, column + 1, finding.code, finding.message, text, severity)
            )
        return tuple(dict.fromkeys(found))


def examine(source: str, contract: Contract) -> View:
    """Parse and elaborate ASCII ``source`` and hold it against ``contract``."""
    tree = SyntaxTree.fromText(source)
    options = ast.CompilationOptions()
    options.flags = ast.CompilationFlags.AllowUseBeforeDeclare
    names = [module.name for module in modules(source)]
    if contract.top in names:
        options.topModules = {contract.top}
    compilation = ast.Compilation(Bag([options]))
    compilation.addSyntaxTree(tree)
    tops = list(compilation.getRoot().topInstances)
    top = next((t for t in tops if t.name == contract.top), None)
    syntax = [_key(d) for d in tree.diagnostics]
    findings = [*_from_pyslang(source, tree, compilation, syntax)]
    if top is None:
        findings.append(_no_top(source, contract, names))
    else:
        findings += _interface(source, top, contract)
        findings += _implicit_nets(top)
        findings += _narrow_variables(source, top)
    findings += _icarus_only(source)
    if not any(f.stage < Stage.MEANING for f in findings):
        findings += [
            Finding(
                Stage.MEANING if h.code in _REFUSED else Stage.HAZARD,
                h.code, h.message, h.offset, h.end, h.name,
            )
            for h in hazards(source, tree, contract)
        ]  # fmt: skip
    return View(source, tree, top, tuple(findings))


def _key(diagnostic: object) -> tuple[str, int]:
    return str(diagnostic.code), diagnostic.location.offset  # type: ignore[attr-defined]


def _from_pyslang(
    source: str, tree: SyntaxTree, compilation: ast.Compilation, syntax: list[tuple[str, int]]
) -> Iterator[Finding]:
    engine = DiagnosticEngine(tree.sourceManager)
    for diagnostic in compilation.getAllDiagnostics():
        code = str(diagnostic.code).removeprefix("DiagCode(").removesuffix(")")
        severe = engine.getSeverity(diagnostic.code, diagnostic.location) in _SEVERE
        if code == "TypoIdentifier":
            code = "UndeclaredIdentifier"  # the same, with a hint in its message
        if code in _TOLERATED or not (severe or code in _REFUSED):
            continue
        place = tree.sourceManager.getFullyExpandedLoc(diagnostic.location)
        start, end = place.offset, place.offset
        if diagnostic.ranges:
            start, end = diagnostic.ranges[0].start.offset, diagnostic.ranges[0].end.offset
            if not start <= place.offset <= end:
                start = end = place.offset
        stage = Stage.SYNTAX if _key(diagnostic) in syntax else Stage.MEANING
        word = re.compile(r"[A-Za-z_]\w*").match(source, start)
        name = word.group() if word else ""
        yield Finding(stage, code, engine.formatMessage(diagnostic), start, end, name)


def _implicit_nets(top: ast.InstanceSymbol) -> Iterator[Finding]:
    """Undeclared names that an assign statement makes one-bit nets though it gives them more."""
    for member in top.body:
        if not isinstance(member, ast.ContinuousAssignSymbol):
            continue
        assignment = member.assignment
        left, right = getattr(assignment, "left", None), getattr(assignment, "right", None)
        symbol = getattr(left, "symbol", None)
        if right is None or not isinstance(symbol, ast.NetSymbol) or not symbol.isImplicit:
            continue
        while isinstance(right, ast.ConversionExpression):
            right = right.operand
        if right.type.bitWidth > 1 and not right.constant:
            at = symbol.location.offset
            message = f"{symbol.name} is not declared: one bit for {right.type.bitWidth}"
            end = at + len(symbol.name)
            yield Finding(Stage.HAZARD, "ImplicitNet", message, at, end, symbol.name)


def _narrow_variables(source: str, top: ast.InstanceSymbol) -> Iterator[Finding]:
    """One-bit variables that are a wider output's only source and take constants of its width."""
    for member in top.body:
        if not isinstance(member, ast.ContinuousAssignSymbol):
            continue
        left = getattr(getattr(member.assignment, "left", None), "symbol", None)
        right = getattr(member.assignment, "right", None)
        while isinstance(right, ast.ConversionExpression):
            right = right.operand
        symbol = getattr(right, "symbol", None)
        if left is None or not isinstance(symbol, ast.VariableSymbol):
            continue
        width = left.type.bitWidth
        given = re.findall(rf"\b{symbol.name}\s*<?=\s*(\d+)'", masked(source))
        if symbol.type.bitWidth == 1 < width and given and {int(n) for n in given} == {width}:
            at = symbol.location.offset
            message = f"{symbol.name} has one bit, but is used as {width} bits"
            yield Finding(
                Stage.HAZARD, "NarrowVariable", message, at, at + len(symbol.name), symbol.name
            )


def _icarus_only(source: str) -> Iterator[Finding]:
    for m in re.finditer(r"\binput\s+reg\b", masked(source)):
        message = "an input cannot be a variable"
        yield Finding(Stage.MEANING, "InputVariable", message, m.start(), m.end())


def _no_top(source: str, contract: Contract, names: list[str]) -> Finding:
    found = ", ".join(names) if names else "none"
    message = f"no module named {contract.top} (modules found: {found})"
    first = masked(source).find("module")
    return Finding(Stage.INTERFACE, "TopMissing", message, max(first, 0), max(first, 0))


def _interface(source: str, top: ast.InstanceSymbol, contract: Contract) -> Iterator[Finding]:
    """Ports that differ from the contract, each at its place in the text."""
    actual = {port.name: port for port in top.body.portList if isinstance(port, ast.PortSymbol)}
    place = next(m.start for m in modules(source) if m.name == contract.top)
    for port in contract.ports:
        found = actual.pop(port.name, None)
        wanted = f"{port.direction} [{port.width - 1}:0] {port.name}"
        if found is None:
            message = f"port missing: {wanted}"
            yield Finding(Stage.INTERFACE, "PortMissing", message, place, place, port.name)
            continue
        at = found.location.offset
        direction, width = _DIRECTION.get(found.direction, "ref"), found.type.bitWidth
        if direction != port.direction:
            message = f"port {port.name} is {direction}, must be {port.direction}"
            yield Finding(Stage.INTERFACE, "PortDirection", message, at, at, port.name)
        if width != port.width or found.type.isUnpackedArray:
            message = f"port {port.name} is {width} bits wide, must be {port.width}"
            yield Finding(Stage.INTERFACE, "PortWidth", message, at, at, port.name)
    for name, extra in actual.items():
        message = f"port {name} is not in the contract"
        at = extra.location.offset
        yield Finding(Stage.INTERFACE, "PortExtra", message, at, at, name)
