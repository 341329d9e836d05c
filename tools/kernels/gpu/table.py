"""The GPU table: emitted TileLang kernels checked and timed against cuDNN and cuBLAS.

Needs torch, tilelang and a Hopper GPU. Every kernel is compared with a float64 reference on
rows it computes before and after timing; both sides run on the same inputs with a cold cache,
and the median of their device times counts.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tools.kernels.attention import Attention, forward
from tools.kernels.gpu.cases import (
    ROUNDS,
    AttentionCase,
    GemmCase,
    bind,
    compile_kernel,
    library,
    median_ms,
)
from tools.kernels.gpu.choices import Choice, choices
from tools.kernels.gpu.emitter import GpuSchedule
from tools.kernels.gpu.matrix import Blocks, chain, product_of
from tools.kernels.gpu.persistent import emit_tilelang
from tools.kernels.operators import Gemm
from tools.tl import parse

Operator = Attention | Gemm
TOKENS = 16384  # batch * sequence of every attention point, as in the papers' tables
SECONDS = 60  # one row may take; a kernel that hangs takes for ever
_VARIANT = Attention(2, 16, 16, 8192, 8192, 128, 128, "fp16", causal=True)


def source(spec: Operator, choice: Choice) -> list[str]:
    """The TileLang modules of an operator, to run in order."""
    if isinstance(spec, Attention):
        return [emit_tilelang(parse(forward(spec, *choice.block)), choice.schedule)]
    programs = chain(spec, Blocks(*choice.block), choice.padded)
    product = product_of(programs)
    modules = []
    for at, text in enumerate(programs):
        own = choice.schedule if at == product else GpuSchedule()
        linked = replace(own, leads=at < len(programs) - 1, follows=at > 0)
        modules.append(emit_tilelang(parse(text), linked))
    return modules


def _try_compile(texts: Sequence[str]) -> str:
    try:
        for text in texts:
            compile_kernel(text)
    except Exception as problem:  # a configuration the compiler refuses is not a result
        return f"{type(problem).__name__}: {str(problem)[-200:]}"
    return ""


def measure(spec: Operator, texts: Sequence[tuple[Choice, list[str]]]) -> dict[str, Any]:
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
    for choice, modules in texts:
        outputs = case.output()
        (out,) = outputs.values()
        call = bind(modules, case.arrays | outputs)
        call()
        before = case.error(out)
        time = median_ms(call)
        out.fill_(math.nan)
        call()
        worst = max(before, case.error(out))
        good = worst <= 2 * limit
        speed = spec.flops / time / 1e9
        row["tried"].append({"choice": asdict(choice), "tflops": speed, "error": worst})
        if good and speed > row["tflops"].get("ours", 0.0):
            row["tflops"]["ours"], row["error"], row["choice"] = speed, worst, asdict(choice)
    return row


SETS: dict[str, list[Operator]] = {
    "gemm": [Gemm(n, n, n, "bf16") for n in (2048, 4096, 8192)],
    "skinny": [
        Gemm(*shape, "bf16")
        for shape in (
            *((1, 4096, 4096), (16, 4096, 4096), (64, 4096, 4096), (128, 4096, 4096)),
            *((16, 8192, 8192), (64, 1024, 8192), (128, 128, 16384), (256, 256, 16384)),
            *((512, 512, 8192), (4095, 4097, 4093), (2047, 2049, 2051), (127, 4097, 4093)),
        )
    ],
    "fp32": [Gemm(n, n, n) for n in (2048, 4096, 8192)],
    "attention": [
        Attention(TOKENS // n, 2048 // d, 2048 // d, n, n, d, d, "fp16", causal=causal)
        for d in (64, 128, 256)
        for causal in (False, True)
        for n in (512, 1024, 2048, 4096, 8192, 16384)
    ],
    "variants": [
        replace(_VARIANT, kv_heads=4),
        replace(_VARIANT, kv_heads=1),
        replace(_VARIANT, width=192),
        replace(_VARIANT, window=1024),
        replace(_VARIANT, softcap=30.0),
        replace(_VARIANT, causal=False, softcap=30.0),
    ],
}
"""The points of each table."""


class _Apart:
    """Runs calls in a child process, which ends with a call that fails or takes too long."""

    def __init__(self) -> None:
        self.pool = get_context("spawn").Pool(1)

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return self.pool.apply_async(function, arguments).get(SECONDS)
        except Exception:
            self.pool.terminate()
            self.pool = get_context("spawn").Pool(1)
            raise


def _row(apart: _Apart, spec: Operator, texts: list[tuple[Choice, list[str]]]) -> dict[str, Any]:
    """A row whose kernels cannot take the others with them when they crash or hang."""
    try:
        return dict(apart(measure, spec, texts))
    except Exception as problem:
        if len(texts) < 2:
            return {
                "spec": asdict(spec),
                "kind": type(spec).__name__,
                "tflops": {},
                "tried": [],
            } | {"failed": f"{type(problem).__name__}: {str(problem)[-300:]}"}
    rows = [_row(apart, spec, [one]) for one in texts]
    best = max(rows, key=lambda row: float(row["tflops"].get("ours", 0.0)))
    return best | {"tried": [one for row in rows for one in row["tried"]]}


def run(specs: Sequence[Operator], out: Path) -> list[dict[str, Any]]:
    """Measure points on this machine's first GPU, print each, and write them as JSON."""
    work = [(spec, c, source(spec, c)) for spec in specs for c in choices(spec)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        refused = list(pool.map(_try_compile, [texts for _, _, texts in work]))
    apart = _Apart()
    about = apart(_about) | {"refused": sorted({why for why in refused if why})}
    rows = []
    for spec in specs:
        texts = [
            (c, modules)
            for (s, c, modules), why in zip(work, refused, strict=True)
            if s == spec and not why
        ]
        rows.append(_row(apart, spec, texts))
        print(line(rows[-1]), flush=True)
        out.write_text(json.dumps({"about": about, "rows": rows}, indent=1))
    apart.pool.terminate()
    return rows


def _about() -> dict[str, Any]:
    torch = library("torch")

    return {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "tilelang": library("tilelang").__version__,
        "cudnn": torch.backends.cudnn.version(),
        "rounds": ROUNDS,
        "date": datetime.now(UTC).date().isoformat(),
    }


def line(row: dict[str, Any]) -> str:
    """One row as text: the point, speeds, and ratios to every baseline."""
    speeds = {k: v for k, v in row["tflops"].items() if v}
    ours = speeds.pop("ours", 0.0)
    point = " ".join(
        str(row["spec"][k]) for k in ("keys", "width", "causal", "kv_heads", "window", "softcap")
        if k in row["spec"]
    ) or " ".join(str(row["spec"][k]) for k in "mnk")  # fmt: skip
    ratios = row.get("failed", "") + "  ".join(
        f"{k} {v:.0f} ({ours / v:.2f}x)" for k, v in speeds.items()
    )
    return f"{row['kind']} {point}: ours {ours:.0f} TFLOP/s  {ratios}  error {row.get('error')}"


if __name__ == "__main__":
    run(SETS[sys.argv[1]], Path(sys.argv[2]))
