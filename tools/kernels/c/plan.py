"""Where the tiles of a TL program live in C, decided before a line is printed.

A shared tile becomes packed panels, one set for each way GEMMs read it, or, when it is not
packed, a view of the global array. A register tile becomes a small row-major buffer. A result
tile that is only accumulated and stored back to one place needs no buffer: it *is* that part of
the global array (``in place``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.tl.expressions import evaluate, names, text
from tools.tl.syntax import (
    Allocate,
    Binary,
    Compute,
    Copy,
    Expr,
    For,
    If,
    Name,
    Number,
    Operand,
    Program,
    Statement,
)


class Unsupported(ValueError):
    """The program cannot be written for this target; the message says why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is chosen below TL: the micro-kernel and what gets packed.

    ``rows`` by ``vectors`` registers accumulate; ``unroll`` is along k. ``threads`` share the
    parallel loops. ``stream`` sends rows of results past the caches, for arrays larger than those.
    ``ahead`` is how many steps of k early matrix tiles are called to the first cache.
    """

    isa: str = "avx512"
    rows: int = 8
    vectors: int = 2
    unroll: int = 2
    pack_left: bool = True
    pack_right: bool = True
    threads: int = 1
    stream: bool = False
    ahead: int = 2


@dataclass(frozen=True, slots=True)
class Array:
    """A global array: an argument of the kernel."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    output: bool

    @property
    def strides(self) -> tuple[int, ...]:
        """Element strides, row-major."""
        result, step = [], 1
        for extent in reversed(self.shape):
            result.append(step)
            step *= extent
        return tuple(reversed(result))


