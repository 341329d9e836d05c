"""The workflow of a machine with hidden state: mined from its answers, learned, proved, run.

Three claims are kept apart. The logic is the mined machine's: proved. The mined machine is the
black box: tested, and exact only if that has no more states than were tested for. The circuit,
logic with its state register, answers as the box: run, on words that mining did not see.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from agents.learner import CircuitLearner, CircuitTask
from graphs.learn import LearnWorkflow
from memory.records import Candidate, Evidence, Measurement, Metric, Verdict
from tools.bsd.package import Package
from tools.bsd.sequential.job import LENGTH, WORDS

FRESH = 1 << 20
"""Added to a run's seed for words that its learning did not use."""


@dataclass(frozen=True)
class MachineWorkflow(LearnWorkflow):
    """One machine, from its black box to its files."""

    name: ClassVar[str] = "machine"
    baseline: ClassVar[str] = "the mined machine's table, after the same script"

    @staticmethod
    def read(learner: CircuitLearner, text: str) -> CircuitTask:
        """The machine of the golden, or the one that words name."""
        return learner.machine_task(text)

    def check(self, candidate: Candidate) -> Verdict:
        """The proof of the logic's text against the table's, by a prover that refused every
        mutant; then the box and the texts side by side on words of its own."""
        files = {name: self._text(candidate, name) for name in candidate.files}
        figures = json.loads(files["figures.json"])
        proof = self.learner.prove_machine(self.task, figures, files)
        if proof.status != "proved" or not Package(figures, {}).proved:
            outcome = "fail" if proof.status != "unknown" else "inconclusive"
            refused = figures["mutants_refused"]
            reason = f"logic: proof {proof.status}, mutants refused {refused}"
            return Verdict.model_validate(
                {"candidate": candidate.id, "outcome": outcome, "reason": reason}
            )
        right = self.learner.simulate(self.task, files, FRESH + figures["seed"])
        if right != WORDS * LENGTH:
            told = right if isinstance(right, str) else f"{right:,} of {WORDS * LENGTH:,} clocks"
            reason = f"the circuit does not answer as the black box: {told}"
            return Verdict(candidate=candidate.id, outcome="fail", reason=reason)
        return Verdict(
            candidate=candidate.id,
            outcome="pass",
            evidence=Evidence.TESTED,
            reason=_claims(figures),
            vectors=figures["clocks_asked"] + right,
        )

    def measure(self, candidate: Candidate) -> Measurement:
        """States, diagram size before and after encoding, and the size of the logic."""
        figures = json.loads(self._text(candidate, "figures.json"))
        tables, theirs = figures["area"]["luts"], figures["reference_area"]["luts"]
        metrics = {
            "states": Metric(value=figures["states"], unit=""),
            "clocks asked": Metric(value=figures["clocks_asked"], unit=""),
            "nodes, states as found": Metric(value=figures["nodes_as_found"], unit=""),
            "nodes, states encoded": Metric(value=figures["nodes_annealed"], unit=""),
            "six-input tables": Metric(value=tables, unit=f"(the table: {theirs:,})"),
        }
        return Measurement(candidate=candidate.id, metrics=metrics, baseline=self.baseline)


def _claims(figures: Mapping[str, Any]) -> str:
    """What is known, each part with its own strength."""
    exact = (
        f"is the black box's if that has at most {figures['exact_to_states']} states, and else "
        f"tested, on {figures['clocks_asked']:,} clocks"
    )
    return (
        f"the mined machine of {figures['states']} states {exact}; the logic is proved to be that "
        f"machine's, {figures['mutants_refused']} mutants refused; the circuit answered "
        f"{WORDS * LENGTH:,} further clocks as the box"
    )
