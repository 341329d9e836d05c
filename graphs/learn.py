"""The learning workflow: a circuit from its black box's answers, proved against a reference.

There is one candidate. The engine learns and proves it, and tries to fool the proof with mutants;
the check proves the text of the candidate itself. A core that issues several instructions a cycle
is put together from learned modules: these are proved, and the core is run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from agents.learner import CircuitLearner, CircuitTask
from agents.workbench import Workbench
from graphs.learn_wide import cycles, ran
from graphs.workflow import History
from memory.records import (
    Artifact,
    Candidate,
    Evidence,
    Measurement,
    Metric,
    Result,
    Step,
    Verdict,
)  # fmt: skip
from tools.bsd.box import BoxError
from tools.bsd.catalogue import Unclear
from tools.bsd.package import MEASURES, Package


@dataclass(frozen=True)
class LearnWorkflow:
    """One box, from its name to its files."""

    step: Step
    workbench: Workbench
    task: CircuitTask
    name: ClassVar[str] = "learn"
    baseline: ClassVar[str] = "a hand-written reference, after the same script"
    max_repairs: int = 0
    max_tunes: int = 0

    @classmethod
    def begin(cls, step: Step, workbench: Workbench) -> LearnWorkflow | Result:
        """Agree which box it is, and show its interface; a Result when there is none."""
        learner = CircuitLearner(workbench)
        try:
            task = cls.read(learner, step.text)
        except (Unclear, BoxError) as error:
            return Result(status="unsupported", workflow=cls.name, reasons=(str(error),))
        learner.announce(step, task)
        return cls(step, workbench, task)

    @staticmethod
    def read(learner: CircuitLearner, text: str) -> CircuitTask:
        """What is to be learned."""
        return learner.task(text)

    @cached_property
    def learner(self) -> CircuitLearner:
        """Learns and proves."""
        return CircuitLearner(self.workbench)

    # -- the verbs ------------------------------------------------------------------------

    def propose(self) -> list[Candidate]:
        """The circuit learned with the goal's seed; none when it could not be learned."""
        made = self._learned()
        if isinstance(made, str):
            return []
        store = self.workbench.run.artifacts
        files = {name: store.put(text) for name, text in made.files.items()}
        origin = f"learned from {made.figures['queries']:,} queries, seed {made.figures['seed']}"
        return [Candidate(id="learned-1", files=files, origin=origin)]

    def check(self, candidate: Candidate) -> Verdict:
        """The proof of the candidate's own text, by a prover that refused every mutant; of a
        superscalar core, of its learned modules, and then what programs do on it."""
        figures = json.loads(self._text(candidate, "figures.json"))
        refused = figures["mutants_refused"]
        for example in self.task.boxes:
            text = self._text(candidate, f"{example.box.name}.v")
            proof = self.learner.prove(example, text)
            if proof.status != "proved" or not Package(figures, {}).proved:
                outcome = "fail" if proof.status != "unknown" else "inconclusive"
                reason = f"{example.box.name}: proof {proof.status}, mutants refused {refused}"
                return Verdict.model_validate(
                    {"candidate": candidate.id, "outcome": outcome, "reason": reason}
                )
        if len(self.task.boxes) > 1:
            texts = {name: self._text(candidate, name) for name in candidate.files}
            return ran(candidate.id, figures, self.learner.run_programs(figures, texts))
        reason = (
            f"all {figures['outputs']} output bits are the reference's for every input; "
            f"{refused} mutants refused; {figures['queries']:,} queries, "
            f"{figures['formal_counterexamples']} formal counterexamples"
        )
        return Verdict(
            candidate=candidate.id, outcome="pass", evidence=Evidence.PROVED, reason=reason
        )

    def judge(self, history: History) -> list[Verdict]:
        """The proof decides; there is nothing to add."""
        return []

    def repair(self, history: History) -> list[Candidate]:
        """Nothing: counterexamples were learned from already, as many as helped."""
        return []

    def measure(self, candidate: Candidate) -> Measurement:
        """Size and depth beside the reference's, and what learning took."""
        figures = json.loads(self._text(candidate, "figures.json"))
        metrics = {
            "nodes": Metric(value=figures["nodes"], unit="decision nodes"),
            "queries": Metric(value=figures["queries"], unit=""),
            "cpu": Metric(value=figures["cpu_seconds"], unit="s"),
        }
        for key, what in MEASURES.items():
            ours, theirs = figures["area"][key], figures["reference_area"][key]
            metrics[what] = Metric(value=ours, unit=f"(reference: {theirs:,})")
        if "tables" in figures:
            metrics |= cycles(figures)
        return Measurement(candidate=candidate.id, metrics=metrics, baseline=self.baseline)

    def tune(self, history: History) -> list[Candidate]:
        """Nothing: size is reported, not searched for."""
        return []

    def conclude(self, history: History) -> Result:
        """Files and summary, or why there are none."""
        best = next(iter(history.passed()), None)
        if best is None:
            return self._not_achieved(history)
        files = tuple(Artifact(name=n, sha256=digest) for n, digest in best.files.items())
        return Result(
            status="done",
            workflow=self.name,
            evidence=history.verdicts[best.id].evidence,
            detail=history.verdicts[best.id].reason,
            artifacts=files,
            metrics=history.measurements[best.id].metrics,
            baseline={"name": self.baseline, "measured": "by the same ABC script"},
        )

    # -- parts ----------------------------------------------------------------------------

    def _not_achieved(self, history: History) -> Result:
        """Why. Nothing that was not proved is handed over."""
        made = self._learned()
        reasons = [verdict.reason for verdict in history.verdicts.values()]
        return Result(
            status="not_achieved",
            workflow=self.name,
            reasons=(made,) if isinstance(made, str) else tuple(reasons),
        )

    def _learned(self) -> Package | str:
        goal = self.workbench.run.goal
        return self.learner.learn(self.task, goal.seed if goal else 0)

    def _text(self, candidate: Candidate, name: str) -> str:
        return self.workbench.run.artifacts.text(candidate.files[name])