class Plan:
    """Facts about one program that every part of the emitter asks for."""

    def __init__(self, program: Program) -> None:
        if program.tunables:
            raise Unsupported(f"Tune {', '.join(program.tunables)} has no value: bind it first")
        self.program = program
        self.values = program.parameters
        walk = list(program.walk())
        self.copies = [s for s in walk if isinstance(s, Copy)]
        self.computes = [s for s in walk if isinstance(s, Compute)]
        allocates = [s for s in walk if isinstance(s, Allocate)]
        self.arrays = {
            s.name: Array(s.name, self.size(s.dims), s.dtype, self._written(s.name))
            for s in allocates
            if s.level == "global"
        }
        self.registers: dict[str, tuple[tuple[int, ...], str]] = {
            s.name: (self.size(s.dims), s.dtype) for s in allocates if s.level == "register"
        }
        for copy in self.copies:
            if copy.destination == "register" and copy.dims is not None:
                dtype = self.arrays[copy.name].dtype if copy.source == "global" else "fp32"
                self.registers.setdefault(copy.result, (self.size(copy.dims), dtype))
        self._results()
        self.in_place = {name: c for name in self.registers if (c := self._place(name))}

    def size(self, dims: tuple[Expr, ...]) -> tuple[int, ...]:
        return tuple(int(evaluate(d, self.values)) for d in dims)

    def _written(self, name: str) -> bool:
        return any(c.destination == "global" and c.result == name for c in self.copies)

    def _results(self) -> None:
        """Tiles that come to be as results take the shape of their first operand."""
        for s in self.computes:
            if s.result in self.registers or s.operation == "GEMM":
                continue
            dims, _ = self.registers[s.operands[0].name]
            reduced = s.operation in ("RowMax", "RowSum")
            self.registers[s.result] = (dims[:1] if reduced else dims, "fp32")

    @property
    def gemms(self) -> list[Compute]:
        return [s for s in self.computes if s.operation == "GEMM"]

    def uses(self, name: str) -> set[tuple[str, bool]]:
        """Sides of GEMMs a shared tile is read on: ('left' or 'right', transposed)."""
        if name in self.registers:
            return set()
        sides = (("left", 0), ("right", 1))
        return {
            (side, s.operands[at].transposed)
            for s in self.gemms
            for side, at in sides
            if s.operands[at].name == name
        }

    def reads_outside(self, name: str, inside: list[Statement]) -> bool:
        """Whether a register tile is read by a statement that is not in ``inside``."""
        known = {id(s) for s in inside}
        statements: list[Copy | Compute] = [*self.copies, *self.computes]
        return any(name in _reads(s) for s in statements if id(s) not in known)

    def _place(self, name: str) -> Copy | None:
        """The store a tile can live at, if it can be in place there."""
        stores = [c for c in self.copies if c.name == name and c.source == "register"]
        fills = [c for c in self.computes if c.operation == "Fill" and c.result == name]
        gemm = any(s.result == name for s in self.gemms)
        softmax = any(s.operands[-1].name == name for s in self.computes if len(s.operands) == 4)
        if len(stores) != 1 or not gemm or softmax or stores[0].coordinate is None:
            return None
        store = stores[0]
        same_type = self.arrays[store.result].dtype == self.registers[name][1]
        loads = [c for c in self.copies if c.destination == "register" and c.result == name]
        same_place = all(
            c.coordinate == store.coordinate and c.dims == store.dims and c.name == store.result
            for c in loads
        )
        zero = all(f.scalar == Number(0) for f in fills)
        used = any(o.name == name for s in self.gemms for o in s.operands)
        if not (same_type and same_place and zero and fills) or used:
            return None
        needed = set().union(*(names(c) for c in store.coordinate or ())) - self.values.keys()
        around = self._loops(fills[0])
        visible = {loop.variable for loop in around}
        # The product writes the place for the first time, so it must run at least once.
        products = [s for s in self.gemms if s.result == name]
        inner = [loop for s in products for loop in self._loops(s) if loop not in around]
        sure = all(self._runs(loop) for loop in inner)
        return store if needed <= visible and sure else None

    def _loops(self, target: Statement) -> tuple[For, ...]:
        return _loops_to(self.program.statements, target, ()) or ()

    def _runs(self, loop: For) -> bool:
        """Whether a loop surely has a turn."""
        assert loop.low is not None and loop.high is not None
        if (names(loop.low) | names(loop.high)) - self.values.keys():
            return False
        return bool(evaluate(loop.low, self.values) < evaluate(loop.high, self.values))

    def extent(self, copy: Copy, axis: int) -> tuple[int, str, str]:
        """(tile size, first and last+1 existing index) of a tile's axis, as C expressions."""
        assert copy.dims is not None and copy.coordinate is not None
        array = self.arrays[copy.result if copy.destination == "global" else copy.name]
        tile = self.size(copy.dims)[axis]
        back = len(copy.dims) - axis
        if back > len(array.shape):
            return tile, "0", str(tile)
        start, limit = copy.coordinate[-back], array.shape[-back]
        if self.fits(start, tile, limit):
            return tile, "0", str(tile)
        first = f"MAX(0, -({c_text(start)}))" if _subtracts(start) else "0"
        last = f"MIN({tile}, {limit} - ({c_text(start)}))"
        return tile, first, f"MAX({last}, 0)" if _subtracts(start) else last

    def fits(self, start: Expr, tile: int, limit: int) -> bool:
        """Whether a tile lies inside its array wherever the loops are."""
        match start:
            case Number(value):
                return value >= 0 and value + tile <= limit
            case Binary("*", Name(), Name(name)):
                return self.values.get(name) == tile and limit % tile == 0
            case Name():
                return tile == 1
        return False

    def exists(self, copy: Copy) -> str:
        """C condition: the leading coordinates lie inside the array; '1' when they must."""
        assert copy.dims is not None and copy.coordinate is not None
        array = self.arrays[copy.name]
        leading = zip(copy.coordinate[: -len(copy.dims)], array.shape, strict=False)
        tests = [f"(unsigned long)({c_text(c)}) < {limit}" for c, limit in leading if _subtracts(c)]
        return " && ".join(tests) or "1"

    def origin(self, copy: Copy) -> str:
        """C expression of the element offset of a tile in its array."""
        assert copy.coordinate is not None
        array = self.arrays[copy.result if copy.destination == "global" else copy.name]
        terms = [
            c_text(c) if stride == 1 else f"({c_text(c)}) * {stride}L"
            for c, stride in zip(copy.coordinate, array.strides, strict=True)
            if c != Number(0)
        ]
        return " + ".join(terms) or "0"

    def source_of(self, operand: Operand) -> Copy:
        """The copy that brought a GEMM operand near."""
        return next(c for c in self.copies if c.result == operand.name and c.source == "global")


def c_text(expr: Expr) -> str:
    """A TL expression in C; functions are the macros MIN, MAX and CEIL."""
    result = text(expr, {"inf": "INFINITY"})
    for name in ("min", "max", "ceil"):
        result = result.replace(f"{name}(", f"{name.upper()}(")
    return result


def _subtracts(expr: Expr) -> bool:
    """Whether an index may be negative: only by a subtraction."""
    match expr:
        case Binary(op, left, right):
            return op == "-" or _subtracts(left) or _subtracts(right)
    return False


def _reads(s: Copy | Compute) -> set[str]:
    if isinstance(s, Copy):
        return {s.name} if s.source == "register" else set()
    skip = 1 if s.operation == "Fill" else 0
    found = {o.name for o in s.operands[skip:]}
    return found | ({s.accumulate} if s.accumulate else set())


def _loops_to(
    statements: tuple[Statement, ...], target: Statement, around: tuple[For, ...]
) -> tuple[For, ...] | None:
    """Loops around a statement, from the outside in; None when it is not among these."""
    for s in statements:
        if s is target:
            return around
        if isinstance(s, For | If):
            inner = (*around, s) if isinstance(s, For) else around
            if (found := _loops_to(s.body, target, inner)) is not None:
                return found
    return None


def flatten(loop: For) -> Iterator[For]:
    """A nest of parallel loops, from the outside in."""
    yield loop
    if len(loop.body) == 1 and isinstance(inner := loop.body[0], For) and inner.parallel:
        yield from flatten(inner)
