"""``python -m evals.verilog``: run a benchmark, report on results, ablate the workflow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from evals.verilog import ablation, failures, report
from evals.verilog.problems import SUITES, NoSuchData, Suite, load
from evals.verilog.results import Results, WrongResults
from evals.verilog.run import choose, header
from evals.verilog.run import run as run_suite
from evals.verilog.systems import SYSTEMS, Setting, System
from lpcm.messages import ModelError
from lpcm.models import default_model
from qimeng.runner import NotReady
from sandboxes import SandboxError
from sandboxes.probe import open_sandbox

BAD_INPUT, ENVIRONMENT = 2, 4


@click.group()
def cli() -> None:
    """VerilogEval and RTLLM from a local checkout: the model alone beside the system."""


def _common(command: Callable[..., None]) -> Callable[..., None]:
    options = [
        click.option("--data", type=Path, required=True, help="The benchmark's checkout."),
        click.option("--suite", default="v2-spec", show_default=True, type=click.Choice(SUITES)),
        click.option("--model", help="As in qimeng run."),
        click.option("--candidates", default=8, show_default=True),
        click.option("--budget", help="Caps for one answer, as in qimeng run."),
        click.option("--seeds", default=1, show_default=True, help="Answers to each problem."),
        click.option("--only", multiple=True, help="Parts of names of problems."),
        click.option("--every", default=1, show_default=True, help="Take every Nth problem."),
        click.option("--jobs", default=1, show_default=True, help="Answers at the same time."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@cli.command()
@_common
@click.option("--system", default="qimeng", show_default=True, type=click.Choice(SYSTEMS))
@click.option("--results", type=Path, required=True, help="Scores go here; what it has is kept.")
def run(
    data: Path, suite: Suite, system: System, results: Path, model: str | None, candidates: int,
    budget: str | None, seeds: int, **which: Any,
) -> None:  # fmt: skip
    """Answer and score the problems of a suite, and print the summary.

    golden-in-loop shows the golden to the system: no score, but what checking could give.
    """
    setting = Setting(
        system=system, model=model or default_model(), candidates=candidates, budget=budget,
        seeds=seeds,
    )  # fmt: skip
    with _friendly():
        found = _run(data, suite, setting, results, **which)
        click.echo(report.markdown([found]).split("\n## Problems")[0])


@cli.command("report")
@click.argument("files", nargs=-1, required=True, type=Path)
@click.option("--out", type=Path, required=True, help="Folder of report.md, .json and .html.")
def report_on(files: tuple[Path, ...], out: Path) -> None:
    """Write one report on several results files, side by side."""
    with _friendly():
        report.write([Results.read(path) for path in files], out)
    click.echo(out / "report.md")


@cli.command("failures")
@click.argument("files", nargs=-1, required=True, type=Path)
@click.option("--data", type=Path, required=True, help="The benchmark's checkout.")
@click.option("--most", default=10, show_default=True, help="Kinds to show.")
def failures_of(files: tuple[Path, ...], data: Path, most: int) -> None:
    """Compare the wrong designs of results FILES with their goldens; print the kinds of fault."""
    with _friendly():
        sandbox = open_sandbox()
        for path in files:
            result = Results.read(path)
            problems = {p.name: p for p in load(data, result.header.suite)}
            table = failures.table(result, problems, sandbox, most)
            click.echo(report.in_markdown(table))


@cli.command()
@_common
@click.option("--out", type=Path, required=True, help="Folder; a results file for each variant.")
@click.option("--variant", "variants", multiple=True, help="Only these, beside the whole.")
def ablate(
    data: Path, suite: Suite, out: Path, variants: tuple[str, ...], model: str | None,
    candidates: int, budget: str | None, seeds: int, **which: Any,
) -> None:  # fmt: skip
    """Run the system whole and with each part off in turn, and print the table."""
    whole = Setting(
        system="qimeng", model=model or default_model(), candidates=candidates, budget=budget,
        seeds=seeds,
    )  # fmt: skip
    known = ablation.settings(whole)
    if unknown := set(variants) - set(known):
        _stop(BAD_INPUT, f"no variant {unknown.pop()!r}; there are: {', '.join(known)}")
    with _friendly():
        found = {}
        for name, setting in known.items():
            if name == ablation.WHOLE or not variants or name in variants:
                path = out / f"{name.replace(' ', '-')}.jsonl"
                found[name] = _run(data, suite, setting, path, **which)
        text = report.in_markdown(ablation.table(found))
        (out / "ablation.md").write_text(text)
        click.echo(text)


def _run(
    data: Path, suite: Suite, setting: Setting, path: Path, only: tuple[str, ...], every: int,
    jobs: int,
) -> Results:  # fmt: skip
    sandbox = open_sandbox()
    problems, whole = choose(data, suite, only, every)
    head = header(data, suite, setting, whole, sandbox)
    tell = lambda line: click.echo(line, err=True)  # noqa: E731
    return run_suite(problems, head, data, path, sandbox, jobs, tell)


@contextmanager
def _friendly() -> Iterator[None]:
    """Errors that a person can mend become one line and an exit code."""
    try:
        yield
    except (NoSuchData, WrongResults) as error:
        _stop(BAD_INPUT, str(error))
    except (NotReady, ModelError, SandboxError) as error:
        _stop(ENVIRONMENT, str(error))


def _stop(code: int, message: str) -> NoReturn:
    click.echo(f"evals.verilog: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    cli()
