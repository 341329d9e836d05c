"""Static checks of TL Code: names, levels, shapes, layouts, types, races and memory.

Dimensions are compared by name, not only by value: ``BN`` and ``D`` are different dimensions
even where both are 64, and so a forgotten or needless ``.T`` is found on square tiles too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tools.tl.errors import TLError
from tools.tl.expressions import names
from tools.tl.rules import Rules
from tools.tl.scope import Tile, listed
from tools.tl.syntax import (
    Allocate,
    Compute,
    Copy,
    Expr,
    For,
    If,
    Number,
    Param,
    Program,
    Reshape,
    Statement,
    Tune,
)

BYTES = {"fp32": 4, "int32": 4, "fp16": 2, "bf16": 2, "int8": 1}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one parallel iteration may use: bytes of shared memory and of registers."""

    shared_bytes: int
    register_bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What one parallel iteration of a correct program uses."""

    shared_bytes: int
    register_bytes: int


def check(program: Program, limits: Limits) -> Usage:
    """Check TL Code in full; raises TLError with every fault found, in the order of the text."""
    checker = _Checker()
    for statement in program.statements:
        checker.statement(statement, ())
    usage = checker.usage()
    checker.memory("shared", usage.shared_bytes, limits.shared_bytes)
    checker.memory("register", usage.register_bytes, limits.register_bytes)
    if checker.faults:
        raise TLError(*checker.faults)
    return usage


class _Checker(Rules):
    def statement(self, s: Statement, loops: tuple[For, ...]) -> None:
        match s:
            case Param():
                if s.name in self.values:
                    self.fault(s.line, "undefined", f"Param {s.name} is given twice")
                self.values[s.name] = s.value
            case Tune():
                self.fault(s.line, "undefined", f"Tune {s.name} has no value yet: bind it")
                self.values[s.name] = s.choices[0]
            case Allocate():
                self.allocate(s)
            case Copy():
                self.copy(s, loops)
            case Compute():
                self.compute(s)
            case Reshape():
                self.reshape(s)
            case For():
                self.loop(s, loops)
            case If():
                if s.condition is None:
                    self.fault(s.line, "undefined", "this 'if' has no condition")
                else:
                    self.known(s.line, s.condition)
                for inner in s.body:
                    self.statement(inner, loops)

    def loop(self, s: For, loops: tuple[For, ...]) -> None:
        if s.low is None or s.high is None:
            self.fault(s.line, "undefined", f"loop {s.variable} has no bounds: '= low : high'")
        else:
            self.known(s.line, s.low, s.high)
        if s.parallel and not all(outer.parallel for outer in loops):
            self.fault(s.line, "race", "a parallel loop inside a sequential one")
        inside = [inner for inner in s.body if isinstance(inner, For) and inner.parallel]
        if s.parallel and inside and len(s.body) > 1:
            self.fault(s.line, "race", f"{s.variable}: a parallel loop stands alone in its parent")
        if s.variable in self.variables or s.variable in self.values:
            self.fault(s.line, "undefined", f"{s.variable} already names something else")
        self.variables.add(s.variable)
        for inner in s.body:
            self.statement(inner, (*loops, s))
        self.variables.discard(s.variable)

    def allocate(self, s: Allocate) -> None:
        if not self.constant(s.line, s.dims):
            return
        if (s.name, s.level) in self.tiles:
            self.fault(s.line, "undefined", f"{s.name} is allocated in {s.level} twice")
        self.tiles[s.name, s.level] = Tile(s.dims, s.dtype, s.layout, written=s.level == "global")

    def copy(self, s: Copy, loops: tuple[For, ...]) -> None:
        source = self.tiles.get((s.name, s.source))
        if source is None:
            self.fault(s.line, "undefined", f"{s.name} is not in {s.source} memory here")
            return
        if s.source == s.destination:
            self.fault(s.line, "level", f"a Copy from {s.source} to {s.destination} moves nothing")
            return
        if not source.written:
            self.fault(s.line, "uninitialised", f"{s.name} is copied before it has a value")
        if "global" in (s.source, s.destination):
            self.copy_global(s, source, loops)
        else:
            self.place(s, s.dims or source.dims, source.dtype)

    def copy_global(self, s: Copy, source: Tile, loops: tuple[For, ...]) -> None:
        to_global = s.destination == "global"
        array = self.tiles.get((s.result, "global")) if to_global else source
        if array is None:
            self.fault(s.line, "undefined", f"{s.result} is not allocated in global memory")
            return
        if s.dims is None or s.coordinate is None:
            self.fault(s.line, "shape", f"copying {s.name} needs (dims) and 'in coordinate [...]'")
            return
        if not (self.constant(s.line, s.dims) and self.known(s.line, *s.coordinate)):
            return
        surplus = s.dims[: max(len(s.dims) - len(array.dims), 0)]
        if len(s.coordinate) != len(array.dims) or any(d != Number(1) for d in surplus):
            self.fault(
                s.line,
                "shape",
                f"{s.result if to_global else s.name} has {len(array.dims)} dimensions, the "
                f"coordinate {len(s.coordinate)} and the tile {len(s.dims)}",
            )
            return
        if not to_global:
            self.place(s, s.dims, source.dtype)
            return
        if not self.same(s.dims, source.dims):
            self.fault(s.line, "shape", f"{s.name} is {listed(source.dims)}, not {listed(s.dims)}")
        used = set().union(*(names(c) for c in s.coordinate))
        for loop in loops:
            if loop.parallel and loop.variable not in used:
                self.fault(
                    s.line,
                    "race",
                    f"parallel iterations of {loop.variable} write the same part of {s.result}",
                )

    def place(self, s: Copy, dims: tuple[Expr, ...], dtype: str) -> None:
        """The destination tile of a copy: allocated before, or by the copy itself."""
        if not self.constant(s.line, dims):
            return
        key = (s.result, s.destination)
        tile = self.tiles.setdefault(key, Tile(dims, dtype))
        if not self.same(dims, tile.dims):
            self.fault(
                s.line,
                "shape",
                f"{s.result} in {s.destination} is {listed(tile.dims)}, not {listed(dims)}",
            )
        tile.written = True
        tile.stages = max(tile.stages, s.stages)

    def usage(self) -> Usage:
        totals = {"shared": 0, "register": 0}
        for (_, level), tile in self.tiles.items():
            if level != "global":
                size = math.prod(self.size(tile.dims)) * BYTES[tile.dtype]
                totals[level] += size * tile.stages
        return Usage(totals["shared"], totals["register"])

    def memory(self, level: str, used: int, limit: int) -> None:
        if used > limit:
            self.fault(
                0, "memory", f"{used} bytes of {level} memory, {limit} are there: smaller tiles"
            )
