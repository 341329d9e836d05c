"""The report of ``qimeng cpu``: figures in words, and the same with pictures as one page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from qimeng.report import PICTURES
from tools.bsd.catalogue import PRIORS
from tools.bsd.package import Package, areas


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
            *(_wide(figures) if "tables" in figures else []),
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


def _wide(figures: Mapping[str, Any]) -> list[str]:
    """How a core that issues several instructions does, and how long its cycle is."""
    levels = [table["level"] for table in figures["tables"]]
    lines = [f"| instructions per cycle | {' | '.join(levels)} |", "|---" * (1 + len(levels)) + "|"]
    for name in figures["tables"][0]["ipc"]:
        each = [f"{table['ipc'][name]['ipc']:.3f}" for table in figures["tables"]]
        lines.append(f"| {name} | {' | '.join(each)} |")
    lines += ["", "| a cycle | six-input tables | levels |", "|---|---|---|"]
    for name, logic in figures["cycle"].items():
        lines.append(f"| {name} | {logic['luts']} | {logic['lut_levels']} |")
    return [*lines, ""]


def _headline(figures: Mapping[str, Any]) -> str:
    if "needs" in figures:
        proofs = f"execution {figures['proof']}, operand logic {figures['needs']['proof']}"
        return f"{figures['width']} instructions a cycle; {proofs}"
    if figures["proof"] == "proved":
        return f"proved equivalent to the reference on all {figures['outputs']} outputs"
    return f"not proved ({figures['proof']})"


def _facts(figures: Mapping[str, Any]) -> list[str]:
    """What was learned; and, of a core that was put together, what it did."""
    facts = [
        f"seed {figures['seed']}: {figures['nodes']:,} decision nodes in {figures['cells']} cells",
        f"{figures['queries']:,} queries, {figures['seconds']:.0f} s "
        f"({figures['cpu_seconds']:.0f} s of CPU)",
        f"formal counterexamples needed: {figures['formal_counterexamples']}",
        f"mutants that the proof refused: {figures['mutants_refused']}",
        f"wrong vectors by round: {figures['wrong_vectors_by_round']}",
    ]
    for kind, rows in figures.get("programs", {}).items():
        same = sum(r["as_simulated"] for r in rows.values())
        used, wrong = (sum(r[key] for r in rows.values()) for key in ("used", "wrong"))
        facts.append(
            f"{kind} core: {same} of {len(rows)} programs end as on the simulator; "
            f"{used:,} speculated values used, {wrong} wrong"
        )
    return facts
