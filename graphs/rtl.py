"""The RTL workflow: words in, verified Verilog out (the loop's verbs, played by the agents).

Candidates are of two kinds: ``design`` (Verilog) and ``reference`` (Python). With a golden module
from the user each design is checked against it. Without one, designs and references are written
independently, and the verdict is their agreement. A believed Python reference is also turned
into Verilog by an engine: then it is a design by construction, without a vote of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from agents.hardware import HardwareDesigner
from agents.planner import NoContract, Planner
from agents.tester import Tester
from agents.tuner import Tuner
from agents.verifier import Verifier
from agents.workbench import Workbench
from graphs import rtl_result
from graphs.workflow import History
from memory.records import Candidate, Evidence, Measurement, Result, Step, Verdict
from tools.hdl.contract import Contract
from tools.hdl.contract_text import Contradiction

FIRST_BATCH = 2
NEXT_BATCH = 2
WARM = 0.8


@dataclass(frozen=True)
class RtlWorkflow:
    """One module, from its contract to its files."""

    step: Step
    workbench: Workbench
    contract: Contract
    name: str = "rtl"
    max_tunes: int = 1

    @classmethod
    def begin(cls, step: Step, workbench: Workbench) -> RtlWorkflow | Result:
        """Agree the interface contract first, and show it; a Result when that cannot be done."""
        planner = Planner(workbench)
        try:
            contract = planner.contract(step.text)
        except (NoContract, Contradiction) as error:
            return Result(status="unsupported", workflow="rtl", reasons=(str(error),))
        planner.announce(step, contract)
        return cls(step, workbench, contract)

    # -- the team -------------------------------------------------------------------------

    @cached_property
    def hardware(self) -> HardwareDesigner:
        """Writes designs."""
        return HardwareDesigner(self.workbench)

    @cached_property
    def tester(self) -> Tester:
        """Writes references and stimuli."""
        return Tester(self.workbench)

    @cached_property
    def verifier(self) -> Verifier:
        """Judges."""
        return Verifier(self.workbench)

    @cached_property
    def tuner(self) -> Tuner:
        """Measures and rewrites."""
        return Tuner(self.workbench)

    @property
    def golden(self) -> str | None:
        """The user's golden module, when there is one."""
        goal = self.workbench.run.goal
        return self.workbench.run.artifacts.text(goal.golden) if goal and goal.golden else None

    @property
    def wanted(self) -> int:
        """How many designs (and, without a golden, as many references) may be tried."""
        goal = self.workbench.run.goal
        return goal.candidates if goal else 8

    @property
    def max_repairs(self) -> int:
        """Rounds after the first, so that ``wanted`` attempts fit."""
        return -(-(self.wanted - FIRST_BATCH) // NEXT_BATCH)

    # -- the verbs ------------------------------------------------------------------------

    def propose(self) -> list[Candidate]:
        """A small first batch: easy goals settle with it, and tokens are kept for hard ones."""
        return self._fresh(0, min(FIRST_BATCH, self.wanted))

    def check(self, candidate: Candidate) -> Verdict:
        """Against the golden when there is one (and for variants, against their parent)."""
        source = self._text(candidate)
        if candidate.kind == "variant":
            return self.tuner.accept(candidate.id, self._parent_text(candidate), source)
        if self.golden is not None:
            return self.verifier.against(self.golden, source, candidate.id)
        return self.verifier.runs(self._model(candidate), self.contract, self.tester)

    def judge(self, history: History) -> list[Verdict]:
        """Agreement within the population; nothing to add when a golden decides."""
        if self.golden is not None or any(c.kind == "variant" for c in history.candidates.values()):
            return []
        agreement, stimulus = self._agreement(history)
        if not agreement.settled:
            return []
        believed = {m.id for m in agreement.clusters[0].members}
        return [
            Verdict(
                candidate=c.id,
                outcome="pass" if c.id in believed else "fail",
                evidence=Evidence.AGREED if c.id in believed else Evidence.NONE,
                reason=agreement.detail if c.id in believed else "behaves unlike the majority",
                vectors=len(stimulus.rows),
            )
            for c in self._judged(history)
        ]

    def repair(self, history: History) -> list[Candidate]:
        """Fresh attempts, a second try for what does not compile, and Python turned Verilog."""
        done = FIRST_BATCH + history.round * NEXT_BATCH
        fresh = self._fresh(done, min(done + NEXT_BATCH, self.wanted))
        return [*self._mended(history), *self._translated(history), *fresh]

    def measure(self, candidate: Candidate) -> Measurement:
        """Area, depth and cells of the synthesised design."""
        return self.tuner.measure(candidate.id, self._text(candidate), self.contract.top)

    def tune(self, history: History) -> list[Candidate]:
        """Rewrites of the best design, each to be proved equivalent before it counts."""
        best = rtl_result.best_of(history)
        if best is None:
            return []
        variants = self.tuner.variants(self._text(best), self.contract.top)
        return [
            self._store(f"{best.id}-{name}", "variant", source, f"rewrite {name}", (best.id,))
            for name, source in variants
        ]

    def conclude(self, history: History) -> Result:
        """Files and summary."""
        return rtl_result.write(self, history)
