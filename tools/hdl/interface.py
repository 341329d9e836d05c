"""The contract of a design, read from its elaborated code: ports, clocks, resets.

A clock is a signal named with an edge in an event list and not read as a reset by the body. An
asynchronous reset is one that the body's leading ``if`` tests; a synchronous reset is a one-bit
input whose leading ``if`` branch only assigns constants. Signals are followed upwards through
port connections and plain assignments to the top's ports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyslang import ast

from tools.hdl.contract import Clock, Contract, Direction, Edge, Port, Reset, Unsupported
from tools.hdl.syntax import Elaborated, contents, elaborate, instances

_DIRECTIONS: dict[ast.ArgumentDirection, Direction] = {
    ast.ArgumentDirection.In: "input",
    ast.ArgumentDirection.Out: "output",
    ast.ArgumentDirection.InOut: "inout",
}
_INVERTING = frozenset({ast.UnaryOperator.BitwiseNot, ast.UnaryOperator.LogicalNot})
_GATING = frozenset(
    {
        ast.BinaryOperator.BinaryAnd,
        ast.BinaryOperator.LogicalAnd,
        ast.BinaryOperator.BinaryOr,
        ast.BinaryOperator.LogicalOr,
    }
)
_COMPARING = {
    ast.BinaryOperator.Equality: True,
    ast.BinaryOperator.CaseEquality: True,
    ast.BinaryOperator.Inequality: False,
    ast.BinaryOperator.CaseInequality: False,
}
_NAMED = (ast.NamedValueExpression, ast.HierarchicalValueExpression)
_CONSTANT_SYMBOLS = frozenset({ast.SymbolKind.Parameter, ast.SymbolKind.EnumValue})
_EDGES = frozenset({ast.EdgeKind.PosEdge, ast.EdgeKind.NegEdge, ast.EdgeKind.BothEdges})
_ONCE = frozenset({ast.ProceduralBlockKind.Initial, ast.ProceduralBlockKind.Final})
_MAX_HOPS = 64


@dataclass(frozen=True)
class _Level:
    """A signal at a level: the top input it comes from (None: made inside) and its polarity."""

    port: str
    high: bool


def extract(source: str, top: str | None = None) -> Contract:
    """The contract of ``top``, or of the one module nobody instantiates.

    Raises SourceError when the text has no such module or a syntax error, Unsupported (with
    the reason) on ports the engine cannot drive (inout, ref, interfaces, unpacked or real
    types) and when there is no output.
    """
    design = elaborate(source, top)
    ports = _ports(design)
    if not any(p.direction == "output" for p in ports):
        raise Unsupported(f"{design.top.name} has no outputs to observe")
    clocks, resets = _events(design, {p.name for p in ports if p.direction == "input"})
    return Contract(design.top.name, ports, clocks, resets)


def extract_ports(source: str, top: str) -> tuple[Port, ...]:
    """The ports of ``top`` alone; raises as ``extract`` does."""
    return _ports(elaborate(source, top))


def _ports(design: Elaborated) -> tuple[Port, ...]:
    return tuple(_port(symbol) for symbol in design.top.body.portList)


def _port(symbol: object) -> Port:
    name = getattr(symbol, "name", "?")
    if not isinstance(symbol, ast.PortSymbol):
        raise Unsupported(f"port {name} is an interface or a concatenation")
    direction = _DIRECTIONS.get(symbol.direction)
    if direction is None or direction == "inout":
        raise Unsupported(f"port {name} is {'inout' if direction else 'a reference'}")
    if not symbol.type.isIntegral:
        raise Unsupported(f"port {name} has type {symbol.type}, not a vector of bits")
    return Port(name, direction, symbol.type.bitWidth, symbol.type.isSigned)


def _events(design: Elaborated, inputs: set[str]) -> tuple[tuple[Clock, ...], tuple[Reset, ...]]:
    origins = _Origins(design, inputs)
    edges: dict[str, set[Edge]] = {}
    resets: dict[str, Reset] = {}
    for instance in instances(design.top):
        for block in contents(instance):
            if isinstance(block, ast.ProceduralBlockSymbol):
                clocks, found = _roles(block, origins)
                for level in clocks:
                    edges.setdefault(level.port, set()).add("posedge" if level.high else "negedge")
                for reset in found:
                    if reset.asynchronous or reset.port not in resets:
                        resets[reset.port] = reset
    if not edges:
        return (), ()
    clocks_found = tuple(
        Clock(port, "both" if len(kinds) == 2 else next(iter(kinds)))
        for port, kinds in edges.items()
    )
    return clocks_found, tuple(r for r in resets.values() if r.port not in edges)


def _roles(block: ast.ProceduralBlockSymbol, origins: _Origins) -> tuple[list[_Level], list[Reset]]:
    """The clocks and resets of one always block."""
    if not isinstance(block.body, ast.TimedStatement):
        return [], [] if block.procedureKind in _ONCE else _synchronous(block.body, origins)
    body, events = block.body.stmt, list(_edge_events(block.body.timing))
    read = {n.symbol.hierarchicalPath for n in _below(body) if isinstance(n, _NAMED)}
    tested = [e for e in events if isinstance(e.expr, _NAMED) and _path(e.expr) in read]
    if len(tested) == len(events):
        tested = tested[1:]
    clocks, resets = [], []
    for event in events:
        for level in origins.levels(event.expr, event.edge != ast.EdgeKind.NegEdge):
            if event in tested:
                resets.append(Reset(level.port, level.high, asynchronous=True))
            else:
                clocks.append(level)
                if event.edge == ast.EdgeKind.BothEdges:
                    clocks.append(_Level(level.port, not level.high))
    return clocks, resets + _synchronous(body, origins)


def _edge_events(timing: ast.TimingControl) -> Iterator[ast.SignalEventControl]:
    events = timing.events if isinstance(timing, ast.EventListControl) else [timing]
    for event in events:
        if isinstance(event, ast.SignalEventControl) and event.edge in _EDGES:
            yield event


def _synchronous(body: ast.Statement, origins: _Origins) -> list[Reset]:
    """One-bit inputs whose leading ``if`` (or ``?:``) puts constants into state."""
    found = []
    for first in _statements(body):
        statement: ast.Statement | None = first
        while isinstance(statement, ast.ConditionalStatement):
            if _assigns_constants(statement.ifTrue):
                for level in origins.levels(statement.conditions[0].expr, True):
                    found.append(Reset(level.port, level.high, asynchronous=False))
            following = list(_statements(statement.ifFalse)) if statement.ifFalse else []
            statement = following[0] if len(following) == 1 else None
    return found


def _statements(body: ast.Statement) -> list[ast.Statement]:
    """The statements of a block, blocks within blocks opened."""
    if isinstance(body, ast.BlockStatement):
        return _statements(body.body)
    if isinstance(body, ast.StatementList):
        return [inner for statement in body.list for inner in _statements(statement)]
    return [body]


def _assigns_constants(body: ast.Statement) -> bool:
    """True when every assignment below is of a constant, and there is one.

    The counting of a for loop assigns no state, and its variable is a constant in each turn.
    """
    loops = [n for n in _below(body) if isinstance(n, ast.ForLoopStatement)]
    counting = [step for loop in loops for step in (*loop.initializers, *loop.steps)]
    counters = {_path(n) for step in counting for n in _below(step) if isinstance(n, _NAMED)}
    assignments = [
        n for n in _below(body) if isinstance(n, ast.AssignmentExpression) and n not in counting
    ]
    return bool(assignments) and not any(
        isinstance(n, _NAMED)
        and n.symbol.kind not in _CONSTANT_SYMBOLS
        and _path(n) not in counters
        for assignment in assignments
        for n in _below(assignment.right)
    )


def _below(root: ast.Statement | ast.Expression) -> list[object]:
    found: list[object] = []
    root.visit(found.append)
    return found


def _path(value: ast.ValueExpressionBase) -> str:
    return str(value.symbol.hierarchicalPath)


class _Origins:
    """Follows a one-bit signal back to inputs of the top."""

    def __init__(self, design: Elaborated, inputs: set[str]) -> None:
        self._drivers: dict[str, ast.Expression] = {}
        self._inputs = {
            port.internalSymbol.hierarchicalPath: port.name
            for port in design.top.body.portList
            if port.name in inputs
        }
        for instance in instances(design.top):
            if instance.name != design.top.name:
                for pin in instance.portConnections:
                    if isinstance(pin.port, ast.PortSymbol) and pin.expression is not None:
                        self._drivers[pin.port.internalSymbol.hierarchicalPath] = pin.expression
            for node in contents(instance):
                if isinstance(node, ast.NetSymbol) and node.initializer is not None:
                    self._drivers[node.hierarchicalPath] = node.initializer
                elif isinstance(node, ast.ContinuousAssignSymbol):
                    assignment = node.assignment
                    if isinstance(assignment, ast.AssignmentExpression) and isinstance(
                        assignment.left, _NAMED
                    ):
                        self._drivers[_path(assignment.left)] = assignment.right

    def levels(self, signal: ast.Expression, high: bool, hops: int = 0) -> list[_Level]:
        """The inputs a one-bit signal comes from, each with the polarity it has there."""
        if hops > _MAX_HOPS:
            return []
        match signal:
            case ast.NamedValueExpression() | ast.HierarchicalValueExpression():
                path = _path(signal)
                if path in self._inputs and signal.type.bitWidth == 1:
                    return [_Level(self._inputs[path], high)]
                driver = self._drivers.get(path)
                return self.levels(driver, high, hops + 1) if driver is not None else []
            case ast.ConversionExpression():
                return self.levels(signal.operand, high, hops + 1)
            case ast.UnaryExpression() if signal.op in _INVERTING:
                return self.levels(signal.operand, not high, hops + 1)
            case ast.BinaryExpression() if signal.op in _COMPARING:
                return self._compared(signal, high, hops)
            case ast.BinaryExpression() if signal.op in _GATING:
                return self.levels(signal.left, high, hops + 1) + self.levels(
                    signal.right, high, hops + 1
                )
            case _:
                return []

    def _compared(self, signal: ast.BinaryExpression, high: bool, hops: int) -> list[_Level]:
        """``x == 0``, ``x != 1`` and the like: a level of x when the other side is constant."""
        constant = signal.right.constant
        if constant is None or signal.left.type.bitWidth > 32:
            return []
        equal = _COMPARING[signal.op]
        return self.levels(signal.left, high == (equal == (str(constant)[-1] == "1")), hops + 1)
