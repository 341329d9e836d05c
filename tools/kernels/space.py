"""What the search chooses from: sketches, TL parameters and micro-kernels of each operator."""

from __future__ import annotations

from dataclasses import replace

from tools.kernels import operators
from tools.kernels.attention import Attention, forward
from tools.kernels.c import ISAS, Schedule, Source, Unsupported, emit
from tools.kernels.card import Card
from tools.kernels.notation import Operator
from tools.kernels.operators import Conv2d, Elementwise, Gemm, Gemv, Rows
from tools.tl import check, parse

Point = dict[str, int | str]
Space = dict[str, tuple[int | str, ...]]

_TILES = {
    "avx512": ("8x3", "12x2", "14x2", "8x2", "6x4", "4x4", "16x1"),
    "avx2": ("6x2", "4x3", "5x2", "4x2"),
    "other": ("8x3", "6x4", "12x2", "8x2"),
}


def _tiles(card: Card) -> tuple[int | str, ...]:
    """Register tiles, rows by vectors, that fit the registers of a target."""
    return _TILES.get("avx512" if card.isa == "amx" else card.isa, _TILES["other"])


def space(spec: Operator, card: Card, threads: int = 1) -> Space:
    """Axes and their choices, most important first; the first choice of each is a default.

    Several threads share the parallel loops, so blocks that give each the same come first.
    """
    axes = _axes(spec, card)
    if threads == 1:
        return axes
    if isinstance(spec, Gemm):
        share = -(-spec.n // (16 * threads)) * 16
        axes["bn"] = (share, *(n for n in axes["bn"] if n != share))
    return axes | {"threads": (threads,)}


def _axes(spec: Operator, card: Card) -> Space:
    tiles = _tiles(card)
    match spec:
        case Gemm() if ISAS[card.isa].tiles(spec.dtype):
            return {
                "sketch": ("panel", "blocked"),
                "bn": _blocks((512, 256, 1024, 128), spec.n),
                "bm": _blocks((256, 512, 128, 1024, 64), spec.m),
                "pack": ("both", "right"),
                "tile": ("32x2", "16x4", "48x1", "16x6"),
                "ahead": (2, 4, 1, 0),
                "bk": (spec.k, *(k for k in (1024, 512, 2048) if k < spec.k)),
            }
        case Gemm():
            return {
                "sketch": ("panel", "blocked"),
                "tile": tiles,
                "bk": _upto((256, 128, 384, 512, 64, 16), spec.k),
                "bm": _upto((96, 48, 192, 384, 24), spec.m),
                "bn": _upto((768, 384, 1536, 192, 4096), spec.n),
                "pack": ("both", "right", "none", "left"),
                "unroll": (2, 4, 1),
            }
        case Attention():
            return {
                "bm": _upto((96, 64, 128, 192, 48), spec.queries),
                "bn": _upto((64, 128, 96, 48, 256), spec.keys),
                "tile": tiles,
                "pack": ("both", "right", "left"),
                "unroll": (2, 4, 1),
            }
        case Conv2d():
            return {"bm": _upto((48, 24, 96), spec.out_width), "tile": tiles}
        case Gemv():
            return {"bm": (1, 2, 4, 8, 32)}
        case _:
            large = 4 * spec.rows * spec.columns > card.l2
            return {"bm": (1, 2, 4, 8, 32)} | ({"store": ("keep", "stream")} if large else {})


def _blocks(values: tuple[int, ...], extent: int) -> tuple[int | str, ...]:
    """Block sizes below an extent, and the whole of a small one."""
    fit = tuple(v for v in values if v < extent)
    return (*fit, extent) if extent <= max(values) else fit


def _upto(values: tuple[int, ...], extent: int) -> tuple[int | str, ...]:
    """Block sizes that do not overshoot, and the whole extent when it is small."""
    fit = [v for v in values if v < extent]
    return (*([extent] if extent <= max(values) else []), *fit) if fit else (extent,)


def kernel(spec: Operator, point: Point, card: Card) -> tuple[str, Source]:
    """TL Code and C of one point. Raises TLError or Unsupported where it does not exist."""
    text = program(spec, point)
    code = parse(text)
    check(code, card.limits)
    return text, emit(code, schedule(point, card))


def schedule(point: Point, card: Card) -> Schedule:
    """The part of a point that lies below TL."""
    rows, vectors = (int(n) for n in str(point.get("tile", _tiles(card)[0])).split("x"))
    pack = point.get("pack", "both")
    return replace(
        Schedule(isa=card.isa, rows=rows, vectors=vectors),
        unroll=int(point.get("unroll", 2)),
        pack_left=pack in ("both", "left"),
        pack_right=pack in ("both", "right"),
        stream=point.get("store") == "stream",
        threads=int(point.get("threads", 1)),
        ahead=int(point.get("ahead", 2)),
    )


def program(spec: Operator, point: Point) -> str:
    """TL Code of a point."""
    p = {k: int(v) for k, v in point.items() if isinstance(v, int)}
    match spec:
        case Gemm():
            sketch = operators.gemm_panel if point["sketch"] == "panel" else operators.gemm_blocked
            return sketch(spec, p["bm"], p["bn"], p["bk"])
        case Attention():
            return forward(spec, p["bm"], p["bn"])
        case Conv2d() if spec.width % spec.stride:
            raise Unsupported("the stride of a convolution must divide the width of the image")
        case Conv2d():
            return operators.conv2d(spec, p["bm"])
        case Rows():
            return operators.rows(spec, p["bm"])
        case Elementwise():
            return operators.elementwise(spec, p["bm"])
        case Gemv():
            return operators.gemv(spec, p["bm"])
    raise Unsupported(f"no program for {type(spec).__name__}")


def default(spec: Operator, card: Card) -> Point:
    """The first choice of every axis."""
    return {axis: choices[0] for axis, choices in space(spec, card).items()}


def diverse(spec: Operator, card: Card, count: int) -> list[Point]:
    """The default, and defaults with one of the most important axes changed."""
    axes, usual = space(spec, card), default(spec, card)
    changed = [{**usual, axis: choices[1]} for axis, choices in axes.items() if len(choices) > 1]
    return [usual, *changed][:count]


def fitted(point: Point, spec: Operator, card: Card) -> Point:
    """A point of another shape's space, moved into this one: what does not exist here takes its
    default.
    """
    return {
        axis: point[axis] if point.get(axis) in choices else choices[0]
        for axis, choices in space(spec, card).items()
    }


def starting_at(point: Point, axes: Space) -> Space:
    """The same space with the choices of ``point`` first, where a search begins."""
    return {
        axis: (point[axis], *(c for c in choices if c != point[axis]))
        for axis, choices in axes.items()
    }
