"""The report of ``qimeng cpu``: figures in words, and the same with pictures as one page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

PRIORS = (
    "the port list: names, widths, and so which wires are one word and in which order",
    "how to sample: runs of equal bits, small numbers, one port's word repeated on another",
    "for the core, a list of legal encodings, half of the probes are drawn from",
    "for the core, that two operand values are inputs (which fields select them is found)",
    "what the simulator answers where the specification leaves a choice",
)
WIDTH, HEIGHT = 560, 200


def markdown(figures: dict[str, Any]) -> str:
    """The report in Markdown."""
    rows = [f"| {name} | {learned} | {reference} |" for name, learned, reference in _area(figures)]
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


def page(figures: dict[str, Any]) -> str:
    """The report as one self-contained HTML page."""
    facts = "".join(f"<li>{escape(line)}</li>" for line in _facts(figures))
    priors = "".join(f"<li>{escape(line)}</li>" for line in PRIORS)
    title = escape(f"{figures['box']}: {_headline(figures)}")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}}
svg{{width:100%;height:auto}} text{{font:12px system-ui,sans-serif}}
.learned{{fill:#2a6fbb}} .reference{{fill:#9aa5b1}}</style>
<h1>{title}</h1><ul>{facts}</ul>
<h2>Wrong vectors by round of refutation</h2>{_rounds(figures["wrong_vectors_by_round"])}
<h2>Size after the same script</h2>{_bars(_area(figures))}
<h2>What the learner was told</h2><ul>{priors}</ul>
</html>
"""


def _headline(figures: dict[str, Any]) -> str:
    if figures["proof"] == "proved":
        return f"proved equivalent to the reference on all {figures['outputs']} outputs"
    return f"not proved ({figures['proof']})"


def _facts(figures: dict[str, Any]) -> list[str]:
    return [
        f"seed {figures['seed']}: {figures['nodes']:,} decision nodes in {figures['cells']} cells",
        f"{figures['queries']:,} queries, {figures['seconds']:.0f} s "
        f"({figures['cpu_seconds']:.0f} s of CPU)",
        f"formal counterexamples needed: {figures['formal_counterexamples']}",
        f"mutants that the proof refused: {figures['mutants_refused']}",
        f"wrong vectors by round: {figures['wrong_vectors_by_round']}",
    ]


def _area(figures: dict[str, Any]) -> list[tuple[str, int, int]]:
    names = {
        "small_ands": "and-gates", "small_levels": "levels",
        "luts": "six-input tables", "lut_levels": "table levels",
    }  # fmt: skip
    ours, theirs = figures["area"], figures["reference_area"]
    return [(name, ours[key], theirs[key]) for key, name in names.items()]


def _rounds(wrong: Sequence[int]) -> str:
    """Bars on a logarithmic scale; a round without a wrong vector has none."""
    step = WIDTH / max(1, len(wrong))
    most = math.log10(max(wrong, default=0) + 1) or 1.0
    bars = []
    for i, count in enumerate(wrong):
        tall = (HEIGHT - 40) * math.log10(count + 1) / most
        bars.append(
            f'<rect class="learned" x="{i * step + 2:.1f}" y="{HEIGHT - 20 - tall:.1f}" '
            f'width="{step - 4:.1f}" height="{tall:.1f}"/>'
            f'<text x="{(i + 0.5) * step:.1f}" y="{HEIGHT - 24 - tall:.1f}" '
            f'text-anchor="middle">{count}</text>'
        )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(bars)}</svg>'


def _bars(rows: Sequence[tuple[str, int, int]]) -> str:
    """Two bars for each row, scaled by the row's larger value."""
    parts = []
    for i, (name, learned, reference) in enumerate(rows):
        top, most = i * 50, max(learned, reference, 1)
        parts.append(f'<text x="0" y="{top + 24}">{escape(name)}</text>')
        for k, (kind, value) in enumerate((("learned", learned), ("reference", reference))):
            y, wide = top + 4 + 20 * k, 320 * value / most
            parts.append(
                f'<rect class="{kind}" x="120" y="{y}" width="{wide:.1f}" height="16"/>'
                f'<text x="{126 + wide:.1f}" y="{y + 13}">{value:,} {kind}</text>'
            )
    return f'<svg viewBox="0 0 {WIDTH} {50 * len(rows)}" role="img">{"".join(parts)}</svg>'
