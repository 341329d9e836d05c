"""The RTL workflow: words in, verified Verilog out (the loop's verbs, played by the agents).

Candidates are of two kinds: ``design`` (Verilog) and ``reference`` (Python). With a golden module
from the user each design is checked against it. Without one, designs and references are written
independently, and the verdict is their agreement. A believed Python reference is also turned
into Verilog by an engine: then it is a design by construction, without a vote of its own. A golden
may also be a black box, a truth table or a Python function: then a design is learned from it. So
may a drawing in the words that leaves nothing open; one that shows a part is a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from agents.hardware import Design, HardwareDesigner
from agents.planner import NoContract, Planner
from agents.tester import Tester
from agents.tuner import Tuner
from agents.verifier import Model, Verifier
from agents.workbench import Workbench
from graphs import rtl_result
from graphs.workflow import History
from memory.records import Candidate, Evidence, Measurement, Result, Step, Verdict
from tools.bsd.box import BoxError
from tools.bsd.table import Table
from tools.hdl.contract import Contract
from tools.hdl.contract_text import Contradiction, read_contract
from tools.hdl.drawn import Drawn
from tools.hdl.interface import extract
from tools.hdl.population import Agreement, Language
from tools.hdl.syntax import SourceError
from tools.hdl.trace import Stimulus

FIRST_BATCH = 2
NEXT_BATCH = 2
FEW = 2
SHOWN = 1500
WARM = 0.8


@dataclass(frozen=True)
class Population:
    """Who agrees with whom; ``empty`` says of each member left out why it is too empty."""

    agreement: Agreement
    empty: Mapping[str, str]
    stimulus: Stimulus


@dataclass(frozen=True)
class RtlWorkflow:
    """One module, from its contract to its files."""

    step: Step
    workbench: Workbench
    contract: Contract
    table: Table | None = None
    drawn: Drawn | None = None
    name: str = "rtl"
    max_tunes: int = 1

    @classmethod
    def begin(cls, step: Step, workbench: Workbench) -> RtlWorkflow | Result:
        """Agree the interface contract first, and show it; a Result when that cannot be done."""
        planner, verifier = Planner(workbench), Verifier(workbench)
        try:
            table = verifier.black_box()
            if table and (module := read_contract(step.text).module):
                table = replace(table, name=module)
            contract = extract(table.verilog()) if table else planner.contract(step.text)
        except (BoxError, SourceError, NoContract, Contradiction) as error:
            return Result(status="unsupported", workflow="rtl", reasons=(str(error),))
        planner.announce(step, contract)
        given = workbench.run.goal and workbench.run.goal.golden
        drawn = None if given else verifier.drawn(step.text, contract)
        table = verifier.table(drawn, contract) if drawn else table
        return cls(step, workbench, contract, table, drawn)

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
        """The user's golden module, or what a black box or a drawing says as one."""
        if self.table:
            return self.table.verilog()
        if self.drawn and self.drawn.machine:
            return self.drawn.machine
        goal = self.workbench.run.goal
        return self.workbench.run.artifacts.text(goal.golden) if goal and goal.golden else None

    @property
    def _needs_references(self) -> bool:
        parts = self.workbench.parts
        return self.golden is None and parts.references and parts.clustering

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
        """What a black box or a drawing teaches, without a model. Else a small first batch: easy
        goals settle with it, and tokens are kept for hard ones.
        """
        box = f"the {self.drawn.kind} in the words" if self.drawn else "the black box"
        if self.table and (source := self.hardware.learned(self.table, self._seed(0))):
            return [self._store("learned-1", "design", source, f"learned from {box}")]
        if self.drawn and (source := self.drawn.machine):
            return [self._store("drawn-1", "design", source, f"read from {box}")]
        return self.samples(0, min(FIRST_BATCH, self.wanted))

    def check(self, candidate: Candidate) -> Verdict:
        """Against the golden when there is one (and for variants, against their parent)."""
        source = self.text_of(candidate)
        if candidate.kind == "variant":
            parent = self.workbench.run.artifacts.text(candidate.files["parent.sv"])
            return self.tuner.accept(candidate.id, parent, source, self.contract)
        if self.golden is not None:
            found = self.verifier.against(self.golden, source, candidate.id)
            if self.drawn is None:
                return found
            how = f"against the {self.drawn.kind} in the words, read by rule"
            reason = f"{how}: {found.reason}" if found.reason else how
            return found.model_copy(update={"reason": reason})
        seen = self.drawn.seen if self.drawn else None
        return self.verifier.runs(self._model(candidate), self.contract, self.tester, seen)

    def judge(self, history: History) -> list[Verdict]:
        """Agreement within the population; nothing to add when a golden decides."""
        if self.golden is not None or any(c.kind == "variant" for c in history.candidates.values()):
            return []
        if not self.workbench.parts.clustering:
            return self._first_that_runs(history)
        population = self.population(history)
        agreement = population.agreement
        believed = {m.id for m in agreement.clusters[0].members} if agreement.settled else set()
        verdicts = [
            Verdict(
                candidate=id_,
                outcome="inconclusive",
                evidence=Evidence.COMPILED,
                reason=f"too empty to be believed: {why}",
            )
            for id_, why in population.empty.items()
        ]
        if not agreement.settled:
            return verdicts
        return verdicts + [
            Verdict(
                candidate=c.id,
                outcome="pass" if c.id in believed else "fail",
                evidence=Evidence.AGREED if c.id in believed else Evidence.NONE,
                reason=agreement.detail if c.id in believed else "behaves unlike the majority",
                vectors=len(population.stimulus.rows),
            )
            for c in self.judged(history)
            if c.id not in population.empty
        ]

    def _first_that_runs(self, history: History) -> list[Verdict]:
        """Without a vote on behaviour: it runs, and no more is claimed."""
        return [
            Verdict(
                candidate=c.id,
                outcome="pass",
                evidence=Evidence.COMPILED,
                reason="the first design that runs; its behaviour was not compared",
            )
            for c in self.judged(history)[:1]
        ]

    def repair(self, history: History) -> list[Candidate]:
        """Fresh attempts, a second try for what does not compile, and Python turned Verilog."""
        done = FIRST_BATCH + history.round * NEXT_BATCH
        fresh = self.samples(done, min(done + NEXT_BATCH, self.wanted))
        mended = self._mended(history) if self.workbench.parts.second_tries else []
        return [*mended, *self._translated(history), *fresh]

    def measure(self, candidate: Candidate) -> Measurement:
        """Area, depth and cells of the synthesised design."""
        return self.tuner.measure(candidate.id, self.text_of(candidate), self.contract.top)

    def tune(self, history: History) -> list[Candidate]:
        """Rewrites of the best design, each to be proved equivalent before it counts."""
        best = rtl_result.best_of(history)
        if best is None:
            return []
        parent = best.files["design.sv"]
        variants = self.tuner.variants(self.text_of(best), self.contract.top)
        return [
            self._store(f"{best.id}-{name}", "variant", source, name, (best.id,), parent=parent)
            for name, source in variants
        ]

    def conclude(self, history: History) -> Result:
        """Files and summary."""
        return rtl_result.write(self, history)

    # -- making candidates ----------------------------------------------------------------

    def samples(self, first: int, last: int) -> list[Candidate]:
        """Samples ``first`` to ``last`` of both kinds; the very first is the model's best guess."""
        made: list[Candidate] = []
        for number in range(first, last):
            seed, warmth = self._seed(number), WARM if number else 0.0
            design = self.hardware.write(self.contract, self.step.text, seed, warmth)
            made.append(self._store_design(f"design-{number + 1}", design))
            if self._needs_references:
                reference = self.tester.write(self.contract, self.step.text, seed, warmth)
                how = f"repaired by rule: {', '.join(reference.rules)}" if reference.rules else ""
                made.append(
                    self._store(f"reference-{number + 1}", "reference", reference.code, how)
                )
        return made

    def _mended(self, history: History) -> list[Candidate]:
        """One second try for each design in which a tool found a fault it can point at."""
        made = []
        for candidate in history.candidates.values():
            id_ = f"{candidate.id}-mended"
            told = self._told(history.verdicts[candidate.id])
            first_try = candidate.kind == "design" and not candidate.parents
            if told and first_try and id_ not in history.candidates:
                design = self.hardware.mend(
                    self.contract, self.step.text, self.text_of(candidate), told, self._seed(0)
                )
                made.append(self._store_design(id_, design, (candidate.id,)))
        return made

    def _told(self, verdict: Verdict) -> str:
        if verdict.counterexample:
            shown = self.workbench.run.artifacts.text(verdict.counterexample)[:SHOWN]
            return f"In simulation it does not do what was asked for:\n{shown}"
        faulty = verdict.outcome == "fail" and verdict.reason.startswith("line ")
        return f"The compiler says: {verdict.reason}" if faulty else ""

    def _translated(self, history: History) -> list[Candidate]:
        """References that agree with each other but with no design, turned into Verilog."""
        population = self.population(history)
        made = []
        for cluster in population.agreement.clusters:
            languages = {m.language for m in cluster.members}
            if languages == {"python"} and cluster.votes() >= FEW:
                reference = history.candidates[cluster.members[0].id]
                source = self.tester.translate(
                    self.text_of(reference), self.contract, population.stimulus
                )
                if source:
                    id_ = f"{reference.id}-verilog"
                    how = "translated from Python by an engine"
                    made.append(self._store(id_, "translation", source, how, (reference.id,)))
        return [c for c in made if c.id not in history.candidates]

    def _store_design(self, id_: str, design: Design, parents: tuple[str, ...] = ()) -> Candidate:
        answer = self.workbench.run.artifacts.put(design.answer)
        return self._store(id_, "design", design.source, design.how, parents, answer=answer)

    def _store(
        self,
        id_: str,
        kind: str,
        text: str,
        origin: str,
        parents: tuple[str, ...] = (),
        **more: str,
    ) -> Candidate:
        name = "model.py" if kind == "reference" else "design.sv"
        others = {f"{other}.sv": digest for other, digest in more.items()}
        files = {name: self.workbench.run.artifacts.put(text), **others}
        return Candidate(id=id_, kind=kind, files=files, origin=origin, parents=parents)

    def _seed(self, number: int) -> int:
        goal = self.workbench.run.goal
        return (goal.seed if goal else 0) * 1000 + number

    # -- judging --------------------------------------------------------------------------

    def text_of(self, candidate: Candidate) -> str:
        """The source of a candidate."""
        name = "model.py" if candidate.kind == "reference" else "design.sv"
        return self.workbench.run.artifacts.text(candidate.files[name])

    def _model(self, candidate: Candidate) -> Model:
        language: Language = "python" if candidate.kind == "reference" else "verilog"
        return Model(
            candidate.id, language, self.text_of(candidate), candidate.kind != "translation"
        )

    def judged(self, history: History) -> list[Candidate]:
        """The population: every candidate that runs."""
        return [
            c
            for c in history.candidates.values()
            if c.kind != "variant" and history.verdicts[c.id].outcome != "fail"
        ]

    def population(self, history: History) -> Population:
        """The population grouped by behaviour on one common stimulus."""
        models = [self._model(c) for c in self.judged(history)]
        sources = [m.text for m in models if m.language == "verilog"]
        stimulus = self.tester.stimulus(self.contract, sources)
        traces = self.verifier.traces(models, self.contract, stimulus, self.tester)
        agreement, empty = self.verifier.agreement(
            models, traces, self.contract, stimulus, self.step.text
        )
        return Population(agreement, empty, stimulus)
