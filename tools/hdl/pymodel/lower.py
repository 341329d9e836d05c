"""A model in the small language: its registers, their reset values, ``tick`` and ``outputs``."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tools.hdl.contract import Contract
from tools.hdl.pymodel.fold import (
    named,
)
from tools.hdl.pymodel.ir import (
    Assign,
    Block,
    Const,
    NotTranslatable,
    Var,
)
from tools.hdl.pymodel.program import (
    Array,
    Inputs,
    Items,
    Record,
    Scope,
    Self,
    Value,
    read_program,
)
from tools.hdl.pymodel.statements import Statements, same
from tools.hdl.pymodel.variables import CHANGING, Grows


@dataclass(frozen=True)
class Lowered:
    """A model in the small language. ``reset`` gives each register's value after reset, a list
    for a list; ``held`` are registers that reset() does not set. ``encoded`` maps strings to
    their numbers; ``texts`` are the registers that hold such. ``growing`` are the lists whose
    length changes, ``sizes`` the most elements a list is known to reach."""

    reset: dict[str, int | tuple[int, ...]]
    held: frozenset[str]
    tick: Block
    outputs: Block
    encoded: dict[str, int]
    growing: frozenset[str]
    texts: frozenset[str]
    sizes: dict[str, int]


def lower(code: str, contract: Contract) -> Lowered:
    """Read a model into the small language. Raises NotTranslatable."""
    try:
        program = read_program(code)
        growing: frozenset[str] = frozenset()
        while True:
            try:
                return _Lowering(program, contract, growing).model()
            except Grows as error:
                growing |= {error.name}
    except RecursionError as error:
        raise NotTranslatable("nested too deeply") from error


class _Lowering(Statements):
    def model(self) -> Lowered:
        values, held = self._initial()
        self.started = True
        reset = {name: _numbers(value, name) for name, value in values.items()}
        changed = self._changed_attributes(values)
        fixed_ones = {n: named(v, n[5:]) for n, v in values.items() if n not in changed}
        start = fixed_ones | {n: self._register(n, values[n]) for n in values if n in changed}
        for name in [n for n in start if isinstance(start[n], Array)]:
            fixed = Const(len(_as_tuple(reset[name])))
            start[f"{name}.len"] = fixed if name not in self.growing else Var(f"{name}.len")
        tick: Block = ()
        if self.contract.clocks and "tick" in self.program.methods:
            tick = self._tick(dict(start), {n for n in values if n in changed})
        outputs = self._outputs(dict(start))
        registers = {n: reset[n] for n in values if n in changed}
        growing = self.growing & set(registers)
        for name in growing:
            registers[f"{name}.len"] = len(_as_tuple(registers[name]))
        texts = frozenset(n for n in registers if self.texts.get(n))
        return Lowered(
            registers,
            frozenset(held & changed),
            tick,
            outputs,
            self.codes,
            growing,
            texts,
            self.sizes,
        )

    def _initial(self) -> tuple[dict[str, Value], set[str]]:
        """Attribute values after ``Model()`` and ``reset()``, and those reset() leaves alone."""
        self.scope = Scope({})
        for name in ("__init__", "reset"):
            if name in self.program.methods:
                before = dict(self.scope.attributes)
                touched = self._assigned_in(name)
                self.inline(self.program.methods[name], [Self()], True)
            else:
                before, touched = dict(self.scope.attributes), set()
        if self.block:
            raise self.refuse("reset() computes something that is not constant")
        values = {n: v for n, v in self.scope.attributes.items() if not n.endswith(".len")}
        return values, {n for n in before if n not in touched}

    def _assigned_in(self, name: str, seen: frozenset[str] = frozenset()) -> set[str]:
        """Attributes that a method, or a method it calls, may change."""
        if name in seen or name not in self.program.methods:
            return set()
        found: set[str] = set()
        for node in ast.walk(self.program.methods[name]):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()):
                    found.add(f"self.{node.attr}")
                case ast.Subscript(value=ast.Attribute() as owner, ctx=ast.Store()):
                    found.add(f"self.{owner.attr}")
                case ast.Call(func=ast.Attribute(value=ast.Attribute() as owner, attr=attr)):
                    found |= {f"self.{owner.attr}"} if attr in CHANGING else set()
                case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=callee)):
                    found |= self._assigned_in(callee, seen | {name})
        return found

    def _changed_attributes(self, values: dict[str, Value]) -> set[str]:
        """Attributes that tick() may change, even under another name of their list."""
        if not self.contract.clocks:
            return set()
        changed = self._assigned_in("tick")
        for method in set(self.program.methods) - {"__init__", "reset"}:
            for node in ast.walk(self.program.methods[method]):
                match node:
                    case ast.Assign(value=ast.Attribute(value=ast.Name(id="self")) as source):
                        name = f"self.{source.attr}"
                        changed |= {name} if isinstance(values.get(name), Items) else set()
        return changed

    def _register(self, name: str, value: Value) -> Value:
        if isinstance(value, Items):
            self.texts[name] = any(self.is_text(v) for v in value.values if isinstance(v, Const))
            return Array(name)
        if isinstance(value, Const):
            self.texts[name] = value.text
            return Var(name)
        raise NotTranslatable(f"{name} is neither a number nor a list of numbers")

    def _tick(self, start: dict[str, Value], registers: set[str]) -> Block:
        self.scope = Scope(start)
        self.inline(self.program.methods["tick"], [Self(), Inputs()], True)
        for name in registers:
            self._settle(name, self.scope.attributes)
            length = self.scope.attributes.get(f"{name}.len")
            if name in self.growing:
                self._settle(f"{name}.len", self.scope.attributes)
            elif f"{name}.len" in start and not same(length, start[f"{name}.len"]):
                raise Grows(name)
        return self._finish()

    def _outputs(self, start: dict[str, Value]) -> Block:
        self.scope, self.frozen = Scope(start), True
        result = self.inline(self.program.methods["outputs"], [Self(), Inputs()], True)
        if not isinstance(result, Record):
            raise self.refuse("outputs() does not return a dict")
        for port in self.contract.outputs:
            value = result.fields.get(port.name)
            if value is None:
                raise self.refuse(f"outputs() gives no {port.name}")
            scalar = self._no_text(self._scalar(value))
            if not (isinstance(scalar, Var) and scalar.name == f"out.{port.name}"):
                self.emit(Assign(f"out.{port.name}", scalar))
        return self._finish()

    def _finish(self) -> Block:
        block, self.block = tuple(self.block), []
        return block


def _numbers(value: Value, name: str) -> int | tuple[int, ...]:
    match value:
        case Const():
            return value.value
        case Items() if all(isinstance(v, Const) for v in value.values):
            return tuple(v.value for v in value.values if isinstance(v, Const))
        case _:
            return ()


def _as_tuple(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)
