"""Operations that begin a stage of their own: products, convolutions, attention, transposition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from evals.kernelbench.builder import Builder, Stored, Tile, Unsupported, Vector
from evals.kernelbench.norms import reduce_rows
from evals.kernelbench.stages import Convolution, Product, Ref, Scores

if TYPE_CHECKING:
    from evals.kernelbench.recognise import Call


def transpose(builder: Builder, call: Call) -> Stored:
    """A matrix with its last dimensions exchanged, as a way to look at it."""
    value = builder.stored(call.values[0])
    if len(call.values) > 2 and {d % len(value.shape) for d in call.values[1:3]} != {
        len(value.shape) - 1,
        len(value.shape) - 2,
    }:
        raise Unsupported("a transposition of other dimensions than the last two")
    return Stored(value.ref, call.shape, not value.transposed)


def matmul(builder: Builder, call: Call) -> Tile | Vector:
    a, b = call.values[:2]
    left = a if isinstance(a, Stored) else builder.stored(a)
    right = b if isinstance(b, Stored) else builder.stored(b)
    if not isinstance(left, Stored) or len(left.shape) < 2 or len(right.shape) < 2:
        raise Unsupported("a product with a vector")
    return _product(builder, left, right, call.shape)


def _product(builder: Builder, a: Stored, b: Stored, shape: tuple[int, ...]) -> Tile | Vector:
    k, n = b.shape[-2:]
    batch, m = 1, math.prod(a.shape[:-1])
    if len(b.shape) > 2:
        if a.shape[:-2] != b.shape[:-2]:
            raise Unsupported("a product whose batches are broadcast")
        batch, m = math.prod(b.shape[:-2]), a.shape[-2]
    if a.transposed and len(a.shape) > 2 and batch == 1:
        raise Unsupported("a transposed stack of matrices")
    if n == 1 and not a.transposed and batch == 1:
        return _times_vector(builder, a, b, shape, m, k)
    product = Product(m, n, k, batch, a.transposed, b.transposed)
    stored = [
        (batch, *((y, x) if t else (x, y)))
        for x, y, t in ((m, k, a.transposed), (k, n, b.transposed))
    ]
    builder.begin(batch * m, n, product, {"A": (a.ref, stored[0]), "B": (b.ref, stored[1])})
    return Tile("Acc", shape)


def _times_vector(
    builder: Builder, a: Stored, b: Stored, shape: tuple[int, ...], m: int, k: int
) -> Vector:
    """A matrix times one column: a sum of each row."""
    tile = builder.load(Stored(a.ref, (m, k)), m, k)
    x = builder.stage.read(b.ref, (k,), "row")
    builder.stage.do(f"Compute Multiply {tile.name}, {x}")
    return reduce_rows(builder, "sum", tile, shape)


def linear(builder: Builder, call: Call) -> Tile | Vector:
    """nn.Linear: x W^T + b, W stored (out, in)."""
    x = builder.stored(call.values[0])
    module, path = call.module, call.path
    n, k = (int(s) for s in module.weight.shape)
    weight = Stored(Ref("parameter", f"{path}.weight"), (k, n), True)
    tile = _product(builder, x, weight, call.shape)
    if module.bias is not None and isinstance(tile, Tile):
        bias = builder.stage.read(Ref("parameter", f"{path}.bias"), (n,), "row")
        builder.stage.do(f"Compute Add {tile.name}, {bias}")
    elif module.bias is not None:
        raise Unsupported("a layer with one output and a bias")
    return tile


def einsum(builder: Builder, call: Call) -> Tile | Vector:
    """Products that an equation says are A B over the last dimension of A."""
    left, right = call.values[0].replace(" ", "").split("->")[0].split(",")
    result = call.values[0].replace(" ", "").split("->")[1]
    a, b = (builder.stored(v) for v in call.values[1:3])
    if len(right) == 2 and left[-1] == right[0] and result == left[:-1] + right[1]:
        return _product(builder, a, b, call.shape)
    raise Unsupported(f"an einsum of {call.values[0]}")


def conv2d(builder: Builder, call: Call) -> Tile:
    """nn.Conv1d and nn.Conv2d with stride 1 and no padding, NCHW."""
    m = call.module
    if set(m.stride) != {1} or m.padding == "same" or set(m.padding) != {0}:
        raise Unsupported("a convolution with a stride or padding, NCHW")
    if m.groups not in (1, m.in_channels) or (m.groups > 1 and m.out_channels != m.in_channels):
        raise Unsupported("a convolution in groups")
    x = builder.stored(call.values[0])
    one = len(m.kernel_size) == 1
    kernel = (1, *m.kernel_size) if one else tuple(m.kernel_size)
    dilation = (1, *m.dilation) if one else tuple(m.dilation)
    height, width = (1, x.shape[-1]) if one else x.shape[-2:]
    depthwise = m.groups > 1
    c = Convolution(
        x.shape[0], m.in_channels, m.out_channels, height, width, kernel, dilation, depthwise
    )
    taps = (kernel[0] * kernel[1], m.out_channels, *([] if depthwise else [m.in_channels]))
    arrays = {
        "A": (x.ref, (c.batch, c.ci, height * width)),
        "B": (Ref("parameter", f"{call.path}.weight", "taps"), taps),
    }
    stage = builder.begin(c.batch * c.co, c.out[0] * c.out[1], c, arrays)
    if m.bias is not None:
        bias = stage.read(Ref("parameter", f"{call.path}.bias"), (c.co,), "column")
        stage.do(f"Compute Add Acc, {bias}")
    return Tile("Acc", call.shape)


def attention(builder: Builder, call: Call) -> Stored:
    """scaled_dot_product_attention of (batch, heads, rows, width) without a mask."""
    if len(call.values) > 3 or call.options:
        raise Unsupported("attention with options")
    q, k, v = (builder.stored(value) for value in call.values)
    if len(q.shape) != 4 or q.shape[:2] != k.shape[:2]:
        raise Unsupported("attention of other shapes than (batch, heads, rows, width)")
    s = Scores(*q.shape[:3], k.shape[2], q.shape[3], v.shape[3])
    arrays = {name: (x.ref, x.shape) for name, x in zip("QKV", (q, k, v), strict=True)}
    builder.begin(math.prod(q.shape[:3]), s.values, s, arrays)
    # Nothing may follow in the same program.
    return builder.stored(Tile("O", call.shape))


HEADS: dict[str, Callable[[Builder, Any], Any]] = {
    **dict.fromkeys(("matmul", "bmm", "mm", "__matmul__"), matmul),
    **dict.fromkeys(("t", "transpose"), transpose),
    **dict.fromkeys(("Conv1d", "Conv2d"), conv2d),
    "Linear": linear,
    "einsum": einsum,
    "scaled_dot_product_attention": attention,
}
