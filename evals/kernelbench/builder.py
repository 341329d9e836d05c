"""Stages from operations, one at a time: neighbours share a stage while one pass can do them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evals.kernelbench.pointwise import NoFunction, function, number
from evals.kernelbench.stages import Head, How, Line, Ref, Stage


class Unsupported(ValueError):
    """The forward is no chain of the engine's operators; the message says what it lacks."""


@dataclass(slots=True, eq=False)
class Stored:
    """A tensor in memory, contiguous, but for a ``transposed`` matrix that is only looked at so."""

    ref: Ref
    shape: tuple[int, ...]
    transposed: bool = False


@dataclass(slots=True, eq=False)
class Tile:
    """A tensor that is the tile ``name`` of the open stage."""

    name: str
    shape: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Vector:
    """A tensor with one number a row of the open stage."""

    name: str
    shape: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Pair:
    """What torch.max with a dimension returns; the indices are not computed."""

    values: Vector


Tensor = Stored | Tile | Vector


def matrix_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """A tensor's rows and columns: its last dimension is a row, a short one all of it."""
    total = math.prod(shape)
    return (total // shape[-1], shape[-1]) if shape and shape[-1] >= 32 else (1, total)


class Builder:
    """Stages so far, and the one that is open."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.open: Stage | None = None
        self.live: Callable[[Any], bool] = lambda value: False
        self.rename: Callable[[Any, Any], None] = lambda old, new: None

    @property
    def stage(self) -> Stage:
        assert self.open is not None
        return self.open

    def begin(
        self, rows: int, columns: int, head: Head, arrays: dict[str, tuple[Ref, tuple[int, ...]]]
    ) -> Stage:
        """Open a stage; ``arrays`` are what its head reads, by name."""
        if self.open is not None:
            raise Unsupported("two unfinished results are needed at once")
        self.open = Stage(rows, columns, head)
        for name, (ref, shape) in arrays.items():
            self.open.arrays[name], self.open.shapes[name] = ref, shape
        return self.open

    def stored(self, value: Any) -> Stored:
        """The value in memory: an open stage that makes it is ended."""
        if isinstance(value, Stored):
            if value.transposed:
                raise Unsupported("a transposed tensor is needed as it is")
            return value
        if not isinstance(value, Tile | Vector):
            raise Unsupported("a tensor is needed where there is none")
        stage = self.stage
        stage.result, stage.output = value.name, len(self.stages)
        self.stages.append(stage)
        self.open = None
        kept = Stored(Ref("stage", str(stage.output)), value.shape)
        self.rename(value, kept)
        return kept

    def load(self, value: Any, rows: int, columns: int) -> Tile:
        """The value as the tile that a fresh stage begins with, seen as (rows, columns)."""
        kept = self.stored(value)
        self.begin(rows, columns, None, {"X": (kept.ref, (rows, columns))}).lines.append(
            Line("load", "X")
        )
        return Tile("X", kept.shape)

    def mine(self, value: Any, rows: int = 0, columns: int = 0) -> Tile:
        """The value as a tile that may be changed: of the open stage where its rows and columns
        agree with what is asked (0: whatever they are), else of a fresh one.
        """
        if isinstance(value, Tile) and self.open is not None:
            agree = (rows or self.stage.rows, columns or self.stage.columns)
            plain = self.stage.head is None or not columns  # only a matrix has whole rows
            if agree == (self.stage.rows, self.stage.columns) and plain:
                return self.copy(value) if self.live(value) else value
        if not columns:
            rows, columns = matrix_of(value.shape)
        if isinstance(value, Stored) and self.takes(value, rows, columns):
            return Tile(self.stage.read(value.ref, (rows, columns), "matrix"), value.shape)
        return self.load(value, rows, columns)

    def takes(self, value: Stored, rows: int, columns: int) -> bool:
        """Whether the open stage can read the array as one more matrix of its own shape."""
        here = self.open is not None and self.open.head is None and not value.transposed
        return here and (rows, columns) == (self.stage.rows, self.stage.columns)

    def copy(self, value: Tile) -> Tile:
        name = self.stage.tile()
        self.stage.do(f"Compute Scale {value.name} 1.0 and get {name}")
        return Tile(name, value.shape)

    def unary(self, name: str, value: Any, numbers: dict[str, float | None]) -> Tile:
        """A function of every number."""
        tile = self.mine(value)
        try:
            self.stage.do(*function(name, tile.name, self.stage.tile, numbers))
        except NoFunction as problem:
            raise Unsupported(str(problem)) from None
        return Tile(tile.name, tile.shape)

    def with_number(self, operation: str, value: Any, c: float, reverse: bool) -> Tile:
        """value + c, value - c, ..., or c - value, c / value when ``reverse``."""
        tile = self.mine(value)
        x, do = tile.name, self.stage.do
        if reverse and operation == "Subtract":
            do(f"Compute Scale {x} -1.0")
        if reverse and operation == "Divide":
            do(f"Compute Reciprocal {x}")
        if operation in ("Add", "Subtract"):
            factor = -1 if operation == "Subtract" and not reverse else 1
            do(f"Compute Offset {x} {number(factor * c)}")
        elif operation in ("Multiply", "Divide"):
            do(f"Compute Scale {x} {number(1 / c if operation == 'Divide' and not reverse else c)}")
        else:
            bounds = {"Maximum": {"min": c}, "Minimum": {"max": c}}[operation]
            do(*function("clamp", x, self.stage.tile, dict(bounds)))
        return Tile(x, tile.shape)

    def binary(self, operation: str, a: Tensor, b: Tensor, shape: tuple[int, ...]) -> Tile:
        """a o b, where one of them has the shape of the result."""
        commutes = operation in ("Add", "Multiply", "Maximum", "Minimum")
        if commutes and isinstance(b, Tile) and b.shape == shape and not isinstance(a, Tile):
            return self.binary(operation, b, a, shape)
        if a.shape != shape:
            if b.shape != shape:
                raise Unsupported("both operands are broadcast")
            return self.reversed(operation, a, b, shape)
        if commutes and isinstance(a, Tile) and isinstance(b, Tile) and self.prefers(b, a):
            a, b = b, a
        if isinstance(a, Stored) and isinstance(b, Tile | Vector):
            b = self.stored(b)
        left = self.mine(a)
        return self.apply(operation, left, self.operand(b, left.shape))

    def prefers(self, b: Tile, a: Tile) -> bool:
        """Whether the result should go where ``b`` is."""
        return self.live(a) or (b.name == self.stage.primary and not self.live(b))

    def reversed(self, operation: str, a: Tensor, b: Tensor, shape: tuple[int, ...]) -> Tile:
        """a o b for an ``a`` that is broadcast."""
        if operation == "Subtract":
            return self.binary("Add", self.unary("neg", b, {}), a, shape)
        if operation == "Divide":
            return self.binary("Multiply", self.unary("reciprocal", b, {}), a, shape)
        return self.binary(operation, b, a, shape)

    def apply(self, operation: str, left: Tile, y: str) -> Tile:
        x, do = left.name, self.stage.do
        if operation == "Minimum":
            raise Unsupported("the minimum of two tensors")
        do(f"Compute {operation} {x}, {y}")
        return Tile(x, left.shape)

    def operand(self, value: Tensor, shape: tuple[int, ...]) -> str:
        """The name by which a right operand is known in the open stage."""
        if isinstance(value, Tile):
            return value.name
        if isinstance(value, Vector):
            if value.shape[-1:] != (1,) or math.prod(value.shape) != self.stage.rows:
                raise Unsupported("numbers of rows are broadcast over them")
            return value.name
        how, ref, array = self.placed(self.stored(value), shape)
        return self.stage.read(ref, array, how)

    def placed(self, value: Stored, shape: tuple[int, ...]) -> tuple[How, Ref, tuple[int, ...]]:
        """How a stored operand lies beside a tensor of a shape."""
        rows, columns = self.stage.rows, self.stage.columns
        wide = (1,) * (len(shape) - len(value.shape)) + value.shape
        channels = getattr(self.stage.head, "co", 0)
        if math.prod(wide) == 1:
            if value.ref.kind != "parameter":
                raise Unsupported("a computed number is broadcast over a tensor")
            width = channels or columns
            how: How = "column" if channels else "row"
            return how, Ref(value.ref.kind, value.ref.name, f"repeat {width}"), (width,)
        if channels:
            if wide != (1, channels, 1, 1):
                raise Unsupported("an operand of a convolution that is not a number a channel")
            return "column", value.ref, (channels,)
        if wide == shape:
            at = self.stage.out_shape if self.stage.head else (rows, columns)
            return "matrix", value.ref, at
        ends = (i for i in range(len(shape) + 1) if math.prod(shape[i:]) == columns)
        if (split := next(ends, None)) is None:
            raise Unsupported(f"an operand beside {shape} in rows of {columns}")
        if wide[split:] == shape[split:] and math.prod(wide[:split]) == 1:
            return "row", value.ref, (columns,)
        if wide[:split] == shape[:split] and math.prod(wide[split:]) == 1 and not self.stage.head:
            return "column", value.ref, (rows,)
        raise Unsupported(f"an operand of shape {wide} beside {shape}")
