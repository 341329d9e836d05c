"""Suspicions about clocked processes: the wrong clock edge, registers that never become known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from pyslang.parsing import TokenKind
from pyslang.syntax import SyntaxKind

from tools.hdl.contract import Contract
from tools.hdl.repair.hazard import Hazard
from tools.hdl.repair.process import Process, targets
from tools.hdl.syntax import nodes, tokens

Reads = dict[str, set[str]]


def clocking(module: Any, blocks: list[Process], contract: Contract) -> Iterator[Hazard]:
    """The suspicions about the top module's clocked processes."""
    for block in blocks:
        yield from _edge(block, contract)
    if not contract.resets:
        end = module.endmodule.location.offset
        for name in _unknown_for_ever(module, blocks):
            message = f"{name} depends on itself and has no first value: it stays unknown"
            yield Hazard("NoFirstValue", message, end, end, name)


def _edge(block: Process, contract: Contract) -> Iterator[Hazard]:
    """Only a falling edge is ever asked for in words; the rising one is what nothing said."""
    clock = contract.pulsed
    if clock is None or clock.edge != "negedge" or ("posedge", clock.port) not in block.events:
        return
    span = block.control.sourceRange
    message = f"{clock.port} must act on its falling edge"
    yield Hazard("ClockEdge", message, span.start.offset, span.end.offset, clock.port)


def _unknown_for_ever(module: Any, blocks: list[Process]) -> list[str]:
    """Registers, not memories, that nothing starts and whose every next value depends on them.

    A concatenation counts as a shift, which brings known bits in.
    """
    started = {
        w.name for b in blocks if b.kind is SyntaxKind.InitialBlock for w in b.writes
    } | _declared_with_value_or_as_memory(module)
    reads = _reads(module, blocks)
    values: dict[str, list[set[str]]] = defaultdict(list)
    for write in (w for b in blocks if b.clocked for w in b.writes):
        shifted = write.node.right.kind is SyntaxKind.ConcatenationExpression
        values[write.name].append(set() if shifted else _names(write.node.right))
    return sorted(
        name
        for name, made_from in values.items()
        if name not in started and all(name in _behind(names, reads) for names in made_from)
    )


def _declared_with_value_or_as_memory(module: Any) -> set[str]:
    found: Iterator[Any] = (n for n in nodes(module) if n.kind is SyntaxKind.Declarator)
    return {d.name.valueText for d in found if d.initializer or len(d.dimensions)}


def _names(expression: Any) -> set[str]:
    return {t.valueText for t in tokens(expression) if t.kind is TokenKind.Identifier}


def _reads(module: Any, blocks: list[Process]) -> Reads:
    """Of each written name, the names its value is made from."""
    found: Reads = defaultdict(set)
    for block in blocks:
        for write in block.writes:
            found[write.name] |= block.reads
    continuous: Iterator[Any] = (n for n in nodes(module) if n.kind is SyntaxKind.ContinuousAssign)
    for assign in (a for node in continuous for a in node.assignments if hasattr(a, "left")):
        for name, _ in targets(assign.left):
            found[name] |= _names(assign.right)
    return found


def _behind(names: set[str], reads: Reads) -> set[str]:
    """``names`` and all that they are made from, directly or not."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        if (other := waiting.pop()) not in seen:
            seen.add(other)
            waiting += reads.get(other, ())
    return seen
