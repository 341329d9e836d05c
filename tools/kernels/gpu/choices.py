"""Which configurations of a GPU kernel the table tries at each point."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tools.kernels.attention import Attention
from tools.kernels.gpu.emitter import GpuSchedule
from tools.kernels.gpu.matrix import LINE
from tools.kernels.gpu.roles import SHARED_BYTES
from tools.kernels.operators import Gemm

MULTIPROCESSORS = 132  # of an H100 or H200, SXM


@dataclass(frozen=True, slots=True)
class Choice:
    """One configuration: tile sizes (and parts of a split product) and what lies below TL.

    Without ``padded``, a matrix whose rows the copy engine cannot address is read as it is.
    """

    block: tuple[int, ...]
    schedule: GpuSchedule
    padded: bool = True


def choices(spec: Attention | Gemm) -> list[Choice]:
    """Configurations worth measuring."""
    return _attention(spec) if isinstance(spec, Attention) else _gemm(spec)


def persistent(
    block: tuple[int, ...],
    threads: int,
    stages: int,
    residents: int = 1,
    swizzle: int = 0,
    overlap: bool = False,
) -> Choice:
    """A persistent grid that fills the multiprocessors with ``residents`` blocks each."""
    schedule = GpuSchedule(threads, stages, swizzle=swizzle, overlap=overlap)
    blocks = MULTIPROCESSORS * residents
    return Choice(block, replace(schedule, blocks=blocks, residents=residents))


def _attention(spec: Attention) -> list[Choice]:
    width = 64 if spec.width <= 64 else 128 if spec.width <= 128 else 256
    short, middle = spec.keys <= 1024, spec.keys <= 2048
    table = {
        64: [
            ((192, 128), 384, 2, 1, "overlap order"),
            *[((128, 128), 256, 2, 1, "overlap"), ((64, 128), 128, 2, 2, "overlap")] * middle,
            *[((64, 64), 128, 3, 3, "overlap")] * short,
        ],
        128: [
            ((128, 128), 256, 2, 1, "overlap"),
            *[((128, 128), 256, 2, 1, "overlap order")] * middle,
        ],
        256: [
            ((128, 64), 256, 2, 1, "overlap"),
            *[((128, 96), 256, 2, 1, "overlap")] * (spec.width <= 192),
            *[((64, 64), 128, 2, 1, "overlap")] * short,
        ],
    }
    found = []
    for block, threads, stages, residents, how in table[width]:
        choice = persistent(block, threads, stages, residents)
        overlap, order = "overlap" in how and not spec.window, "order" in how
        schedule = replace(choice.schedule, reverse=spec.masked, overlap=overlap, order=order)
        found.append(replace(choice, schedule=schedule))
    if spec.window:
        plain = GpuSchedule(256, 2, reverse=spec.masked, overlap=True)
        found.append(Choice((128, 64 if width == 256 else 128), plain))
    return found


def _gemm(spec: Gemm) -> list[Choice]:
    if spec.dtype == "fp32":
        return [persistent((128, 128, 32), 256, 3, swizzle=8)]
    if spec.m > 128 and _tiles(spec, 128, 128) >= MULTIPROCESSORS:
        return _many_tiles(spec)
    return _few_tiles(spec)


def _tiles(spec: Gemm, bm: int, bn: int) -> int:
    return -(-spec.m // bm) * -(-spec.n // bn)


def _many_tiles(spec: Gemm) -> list[Choice]:
    """Tiles that leave the fewest multiprocessors idle in the last wave, large ones first."""

    def work(tile: tuple[int, int, int]) -> float:
        bm, bn, _ = tile
        # A small tile loads more for each product.
        return -(-_tiles(spec, bm, bn) // MULTIPROCESSORS) * bm * bn * (1 + 16 / bm + 16 / bn)

    tiles = [(128, 256, 256), (256, 128, 256), (192, 192, 384), (128, 192, 256), (128, 128, 256)]
    best = sorted(tiles, key=work)[:2]
    found = []
    for bm, bn, threads in best:
        stages = 4 if bm * bn < 128 * 256 else 3
        found.append(Choice((bm, bn, 64), GpuSchedule(threads, stages, swizzle=8)))
        for deep in sorted({stages, 4}):
            found.append(persistent((bm, bn, 64), threads, deep, swizzle=8, overlap=True))
    return found


def _few_tiles(spec: Gemm) -> list[Choice]:
    """Products with less tiles of C than multiprocessors: small tiles, k in parts."""
    found = []
    for bm, bn, residents in (
        *((64, 32, 1), (64, 64, 1), (64, 64, 2), (64, 128, 1)),
        *((128, 64, 1), (128, 128, 1)) * (spec.m > 64),
    ):
        # As many loads on their way as fit beside the tile that leaves.
        room = SHARED_BYTES // residents - 4 * bm * bn
        stages = min(8, room // (2 * 128 * (bm + bn)))
        parts = max(1, min(residents * MULTIPROCESSORS // _tiles(spec, bm, bn), spec.k // 256))
        for overlap in (False, True):
            block = (bm, bn, 128, parts)
            found.append(persistent(block, bm // 64 * 128, stages, residents, overlap=overlap))
    if spec.m <= 128 and spec.n % LINE:
        # Each row of B is read once: padding it first costs more than short loads do.
        parts = max(1, min(2 * MULTIPROCESSORS // _tiles(spec, 128, 64), spec.k // 256))
        found.append(Choice((128, 64, 64, parts), GpuSchedule(256, 1), padded=False))
    return found
