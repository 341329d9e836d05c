"""``python -m tools.kernels.search_table``: the search methods beside each other on real kernels.

Every method gets the same number of evaluations of the same space (sketch and parameters), from
several seeds. A point is timed as the product ranks points (``measure.quick``): CPU seconds of
its own process. Timings drift on a shared machine, so the methods of one seed take turns and a
point is timed once an operator: all methods then search the same measured landscape.

``--priors FILE`` adds MCTS with weights that somebody, a model for instance, gave the choices:
``{operator: {axis: {choice: weight}}}``, choices as text.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from tools.kernels.arena import Refused
from tools.kernels.attention import Attention
from tools.kernels.c import CompileError, Unsupported, build
from tools.kernels.card import Card, detect
from tools.kernels.measure import quick
from tools.kernels.notation import Operator, words_of
from tools.kernels.operators import Gemm
from tools.kernels.pictures import curves_svg
from tools.kernels.search import METHODS, Method, mcts
from tools.kernels.space import Point, kernel, space
from tools.kernels.tune import cold
from tools.tl import TLError

OPERATORS: tuple[Operator, ...] = (
    Gemm(512, 512, 512),
    Gemm(16, 2048, 2048),
    Attention(1, 4, 4, 256, 256, 64, 64, causal=True),
)


Weights = dict[str, dict[str, float]]


def compare(
    spec: Operator, card: Card, folder: Path, budget: int, seeds: int, weights: Weights | None
) -> dict[str, Any]:
    """Best GFLOP/s after each evaluation, by method and seed; 0 until a point is right."""
    known: dict[str, float] = {}

    def seconds(point: Point) -> float:
        key = json.dumps(point)
        if key not in known:
            known[key] = _timed(spec, point, card, folder)
        return known[key]

    methods = dict(METHODS)
    if weights:
        methods["mcts, prior"] = _with(weights)
    curves: dict[str, list[list[float]]] = {name: [] for name in methods}
    for seed in range(seeds):
        for name, method in methods.items():
            trace = method(space(spec, card), seconds, budget, seed)
            curves[name].append([spec.flops / s / 1e9 for s in trace.curve])
    return {"operator": " ".join(words_of(spec)), "points": len(known), "curves": curves}


def _with(weights: Weights) -> Method:
    """MCTS that prefers what weighs more; a choice without a weight has one."""

    def prior(_: Point, axis: str, choices: tuple[int | str, ...]) -> list[float]:
        return [weights.get(axis, {}).get(str(choice), 1.0) for choice in choices]

    return partial(mcts, prior=prior)


def _timed(spec: Operator, point: Point, card: Card, folder: Path) -> float:
    try:
        _, source = kernel(spec, point, card)
        return quick(spec, build(source, folder), source.arguments, cold(spec))
    except (TLError, Unsupported, CompileError, Refused):
        return math.inf


def medians(curves: list[list[float]]) -> list[float]:
    """The median over seeds after each evaluation; a search that ended early keeps its best."""
    length = max(map(len, curves))
    whole = [curve + [curve[-1]] * (length - len(curve)) for curve in curves]
    return [statistics.median(values) for values in zip(*whole, strict=True)]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.kernels.search_table", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where search.json and the pictures go")
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--priors", type=Path, help="weights of the choices, JSON")
    parser.add_argument("--operator", type=int, choices=range(len(OPERATORS)), help="only this one")
    options = parser.parse_args()
    priors = json.loads(options.priors.read_text()) if options.priors else {}
    options.folder.mkdir(parents=True, exist_ok=True)
    card, rows = detect(), []
    for number, spec in enumerate(OPERATORS):
        if options.operator not in (None, number):
            continue
        with tempfile.TemporaryDirectory() as folder:
            weights = priors.get(" ".join(words_of(spec)))
            row = compare(spec, card, Path(folder), options.budget, options.seeds, weights)
        rows.append(row)
        found = {name: medians(curves) for name, curves in row["curves"].items()}
        print(row["operator"], {name: round(curve[-1], 1) for name, curve in found.items()})
        (options.folder / f"search_{number}.svg").write_text(curves_svg(found))
    about = {"machine": card.model, "isa": card.isa, "date": time.strftime("%Y-%m-%d")}
    (options.folder / "search.json").write_text(
        json.dumps({"about": about, "budget": options.budget, "rows": rows}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
