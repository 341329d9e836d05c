"""``/review``: the team argues over a design of the conversation; tools say what is true.

The design is compared with what the run believed, or, where it believed nothing, with the
Python models that run. The outcome is words and a suggested design: nothing is taken over, and
nothing here is evidence. To use a suggestion, ask for the change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from agents.team import Finding, Review, review
from agents.tester import Tester
from agents.verifier import Model, Verifier
from agents.workbench import Workbench
from qimeng.chat.facts import Attempt, attempts
from qimeng.goals import BadInput
from qimeng.summary import RunView
from tools.hdl.compare import first_difference, mask_power_up
from tools.hdl.contract import Contract
from tools.hdl.golden import Counterexample
from tools.hdl.population import Language
from tools.hdl.simulate import SimulationError, simulate
from tools.hdl.trace import Stimulus, Trace

SHOWN_CYCLES = 6


@dataclass(frozen=True)
class Examiner:
    """Compares designs with the traces of a run's other models. ``others``: name to trace."""

    contract: Contract
    stimulus: Stimulus
    others: dict[str, Trace]
    verifier: Verifier

    def check(self, source: str) -> Finding:
        """A design passes when it behaves as any other model does."""
        try:
            trace = simulate(source, self.contract, self.stimulus, self.verifier.sandbox)
        except SimulationError as error:
            return Finding(False, f"The compiler says: line {getattr(error, 'line', 0)}: {error}")
        trace = mask_power_up(trace, self.contract, self.stimulus)
        told = ""
        for name, other in self.others.items():
            difference = first_difference(other, trace)
            if difference is None:
                cycles = len(self.stimulus.rows)
                return Finding(True, f"It behaves as {name} on all {cycles} cycles.")
            told = told or f"It differs from {name}:\n{self._shown(other, trace, difference.cycle)}"
        return Finding(False, told)

    def _shown(self, expected: Trace, got: Trace, cycle: int) -> str:
        window = slice(max(0, cycle + 1 - SHOWN_CYCLES), cycle + 1)
        sides = [
            replace(t, before=t.before[window], after=t.after[window] if t.after else t.after)
            for t in (expected, got)
        ]
        rows = replace(self.stimulus, rows=self.stimulus.rows[window])
        difference = first_difference(*sides)
        assert difference is not None, "the window ends with the difference"
        return str(Counterexample(rows, difference, *sides))


def review_design(workbench: Workbench, view: RunView, name: str | None) -> Review:
    """Let the team review candidate ``name`` of a run, or its first rejected design.

    Raises BadInput when there is nothing to review or to compare with.
    """
    made = attempts(view)
    chosen = _chosen(made, name)
    contract = TypeAdapter(Contract).validate_python(view.contract)
    examiner = _examiner(workbench, view, contract, made, chosen)
    source = view.stored(chosen.candidate.files["design.sv"])
    return review(workbench, view.goal.text, contract, source, examiner.check)


def _chosen(made: list[Attempt], name: str | None) -> Attempt:
    designs = [a for a in made if a.candidate.kind == "design"]
    rejected = [a for a in designs if not a.verdict or a.verdict.outcome != "pass"]
    found = [a for a in designs if a.candidate.id == name] if name else rejected or designs
    if not found:
        raise BadInput(
            f"there is no design {name or 'to review'} in the last run; /show lists them"
        )
    return found[0]


def _examiner(
    workbench: Workbench, view: RunView, contract: Contract, made: list[Attempt], chosen: Attempt
) -> Examiner:
    verifier, tester = Verifier(workbench), Tester(workbench)
    others = [a for a in made if a.candidate.id != chosen.candidate.id and _stands(a)]
    passed = [a for a in others if a.verdict and a.verdict.outcome == "pass"]
    models = [_model(a, view) for a in passed or others if a.candidate.kind == "reference"]
    stimulus = tester.stimulus(contract, [])
    traces = dict(verifier.traces(models, contract, stimulus, tester))
    if not traces:
        raise BadInput("the last run has no working Python model to compare the design with")
    return Examiner(contract, stimulus, traces, verifier)


def _stands(attempt: Attempt) -> bool:
    return attempt.verdict is not None and attempt.verdict.outcome != "fail"


def _model(attempt: Attempt, view: RunView) -> Model:
    candidate = attempt.candidate
    language: Language = "python" if candidate.kind == "reference" else "verilog"
    return Model(candidate.id, language, view.stored(candidate.files["model.py"]), True)
