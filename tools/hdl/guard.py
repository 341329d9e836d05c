"""What a design may not do: leave its own module, touch the host, stop or stall the simulator.

Read from the syntax tree and the elaborated design, so comments, strings and macros cannot
hide anything. A testbench never relies on this alone: designs run in a sandbox, apart from the
golden, and verdicts are computed outside from recorded outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyslang import ast
from pyslang.parsing import TokenKind
from pyslang.syntax import SyntaxKind, SyntaxNode, SyntaxTree

from tools.hdl.syntax import (
    Edit,
    Elaborated,
    apply,
    contents,
    instances,
    line_of,
    nodes,
    parse,
    span,
    tokens,
)

_PURE_FUNCTION_NAMES = (
    "$signed $unsigned $clog2 $bits $size $high $low $left $right $increment $dimensions "
    "$unpacked_dimensions $countones $countbits $onehot $onehot0 $isunknown $cast $typename "
    "$itor $rtoi $bitstoreal $realtobits $floor $ceil $pow $sqrt $ln $log10 $exp "
    "$past $rose $fell $stable $sampled"
)
_PURE_FUNCTIONS = frozenset(_PURE_FUNCTION_NAMES.split())
_TEXT_TASKS = ("display", "write", "strobe", "monitor")
_OTHER_PRINTING = (
    "$info $warning $error $monitoron $monitoroff $timeformat $printtimescale "
    "$dumpfile $dumpvars $dumpon $dumpoff $dumpall $dumpflush"
)
_PRINTING_TASKS = frozenset(
    [f"${task}{radix}" for task in _TEXT_TASKS for radix in ("", *"bho")] + _OTHER_PRINTING.split()
)
_FORBIDDEN_SYNTAX = {
    SyntaxKind.BindDirective: ("bind", "binds into another module"),
    SyntaxKind.DPIImport: ("DPI", "imports foreign code"),
    SyntaxKind.DPIExport: ("DPI", "exports to foreign code"),
    SyntaxKind.ProceduralForceStatement: ("force", "forces a net"),
    SyntaxKind.ProceduralReleaseStatement: ("release", "releases a net"),
    SyntaxKind.WaitStatement: ("wait", "waits inside a statement"),
    SyntaxKind.WaitForkStatement: ("wait", "waits inside a statement"),
    SyntaxKind.ProgramDeclaration: ("program", "is a testbench program"),
    SyntaxKind.ImmediateAssumeStatement: ("assume", "assumes what it should do"),
    SyntaxKind.AssumePropertyStatement: ("assume", "assumes what it should do"),
    SyntaxKind.RestrictPropertyStatement: ("assume", "restricts what it may be given"),
    SyntaxKind.RootScope: ("hierarchy", "refers to $root, outside its module"),
    SyntaxKind.UnitScope: ("hierarchy", "refers to $unit"),
}
_ENDLESS = frozenset({SyntaxKind.AlwaysBlock, SyntaxKind.ForeverStatement})
_DELAYS = frozenset({SyntaxKind.DelayControl, SyntaxKind.Delay3})
_WATCHED = _ENDLESS | _DELAYS | {SyntaxKind.FinalBlock, SyntaxKind.SystemName, *_FORBIDDEN_SYNTAX}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a design does that no design needs. ``strippable``: harmless once removed."""

    name: str
    line: int
    message: str
    strippable: bool = False


def inspect(design: Elaborated) -> tuple[Finding, ...]:
    """Everything the design does that it may not, in source order."""
    found = [*_syntactic(design.tree), *_hierarchical(design)]
    return tuple(sorted(set(found), key=lambda f: (f.line, f.name)))


