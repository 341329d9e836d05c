"""What each part of the learner is worth: the same box with one part taken away.

    python -m evals.bsd_ablation shifter32 fclass64 alu16 --out results.json
    python -m evals.bsd_ablation rv32i --seed 2 --seconds 360 --out results.json

The learner has no switches: a part is replaced here, from outside. A run is stopped when its CPU
time is up, and what it had by then is judged like any other: the proof, and how many of a million
vectors that no run has seen are answered wrongly. A record is put in the file in the place of an
older one of that box, part and seed.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd import job
from tools.bsd.box import BoxError, Oracle
from tools.bsd.boxes import Example
from tools.bsd.catalogue import named
from tools.bsd.diagram import Diagrams
from tools.bsd.judge import Judge, Mistakes
from tools.bsd.learn import Learner, NotConverged, Progress, Settings
from tools.bsd.orders import Recipe, Scan, recipes
from tools.bsd.portfolio import TooLarge
from tools.bsd.probes import Prober
from tools.bsd.prove import prove
from tools.bsd.verilog import to_verilog

PARTS = (
    "nothing", "portfolio", "two-sided checks", "coverage rounds", "formal rounds",
    "chased mistakes", "aligned operands",
)  # fmt: skip
WARM_UP = "decoder2"
"""Learned first and not recorded: compiling numba's functions is no part of any box."""
JUDGED, UNSEEN = 1 << 22, 1_000_003
"""Vectors that a run's end is judged on, and what makes their seed none of a run's."""


class OutOfTime(BaseException):
    """The CPU time of a run is up. No Exception: a black box's own are caught."""


def main() -> None:
    """Write and print a record for each box and part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("boxes", nargs="+")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=360, help="of CPU, for one run")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    old = json.loads(options.out.read_text())["runs"] if options.out.exists() else []
    records = {(run["box"], run["without"], run["seed"]): run for run in old}
    sandbox = open_sandbox()
    measured(WARM_UP, "nothing", options.seed, options.seconds, sandbox)
    for box in options.boxes:
        for part in options.parts:
            record = measured(box, part, options.seed, options.seconds, sandbox)
            records[box, part, options.seed] = record
            print(json.dumps(record), flush=True)
            command = "python -m evals.bsd_ablation BOX… --seed N --seconds S --out FILE"
            document = {"command": command, "runs": list(records.values())}
            options.out.write_text(json.dumps(document, indent=1) + "\n")


def measured(box: str, part: str, seed: int, seconds: int, sandbox: Sandbox) -> dict[str, Any]:
    """The figures of one run. ``outcome`` says how learning ended: converged, or why not."""
    chosen, last = named(box), [Progress("", 0, 0, 0, 0, 0.0)]
    learner = Learner(chosen.box, Settings(seed=seed), last.append)
    record: dict[str, Any] = {"box": box, "without": part, "seed": seed, "cpu_limit": seconds}
    started = time.process_time()
    try:
        with without(part), _stopped_after(seconds):
            job.proved(learner, chosen.reference, sandbox)
        record["outcome"] = "converged"
    except (TooLarge, NotConverged, BoxError, OutOfTime) as error:
        record |= {"outcome": type(error).__name__, "why": str(error)[:200]}
    stage = f"{last[-1].stage} {last[-1].done} of {last[-1].total}"
    record |= {
        "cpu_seconds": round(time.process_time() - started, 1),
        "queries": learner.oracle.queries,
        "wrong_vectors_by_round": learner.wrong,
        "formal_counterexamples": learner.formal,
        "last_stage": stage,
    }
    built = last[-1].stage in ("refute", "regrow")
    return record | (_judged(learner, chosen, sandbox) if built else {"proof": "none"})


def _judged(learner: Learner, chosen: Example, sandbox: Sandbox) -> dict[str, Any]:
    """What a learner has at its end: nodes, proof, and wrong answers on vectors of no run."""
    box, netlist, literals = chosen.box, learner.diagrams.netlist, learner.composed()
    text = to_verilog(box, netlist, literals)
    prober = Prober(box, UNSEEN + learner.settings.seed)
    found = Judge(Oracle(box), prober).random(netlist, literals, [], JUDGED)
    return {
        "nodes": len(netlist.reachable(literals)),
        "proof": prove(box, text, chosen.reference, sandbox).status,
        "judged": found.asked,
        "wrong_per_million": round(found.wrong / found.asked * 1e6, 2),
    }


@contextmanager
def _stopped_after(seconds: float) -> Iterator[None]:
    """Raises OutOfTime within the block after ``seconds`` of this process's CPU time."""

    def stop(*_: object) -> None:
        raise OutOfTime(f"{seconds} s of CPU time were not enough")

    signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


@contextmanager
def without(part: str) -> Iterator[None]:
    """The learner with one of PARTS taken away.

    *portfolio*: the first order is taken, whatever its size. *two-sided checks*: subfunctions
    merge on their signatures alone, as in CPU-v1. *coverage rounds*: only random vectors refute,
    and children of what was wrong last. *formal rounds*: no counterexample of a proof is learned
    from. *chased mistakes*: what was wrong last is not asked again first. *aligned operands*: no
    telling vector has two words made alike by weight.
    """
    if part == "nothing":
        yield
    elif part == "portfolio":
        with patch("tools.bsd.portfolio.recipes", _first_recipe):
            yield
    elif part == "two-sided checks":
        with patch.object(Diagrams, "_check_merge", lambda *_: None):
            yield
    elif part == "coverage rounds":
        with patch.object(Judge, "coverage", _nothing_wrong):
            yield
    elif part == "formal rounds":
        with patch.object(job, "MOST_FORMAL_ROUNDS", 0):
            yield
    elif part == "chased mistakes":
        with patch.object(Judge, "near", _nothing_wrong):
            yield
    else:
        with patch.object(Learner, "_with_aligned", lambda _, own: own):
            yield


def _first_recipe(box: Any, own: Scan) -> list[Recipe]:
    return list(islice(recipes(box, own), 1))


def _nothing_wrong(judge: Judge, *_: object) -> Mistakes:
    vectors = np.zeros((len(judge.box.inputs), 0), dtype=np.uint64)
    return Mistakes(vectors, np.zeros((len(judge.box.output_bits), 0), dtype=np.bool_), 0, 0)


if __name__ == "__main__":
    main()
