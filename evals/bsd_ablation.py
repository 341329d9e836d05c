"""What each part of the learner is worth: the same box with one part taken away.

    python -m evals.bsd_ablation shifter32 fclass64 alu16 --out results.json

The learner has no switches: a part is replaced here, from outside, in a process of its own. A
record is put in the file in the place of an older one of that box and part.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from sandboxes.probe import open_sandbox
from tools.bsd import job
from tools.bsd.box import BoxError
from tools.bsd.catalogue import named
from tools.bsd.diagram import Diagrams
from tools.bsd.judge import Judge, Mistakes
from tools.bsd.learn import NotConverged, Settings
from tools.bsd.orders import Recipe, Scan, recipes
from tools.bsd.portfolio import TooLarge

PARTS = ("nothing", "portfolio", "two-sided checks", "coverage rounds", "formal rounds")


def main() -> None:
    """Write and print a record for each box and part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("boxes", nargs="+")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=600, help="of CPU, for one run")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    old = json.loads(options.out.read_text())["runs"] if options.out.exists() else []
    records = {(run["box"], run["without"]): run for run in old}
    for box in options.boxes:
        for part in options.parts:
            record = {"box": box, "without": part, "seed": options.seed}
            records[box, part] = record | measured(box, part, options.seed, options.seconds)
            print(json.dumps(records[box, part]), flush=True)
            command = "python -m evals.bsd_ablation BOX… --out FILE"
            runs = list(records.values())
            document = {"command": command, "cpu_limit": options.seconds, "runs": runs}
            options.out.write_text(json.dumps(document, indent=1) + "\n")


def measured(box: str, part: str, seed: int, seconds: int) -> dict[str, Any]:
    """The figures of one run, in a process of its own that ends when its CPU time is up."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_child, args=(box, part, seed, seconds, theirs)
    )
    process.start()
    theirs.close()
    try:
        return dict(ours.recv())
    except EOFError:
        return {"outcome": "not finished"}
    finally:
        process.kill()
        process.join()


def _child(box: str, part: str, seed: int, seconds: int, told: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    chosen = named(box)
    with without(part):
        try:
            found = job.run(chosen.box, chosen.reference, open_sandbox(), Settings(seed=seed))
        except (TooLarge, NotConverged, BoxError) as error:
            told.send({"outcome": type(error).__name__, "why": str(error)[:200]})
            return
    figures = found.summary()
    kept = ("nodes", "queries", "cpu_seconds", "wrong_vectors_by_round", "formal_counterexamples")
    told.send({"outcome": figures["proof"]} | {key: figures[key] for key in kept})


@contextmanager
def without(part: str) -> Iterator[None]:
    """The learner with one of PARTS taken away.

    *portfolio*: the first order is taken, whatever its size. *two-sided checks*: subfunctions
    merge on their signatures alone, as in CPU-v1. *coverage rounds*: only random vectors refute.
    *formal rounds*: no counterexample of a proof is learned from.
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
    else:
        with patch.object(job, "MOST_FORMAL_ROUNDS", 1):
            yield


def _first_recipe(box: Any, own: Scan) -> list[Recipe]:
    return list(islice(recipes(box, own), 1))


def _nothing_wrong(judge: Judge, *_: object) -> Mistakes:
    vectors = np.zeros((len(judge.box.inputs), 0), dtype=np.uint64)
    return Mistakes(vectors, np.zeros((len(judge.box.output_bits), 0), dtype=np.bool_), 0, 0)


if __name__ == "__main__":
    main()
