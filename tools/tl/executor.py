"""The meaning of TL: a numpy executor, slow and plain, that every emitter is compared with.

Parallel iterations run in a shuffled order on tiles that start as NaN, so a race, a read of
something never written and a dependence between iterations change the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.tl.expressions import evaluate
from tools.tl.syntax import (
    Allocate,
    Compute,
    Copy,
    Expr,
    For,
    If,
    Operand,
    Param,
    Program,
    Reshape,
    Statement,
    Tune,
)

Array = npt.NDArray[Any]
# bf16 lives in float32 arrays whose values are rounded to bf16; numpy has no such type.
NUMPY: dict[str, type[np.generic]] = {
    "fp32": np.float32,
    "fp16": np.float16,
    "bf16": np.float32,
    "int8": np.int8,
    "int32": np.int32,
}


def round_bf16(values: Array) -> Array:
    """float32 values rounded to the nearest bf16, ties to even; still float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    # NaN must stay NaN: adding the rounding bias could carry it into infinity.
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(values), np.float32("nan"), rounded.view(np.float32))


def convert(values: Array, dtype: str) -> Array:
    """Values as a tile of a TL type holds them."""
    if dtype == "bf16":
        return round_bf16(values)
    return values.astype(NUMPY[dtype])


def execute(program: Program, arrays: dict[str, Array], seed: int = 0) -> None:
    """Run TL Code over its global arrays, which are changed in place.

    ``arrays`` maps each global name to a row-major array of the allocated type and number of
    elements. Parallel loops run in an order drawn from ``seed``. KeyError when an array is
    missing, ValueError when it is not row-major or has another number of elements.
    """
    _Machine(program, arrays, seed).block(program.statements)


class _Tile:
    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.dtype = dtype
        self.data: Array = np.empty(shape, NUMPY[dtype])
        self.poison()

    def poison(self) -> None:
        floating = np.issubdtype(self.data.dtype, np.floating)
        self.data.fill(np.nan if floating else np.iinfo(self.data.dtype).min)


