"""What each part of the RTL workflow is worth: the whole, then each part off in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals.verilog import figures
from evals.verilog.report import Table
from evals.verilog.results import Results
from evals.verilog.systems import Setting
from memory.records import Parts

WHOLE = "whole"
PARTS: Mapping[str, Parts] = {
    "no repair by rule": Parts(repair_rules=False),
    "no Python references": Parts(references=False),
    "no clustering": Parts(clustering=False),
    "no second tries": Parts(second_tries=False),
    "no worked examples": Parts(examples=False),
    "no drawings read": Parts(drawings=False),
}


def settings(whole: Setting) -> dict[str, Setting]:
    """The whole workflow and its ablations, by name. One candidate is no diversity."""
    off = {name: whole.model_copy(update={"parts": parts}) for name, parts in PARTS.items()}
    one = whole.model_copy(update={"candidates": 1})
    return {WHOLE: whole, "one candidate": one, **off}


def table(found: Mapping[str, Results]) -> Table:
    """A line for each variant, next to the whole on the same problems and seeds."""
    head = (
        *("variant", "official pass@1", "against the whole", "corrected pass@1"),
        *("claims right, official", "tokens out"),
    )
    whole = found[WHOLE]
    return Table("Ablation", head, tuple(_line(n, r, whole) for n, r in found.items()))


def _line(name: str, result: Results, whole: Results) -> tuple[str, ...]:
    official, corrected = figures.official(result), figures.corrected(result)
    claims = figures.precision(result.scores)
    return (
        name,
        str(official[1]) if official else "",
        "" if name == WHOLE else _paired(result, whole),
        str(corrected[1]) if corrected else "",
        f"{claims.official} of {claims.claimed}",
        f"{figures.mean([s.tokens_out for s in result.scores]):.0f}",
    )


def _paired(result: Results, whole: Results) -> str:
    """Answers that only one of the two has right."""
    before = {(s.problem, s.seed): s.official for s in whole.scores}
    changes: Sequence[tuple[bool, bool]] = [
        (before[key], s.official) for s in result.scores if (key := (s.problem, s.seed)) in before
    ]
    gained = sum(not was and now for was, now in changes)
    lost = sum(was and not now for was, now in changes)
    return f"+{gained} −{lost}"
