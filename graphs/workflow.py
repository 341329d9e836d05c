"""What a workflow supplies to the one loop: the verbs, and the history they decide on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from memory.records import Candidate, Measurement, Result, Verdict


@dataclass(frozen=True)
class History:
    """Everything one loop has made and learnt so far. ``round`` counts repair rounds from 0."""

    candidates: dict[str, Candidate] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    measurements: dict[str, Measurement] = field(default_factory=dict)
    round: int = 0

    def passed(self) -> list[Candidate]:
        """Candidates that may be the answer: verdict pass, references left out."""
        return [
            c
            for c in self.candidates.values()
            if c.kind != "reference"
            and (verdict := self.verdicts.get(c.id))
            and verdict.outcome == "pass"
        ]


class Workflow(Protocol):
    """The verbs of one workflow on one task. Every verb may be called again after a crash:
    all costly work goes through the run's journal, so a repeated call is cheap and gives the
    same answer.
    """

    @property
    def name(self) -> str: ...

    @property
    def max_repairs(self) -> int: ...

    @property
    def max_tunes(self) -> int: ...

    def propose(self) -> list[Candidate]:
        """First attempts: several, diverse."""
        ...

    def check(self, candidate: Candidate) -> Verdict:
        """Judge one candidate by itself."""
        ...

    def judge(self, history: History) -> list[Verdict]:
        """Verdicts that need more than one candidate: without a given reference, correctness
        is agreement within a population. Replaces verdicts of ``check``; may be empty.
        """
        ...

    def repair(self, history: History) -> list[Candidate]:
        """New attempts from what failed; empty when there is nothing left to try."""
        ...

    def measure(self, candidate: Candidate) -> Measurement:
        """Metrics of a candidate that passed."""
        ...

    def tune(self, history: History) -> list[Candidate]:
        """Variants of the best candidate that may be better; empty when there is no gain left."""
        ...

    def conclude(self, history: History) -> Result:
        """Write the artifacts and say what was achieved."""
        ...