class _Machine:
    def __init__(self, program: Program, arrays: dict[str, Array], seed: int) -> None:
        self.arrays = dict(arrays)
        self.values: dict[str, Any] = {**program.parameters, **arrays}
        self.tiles: dict[tuple[str, str], _Tile] = {}
        self.random = np.random.default_rng(seed)

    def block(self, statements: tuple[Statement, ...]) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, s: Statement) -> None:
        match s:
            case Param() | Reshape():
                pass
            case Tune():
                raise ValueError(f"Tune {s.name} has no value: bind it first")
            case Allocate():
                self.allocate(s)
            case Copy():
                self.copy(s)
            case Compute():
                self.compute(s)
            case For():
                self.loop(s)
            case If(condition, body):
                if condition is not None and evaluate(condition, self.values):
                    self.block(body)

    def shape(self, dims: tuple[Expr, ...]) -> tuple[int, ...]:
        return tuple(int(evaluate(d, self.values)) for d in dims)

    def allocate(self, s: Allocate) -> None:
        shape = self.shape(s.dims)
        if s.level != "global":
            self.tiles[s.name, s.level] = _Tile(shape, s.dtype)
            return
        given = self.arrays[s.name]
        if given.size != math.prod(shape) or not given.flags.c_contiguous:
            raise ValueError(f"{s.name} is allocated as {shape}, given {given.shape}")
        # The same memory, as the program sees it: a row-major array is its elements in order.
        self.arrays[s.name] = given.reshape(shape)

    def loop(self, s: For) -> None:
        assert s.low is not None and s.high is not None
        turns = np.arange(evaluate(s.low, self.values), evaluate(s.high, self.values))
        if s.parallel:
            self.random.shuffle(turns)
        for turn in turns:
            if s.parallel:
                for tile in self.tiles.values():
                    tile.poison()
            self.values[s.variable] = int(turn)
            self.block(s.body)

    def tile(self, operand: Operand | str) -> _Tile:
        name = operand if isinstance(operand, str) else operand.name
        return self.tiles.get((name, "register")) or self.tiles[name, "shared"]

    def read(self, operand: Operand) -> Array:
        """Operand values, widened to what the arithmetic is done in."""
        data = self.tile(operand).data
        data = data.astype(np.int32 if data.dtype.kind == "i" else np.float32)
        return data.T if operand.transposed else data

    def write(self, name: str, values: Array) -> None:
        if (name, "register") not in self.tiles and (name, "shared") not in self.tiles:
            self.tiles[name, "register"] = _Tile(values.shape, "fp32")
        tile = self.tile(name)
        tile.data[...] = convert(np.broadcast_to(values, tile.data.shape), tile.dtype)

    def copy(self, s: Copy) -> None:
        if s.source == "global":
            self.load(s)
        elif s.destination == "global":
            self.store(s)
        else:
            source = self.tiles[s.name, s.source]
            self.destination(s, source.data.shape, source.dtype).data[...] = source.data

    def destination(self, s: Copy, shape: tuple[int, ...], dtype: str) -> _Tile:
        return self.tiles.setdefault((s.result, s.destination), _Tile(shape, dtype))

    def window(self, s: Copy, array: Array) -> tuple[Any, Any]:
        """Index of the part of the array inside the tile, and of the tile inside the array."""
        assert s.coordinate is not None and s.dims is not None
        start = [int(evaluate(c, self.values)) for c in s.coordinate]
        shape = list(self.shape(s.dims))
        extent = [1] * (array.ndim - len(shape)) + shape[max(len(shape) - array.ndim, 0) :]
        outer, inner = [], []
        for low, length, limit in zip(start, extent, array.shape, strict=True):
            first, last = max(low, 0), max(min(low + length, limit), max(low, 0))
            outer.append(slice(first, last))
            inner.append(slice(first - low, last - low))
        return tuple(outer), tuple(inner)

    def load(self, s: Copy) -> None:
        assert s.dims is not None
        array = self.arrays[s.name]
        outer, inner = self.window(s, array)
        shape = self.shape(s.dims)
        full = np.zeros((1,) * (array.ndim - len(shape)) + shape[-array.ndim :], array.dtype)
        full[inner] = array[outer]
        tile = self.destination(s, shape, _type_of(array))
        tile.data[...] = convert(full.reshape(shape), tile.dtype)

    def store(self, s: Copy) -> None:
        array = self.arrays[s.result]
        outer, inner = self.window(s, array)
        tile = self.tiles[s.name, s.source].data
        full = tile.reshape((1,) * (array.ndim - tile.ndim) + tile.shape)
        array[outer] = full[inner].astype(array.dtype)

    def compute(self, s: Compute) -> None:
        with np.errstate(all="ignore"):
            if s.operation == "GEMM":
                product = self.read(s.operands[0]) @ self.read(s.operands[1])
                self.write(s.result, product + (self.previous(s) if s.accumulate else 0))
            elif s.operation == "OnlineSoftmax":
                self.online_softmax(s)
            elif s.operation in ("RowMax", "RowSum"):
                self.reduce(s)
            else:
                self.write(s.result, self.elementwise(s))

    def previous(self, s: Compute) -> Array:
        return self.read(Operand(s.result))

    def reduce(self, s: Compute) -> None:
        values = self.read(s.operands[0])
        result = values.max(1) if s.operation == "RowMax" else values.sum(1)
        if s.accumulate:
            join = np.maximum if s.operation == "RowMax" else np.add
            result = join(result, self.previous(s))
        self.write(s.result, result)

    def online_softmax(self, s: Compute) -> None:
        score, top, total, accumulator = (self.read(o) for o in s.operands)
        new_top = np.maximum(top, score.max(1))
        # A row with no key yet keeps weight zero: exp(-inf - -inf) is no number.
        safe = np.where(np.isneginf(new_top), np.float32(0), new_top)
        weights = np.exp(score - safe[:, None])
        shrink = np.exp(top - safe)
        names = [o.name for o in s.operands]
        self.write(names[1], new_top)
        self.write(names[2], total * shrink + weights.sum(1))
        self.write(names[3], accumulator * shrink[:, None])
        self.write(s.result, weights)

    def elementwise(self, s: Compute) -> Any:
        first = self.tile(s.operands[0]).data if s.operation == "Fill" else self.read(s.operands[0])
        if len(s.operands) == 2:
            second = self.read(s.operands[1])
            if second.ndim < first.ndim:
                second = second[:, None]
            return _binary(s.operation, first, second)
        scalar = evaluate(s.scalar, self.values) if s.scalar is not None else None
        if s.operation in ("Mask", "Alibi"):
            return self.positional(s, first, scalar)
        return _unary(s.operation, first, scalar)

    def positional(self, s: Compute, values: Array, scalar: Any) -> Any:
        assert s.origin is not None
        row0, column0 = (int(evaluate(e, self.values)) for e in s.origin)
        row = np.arange(values.shape[0])[:, None] + row0
        column = np.arange(values.shape[1])[None, :] + column0
        if s.operation == "Alibi":
            return values + np.float32(scalar) * (column - row).astype(np.float32)
        assert s.mask is not None and s.mask.arguments is not None
        arguments = [evaluate(a, self.values) for a in s.mask.arguments]
        return np.where(kept(s.mask.kind, arguments, row, column), values, np.float32("-inf"))


