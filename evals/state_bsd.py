"""State-BSD on held-out programs, beside value predictors and the perfect-value bound.

    python -m evals.state_bsd --out results.json

Trace-driven; `evals.state_bsd_cores` runs the same machines in Verilog. The selector sees four
programs, the figures are of four others; and, apart from that, each of the eight is judged with
a selection made on the other seven. Pictures are written beside the JSON file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.rv32i.workload import HELD_OUT, LEVELS, TRAINING, workload
from tools.bsd.superscalar.issue import FOUR, TWO, Machine, Selection, mean, predicted, selected
from tools.bsd.superscalar.pictures import ipc_svg
from tools.bsd.superscalar.predictors import baselines, none, perfect
from tools.bsd.superscalar.select import Blockers, Gain, greedy, random, select
from tools.bsd.superscalar.trace import Trace, trace

BUDGETS = (1, 2, 4, 8, 16)
VARIANTS = {"chain": False, "early": True}
RANDOM_TRIES = 16


def main() -> int:
    """Write all figures to a JSON file, pictures beside it, and print the IPCs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sandbox, tables = open_sandbox(), []
    for level in LEVELS:
        training, held_out = (_traces(names, level, sandbox) for names in (TRAINING, HELD_OUT))
        for machine in (TWO, FOUR):
            table = {"level": level, "width": machine.width}
            table |= _table(machine, training, held_out)
            table["leave_one_out"] = _leave_one_out(machine, [*training, *held_out])
            tables.append(table)
            _print(table)
    document = {
        "command": "python -m evals.state_bsd --out FILE",
        "training": TRAINING,
        "held_out": HELD_OUT,
        "tables": tables,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    options.out.with_suffix(".svg").write_text(ipc_svg(tables))
    return 0


def _traces(names: Sequence[str], level: str, sandbox: Sandbox) -> list[Trace]:
    """What the programs do at one compiler level."""
    return [trace(image) for image in workload(sandbox, names, (level,)).values()]


def _table(
    machine: Machine, training: Sequence[Trace], held_out: Sequence[Trace]
) -> dict[str, Any]:
    """Geometric means over the held-out programs for one machine and compiler level."""
    ipc = baselines(held_out, machine)
    chosen, selector = {}, []
    for budget in BUDGETS:
        for variant, early in VARIANTS.items():
            name = f"State-BSD K={budget} {variant}"
            best = select(training, machine, budget, early)
            chosen[name] = {"registers": sorted(best.registers), "words": best.words}
            ipc[name] = mean(selected(t, machine, best, early) for t in held_out)
            row = _selector(machine, training, held_out, budget, early, best)
            selector.append({"budget": budget, "variant": variant, **row})
    each = {name: asdict(row) for name, row in ipc.items()}
    return {"ipc": each, "selected": chosen, "selector": selector}


def _selector(
    machine: Machine, training: Sequence[Trace], held_out: Sequence[Trace],
    budget: int, early: bool, best: Selection,
) -> dict[str, Any]:  # fmt: skip
    """What the selection gains, beside the greedy one and the mean of random ones, on the
    programs it was made on and on those it was not."""
    simple = greedy(Blockers(training, machine.width), budget)
    guesses = [random(budget, seed) for seed in range(RANDOM_TRIES)]
    row = {}
    for name, gain in (
        ("training", Gain(training, machine, early)),
        ("held_out", Gain(held_out, machine, early)),
    ):
        row[name] = {
            "annealed": round(gain(best), 4),
            "greedy": round(gain(simple), 4),
            "random": round(sum(map(gain, guesses)) / RANDOM_TRIES, 4),
        }
    return row


def _leave_one_out(machine: Machine, every: Sequence[Trace]) -> dict[str, Any]:
    """Each program with the largest budget, its selection made on all the others."""
    runs = []
    for k, one in enumerate(every):
        best = select([*every[:k], *every[k + 1 :]], machine, BUDGETS[-1], early=False)
        runs.append(selected(one, machine, best))
    without = [predicted(t, machine, none(t)) for t in every]
    means = {
        "none": asdict(mean(without)),
        f"State-BSD K={BUDGETS[-1]} chain": asdict(mean(runs)),
        "perfect": asdict(mean(predicted(t, machine, perfect(t)) for t in every)),
    }
    gains = [round(r.ipc / w.ipc - 1, 4) for r, w in zip(runs, without, strict=True)]
    return {"ipc": means, "gain": dict(zip(TRAINING + HELD_OUT, gains, strict=True))}


def _print(table: dict[str, Any]) -> None:
    print(table["level"], "width", table["width"])
    for name, row in table["ipc"].items():
        print(f"  {name:32} {row['ipc']:.3f}  wrong {row['mispredictions']}")
    for row in table["selector"]:
        print("  gain", json.dumps(row))
    print("  leave one out", json.dumps(table["leave_one_out"]), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
