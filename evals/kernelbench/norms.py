"""Reductions and normalisations of rows as statements of a stage."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from evals.kernelbench.builder import Builder, Pair, Tile, Unsupported, Vector
from evals.kernelbench.pointwise import number
from evals.kernelbench.stages import Ref

if TYPE_CHECKING:
    from evals.kernelbench.recognise import Call


def _dims(call: Call, rank: int) -> tuple[int, ...]:
    """The dimensions that a call reduces; all of them where it names none."""
    dim = call.get(1, "dim")
    if dim is None:
        return tuple(range(rank))
    return tuple(sorted(d % rank for d in (dim if isinstance(dim, tuple | list) else (dim,))))


def _last(builder: Builder, value: Any, dims: tuple[int, ...]) -> Tile:
    """The value as a tile whose rows are what is reduced. Raises Unsupported for other
    dimensions than the last ones.
    """
    rank = len(value.shape)
    if dims != tuple(range(rank - len(dims), rank)):
        raise Unsupported("a reduction over other dimensions than the last")
    columns = math.prod(value.shape[rank - len(dims) :])
    return builder.mine(value, math.prod(value.shape) // columns, columns)


def reduce_rows(builder: Builder, kind: str, tile: Tile, shape: tuple[int, ...]) -> Vector:
    """One number a row."""
    stage, x = builder.stage, tile.name
    if kind == "mean":
        return Vector(stage.mean(x), shape)
    if kind in ("min", "amin"):
        stage.do(f"Compute Scale {x} -1.0")
        low = stage.reduce("RowMax", x)
        stage.count(f"Compute Scale {low} -1.0")
        return Vector(low, shape)
    if kind == "logsumexp":
        top = stage.reduce("RowMax", x)
        stage.do(f"Compute Subtract {x}, {top}", f"Compute Exp {x}")
        total = stage.reduce("RowSum", x)
        stage.count(f"Compute Log {total}", f"Compute Add {total}, {top}")
        return Vector(total, shape)
    if kind == "norm":
        stage.do(f"Compute Square {x}")
    total = stage.reduce("RowMax" if "max" in kind else "RowSum", x)
    if kind == "norm":
        stage.count(f"Compute Rsqrt {total}", f"Compute Reciprocal {total}")
    return Vector(total, shape)


def reduction(builder: Builder, call: Call, first: Any) -> Vector | Pair:
    """sum, mean, max, min, logsumexp: of rows, or of everything."""
    name = call.name
    dims = _dims(call, len(first.shape))
    if name == "norm" and call.options.get("p", 2) not in (2, "fro"):
        raise Unsupported("a norm other than the second")
    if name == "norm":
        dims = _norm_dims(call, len(first.shape))
    if len(dims) == len(first.shape) > 1:
        return _everything(builder, name, first, call.shape)
    shape = call.shape
    pair = name in ("max", "min") and len(dims) == 1
    if pair:  # the call's own value is a pair
        kept = call.get(2, "keepdim", False)
        shape = (*first.shape[:-1], *((1,) if kept else ()))
    tile = _last(builder, first, dims)
    found = reduce_rows(builder, name, tile, shape)
    return Pair(found) if pair else found


def _norm_dims(call: Call, rank: int) -> tuple[int, ...]:
    dim = call.options.get("dim")
    return tuple(range(rank)) if dim is None else (dim % rank,)


def _everything(builder: Builder, name: str, first: Any, shape: tuple[int, ...]) -> Vector:
    """Rows first, then the row of their numbers."""
    if name not in ("sum", "mean"):
        raise Unsupported(f"{name} of everything")
    tile = builder.mine(first)
    part = reduce_rows(builder, name, tile, (1, builder.stage.rows))
    again = builder.load(part, 1, part.shape[1])
    return reduce_rows(builder, name, again, shape)


def softmax(builder: Builder, call: Call, first: Any) -> Tile:
    """softmax and log_softmax of rows."""
    tile = _last(builder, first, _dims(call, len(first.shape)))
    stage, x = builder.stage, tile.name
    top = stage.reduce("RowMax", x)
    stage.do(f"Compute Subtract {x}, {top}")
    if call.name in ("log_softmax", "LogSoftmax"):
        t = stage.tile()
        stage.do(f"Compute Exp {x} and get {t}")
        total = stage.reduce("RowSum", t)
        stage.count(f"Compute Log {total}")
        stage.do(f"Compute Subtract {x}, {total}")
    else:
        stage.do(f"Compute Exp {x}")
        total = stage.reduce("RowSum", x)
        stage.count(f"Compute Reciprocal {total}")
        stage.do(f"Compute Multiply {x}, {total}")
    return tile


def normal(builder: Builder, call: Call, first: Any) -> Tile:
    """LayerNorm, GroupNorm and InstanceNorm: rows of the right length, then their weights."""
    module, shape = call.module, first.shape
    if getattr(module, "track_running_stats", False):
        raise Unsupported("a norm that keeps statistics")
    channels = 1 if call.name == "LayerNorm" else shape[1]
    if call.name == "LayerNorm":
        columns = math.prod(module.normalized_shape)
    else:
        groups = module.num_groups if call.name == "GroupNorm" else channels
        columns = math.prod(shape[1:]) // groups
    tile = builder.mine(first, math.prod(shape) // columns, columns)
    stage, x = builder.stage, tile.name
    mean = stage.mean(x)
    t = stage.tile()
    stage.do(f"Compute Subtract {x}, {mean}", f"Compute Square {x} and get {t}")
    spread = stage.mean(t)
    stage.count(f"Compute Offset {spread} {number(module.eps)}", f"Compute Rsqrt {spread}")
    stage.do(f"Compute Multiply {x}, {spread}")
    for name, operation in (("weight", "Multiply"), ("bias", "Add")):
        if getattr(module, name, None) is None:
            continue
        ref = Ref("parameter", f"{call.path}.{name}")
        if call.name == "LayerNorm":
            array = stage.read(ref, (columns,), "row")
        else:
            repeat = math.prod(shape[2:])
            wide = Ref(ref.kind, ref.name, f"spread {repeat}")
            array = stage.read(wide, (channels * repeat // columns, columns), "periodic")
        stage.do(f"Compute {operation} {x}, {array}")
    return Tile(x, shape)


ROWS: dict[str, Callable[[Builder, Any, Any], Any]] = {
    **dict.fromkeys(("sum", "mean", "max", "min", "amax", "amin", "logsumexp", "norm"), reduction),
    **dict.fromkeys(("softmax", "log_softmax"), softmax),
    **dict.fromkeys(("LayerNorm", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d"), normal),
    "InstanceNorm3d": normal,
}
