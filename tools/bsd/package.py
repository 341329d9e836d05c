"""From a box's name to what is handed over: the one call behind command, workflow and evals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandboxes import Sandbox
from tools.bsd.catalogue import CORE, WIDE, named
from tools.bsd.job import MUTANTS, run
from tools.bsd.learn import Progress, Settings
from tools.bsd.pictures import area_svg, diagrams_svg, rounds_svg
from tools.bsd.rv32i import assembled
from tools.bsd.superscalar.pictures import ipc_svg
from tools.bsd.superscalar.wide import FILES, make_wide, right

MEASURES = {
    "small_ands": "and-gates", "small_levels": "levels",
    "luts": "six-input tables", "lut_levels": "table levels",
}  # fmt: skip
"""The quantities of ``figures["area"]`` that are shown, and what they are called."""


@dataclass(frozen=True, slots=True)
class Package:
    """``figures`` is the job's summary, ``files`` what a person gets, names to texts.

    Those of a core that issues several instructions (WIDE) are the summary of its execution
    module, with that of the module ``needs``, the state words, programs, tables and cycles.
    """

    figures: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def proved(self) -> bool:
        """Whether all that was learned is proved, by a proof that refused every mutant."""
        refused = f"{MUTANTS} of {MUTANTS}"
        parts = (self.figures, self.figures.get("needs", self.figures))
        return all(p["proof"] == "proved" and p["mutants_refused"] == refused for p in parts)

    @property
    def ran(self) -> bool:
        """Whether all programs, where any were run, did what the simulator does."""
        return all(right(rows) for rows in self.figures.get("programs", {}).values())


def make(
    name: str,
    sandbox: Sandbox,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Package:
    """Learn the box called ``name``, prove it, measure it. Raises what `tools.bsd.job.run` and
    `tools.bsd.catalogue.named` raise; for a core of WIDE BuildError and SimulationError, too.
    """
    if name in WIDE:
        return _wide(name, sandbox, settings or Settings(), progress)
    chosen = named(name)
    report = run(chosen.box, chosen.reference, sandbox, settings, progress)
    figures, files = report.summary(), {f"{name}.v": report.verilog}
    if name == CORE:
        files["processor.v"] = assembled(name, report.learned.seed)
    return Package(figures, files | _shown(figures))


def _wide(
    name: str, sandbox: Sandbox, settings: Settings, progress: Callable[[Progress], None]
) -> Package:
    made = make_wide(WIDE[name], sandbox, settings, progress)
    summaries = [report.summary() for report in made.learned.reports]
    figures = {**summaries[0], "box": name, "needs": summaries[1], **made.figures}
    files = {f"{report.learned.box.name}.v": report.verilog for report in made.learned.reports}
    files |= {FILES[kind]: text for kind, text in made.cores.items()}
    return Package(figures, files | _shown(figures) | {"ipc.svg": ipc_svg(figures["tables"])})


def _shown(figures: Mapping[str, Any]) -> dict[str, str]:
    """The figures as files."""
    return {
        "figures.json": json.dumps(figures, indent=1) + "\n",
        "diagrams.svg": diagrams_svg(figures["nodes_by_output"]),
        "rounds.svg": rounds_svg(figures["wrong_vectors_by_round"]),
        "area.svg": area_svg(areas(figures)),
    }


def areas(figures: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """(quantity, learned, reference) for each of MEASURES."""
    ours, theirs = figures["area"], figures["reference_area"]
    return [(name, ours[key], theirs[key]) for key, name in MEASURES.items()]
