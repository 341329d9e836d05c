"""From a box's name to what is handed over: the one call behind command, workflow and evals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandboxes import Sandbox
from tools.bsd.catalogue import CORE, named
from tools.bsd.job import MUTANTS, Report, run
from tools.bsd.learn import Progress, Settings
from tools.bsd.pictures import area_svg, diagrams_svg, rounds_svg
from tools.bsd.rv32i import assembled

MEASURES = {
    "small_ands": "and-gates", "small_levels": "levels",
    "luts": "six-input tables", "lut_levels": "table levels",
}  # fmt: skip
"""The quantities of ``figures["area"]`` that are shown, and what they are called."""


@dataclass(frozen=True, slots=True)
class Package:
    """``figures`` is the job's summary, ``files`` what a person gets, names to texts."""

    figures: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def proved(self) -> bool:
        """Whether it is proved, by a proof that refused every mutant."""
        refused = f"{MUTANTS} of {MUTANTS}"
        return bool(
            self.figures["proof"] == "proved" and self.figures["mutants_refused"] == refused
        )


def make(
    name: str,
    sandbox: Sandbox,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Package:
    """Learn the box called ``name``, prove it, measure it. Raises what `tools.bsd.job.run` and
    `tools.bsd.catalogue.named` raise.
    """
    chosen = named(name)
    report = run(chosen.box, chosen.reference, sandbox, settings, progress)
    figures = report.summary()
    return Package(figures, _files(report, figures))


def _files(report: Report, figures: Mapping[str, Any]) -> dict[str, str]:
    name = report.learned.box.name
    files = {f"{name}.v": report.verilog}
    if name == CORE:
        files["processor.v"] = assembled(name, report.learned.seed)
    return files | {
        "figures.json": json.dumps(figures, indent=1) + "\n",
        "diagrams.svg": diagrams_svg(figures["nodes_by_output"]),
        "rounds.svg": rounds_svg(figures["wrong_vectors_by_round"]),
        "area.svg": area_svg(areas(figures)),
    }


def areas(figures: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """(quantity, learned, reference) for each of MEASURES."""
    ours, theirs = figures["area"], figures["reference_area"]
    return [(name, ours[key], theirs[key]) for key, name in MEASURES.items()]
