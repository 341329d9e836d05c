"""What the learning workflow says of a core that issues several instructions a cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memory.records import Evidence, Metric, Verdict
from tools.bsd.superscalar.wide import Rows, right

UNIT = "instructions/cycle"


def ran(candidate: str, figures: Mapping[str, Any], rows: Rows | str) -> Verdict:
    """The verdict on a core whose learned modules are proved: what programs did on it."""
    if isinstance(rows, str):
        return Verdict(candidate=candidate, outcome="fail", reason=f"the core does not run: {rows}")
    if not right(rows):
        wrong = [n for n, r in rows.items() if r["wrong"] or not r["as_simulated"]]
        reason = f"not what the simulator does, or a wrong speculated value: {', '.join(wrong)}"
        return Verdict(candidate=candidate, outcome="fail", reason=reason)
    outputs = figures["outputs"] + figures["needs"]["outputs"]
    instructions, used = (sum(r[key] for r in rows.values()) for key in ("instructions", "used"))
    reason = (
        f"{len(rows)} programs, {instructions:,} instructions, end as on the simulator; {used:,} "
        f"speculated values used, none wrong; all {outputs} output bits of the learned modules "
        "are proved for every input"
    )
    return Verdict(
        candidate=candidate,
        outcome="pass",
        evidence=Evidence.TESTED,
        reason=reason,
        vectors=instructions,
    )


def cycles(figures: Mapping[str, Any]) -> dict[str, Metric]:
    """Instructions per cycle on programs that the selector did not see, and a cycle's length."""
    metrics = {}
    for table in figures["tables"]:
        for name, row in table["ipc"].items():
            label = {"perfect": "every value known", "none": "no speculation"}.get(name, name)
            metrics[f"{table['level']}, {label}"] = Metric(value=row["ipc"], unit=UNIT)
    for name, logic in figures["cycle"].items():
        unit = f"table levels, {logic['luts']:,} tables"
        metrics[f"a cycle, {name}"] = Metric(value=logic["lut_levels"], unit=unit)
    return metrics
