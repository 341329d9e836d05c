"""The report of ``qimeng cpu``: figures in words, and the same with pictures as one page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from qimeng.report import PICTURES
from tools.bsd.package import Package, areas

PRIORS = (
    "the port list: names, widths, and so which wires are one word and in which order",
    "how to sample: runs of equal bits, small numbers, one port's word repeated on another",
    "for the core, a list of legal encodings, half of the probes are drawn from",
    "for the core, that two operand values are inputs (which fields select them is found)",
    "what the simulator answers where the specification leaves a choice",
)


def markdown(made: Package) -> str:
    """The report in Markdown."""
    figures = made.figures
    rows = [f"| {name} | {learned} | {reference} |" for name, learned, reference in areas(figures)]
    return "\n".join(
        [
            f"# {figures['box']}: {_headline(figures)}",
            "",
            *(f"- {line}" for line in _facts(figures)),
            "",
            "| after the same script | learned | reference |",
            "|---|---|---|",
            *rows,
            "",
            "The learner was told:",
            "",
            *(f"- {prior}" for prior in PRIORS),
            "",
        ]
    )


def page(made: Package) -> str:
    """The report as one self-contained HTML page."""
    figures = made.figures
    pictures = "".join(
        f"<h2>{title}</h2>{made.files[n]}" for n, title in PICTURES.items() if n in made.files
    )
    facts = "".join(f"<li>{escape(line)}</li>" for line in _facts(figures))
    priors = "".join(f"<li>{escape(line)}</li>" for line in PRIORS)
    title = escape(f"{figures['box']}: {_headline(figures)}")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}}
svg{{width:100%;height:auto}}</style>
<h1>{title}</h1><ul>{facts}</ul>
{pictures}
<h2>What the learner was told</h2><ul>{priors}</ul>
</html>
"""


def _headline(figures: Mapping[str, Any]) -> str:
    if figures["proof"] == "proved":
        return f"proved equivalent to the reference on all {figures['outputs']} outputs"
    return f"not proved ({figures['proof']})"


def _facts(figures: Mapping[str, Any]) -> list[str]:
    return [
        f"seed {figures['seed']}: {figures['nodes']:,} decision nodes in {figures['cells']} cells",
        f"{figures['queries']:,} queries, {figures['seconds']:.0f} s "
        f"({figures['cpu_seconds']:.0f} s of CPU)",
        f"formal counterexamples needed: {figures['formal_counterexamples']}",
        f"mutants that the proof refused: {figures['mutants_refused']}",
        f"wrong vectors by round: {figures['wrong_vectors_by_round']}",
    ]
