"""``qimeng eval``: benchmarks. They are programs of their own, which the product never imports."""

from __future__ import annotations

import subprocess
import sys

import click


@click.group("eval")
def evaluate() -> None:
    """Run a public benchmark on this machine and write a report."""


@evaluate.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def kernelbench(words: tuple[str, ...]) -> None:
    """KernelBench with the kernel engine's kernels: --data DIR; --help for the rest."""
    sys.exit(subprocess.call([sys.executable, "-m", "evals.kernelbench", *words]))
