"""``python -m tools.kernels``: generate, check, tune and measure kernels; numpy and gcc suffice.

An operator is written ``name key=value ...``, for example ``gemm m=512 n=512 k=512`` or
``attention heads=8 queries=1024 keys=1024 width=64 causal=1``.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np

from tools.kernels.attention import Attention
from tools.kernels.c import CompileError, Unsupported, build
from tools.kernels.card import Card, detect
from tools.kernels.measure import Arena, Refused, Worker
from tools.kernels.measure import check as check_kernel
from tools.kernels.operators import Conv2d, Elementwise, Gemm, Gemv, Rows
from tools.kernels.reference import Operator
from tools.kernels.search import METHODS
from tools.kernels.space import default, kernel
from tools.kernels.tune import tune
from tools.tl import TLError

OPERATORS: dict[str, type[Any]] = {
    "gemm": Gemm,
    "gemv": Gemv,
    "rows": Rows,
    "elementwise": Elementwise,
    "conv2d": Conv2d,
    "attention": Attention,
}

BENCH: list[Operator] = [
    *(Gemm(n, n, n) for n in (100, 256, 512, 1000, 1024, 2048)),
    *(Gemm(*s) for s in ((64, 64, 4096), (4096, 64, 64), (16, 4096, 4096), (37, 513, 129))),
    Gemm(128, 4096, 256),
    Gemm(1024, 1024, 1024, "bf16"),
    Gemv(4096, 4096),
    Rows("softmax", 4096, 1024),
    Rows("layernorm", 4096, 1024),
    Elementwise("Gelu", 4096, 1024),
    *(Attention(1, 8, 8, n, n, 64, 64, causal=c) for n in (512, 2048) for c in (False, True)),
]


def operator(words: list[str]) -> Operator:
    """An operator from its words. SystemExit with the names it takes when they are wrong."""
    name, *pairs = words
    if name not in OPERATORS:
        sys.exit(f"unknown operator {name}; there are {', '.join(OPERATORS)}")
    kind = OPERATORS[name]
    known = {f.name: f for f in fields(kind)}
    values: dict[str, Any] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key not in known:
            sys.exit(f"{name} has no {key}; it takes {', '.join(known)}")
        values[key] = value if not value.replace(".", "").isdigit() else json.loads(value)
    for key, usual in (("batch", 1), ("kv_heads", values.get("heads"))):
        if key in known:
            values.setdefault(key, usual)
    if "value_width" in known:
        values.setdefault("value_width", values.get("width"))
    missing = [k for k, f in known.items() if f.default is MISSING and values.get(k) is None]
    if missing:
        sys.exit(f"{name} needs {', '.join(missing)}")
    for key, field in known.items():
        if field.type == "bool" and key in values:
            values[key] = bool(values[key])
    result: Operator = kind(**values)
    return result


def _list(_: argparse.Namespace) -> None:
    for name, kind in OPERATORS.items():
        print(f"{name:12} {' '.join(f.name for f in fields(kind))}")


def _gen(options: argparse.Namespace) -> None:
    spec, card = operator(options.operator), detect()
    text, source = kernel(spec, default(spec, card), card)
    print(text if options.target == "tl" else source.text)


def _check(options: argparse.Namespace) -> None:
    spec, card = operator(options.operator), detect()
    _, source = kernel(spec, default(spec, card), card)
    with tempfile.TemporaryDirectory() as folder:
        library = build(source, Path(folder))
        arena = Arena(spec, tuple(a.name for a in source.arguments), 1, Path(folder))
        with Worker(str(library), arena) as worker:
            worst = check_kernel(worker, arena, np.random.default_rng())
    print(f"{spec}: correct on {card.isa}, largest error {worst:.2g} of the largest value")


def _tune(options: argparse.Namespace) -> None:
    spec, card = operator(options.operator), detect()
    with tempfile.TemporaryDirectory() as folder:
        found = tune(spec, card, Path(folder), options.budget, options.seed, options.method)
    record = found.record()
    print(f"{spec}: {record['gflops']:.1f} GFLOP/s, {record['ratio']:.2f}x {found.baseline}")
    if options.out:
        options.out.write_text(found.code)


def _bench(options: argparse.Namespace) -> None:
    card = detect()
    about = _about(card)
    print(f"{card.model}, {card.isa}: {card.flops / 1e9:.0f} GFLOP/s, {card.bytes / 1e9:.0f} GB/s")
    rows: list[dict[str, Any]] = []
    for spec in [operator(options.operator)] if options.operator else BENCH:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = tune(spec, card, Path(folder), options.budget, options.seed)
            except (Refused, Unsupported) as problem:
                rows.append({"spec": str(spec), "refused": str(problem)})
                print(f"{spec}: {problem}", flush=True)
                continue
        rows.append(found.record())
        speed = rows[-1]["gflops"]
        print(f"{spec}: {speed:.1f} GFLOP/s, {rows[-1]['ratio']:.3f}x {found.baseline}", flush=True)
        if options.out:
            options.out.write_text(json.dumps({"about": about, "rows": rows}, indent=1))


def _about(card: Card) -> dict[str, Any]:
    return {
        "machine": card.model,
        "isa": card.isa,
        "measured_flops": card.flops,
        "measured_bytes": card.bytes,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "clock": "CPU seconds of the kernel's process, interleaved with the baseline's",
    }


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tools.kernels", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    for name, action in (
        *(("list", _list), ("gen", _gen), ("check", _check), ("tune", _tune), ("bench", _bench)),
    ):
        verb = verbs.add_parser(name)
        verb.set_defaults(action=action)
        if name != "list":
            verb.add_argument("operator", nargs="*" if name == "bench" else "+")
        if name == "gen":
            verb.add_argument("--target", choices=("c", "tl"), default="c")
        if name in ("tune", "bench"):
            verb.add_argument("--budget", type=int, default=24)
            verb.add_argument("--seed", type=int, default=0)
            verb.add_argument("--out", type=Path)
        if name == "tune":
            verb.add_argument("--method", choices=tuple(METHODS), default="hill")
    options = parser.parse_args()
    try:
        options.action(options)
    except (TLError, Unsupported, CompileError, Refused) as problem:
        sys.exit(f"refused: {problem}")


if __name__ == "__main__":
    main()
