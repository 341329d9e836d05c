"""The report on a results file, as Markdown and JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.kernelbench.score import THRESHOLDS, UNTRIED, Outcome, fast_p, geometric_mean

RULES = ("official", "strict")


def figures(outcomes: Sequence[Outcome], total: int) -> dict[str, Any]:
    """fast_p of one level by both rules, over all ``total`` problems and over those tried."""
    tried = [o for o in outcomes if o.status not in UNTRIED]
    found: dict[str, Any] = {"problems": total, "tried": len(tried)}
    found |= {"status": dict(Counter(o.status for o in outcomes))}
    for rule in RULES:
        speeds = [o.speed(rule) for o in tried]
        found[rule] = {
            "correct": sum(s is not None for s in speeds),
            "all": {f"{p:g}": fast_p(speeds, p, total) for p in THRESHOLDS},
            "tried": {f"{p:g}": fast_p(speeds, p, len(tried)) for p in THRESHOLDS},
            "geometric mean": geometric_mean(speeds),
        }
    return found


def summary(outcomes: Sequence[Outcome], totals: dict[int, int]) -> str:
    """A line for every level and rule."""
    lines = []
    for level, total in totals.items():
        found = figures([o for o in outcomes if o.level == level], total)
        for rule in RULES:
            part = found[rule]
            fast = ", ".join(
                f"fast_{p} {100 * part['all'][p]:.0f} % ({100 * part['tried'][p]:.0f} %)"
                for p in part["all"]
            )
            mean = part["geometric mean"]
            lines.append(
                f"level {level}, {rule}: {part['correct']} right of {found['tried']} tried of "
                f"{total}; {fast}; geometric mean {mean:.2f}x"
                if mean
                else f"level {level}, {rule}: none right of {found['tried']} tried of {total}"
            )
    return "\n".join(lines)


def markdown(header: dict[str, Any], outcomes: Sequence[Outcome], totals: dict[int, int]) -> str:
    """Header, summary (in brackets: over the problems tried) and a row a problem."""
    about = ", ".join(f"{key} {value}" for key, value in header.items())
    rows = [_row(o) for o in sorted(outcomes, key=lambda o: (o.level, o.number))]
    head = ("problem", "kernels", "official", "strict", "error", "torch / ours, ms", "ratio")
    table = [f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows)]
    return "\n".join(["# KernelBench", "", about, "", summary(outcomes, totals), "", *table, ""])


def _row(o: Outcome) -> tuple[str, ...]:
    title = f"{o.level}/{o.number} {o.name.replace('|', ' ')}"
    if o.status != "ran":
        return (title, ", ".join(o.stages), f"{o.status}: {o.reason}", "", "", "", "")
    times = f"{o.torch_ms:.3g} / {o.ours_ms:.3g}" if o.ours_ms else ""
    return (
        *(title, ", ".join(o.stages), o.official or "right", o.strict or "right"),
        f"{o.error:.1e}" if o.error is not None else "",
        times,
        f"{o.ratio:.2f}" if o.ratio else "",
    )


def write(
    folder: Path, header: dict[str, Any], outcomes: Sequence[Outcome], totals: dict[int, int]
) -> None:
    """``report.md`` and ``report.json`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(markdown(header, outcomes, totals))
    levels = {
        level: figures([o for o in outcomes if o.level == level], n) for level, n in totals.items()
    }
    record = {"header": header, "levels": levels, "outcomes": [o.record() for o in outcomes]}
    (folder / "report.json").write_text(json.dumps(record, indent=1) + "\n")
