"""State-BSD on held-out programs, beside value predictors and the perfect-value bound.

    python -m evals.state_bsd --out results.json
    python -m evals.state_bsd --data DIR --out results.json

Trace-driven; `evals.state_bsd_cores` runs the same machines in Verilog. A core has one selection,
whatever its programs were compiled with: the selector sees four programs at both compiler levels,
the figures are of four others; and, apart from that, each of the eight is judged with a selection
made on the other seven. DIR (see `evals.bsd_public`) adds a selection made on Dhrystone and
CoreMark, too. Pictures are written beside the JSON file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evals.bsd_public import coremark, dhrystone
from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.rv32i.workload import HELD_OUT, LEVELS, TRAINING, workload
from tools.bsd.superscalar.issue import FOUR, TWO, Machine, Selection, mean, predicted, selected
from tools.bsd.superscalar.pictures import ipc_svg
from tools.bsd.superscalar.predictors import baselines, none, perfect
from tools.bsd.superscalar.select import MOST_WORDS, Blockers, Gain, greedy, random, select
from tools.bsd.superscalar.trace import Trace, trace

TWO_PORTS = Machine(2, 2)
MACHINES = (TWO, TWO_PORTS, FOUR)
BUDGETS = (1, 2, 4, 8, 16)
VARIANTS = {"chain": False, "early": True}
RANDOM_TRIES = 16
WHOLE = Selection(frozenset(range(1, 32)), MOST_WORDS)
"""All that can be selected, at any cost."""

Programs = Mapping[str, Mapping[str, Trace]]
"""Traces by compiler level and name."""


def main() -> int:
    """Write all figures to a JSON file, pictures beside it, and print the IPCs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="folder of local checkouts")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sandbox = open_sandbox()
    programs = {level: _traces(level, sandbox) for level in LEVELS}
    images = [make(options.data, sandbox) for make in (dhrystone, coremark) if options.data]
    more = [trace(image) for image in images]
    document: dict[str, Any] = {
        "command": "python -m evals.state_bsd --data DIR --out FILE",
        "training": TRAINING,
        "held_out": HELD_OUT,
        "tables": [],
    }
    for machine in MACHINES:
        for table in _tables(machine, programs, more):
            document["tables"].append(table)
            _print(table)
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    options.out.with_suffix(".svg").write_text(ipc_svg(document["tables"]))
    return 0


def _traces(level: str, sandbox: Sandbox) -> dict[str, Trace]:
    """What the programs do at one compiler level."""
    images = workload(sandbox, levels=(level,))
    return {name.removesuffix(level): trace(image) for name, image in images.items()}


def _of(programs: Programs, names: Sequence[str]) -> list[Trace]:
    """Some programs at both levels."""
    return [programs[level][name] for level in LEVELS for name in names]


def _tables(machine: Machine, programs: Programs, more: Sequence[Trace]) -> list[dict[str, Any]]:
    """One table for each compiler level, for the same selections."""
    training = _of(programs, TRAINING)
    chosen = {
        (budget, variant): select(training, machine, budget, early)
        for budget in BUDGETS
        for variant, early in VARIANTS.items()
    }
    wider = select([*training, *more], machine, BUDGETS[-1], early=False) if more else None
    alone = _leave_one_out(machine, programs)
    return [
        {"level": level, "width": machine.width, "ports": machine.ports}
        | _table(machine, training, [programs[level][n] for n in HELD_OUT], chosen, wider)
        | {"leave_one_out": alone[level]}
        for level in LEVELS
    ]


def _table(
    machine: Machine, training: Sequence[Trace], held_out: Sequence[Trace],
    chosen: Mapping[tuple[int, str], Selection], wider: Selection | None,
) -> dict[str, Any]:  # fmt: skip
    """Geometric means over the held-out programs of one level. ``limits`` are no results: what
    all that can be selected would gain, and what a selection made on these very programs does."""
    ipc, words, selector = baselines(held_out, machine), {}, []
    for (budget, variant), best in chosen.items():
        name, early = f"State-BSD K={budget} {variant}", VARIANTS[variant]
        words[name] = _words(best)
        ipc[name] = mean(selected(t, machine, best, early) for t in held_out)
        row = _selector(machine, training, held_out, budget, early, best)
        selector.append({"budget": budget, "variant": variant, **row})
    gain = Gain(held_out, machine)
    limits = {"whole": WHOLE, "on itself": select(held_out, machine, BUDGETS[-1], early=False)}
    table = {
        "ipc": {name: asdict(row) for name, row in ipc.items()},
        "selected": words,
        "selector": selector,
        "limits": {name: round(gain(one), 4) for name, one in limits.items()},
    }
    if wider:
        table["more_programs"] = _words(wider) | {"gain": round(gain(wider), 4)}
    return table


def _words(chosen: Selection) -> dict[str, Any]:
    return {"registers": sorted(chosen.registers), "words": chosen.words}


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


def _leave_one_out(machine: Machine, programs: Programs) -> dict[str, Any]:
    """Each program with the largest budget, its selection made on all the others; by level."""
    names = TRAINING + HELD_OUT
    chosen = {
        one: select(
            _of(programs, [n for n in names if n != one]), machine, BUDGETS[-1], early=False
        )
        for one in names
    }
    return {level: _alone(machine, programs[level], chosen) for level in LEVELS}


def _alone(
    machine: Machine, traces: Mapping[str, Trace], chosen: Mapping[str, Selection]
) -> dict[str, Any]:
    """Every program of one level with its own selection, beside none and the bound."""
    runs = [selected(traces[name], machine, chosen[name]) for name in chosen]
    without = [predicted(traces[name], machine, none(traces[name])) for name in chosen]
    known = (predicted(traces[name], machine, perfect(traces[name])) for name in chosen)
    means = {
        "none": asdict(mean(without)),
        f"State-BSD K={BUDGETS[-1]} chain": asdict(mean(runs)),
        "perfect": asdict(mean(known)),
    }
    gains = [round(r.ipc / w.ipc - 1, 4) for r, w in zip(runs, without, strict=True)]
    return {"ipc": means, "gain": dict(zip(chosen, gains, strict=True))}


def _print(table: dict[str, Any]) -> None:
    print(table["level"], "width", table["width"], "ports", table["ports"])
    for name, row in table["ipc"].items():
        print(f"  {name:32} {row['ipc']:.3f}  wrong {row['mispredictions']}")
    for row in table["selector"]:
        print("  gain", json.dumps(row))
    for part in ("limits", "more_programs", "leave_one_out"):
        print(" ", part, json.dumps(table.get(part)), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
