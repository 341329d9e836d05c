"""``python -m evals.verification``: print the figures on the verifier, or measure them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from evals.verification import measure, report
from evals.verilog.problems import SUITES, Problem, load
from sandboxes import Sandbox
from sandboxes.probe import open_sandbox

RESULTS = Path(__file__).parents[1] / "results" / "verification"
EXPERIMENTS: dict[str, tuple[Callable[[Problem, Sandbox], measure.Row], str]] = {
    "official": (measure.official, "Goldens by the benchmarks' own rules"),
    "itself": (measure.itself, "Goldens against themselves"),
    "netlist": (measure.netlist, "Goldens against their netlists"),
    "mutants": (measure.killed, "Mutants of goldens"),
    "throughput": (measure.throughput, "One batch against file by file"),
}
REPORTS: dict[str, Callable[[Sequence[measure.Row]], Iterator[str]]] = {
    "official": report.official,
    "itself": report.compared,
    "netlist": report.compared,
    "mutants": report.mutants,
    "throughput": report.throughput,
}


@click.command()
@click.argument("experiments", nargs=-1, type=click.Choice(list(EXPERIMENTS)))
@click.option("--data", type=Path, help="A checkout of a benchmark: measure; else only print.")
@click.option("--suite", default="v2-spec", show_default=True, type=click.Choice(SUITES))
@click.option("--label", help="What to call the suite in the results [its name].")
@click.option("--every", default=1, show_default=True, help="Take every Nth problem.")
@click.option("--results", default=RESULTS, type=Path, help="Folder of the rows.")
def main(
    experiments: tuple[str, ...], data: Path | None, suite: str, label: str | None, every: int,
    results: Path,
) -> None:  # fmt: skip
    """Print EXPERIMENTS (all when none is named). Rows already measured are kept."""
    for name in experiments or EXPERIMENTS:
        path = results / f"{name}.jsonl"
        if data is not None:
            problems = load(data, suite)[::every]  # type: ignore[arg-type]
            _measure(name, label or suite, problems, path)
        rows = _rows(path)
        if rows:
            click.echo(f"\n{EXPERIMENTS[name][1]}")
            for line in REPORTS[name](rows):
                click.echo(line)


def _measure(name: str, label: str, problems: Sequence[Problem], path: Path) -> None:
    done = {(row["suite"], row["name"]) for row in _rows(path)}
    sandbox = open_sandbox()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for problem in problems:
            if (label, problem.name) in done:
                continue
            row = {"suite": label, "name": problem.name}
            row |= EXPERIMENTS[name][0](problem, sandbox)
            file.write(json.dumps(row) + "\n")
            file.flush()
            click.echo(f"{name}: {problem.name}", err=True)


def _rows(path: Path) -> list[measure.Row]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    main()