def strip(source: str) -> str:
    """The design without its strippable findings: no printing, no assignment delays."""
    tree = parse(source)
    edits: list[Edit] = []
    for node in nodes(tree.root):
        if tree.sourceManager.isMacroLoc(node.sourceRange.start):
            continue
        if edits and node.sourceRange.start.offset < edits[-1].end:
            continue
        if node.kind == SyntaxKind.FinalBlock:
            edits.append(span(node.sourceRange))
        elif _is_printing_statement(node):
            edits.append(span(node.sourceRange, ";"))
        elif node.kind in _DELAYS and not _is_delay_statement(node):
            edits.append(span(node.sourceRange))
    return apply(source, edits)


def _syntactic(tree: SyntaxTree) -> Iterator[Finding]:
    for node in nodes(tree.root):
        kind = node.kind
        if kind not in _WATCHED:
            continue
        line = line_of(tree, node.sourceRange.start)
        if kind in _FORBIDDEN_SYNTAX:
            name, what = _FORBIDDEN_SYNTAX[kind]
            yield Finding(name, line, f"the design {what}")
        elif kind == SyntaxKind.FinalBlock:
            yield Finding("final", line, "the design acts when the simulation ends", True)
        elif kind in _DELAYS:
            yield _delay(tree, node, line)
        elif kind in _ENDLESS and not _waits(node):
            yield Finding("loop", line, "a loop without end never waits")
        elif kind == SyntaxKind.SystemName:
            yield from _system_call(tree, node, line)


def _system_call(tree: SyntaxTree, node: SyntaxNode, line: int) -> Iterator[Finding]:
    name = next(iter(tokens(node))).valueText
    if name in _PURE_FUNCTIONS:
        return
    statement = node.parent.parent if node.parent is not None else None
    in_text = not tree.sourceManager.isMacroLoc(node.sourceRange.start)
    alone = any(
        parent is not None and _is_printing_statement(parent) for parent in (node.parent, statement)
    )
    if name in _PRINTING_TASKS and alone and in_text:
        yield Finding(name, line, f"the design prints with {name}", strippable=True)
    else:
        yield Finding(name, line, f"the design calls {name}")


def _is_printing_statement(node: SyntaxNode) -> bool:
    """True for a statement that is one call of a printing task and nothing else."""
    if node.kind != SyntaxKind.ExpressionStatement:
        return False
    first = next(tokens(node), None)
    return (
        first is not None
        and first.kind == TokenKind.SystemIdentifier
        and first.valueText in _PRINTING_TASKS
    )


def _waits(block: SyntaxNode) -> bool:
    return any(node.kind == SyntaxKind.TimingControlStatement for node in nodes(block))


def _delay(tree: SyntaxTree, node: SyntaxNode, line: int) -> Finding:
    if _is_delay_statement(node) or tree.sourceManager.isMacroLoc(node.sourceRange.start):
        return Finding("delay", line, "the design waits for time to pass")
    return Finding("delay", line, "an assignment is delayed", strippable=True)


def _is_delay_statement(node: SyntaxNode) -> bool:
    parent = node.parent
    return parent is not None and parent.kind == SyntaxKind.TimingControlStatement


def _hierarchical(design: Elaborated) -> Iterator[Finding]:
    """References that leave the top module, resolved (upwards) or not (into a testbench)."""
    dotted = {
        next(tokens(node)).location.offset: str(node).strip()
        for node in nodes(design.tree.root)
        if node.kind == SyntaxKind.ScopedName
    }
    for diagnostic in design.diagnostics:
        path = dotted.get(diagnostic.location.offset)
        if path is not None and diagnostic.isError():
            message = f"the design reaches {path}, not its own"
            yield Finding("hierarchy", design.line(diagnostic.location), message)
    inside = f"{design.top.name}."
    for instance in instances(design.top):
        for value in contents(instance):
            if isinstance(value, ast.HierarchicalValueExpression):
                path = value.symbol.hierarchicalPath
                if not path.startswith(inside):
                    line = design.line(value.sourceRange.start)
                    yield Finding("hierarchy", line, f"the design reaches {path}, not its own")
