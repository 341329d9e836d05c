"""``python -m evals.kernelbench --data DIR``: KernelBench with the kernel engine's own kernels.

DIR is a checkout of ScalingIntelligence/KernelBench. No model is asked: a problem's module is
traced, its chain of operations becomes TL, and C (``--device cpu``) or TileLang (``cuda``) is
emitted from that, checked by the benchmark's rule and a stricter one, and timed beside eager
torch. Needs torch and numpy, gcc on a CPU, tilelang on a GPU. A run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path

from evals.kernelbench import results
from evals.kernelbench.bench import SECONDS, Job, header, run
from evals.kernelbench.problems import NEEDS_TORCH, NoSuchData, Problem, listed
from evals.kernelbench.report import figures, summary, write

BAD_INPUT, ENVIRONMENT = 2, 4


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m evals.kernelbench", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--data", type=Path, required=True, help="the benchmark's checkout")
    parser.add_argument("--level", type=int, choices=(1, 2), help="both, when left out")
    parser.add_argument("--problem", type=int, action="append", default=[], metavar="N",
                        help="only these numbers")  # fmt: skip
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--limit",
        type=float,
        help="seconds a problem may take (120; on a CPU 900 of its own time)",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=480,
        help="no problem begins after them; what is left is done by the same command again",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("kernelbench"),
        help="folder of results.jsonl and the report, or the .jsonl file itself",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def main() -> int:
    """Entry point; the exit code."""
    given = arguments()
    if importlib.util.find_spec("torch") is None:
        return _stop(ENVIRONMENT, NEEDS_TORCH)
    if given.device == "cuda" and importlib.util.find_spec("tilelang") is None:
        return _stop(ENVIRONMENT, "--device cuda needs tilelang: `pip install tilelang`")
    levels = (given.level,) if given.level else (1, 2)
    path = given.out if given.out.suffix == ".jsonl" else given.out / "results.jsonl"
    try:
        problems: list[Problem] = []
        totals = {}
        for level in levels:
            problems += listed(given.data, level, tuple(given.problem))
            totals[level] = len(listed(given.data, level))
        about = header(problems, given.device)
        job = Job(given.device, given.limit or SECONDS[given.device], given.minutes * 60)
        outcomes = run(problems, path, about, job, lambda line: print(line, file=sys.stderr))
    except (NoSuchData, results.WrongResults) as problem:
        return _stop(BAD_INPUT, str(problem))
    about = results.read(path)[0]
    write(path.parent, about, outcomes, totals)
    if given.json:
        found = {n: figures([o for o in outcomes if o.level == n], t) for n, t in totals.items()}
        print(json.dumps({"header": about, "levels": found}))
    else:
        print(summary(outcomes, totals))
    return 0


def _stop(code: int, message: str) -> int:
    print(f"evals.kernelbench: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
