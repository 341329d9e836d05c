"""State-BSD on held-out programs, beside value predictors and the perfect-value bound.

    python -m evals.state_bsd --out results.json

The selector sees some programs, the figures are of the others. Trace-driven: no Verilog.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from evals.bsd import LEVELS, PROGRAMS, compile_program
from tools.bsd.superscalar.issue import FOUR, TWO, Cycles, Machine, predicted, selected
from tools.bsd.superscalar.predictors import BASELINES
from tools.bsd.superscalar.select import Blockers, anneal, greedy, random
from tools.bsd.superscalar.trace import Trace, trace

TRAINING = ("sort", "crc", "matmul", "text")
HELD_OUT = ("sieve", "list", "sha", "recurse")
BUDGETS = (2, 4, 8, 16)
RANDOM_TRIES = 16


def main() -> int:
    """Write all figures to a JSON file and print the table of IPCs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    tables = []
    for level in LEVELS:
        training, held_out = (
            [trace(compile_program(PROGRAMS / f"{name}.c", level)) for name in names]
            for names in (TRAINING, HELD_OUT)
        )
        tables += [_table(level, machine, training, held_out) for machine in (TWO, FOUR)]
    document = {
        "command": "python -m evals.state_bsd --out FILE",
        "training": TRAINING,
        "held_out": HELD_OUT,
        "tables": tables,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    for table in tables:
        print(table["level"], "width", table["width"])
        for name, row in table["ipc"].items():
            print(f"  {name:32} {row['ipc']:.3f}  wrong {row['mispredictions']}")
        print("  blockers covered", json.dumps(table["covered"]))
    return 0


def _table(
    level: str, machine: Machine, training: Sequence[Trace], held_out: Sequence[Trace]
) -> dict[str, Any]:
    """Geometric means over the held-out programs for one machine and compiler level."""
    blockers, unseen = (Blockers(traces, machine.width) for traces in (training, held_out))
    ipc = {
        name: _mean(predicted(t, machine, predictor(t)) for t in held_out)
        for name, predictor in BASELINES.items()
    }
    covered: dict[str, dict[str, float]] = {}
    chosen = {}
    for budget in BUDGETS:
        best = anneal(blockers, budget)
        chosen[budget] = {"registers": sorted(best.registers), "words": best.words}
        for name, early in (("chain", False), ("early", True)):
            ipc[f"State-BSD K={budget} {name}"] = _mean(
                selected(t, machine, best, early) for t in held_out
            )
        guesses = [unseen.covered(random(budget, seed)) for seed in range(RANDOM_TRIES)]
        covered[str(budget)] = {
            "annealed": round(unseen.covered(best), 3),
            "greedy": round(unseen.covered(greedy(blockers, budget)), 3),
            "random": round(sum(guesses) / len(guesses), 3),
        }
    return {
        "level": level, "width": machine.width, "ipc": ipc, "covered": covered,
        "selected": chosen,
    }  # fmt: skip


def _mean(runs: Iterable[Cycles]) -> dict[str, Any]:
    results = list(runs)
    return {
        "ipc": round(geometric_mean([r.ipc for r in results]), 4),
        "mispredictions": sum(r.mispredictions for r in results),
    }


if __name__ == "__main__":
    raise SystemExit(main())
