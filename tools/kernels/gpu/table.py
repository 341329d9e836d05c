"""The GPU table: emitted TileLang kernels checked and timed against cuDNN and cuBLAS.

Needs torch, tilelang and a Hopper GPU. Every kernel is compared with a float64 reference on
rows it computes before and after timing; both sides run on the same inputs, with the
second-level cache overwritten before every call, and the median of their device times counts.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tools.kernels.attention import Attention, forward
from tools.kernels.gpu.cases import (
    ROUNDS,
    AttentionCase,
    GemmCase,
    compile_kernel,
    library,
    median_ms,
)
from tools.kernels.gpu.emitter import GpuSchedule, emit_tilelang
from tools.kernels.operators import Gemm, gemm_blocked
from tools.tl import parse

TOKENS = 16384  # batch * sequence of every attention point, as in the papers' tables


@dataclass(frozen=True, slots=True)
class Choice:
    """One configuration of the search space."""

    block: tuple[int, ...]
    schedule: GpuSchedule


def _attention_choices(width: int, keys: int, causal: bool) -> list[Choice]:
    """The configurations that won on some point of the H100 search (docs/kernels.md).

    Short sequences also try small blocks, of which several share a multiprocessor.
    """
    small = {
        64: [(64, 128, 128, 2, True), (128, 64, 256, 2, True), (64, 64, 128, 2, True)],
        128: [(64, 128, 128, 1, True), (64, 64, 128, 2, True), (128, 64, 256, 2, True)],
        256: [(64, 64, 128, 1, True), (64, 80, 128, 1, True)],
    }
    table = {
        64: [(192, 128, 384, 2, False), (192, 128, 384, 2, True), (128, 128, 256, 2, True)],
        128: [(128, 128, 256, 2, True), (128, 160, 256, 2, True), (128, 128, 256, 2, False)],
        256: [(128, 80, 256, 2, True), (128, 64, 256, 2, True)],
    }
    return [
        Choice((bm, bn), GpuSchedule(threads, stages, reverse=causal, overlap=overlap))
        for bm, bn, threads, stages, overlap in table[width] + small[width] * (keys <= 2048)
    ]


GEMM_CHOICES = [
    Choice((128, 256, 64), GpuSchedule(256, 3, swizzle=8)),
    Choice((128, 256, 128), GpuSchedule(256, 2, swizzle=8)),
    Choice((256, 128, 64), GpuSchedule(256, 3, swizzle=8)),
    Choice((128, 128, 64), GpuSchedule(256, 4, swizzle=8)),
    Choice((128, 128, 128), GpuSchedule(256, 3, swizzle=8)),
]
Operator = Attention | Gemm


def source(spec: Operator, choice: Choice) -> str:
    """The TileLang module of an operator."""
    program = forward if isinstance(spec, Attention) else gemm_blocked
    build: Callable[..., str] = program
    return emit_tilelang(parse(build(spec, *choice.block)), choice.schedule)


def choices(spec: Operator) -> list[Choice]:
    if isinstance(spec, Gemm):
        return GEMM_CHOICES
    width = 64 if spec.width <= 64 else 128 if spec.width <= 128 else 256
    found = _attention_choices(width, spec.keys, spec.masked)
    if spec.softcap or spec.alibi:  # more registers between the two products
        found += [replace(c, schedule=replace(c.schedule, overlap=False)) for c in found[:1]]
    return found


def _try_compile(text: str) -> str:
    try:
        compile_kernel(text)
    except Exception as problem:  # a configuration the compiler refuses is not a result
        return f"{type(problem).__name__}: {str(problem)[-200:]}"
    return ""


def measure(spec: Operator, texts: Sequence[tuple[Choice, str]]) -> dict[str, Any]:
    """One row of the table: the best correct configuration beside every baseline."""
    case: AttentionCase | GemmCase
    case = AttentionCase(spec) if isinstance(spec, Attention) else GemmCase(spec)
    row: dict[str, Any] = {"spec": asdict(spec), "kind": type(spec).__name__, "tflops": {}}
    limit = 0.0
    for name, call in case.baselines().items():
        try:
            limit = max(limit, case.error(call()))
            row["tflops"][name] = spec.flops / median_ms(call) / 1e9
        except RuntimeError as problem:
            row["tflops"][name] = None
            row[f"{name}_refused"] = str(problem)[:200]
    row["baseline_error"] = limit
    row["tried"] = []
    for choice, text in texts:
        kernel = compile_kernel(text)
        out = case.output()
        kernel(*case.arguments, out)
        before = case.error(out)
        time = median_ms(lambda k=kernel, o=out: k(*case.arguments, o))  # type: ignore[misc]
        out.fill_(math.nan)
        kernel(*case.arguments, out)
        worst = max(before, case.error(out))
        good = worst <= 2 * limit
        speed = spec.flops / time / 1e9
        row["tried"].append({"choice": asdict(choice), "tflops": speed, "error": worst})
        if good and speed > row["tflops"].get("ours", 0.0):
            row["tflops"]["ours"], row["error"], row["choice"] = speed, worst, asdict(choice)
    return row


def points(table: str) -> list[Operator]:
    """The points of a named table: ``attention``, ``variants`` or ``gemm``."""
    if table == "gemm":
        return [Gemm(n, n, n, "bf16") for n in (2048, 4096, 8192)]
    if table == "variants":
        base = Attention(2, 16, 16, 8192, 8192, 128, 128, "fp16", causal=True)
        return [
            replace(base, kv_heads=4),
            replace(base, kv_heads=1),
            replace(base, window=1024),
            replace(base, softcap=30.0),
            replace(base, causal=False, softcap=30.0),
        ]
    return [
        Attention(
            *(TOKENS // n, 2048 // d, 2048 // d, n, n, d, d, "fp16"),
            causal=causal,
        )
        for d in (64, 128, 256)
        for causal in (False, True)
        for n in (512, 1024, 2048, 4096, 8192, 16384)
    ]


def run(table: str, out: Path) -> list[dict[str, Any]]:
    """Measure a table on this machine's first GPU, print it, and write it as JSON."""
    tilelang = library("tilelang")
    torch = library("torch")

    work = [(spec, c, source(spec, c)) for spec in points(table) for c in choices(spec)]
    with ProcessPoolExecutor(max(1, (os.cpu_count() or 2) - 1)) as pool:
        refused = list(pool.map(_try_compile, [text for _, _, text in work]))
    rows = []
    for spec in points(table):
        texts = [
            (c, text)
            for (s, c, text), why in zip(work, refused, strict=True)
            if s == spec and not why
        ]
        rows.append(measure(spec, texts))
        print(line(rows[-1]), flush=True)
    about = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "tilelang": tilelang.__version__,
        "cudnn": torch.backends.cudnn.version(),
        "rounds": ROUNDS,
        "refused": sorted({why for why in refused if why}),
    }
    out.write_text(json.dumps({"about": about, "rows": rows}, indent=1))
    return rows


def line(row: dict[str, Any]) -> str:
    """One row as text: the point, speeds, and ratios to every baseline."""
    speeds = {k: v for k, v in row["tflops"].items() if v}
    ours = speeds.pop("ours", 0.0)
    point = " ".join(
        str(row["spec"][k]) for k in ("keys", "width", "causal", "kv_heads", "window", "softcap")
        if k in row["spec"]
    ) or " ".join(str(row["spec"][k]) for k in "mnk")  # fmt: skip
    ratios = "  ".join(f"{k} {v:.0f} ({ours / v:.2f}x)" for k, v in speeds.items())
    return f"{row['kind']} {point}: ours {ours:.0f} TFLOP/s  {ratios}  error {row.get('error')}"


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]))