def kept(kind: str, arguments: list[int], row: Array, column: Array) -> Any:
    """Which elements a mask keeps: the definition of each kind."""
    match kind:
        case "bound":
            return (column < arguments[0]) & (row == row)
        case "causal":
            return column <= row + arguments[0]
        case "anticausal":
            return row <= column + arguments[0]
        case "window":
            return column > row + arguments[0] - arguments[1]
        case _:
            return (column <= row + arguments[0]) | (column < arguments[1])


def _type_of(array: Array) -> str:
    return next(name for name, kind in NUMPY.items() if array.dtype == kind)


def _binary(operation: str, a: Array, b: Array) -> Any:
    match operation:
        case "Add":
            return a + b
        case "Subtract":
            return a - b
        case "Multiply":
            return a * b
        case "Maximum":
            return np.maximum(a, b)
        case _:
            # By definition x / 0 = 0: a softmax row without keys has the value zero.
            return np.where(b != 0, a / b, np.float32(0))


def _erf(x: Array) -> Array:
    vectorize: Any = np.vectorize
    return np.asarray(vectorize(math.erf, otypes=[np.float64])(x), np.float32)


def _unary(operation: str, x: Array, scalar: Any) -> Array:
    one = np.float32(1)
    table: dict[str, Callable[[], Any]] = {
        "Fill": lambda: np.full_like(x, scalar),
        "Scale": lambda: x * np.float32(scalar),
        "Offset": lambda: x + np.float32(scalar),
        "Softcap": lambda: np.float32(scalar) * np.tanh(x / np.float32(scalar)),
        "Exp": lambda: np.exp(x),
        "Log": lambda: np.log(x),
        "Relu": lambda: np.maximum(x, 0),
        "Gelu": lambda: x * (one + _erf(x / np.float32(math.sqrt(2)))) / 2,
        "Silu": lambda: x / (one + np.exp(-x)),
        "Tanh": lambda: np.tanh(x),
        "Sigmoid": lambda: one / (one + np.exp(-x)),
        "Square": lambda: x * x,
        "Rsqrt": lambda: one / np.sqrt(x),
        "Reciprocal": lambda: one / x,
        "Cast": lambda: x,
    }
    return np.asarray(table[operation]())
