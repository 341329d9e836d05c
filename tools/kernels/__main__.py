"""``python -m tools.kernels``: generate, check, tune and measure kernels; numpy and gcc suffice.

An operator is written ``name key=value ...``, for example ``gemm m=512 n=512 k=512`` or
``attention heads=8 queries=1024 keys=1024 width=64 causal=1``.

``card``, ``check``, ``rank`` and ``measure`` take ``--json``: then they print one JSON object. An
explicit ``--point`` says which kernel of the space is meant, ``--source`` puts other C in its
place, ``--card`` spares measuring the machine again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from tools.kernels.arena import Arena, Refused, Worker
from tools.kernels.attention import Attention
from tools.kernels.baselines import title
from tools.kernels.c import ISAS, TARGETS, CompileError, Source, Unsupported, assembly, build
from tools.kernels.card import Card, detect
from tools.kernels.emulated import NoEmulator, card_of, cards, check_emulated, emulated
from tools.kernels.gpu.run import NEEDS as GPU_TARGETS
from tools.kernels.gpu.run import check_gpu
from tools.kernels.gpu.run import source as gpu_source
from tools.kernels.judge import Checked, imports
from tools.kernels.judge import check as check_kernel
from tools.kernels.measure import evaluate, quick, roofline
from tools.kernels.notation import OPERATORS, BadOperator, Operator, operator
from tools.kernels.operators import Elementwise, Gemm, Gemv, Rows
from tools.kernels.search import METHODS
from tools.kernels.space import default, kernel
from tools.kernels.tune import Tuned, baseline, cold, tune
from tools.tl import TLError

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


def _list(_: argparse.Namespace) -> None:
    for name, kind in OPERATORS.items():
        print(f"{name:12} {' '.join(f.name for f in fields(kind))}")


def _gen(options: argparse.Namespace) -> None:
    spec = operator(options.operator)
    if options.target in GPU_TARGETS:
        print(gpu_source(spec, options.target))
        return
    card = card_of(options.target) if options.target in ISAS else detect()
    text, source = kernel(spec, default(spec, card), card)
    if options.assembly:
        text = assembly(source)
    print(text if options.target == "tl" or options.assembly else source.text)


def _card(options: argparse.Namespace) -> None:
    card = detect()
    say = f"{card.model}, {card.isa}: {card.flops / 1e9:.0f} GFLOP/s, {card.bytes / 1e9:.0f} GB/s"
    _print(options, card.record(), say)


def _given(options: argparse.Namespace) -> tuple[Operator, Card, Source]:
    """The operator, the card and the source that a verb works on."""
    spec = operator(options.operator)
    card = Card.read(json.loads(options.card.read_text())) if options.card else detect()
    point = json.loads(options.point.read_text()) if options.point else default(spec, card)
    _, source = kernel(spec, point, card)
    if options.source:
        source = replace(source, text=options.source.read_text())
    return spec, card, source


def _check(options: argparse.Namespace) -> None:
    if options.target:
        _check_target(options)
        return
    spec, card, source = _given(options)
    found = _checked(spec, card, source)
    say = f"{spec}: correct on {card.isa}, largest error {found.error:.2g} of the largest value"
    _print(options, asdict(found), say)


def _check_target(options: argparse.Namespace) -> None:
    """One operator at every register length of a family of processors, under emulation."""
    spec = operator(options.operator)
    if options.target in GPU_TARGETS:
        text = gpu_source(spec, options.target)
        with tempfile.TemporaryDirectory() as folder:
            seen = check_gpu(text, spec, Path(folder), options.target)
        say = f"{spec}: correct in {options.target}, largest error {seen.error:.2g}"
        _print(options, asdict(seen), say)
        return
    for card in cards(options.target):
        _, source = kernel(spec, default(spec, card), card)
        found = _checked(spec, card, source)
        say = f"{spec}: correct on {card.isa} (emulated), largest error {found.error:.2g}"
        _print(options, {"isa": card.isa, **asdict(found)}, say)


def _checked(spec: Operator, card: Card, source: Source) -> Checked:
    with tempfile.TemporaryDirectory() as folder:
        if emulated(card):
            return check_emulated(spec, source, card, Path(folder))
        library = build(source, Path(folder))
        imports(library)
        arena = Arena(spec, tuple(a.name for a in source.arguments), 1, Path(folder))
        with Worker(str(library), arena) as worker:
            return check_kernel(worker, arena, np.random.default_rng())


def _here(card: Card) -> None:
    """Raises Refused for a card whose kernels only an emulator runs."""
    if emulated(card):
        raise Refused(f"{card.isa} is emulated here: a time would say nothing")


def _rank(options: argparse.Namespace) -> None:
    spec, card, source = _given(options)
    _here(card)
    with tempfile.TemporaryDirectory() as folder:
        library = build(source, Path(folder))
        seconds = quick(spec, library, source.arguments, cold(spec))
    _print(options, {"seconds": seconds}, f"{spec}: {seconds:.3g} s")


def _measure(options: argparse.Namespace) -> None:
    spec, card, source = _given(options)
    _here(card)
    now, rival = detect(), baseline(spec)
    fastest = replace(card, flops=max(card.flops, now.flops), bytes=max(card.bytes, now.bytes))
    limits = roofline(spec, fastest)
    with tempfile.TemporaryDirectory() as folder:
        library = build(source, Path(folder))
        timing = evaluate(spec, library, source.arguments, rival, limits, cold=cold(spec))
    record = {
        "baseline": title(rival),
        **timing.record(),
        "gflops": spec.flops / timing.seconds / 1e9,
        "cold": cold(spec),
    }
    say = f"{spec}: {record['gflops']:.1f} GFLOP/s, {timing.ratio:.2f}x {title(rival)}"
    _print(options, record, say)


def _print(options: argparse.Namespace, record: dict[str, Any], say: str) -> None:
    print(json.dumps(record) if options.json else say)


def _tune(options: argparse.Namespace) -> None:
    spec, card = operator(options.operator), detect()
    with tempfile.TemporaryDirectory() as folder:
        found = tune(
            *(spec, card, Path(folder), options.budget, options.seed, options.method),
            threads=options.threads,
        )
    print(f"{spec}: {_result(found)}")
    if options.out:
        options.out.write_text(found.code)


def _bench(options: argparse.Namespace) -> None:
    card = detect()
    about = _about(card, options.threads)
    print(f"{card.model}, {card.isa}: {card.flops / 1e9:.0f} GFLOP/s, {card.bytes / 1e9:.0f} GB/s")
    rows: list[dict[str, Any]] = []
    for spec in [operator(options.operator)] if options.operator else BENCH:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = tune(
                    *(spec, card, Path(folder), options.budget, options.seed),
                    threads=options.threads,
                )
            except (Refused, Unsupported) as problem:
                rows.append({"spec": str(spec), "refused": str(problem)})
                print(f"{spec}: {problem}", flush=True)
                continue
        rows.append(found.record())
        print(f"{spec}: {_result(found)}", flush=True)
        if options.out:
            options.out.write_text(json.dumps({"about": about, "rows": rows}, indent=1))


def _result(found: Tuned) -> str:
    """Speed and ratio; a run that had not its cores says so."""
    record = found.record()
    starved = " (had not all of its cores)" * found.timing.starved
    return f"{record['gflops']:.1f} GFLOP/s, {found.timing.ratio:.3f}x {found.baseline}{starved}"


def _about(card: Card, threads: int) -> dict[str, Any]:
    clock = "CPU seconds of the kernel's process" if threads == 1 else "seconds of the wall"
    return {
        "machine": card.model,
        "isa": card.isa,
        "measured_flops": card.flops,
        "measured_bytes": card.bytes,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "clock": f"{clock}, interleaved with the baseline's",
        "threads": threads,
        "load": os.getloadavg(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.kernels", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    for name, action in (
        *(("list", _list), ("gen", _gen), ("card", _card), ("check", _check), ("rank", _rank)),
        *(("measure", _measure), ("tune", _tune), ("bench", _bench)),
    ):
        verb = verbs.add_parser(name)
        verb.set_defaults(action=action, json=False)
        if name not in ("list", "card"):
            verb.add_argument("operator", nargs="*" if name == "bench" else "+")
        if name in ("check", "rank", "measure"):
            for option in ("--point", "--source", "--card"):
                verb.add_argument(option, type=Path, help="a file")
        if name in ("card", "check", "rank", "measure"):
            verb.add_argument("--json", action="store_true")
        if name == "gen":
            verb.add_argument("--target", choices=("c", "tl", *GPU_TARGETS, *ISAS), default="c")
            verb.add_argument("--assembly", action="store_true", help="what the compiler makes")
        if name == "check":
            verb.add_argument(
                "--target", choices=(*TARGETS, *GPU_TARGETS), help="run under QEMU or a GPU"
            )
        if name in ("tune", "bench"):
            verb.add_argument("--budget", type=int, default=24)
            verb.add_argument("--threads", type=int, default=1, help="of kernel and baseline")
            verb.add_argument("--seed", type=int, default=0)
            verb.add_argument("--out", type=Path)
        if name == "tune":
            verb.add_argument("--method", choices=tuple(METHODS), default="hill")
    return parser


def main() -> None:
    """Entry point."""
    options = _parser().parse_args()
    try:
        options.action(options)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read along has seen enough
    except (TLError, Unsupported, CompileError, Refused, BadOperator, NoEmulator) as problem:
        if not options.json:
            sys.exit(f"refused: {problem}")
        print(json.dumps({"refused": str(problem), "kind": type(problem).__name__}))


if __name__ == "__main__":
    main()
