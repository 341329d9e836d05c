"""How large every variable and expression of a model can become.

Abstract interpretation over intervals: ``tick`` is run on ranges until the registers' ranges
stop growing, jumping to constants the model names. Conditions narrow ranges in their branches,
so ``0 if n == 9 else n + 1`` stays within 0..9. A register whose range does not settle is given
a width from outside and is then taken to wrap around, which the result says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.hdl.pymodel import ranges
from tools.hdl.pymodel.interpret import FEW, Facts, Interpreter, Key, either
from tools.hdl.pymodel.ir import (
    Assign,
    Block,
    Choice,
    Compare,
    Const,
    Expr,
    If,
    Logic,
    Lookup,
    children,
    expressions,
    reads,
)
from tools.hdl.pymodel.lower import Lowered
from tools.hdl.pymodel.ranges import BIT, LIMIT, Range

_ROUNDS_EXACT = 3
_ROUNDS = 400
_PARTS = 48


@dataclass(frozen=True)
class Bounds:
    """``variables``: the range of everything ever held (for a list, of its elements);
    ``registers``: the range of registers between two clock edges, which may be smaller.
    ``places``: the range of each expression by identity; absent where control never comes.
    ``open``: registers whose range never settled."""

    variables: dict[str, Range]
    registers: dict[str, Range]
    places: dict[int, Range]
    open: frozenset[str]


def analyse(model: Lowered, inputs: Mapping[str, int], given: Mapping[str, Range]) -> Bounds:
    """The bounds of a model whose inputs have these widths. Registers in ``given`` wrap around
    in that range whatever is put into them.

    When ranges do not settle, a second look keeps them apart for each value of the registers
    that steer the model: a counter that is only cleared on the way into a state has no bound
    otherwise.
    """
    ports = {f"i.{name}": ranges.unsigned(width) for name, width in inputs.items()}
    bounds = _analyse(model, ports, given, ())
    if bounds.open:
        keys = _steering(model, bounds)
        bounds = _analyse(model, ports, given, keys) if keys else bounds
    return bounds


def _analyse(
    model: Lowered, ports: dict[str, Range], given: Mapping[str, Range], keys: tuple[str, ...]
) -> Bounds:
    start = Facts({n: given.get(n) or _initial(v) for n, v in model.reset.items()} | ports)
    states = _settle(model, start, given, keys)
    final = Interpreter(given, keys)
    for block in (model.tick, model.outputs):
        final.block(block, [s.copy() for s in states])
    whole = states[0]
    for state in states[1:]:
        whole = whole.join(state)
    registers = {n: whole.ranges[n] for n in model.reset}
    variables = dict(registers)
    for name, held in final.held.items():
        variables[name] = either(variables.get(name), held)
    unsettled = frozenset(n for n, r in registers.items() if not r.bounded)
    return Bounds(variables, registers, final.places, unsettled)


def _steering(model: Lowered, bounds: Bounds) -> tuple[str, ...]:
    """Registers of few values that conditions read, those read most first."""
    uses: dict[str, int] = {}
    for node in _all_expressions(model.tick):
        for test in (node.test,) if isinstance(node, Choice) else _compared(node):
            for name in reads(test):
                uses[name] = uses.get(name, 0) + 1
    for test in _tests(model.tick):
        for name in reads(test):
            uses[name] = uses.get(name, 0) + 1
    chosen: list[str] = []
    product = 1
    flags = _flags(model.tick)
    for name in sorted(uses, key=lambda n: -uses[n]):
        held = BIT if name in flags else bounds.registers.get(name)
        size = held.high - held.low + 1 if held and held.bounded else 0
        if 1 < size <= FEW and product * size <= _PARTS and not name.endswith(".len"):
            chosen.append(name)
            product *= size
    return tuple(chosen)


def _compared(node: Expr) -> tuple[Expr, ...]:
    return children(node) if isinstance(node, Compare | Logic) else ()


def _flags(block: Block) -> set[str]:
    """Locals that only ever hold the outcome of a comparison."""
    found: dict[str, bool] = {}
    for statement in block:
        inner: set[str] = set()
        if isinstance(statement, If):
            inner = _flags(statement.then + statement.orelse)
        elif isinstance(statement, Assign) and not statement.name.startswith("self."):
            is_flag = isinstance(statement.value, Compare | Logic)
            found[statement.name] = found.get(statement.name, True) and is_flag
        found |= {name: found.get(name, True) for name in inner}
    return {name for name, is_flag in found.items() if is_flag}


def _tests(block: Block) -> Iterator[Expr]:
    for statement in block:
        if isinstance(statement, If):
            yield statement.test
            yield from _tests(statement.then + statement.orelse)


def _initial(value: int | tuple[int, ...]) -> Range:
    numbers = value if isinstance(value, tuple) else (value,)
    return Range(min(numbers, default=0), max(numbers, default=0))


def _settle(
    model: Lowered, start: Facts, given: Mapping[str, Range], keys: tuple[str, ...]
) -> list[Facts]:
    """What registers can hold, apart for each value of ``keys``: a fixed point of ``tick``,
    widened along the model's constants, then narrowed."""
    steps = _thresholds(model)

    def after(states: dict[Key, Facts]) -> dict[Key, Facts]:
        interpreter = Interpreter(given, keys)
        ends = interpreter.block(model.tick, [s.copy() for s in states.values()])
        kept = [Facts({**start.ranges, **{n: e.ranges[n] for n in model.reset}}) for e in ends]
        return interpreter.merged([start.copy(), *kept])

    states = {Interpreter(given, keys).key(start): start}
    for turn in range(_ROUNDS):
        new = after(states)
        grown = {k: states[k].join(f) if k in states else f for k, f in new.items()}
        grown |= {k: f for k, f in states.items() if k not in grown}
        if all(k in states and grown[k].ranges == states[k].ranges for k in grown):
            break
        if turn >= _ROUNDS_EXACT:
            for k in grown.keys() & states.keys():
                for n, r in states[k].ranges.items():
                    grown[k].ranges[n] = _widen(r, grown[k].ranges[n], steps)
        states = grown
    else:
        wild = {n: given.get(n, Range(-LIMIT, LIMIT)) for n in model.reset}
        return [Facts({**start.ranges, **wild})]
    for _ in range(3):
        states = after(states)
    return list(states.values())


def _widen(old: Range, new: Range, steps: list[int]) -> Range:
    low = old.low if new.low >= old.low else max(s for s in steps if s <= new.low)
    high = old.high if new.high <= old.high else min(s for s in steps if s >= new.high)
    return Range(low, high)


def _thresholds(model: Lowered) -> list[int]:
    """Where ranges of registers are likely to end."""
    found = {LIMIT, -LIMIT, 0} | {(1 << k) - 1 for k in range(65)} | {-(1 << k) for k in range(65)}
    for node in _all_expressions(model.tick):
        if isinstance(node, Const | Lookup):
            numbers = node.values if isinstance(node, Lookup) else (node.value,)
            found |= {number + d for number in numbers for d in (-1, 0, 1)}
    for value in model.reset.values():
        found |= set(value if isinstance(value, tuple) else (value,))
    return sorted(found)


def _all_expressions(block: Block) -> Iterator[Expr]:
    for statement in block:
        stack = list(expressions(statement))
        while stack:
            node = stack.pop()
            yield node
            stack += children(node)
        if isinstance(statement, If):
            yield from _all_expressions(statement.then + statement.orelse)
