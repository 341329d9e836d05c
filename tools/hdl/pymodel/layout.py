"""The signals of a module: which there are, what they are called, how wide they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from tools.hdl.contract import Contract
from tools.hdl.pymodel.analysis import Bounds
from tools.hdl.pymodel.ir import (
    Assign,
    Block,
    Expr,
    Fill,
    If,
    NotTranslatable,
    Shift,
    Statement,
    Store,
    Var,
    expressions,
    reads,
)
from tools.hdl.pymodel.lower import Lowered
from tools.hdl.pymodel.normal import Signal
from tools.hdl.pymodel.ranges import MAX_BITS, Range
from tools.hdl.syntax import SourceError, parse

MAX_LIST_BITS = 1 << 16


@cache
def _reserved(name: str) -> bool:
    """True for a keyword of SystemVerilog, which the simulators read."""
    try:
        parse(f"module m; wire {name}; endmodule")
    except SourceError:
        return True
    return False


class _Names:
    """Verilog names, each given once."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = set(taken)
        for name in taken:
            if _reserved(name):
                raise NotTranslatable(f"a port or the module is named {name}, a keyword")

    def give(self, wish: str, suffix: str = "") -> str:
        base = re.sub(r"\W", "_", wish, flags=re.ASCII).strip("_") or "v"
        base = base if base[0].isalpha() else f"v{base}"
        name = base + suffix if base not in self._taken or suffix else f"{base}_v"
        number = 1
        while name in self._taken or _reserved(name):
            number += 1
            name = f"{base}{suffix}_{number}"
        self._taken.add(name)
        return name


class Layout:
    """The signals of a model by the variable they hold; a register's next value has a ``'``."""

    def __init__(self, model: Lowered, contract: Contract, bounds: Bounds) -> None:
        self.model, self.contract, self.bounds = model, contract, bounds
        self._names = _Names({p.name for p in contract.ports} | {contract.top})
        self._ports = {p.name: p for p in contract.ports}
        self._scratch: dict[str, Signal] = {}
        self._merged: set[str] = set()
        self._signals: dict[str, Signal] = {}
        for port in contract.ports:
            space = "i" if port.direction == "input" else "out"
            self._signals[f"{space}.{port.name}"] = Signal(port.name, port.width)
        self._sizes = self._list_sizes()
        for name in model.reset:
            self._declare_register(name)
        for name in self._locals():
            self._declare(name, self._names.give(_plain(name)), bounds.variables)

    def _list_sizes(self) -> dict[str, int]:
        sizes = dict(self.model.sizes)
        for name, value in self.model.reset.items():
            if isinstance(value, tuple):
                sizes[name] = max(len(value), sizes.get(name, 0), 1)
        for statement in self._statements():
            if isinstance(statement, Fill):
                sizes[statement.array] = max(sizes.get(statement.array, 0), len(statement.values))
            elif isinstance(statement, Store | Shift):
                sizes.setdefault(statement.array, 1)
        for name in sizes:
            length = self.bounds.variables.get(f"{name}.len")
            if length is not None:
                sizes[name] = max(sizes[name], length.high)
            if sizes[name] * self.bounds.variables[name].bits() > MAX_LIST_BITS:
                raise NotTranslatable(f"the list {name} holds more than {MAX_LIST_BITS} bits")
        return sizes

    def _statements(self) -> Iterator[Statement]:
        yield from flat(self.model.tick)
        yield from flat(self.model.outputs)

    def _locals(self) -> list[str]:
        found: dict[str, None] = {}
        for statement in self._statements():
            name = written(statement)
            if name and not name.startswith("out.") and name not in self.model.reset:
                found[name] = None
            for node in expressions(statement):
                for read in sorted(reads(node)):
                    if read not in self._signals:
                        found[read] = None
        return [name for name in found if name not in self.model.reset]

    def _declare_register(self, name: str) -> None:
        own = name.removeprefix("self.")
        port = self._ports.get(own)
        held = self.bounds.registers[name]
        if port and self._is_output(name) and held.bits() == port.width and not held.signed:
            self._merged.add(own)
            identifier = own
        else:
            identifier = self._names.give(own, "_reg" if port else "")
        either = (
            self.bounds.variables | self.bounds.registers
            if name not in self._sizes
            else (self.bounds.variables)
        )
        self._declare(name, identifier, either)
        self._declare(f"{name}'", self._names.give(f"{own}_next"), self.bounds.variables)

    def _is_output(self, name: str) -> bool:
        """True when the output of the same name shows this register, always."""
        wanted = f"out.{name.removeprefix('self.')}"
        return any(
            isinstance(s, Assign) and s.name == wanted and is_var(s.value, name)
            for s in self.model.outputs
        )

    def _declare(self, name: str, identifier: str, bounds: Mapping[str, Range]) -> None:
        plain = name.removesuffix("'")
        held = bounds.get(plain, Range(0, 0))
        if held.bits() > MAX_BITS:
            raise NotTranslatable(f"{plain} may need more than {MAX_BITS} bits")
        count = self._sizes.get(plain, 0)
        self._signals[name] = Signal(identifier, held.bits(), held.signed, count)


def flat(block: Block) -> Iterator[Statement]:
    for statement in block:
        yield statement
        if isinstance(statement, If):
            yield from flat(statement.then + statement.orelse)


def written(node: Statement) -> str:
    match node:
        case If():
            return ""
        case Assign():
            return node.name
        case _:
            return node.array


def is_port(node: Statement) -> bool:
    return isinstance(node, Assign) and node.name.startswith("out.")


def is_var(node: Expr, name: str) -> bool:
    return isinstance(node, Var) and node.name == name


def _plain(name: str) -> str:
    """A local's name as it was in Python, without the name spaces."""
    return re.sub(r"#\d+", "", name.removeprefix("self.").replace("outputs.", ""))
