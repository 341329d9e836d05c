"""Which configurations of a GPU kernel the table tries at each point."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tools.kernels.attention import Attention
from tools.kernels.gpu.emitter import GpuSchedule
from tools.kernels.operators import Gemm

MULTIPROCESSORS = 132  # of an H100 or H200, SXM


@dataclass(frozen=True, slots=True)
class Choice:
    """One configuration: tile sizes (and parts of a split product) and what lies below TL."""

    block: tuple[int, ...]
    schedule: GpuSchedule


def choices(spec: Attention | Gemm) -> list[Choice]:
    """Configurations worth measuring."""
    return _attention(spec) if isinstance(spec, Attention) else _gemm(spec)


def persistent(
    block: tuple[int, ...], threads: int, stages: int, residents: int = 1, swizzle: int = 0
) -> Choice:
    """A persistent grid that fills the multiprocessors with ``residents`` blocks each."""
    schedule = GpuSchedule(threads, stages, swizzle=swizzle)
    blocks = MULTIPROCESSORS * residents
    return Choice(block, replace(schedule, blocks=blocks, residents=residents))


def _attention(spec: Attention) -> list[Choice]:
    width = 64 if spec.width <= 64 else 128 if spec.width <= 128 else 256
    table = {
        64: [
            ((192, 128), 384, 2, 1, "overlap"),
            *[((192, 128), 384, 2, 1, "overlap order")] * (spec.keys > 1024),
            *[((128, 128), 256, 2, 1, "overlap")] * (spec.keys <= 2048),
            *[((128, 64), 256, 3, 2, "")] * (spec.keys <= 2048),
            *[((128, 64), 256, 3, 2, "overlap")] * (spec.keys <= 2048),
        ],
        128: [
            ((128, 128), 256, 2, 1, "overlap"),
            *[((128, 128), 256, 2, 1, "overlap order")] * (spec.keys <= 2048),
        ],
        256: [((128, 80), 256, 2, 1, "overlap")],
    }
    found = []
    for block, threads, stages, residents, how in table[width]:
        choice = persistent(block, threads, stages, residents)
        overlap, order = "overlap" in how and not spec.window, "order" in how
        schedule = replace(choice.schedule, reverse=spec.masked, overlap=overlap, order=order)
        found.append(replace(choice, schedule=schedule))
    if spec.window or width == 256:
        plain = GpuSchedule(256, 2, reverse=spec.masked, overlap=True)
        found.append(Choice((128, 64 if width == 256 else 128), plain))
    return found


def _gemm(spec: Gemm) -> list[Choice]:
    if spec.dtype == "fp32":
        return [persistent((128, 128, 32), 256, 3, swizzle=8)]
    tiles = -(-spec.m // 128) * -(-spec.n // 128)
    if spec.m > 128 and tiles >= MULTIPROCESSORS:
        return [
            Choice((128, 256, 64), GpuSchedule(256, 3, swizzle=8)),
            persistent((128, 256, 64), 256, 3, swizzle=8),
            persistent((128, 256, 64), 256, 3, swizzle=16),
        ]
    return _few_tiles(spec)


def _few_tiles(spec: Gemm) -> list[Choice]:
    """Products with less tiles of C than multiprocessors: small tiles, k in parts."""
    found = []
    for bm, bn, stages in ((64, 64, 3), (64, 128, 2), (128, 128, 3)):
        tiles = -(-spec.m // bm) * -(-spec.n // bn)
        residents = 2 if bm == 64 else 1
        for waves in (1, 2):
            parts = max(1, min(waves * MULTIPROCESSORS // tiles, spec.k // 256))
            block = (bm, bn, 128, parts)
            if bm == 64 or spec.m > 64:
                found.append(persistent(block, bm // 64 * 128, stages, residents))
    return list({c.block: c for c in found}.values())
