"""Code that compiles and is likely wrong, or that does not belong into a design."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from pyslang.parsing import TokenKind
from pyslang.syntax import SyntaxKind, SyntaxTree

from tools.hdl.contract import Contract
from tools.hdl.repair.clocking import clocking
from tools.hdl.repair.hazard import Hazard
from tools.hdl.repair.process import Process, assignments, module_nodes, processes, signals, targets
from tools.hdl.syntax import nodes

_OUTPUT_TASK = re.compile(r"\$(display|monitor|finish|stop|strobe|write|dump\w+|timeformat)\b")


def hazards(source: str, tree: SyntaxTree, contract: Contract) -> Iterator[Hazard]:
    """Every suspicion about a design that parses and has its top module."""
    units = module_nodes(tree)
    yield from _testbenches(source, units, contract)
    for module in units:
        blocks = list(processes(module))
        declared = signals(module)
        yield from _drivers(module, blocks)
        for block in blocks:
            yield from _simulation_only(block)
            if block.combinational:
                yield from _sensitivity(block, declared)
                yield from _latches(block)
            yield from _assignment_kinds(block, blocks, declared)
            if module.header.name.valueText == contract.top:
                yield from _reset_kind(block, contract)
        if module.header.name.valueText == contract.top:
            yield from clocking(module, blocks, contract)


def reset_test(block: Process) -> Any | None:
    """The ``if`` a clocked block starts with, None when it starts otherwise."""
    body = block.body
    while body.kind is SyntaxKind.SequentialBlockStatement:
        items = [item for item in body.items if item.kind is not SyntaxKind.EmptyStatement]
        if len(items) != 1:
            return None
        body = items[0]
    return body if body.kind is SyntaxKind.ConditionalStatement else None


def tested_level(predicate: Any, port: str) -> bool | None:
    """True when the condition is just ``port`` high, False when it is ``port`` low, else None."""
    text = re.sub(r"[\s()]", "", str(predicate))
    if text in (port, f"{port}==1", f"{port}==1'b1", f"{port}===1'b1"):
        return True
    if text in (f"!{port}", f"~{port}", f"{port}==0", f"{port}==1'b0", f"{port}===1'b0"):
        return False
    return None


def always_assigned(statement: Any) -> frozenset[str]:
    """Names that every path through ``statement`` assigns as a whole."""
    match statement.kind:
        case SyntaxKind.SequentialBlockStatement:
            parts = [always_assigned(item) for item in statement.items]
            return frozenset().union(*parts)
        case SyntaxKind.ConditionalStatement:
            if statement.elseClause is None:
                return frozenset()
            clause = statement.elseClause.clause
            return always_assigned(statement.statement) & always_assigned(clause)
        case SyntaxKind.CaseStatement:
            return _case_assigned(statement)
        case SyntaxKind.ExpressionStatement:
            expression = statement.expr
            if not hasattr(expression, "left"):
                return frozenset()
            return frozenset(name for name, whole in targets(expression.left) if whole)
        case SyntaxKind.ForLoopStatement:
            # Loops in combinational code run over every index: take their element writes as whole.
            return frozenset(w for w, _ in _writes_in(statement.statement))
        case _:
            return frozenset()


def _writes_in(statement: Any) -> Iterator[tuple[str, bool]]:
    for node in nodes(statement):
        if node.kind in (
            SyntaxKind.AssignmentExpression,
            SyntaxKind.NonblockingAssignmentExpression,
        ):
            yield from targets(node.left)  # type: ignore[attr-defined]


def _case_assigned(statement: Any) -> frozenset[str]:
    arms, labels, default = [], 0, False
    for item in statement.items:
        default = default or item.kind is SyntaxKind.DefaultCaseItem
        if item.kind is SyntaxKind.StandardCaseItem:
            labels += len([e for e in item.expressions if hasattr(e, "kind")])
        arms.append(always_assigned(item.clause))
    # Without a default the case is full when its labels fill a power of two; widths are not
    # known here, so four labels on a two-bit selector and sixteen on a wider one both pass.
    full = default or (labels > 1 and labels & (labels - 1) == 0)
    return frozenset.intersection(*arms) if arms and full else frozenset()


def _testbenches(source: str, units: list[Any], contract: Contract) -> Iterator[Hazard]:
    used = {
        n.type.valueText  # type: ignore[attr-defined]
        for unit in units
        for n in nodes(unit)
        if n.kind is SyntaxKind.HierarchyInstantiation
    }
    for unit in units:
        name = unit.header.name.valueText
        ports = unit.header.ports
        if name != contract.top and name not in used and (ports is None or not len(ports.ports)):
            span = unit.sourceRange
            message = f"module {name} has no ports and is used by nobody: a testbench"
            yield Hazard("Testbench", message, span.start.offset, span.end.offset, name)


def _simulation_only(block: Process) -> Iterator[Hazard]:
    if block.kind is SyntaxKind.InitialBlock and not block.writes:
        text = str(block.node)
        if _OUTPUT_TASK.search(text):
            span = block.node.sourceRange
            message = "initial block that only prints or stops the simulation"
            yield Hazard("SimulationOnly", message, span.start.offset, span.end.offset)


def _sensitivity(block: Process, declared: frozenset[str]) -> Iterator[Hazard]:
    written = {write.name for write in block.writes}
    constant, start = not (block.reads & declared) - written, block.node.keyword.location.offset
    if block.implicit and constant:
        end = block.control.sourceRange.end.offset
        yield Hazard("NeverRuns", "@(*) on nothing that changes never runs", start, end)
    if block.kind is SyntaxKind.AlwaysCombBlock and constant and block.as_assigns:
        end = block.node.keyword.range.end.offset
        yield Hazard("NeverRuns", "always_comb reads nothing: an assignment is meant", start, end)
    if block.control is None or block.implicit or not block.events:
        return
    listed = {name.split("[")[0] for _, name in block.events}
    missing = sorted((block.reads & declared) - listed - written)
    if missing:
        span = block.control.sourceRange
        message = f"sensitivity list lacks {', '.join(missing)}"
        yield Hazard("IncompleteSensitivity", message, span.start.offset, span.end.offset)


def _latches(block: Process) -> Iterator[Hazard]:
    sure = always_assigned(block.body)
    loops = {
        w.name for n in nodes(block.body) if n.kind is SyntaxKind.ForLoopStatement
        for i in n.initializers if hasattr(i, "kind") for w in _loop_writes(i)  # type: ignore[attr-defined]
    }  # fmt: skip
    seen: set[str] = set()
    for write in block.writes:
        if not write.whole or write.name in sure or write.name in seen or write.name in loops:
            continue
        seen.add(write.name)
        span = write.node.sourceRange
        message = f"{write.name} keeps its value on some path: a latch"
        yield Hazard("Latch", message, span.start.offset, span.end.offset, write.name)


def _loop_writes(initializer: Any) -> Iterator[Any]:
    yield from assignments(initializer)


def _drivers(module: Any, blocks: list[Process]) -> Iterator[Hazard]:
    """Names written by several processes or assign statements; part writes count in a mix only."""
    processes_of: dict[str, list[Any]] = defaultdict(list)
    assigns_of: dict[str, list[tuple[Any, bool]]] = defaultdict(list)
    for block in blocks:
        if block.kind is not SyntaxKind.InitialBlock:
            for name in sorted({w.name for w in block.writes if w.whole}):
                processes_of[name].append(block.node.sourceRange)
    for node in nodes(module):
        if node.kind is SyntaxKind.ContinuousAssign:
            for assign in node.assignments:  # type: ignore[attr-defined]
                if hasattr(assign, "left"):
                    for name, whole in targets(assign.left):
                        assigns_of[name].append((assign.sourceRange, whole))
    for name in sorted(processes_of.keys() | assigns_of.keys()):
        process_spans = processes_of[name]
        assign_spans = [span for span, whole in assigns_of[name] if whole or process_spans]
        spans = [*assign_spans, *process_spans]
        if assign_spans and process_spans:
            message = f"{name} is driven by an assign statement and by a process"
            yield Hazard(
                "MixedVarAssigns", message, spans[0].start.offset, spans[0].end.offset, name
            )
        elif len(spans) > 1:
            message = f"{name} is driven in {len(spans)} places"
            yield Hazard(
                "MultipleDrivers", message, spans[1].start.offset, spans[1].end.offset, name
            )


def _assignment_kinds(
    block: Process, blocks: list[Process], declared: frozenset[str]
) -> Iterator[Hazard]:
    """Blocking writes of registers other blocks read; nonblocking writes in combinational code."""
    for name in sorted({w.name for w in block.writes} & declared):
        kinds = {w.operator.kind for w in block.writes if w.name == name}
        first = next(w for w in block.writes if w.name == name)
        span = first.operator.range
        read_here = name in block.reads
        others = any(name in b.reads for b in blocks if b is not block and b.clocked)
        if block.clocked and kinds == {TokenKind.Equals} and others and not read_here:
            message = f"{name} is assigned with = in a clocked block and read in another: a race"
            yield Hazard("BlockingInSequential", message, span.start.offset, span.end.offset, name)
        if block.combinational and kinds == {TokenKind.LessThanEquals}:
            message = f"{name} is assigned with <= in combinational code"
            yield Hazard(
                "NonblockingInCombinational", message, span.start.offset, span.end.offset, name
            )


def _reset_kind(block: Process, contract: Contract) -> Iterator[Hazard]:
    """A clocked block whose reset has another kind or polarity than the contract's."""
    test = reset_test(block)
    if not block.clocked or test is None:
        return
    for reset in contract.resets:
        level = tested_level(test.predicate, reset.port)
        if level is None:
            continue
        span = test.predicate.sourceRange
        if level != reset.active_high:
            active = "high" if reset.active_high else "low"
            message = f"reset {reset.port} must be active {active}"
            yield Hazard("ResetPolarity", message, span.start.offset, span.end.offset, reset.port)
        edges = [edge for edge, name in block.events if name == reset.port and edge]
        if bool(edges) != reset.asynchronous:
            kind = "asynchronous" if reset.asynchronous else "synchronous"
            message = f"reset {reset.port} must be {kind}"
            control = block.control.sourceRange
            yield Hazard("ResetKind", message, control.start.offset, control.end.offset, reset.port)
