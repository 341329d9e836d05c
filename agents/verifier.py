"""The verifier: runs designs and references, groups them by behaviour, says what is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.role import RoleAgent
from agents.tester import Tester
from memory.records import Evidence, Verdict
from tools.bsd.box import Port
from tools.bsd.table import Table, read_black_box
from tools.hdl.batch import simulate_many
from tools.hdl.compare import mask_power_up
from tools.hdl.cone import ConeError, cone, slice_text
from tools.hdl.contract import Contract, Unsupported
from tools.hdl.drawn import Drawn, read_drawn
from tools.hdl.drawn.observed import by_cycles, by_levels, contradiction
from tools.hdl.drawn.rows import Observation
from tools.hdl.golden import Counterexample
from tools.hdl.interface import extract
from tools.hdl.population import Agreement, Language, Member, agree
from tools.hdl.reference import BadReference
from tools.hdl.simulate import SimulationError, simulate
from tools.hdl.syntax import SourceError
from tools.hdl.trace import Stimulus, Trace
from tools.hdl.vacuity import emptiness, idle_output, other_gate, unused_number
from tools.hdl.verify import verify


@dataclass(frozen=True)
class Model:
    """One model of the population as the verifier sees it."""

    id: str
    language: Language
    text: str
    votes: bool


class Verifier(RoleAgent):
    """Decides; what a language model says is no evidence to it."""

    name = "verifier"

    def black_box(self) -> Table | None:
        """The user's golden, when it is a truth table or a Python function. Raises BoxError."""
        run = self.workbench.run
        if not run.goal or not run.goal.golden:
            return None
        return read_black_box(run.artifacts.text(run.goal.golden), self.sandbox)

    def drawn(self, text: str, contract: Contract) -> Drawn | None:
        """The table, map, waveform or diagram that the words draw of the module, and say so."""
        found = read_drawn(text, contract) if self.workbench.parts.drawings else None
        if found:
            decides = (
                "what every design must do" if found.whole else "some of what a design must do"
            )
            self.note(f"read the {found.kind} in the words by rule: {decides}")
        return found

    def table(self, drawn: Drawn, contract: Contract) -> Table | None:
        """A drawing that decides all outputs of a stateless module, as a black box."""
        if drawn.rows is None:
            return None
        inputs = tuple(Port(p.name, p.width) for p in contract.ports if p.direction == "input")
        outputs = tuple(Port(p.name, p.width) for p in contract.outputs)
        return Table(contract.top, inputs, outputs, drawn.rows)

    def against(self, golden: str, source: str, candidate: str) -> Verdict:
        """A design against a golden module that the user gave."""
        found = verify(source, golden, self.sandbox)
        outcome = {"equivalent": "pass", "different": "fail"}.get(found.verdict, found.verdict)
        counterexample = None
        if found.counterexample:
            told = self._explain(source, found.counterexample)
            counterexample = self.workbench.run.artifacts.put(told)
        return Verdict.model_validate(
            {
                "candidate": candidate,
                "outcome": outcome,
                "evidence": found.evidence,
                "reason": found.reason,
                "vectors": found.vectors,
                "counterexample": counterexample,
            }
        )

    def _explain(self, source: str, counterexample: Counterexample) -> str:
        """The counterexample, and the lines of the design that decide the wrong output."""
        signal = counterexample.difference.signal
        try:
            lines = slice_text(source, cone(source, extract(source).top, signal, self.sandbox))
        except (ConeError, SourceError, Unsupported):
            return str(counterexample)
        return f"{counterexample}\n\nThe lines that decide {signal}:\n{lines}"

    def runs(
        self, model: Model, contract: Contract, tester: Tester, seen: Observation | None = None
    ) -> Verdict:
        """Whether a model can be simulated at all, and does what was ``seen``; the rest of its
        behaviour is judged with the others.
        """
        stimulus = tester.stimulus(contract, [])
        try:
            self._trace(model, contract, stimulus, tester)
            contradicts = self._contradicts(model, contract, tester, seen) if seen else None
        except (SimulationError, BadReference) as error:
            line = getattr(error, "line", 0)
            reason = f"line {line}: {error}" if line else str(error)
            return Verdict(candidate=model.id, outcome="fail", reason=reason[:300])
        if contradicts:
            told = self.workbench.run.artifacts.put(contradicts)
            return Verdict(
                candidate=model.id, outcome="fail", reason=contradicts, counterexample=told
            )
        level = Evidence.COMPILED if model.language == "verilog" else Evidence.NONE
        return Verdict(
            candidate=model.id, outcome="inconclusive", evidence=level, reason="runs; not compared"
        )

    def _trace(self, model: Model, contract: Contract, stimulus: Stimulus, tester: Tester) -> Trace:
        if model.language == "python":
            return tester.run(model.text, contract, stimulus)
        return simulate(model.text, contract, stimulus, self.sandbox)

    def _contradicts(
        self, model: Model, contract: Contract, tester: Tester, seen: Observation
    ) -> str | None:
        """What in the words' table or waveform a model contradicts."""
        play = by_levels if model.language == "verilog" else by_cycles
        replay = play(seen, contract)
        if replay is None or not replay.stimulus.rows:
            return None
        trace = self._trace(model, replay.contract, replay.stimulus, tester)
        return contradiction(seen, replay, trace)

    def traces(
        self, models: Sequence[Model], contract: Contract, stimulus: Stimulus, tester: Tester
    ) -> Mapping[str, Trace]:
        """The trace of every model that gives one, power-up values hidden."""
        designs = [m for m in models if m.language == "verilog"]
        sources = [m.text for m in designs]
        found: dict[str, Trace] = {}
        answers = simulate_many(sources, contract, stimulus, self.sandbox) if designs else []
        for model, answer in zip(designs, answers, strict=True):
            if isinstance(answer, Trace):
                found[model.id] = answer
        for model in models:
            if model.language == "python":
                try:
                    found[model.id] = tester.run(model.text, contract, stimulus)
                except BadReference:
                    continue
        return {id_: mask_power_up(trace, contract, stimulus) for id_, trace in found.items()}

    def agreement(
        self,
        models: Sequence[Model],
        traces: Mapping[str, Trace],
        contract: Contract,
        stimulus: Stimulus,
        goal: str,
    ) -> tuple[Agreement, Mapping[str, str]]:
        """The models grouped by behaviour, and why some were left out as too empty."""
        texts = {m.id: m.text for m in models}
        empty = {
            id_: f"output {name} never changes"
            for id_, trace in traces.items()
            if (name := idle_output(trace))
        }
        while True:
            members = [
                Member(m.id, m.language, traces[m.id], m.votes)
                for m in models
                if m.id in traces and m.id not in empty
            ]
            agreement = agree(members, contract)
            if not agreement.settled:
                return agreement, empty
            best = agreement.clusters[0].members
            designs = [m for m in best if m.language == "verilog"]
            first = designs[0]
            why = (
                other_gate(goal, contract, stimulus, first.trace)
                or emptiness(texts[first.id], contract, stimulus, first.trace, self.sandbox)
                or _forgotten(goal, [texts[m.id] for m in designs])
            )
            if why is None:
                return agreement, empty
            empty |= {member.id: why for member in best}


def _forgotten(goal: str, designs: Sequence[str]) -> str | None:
    """A number (or byte, nibble) of the goal that no design of a group knows of, in words."""
    unused = [unused_number(goal, text) for text in designs]
    return f"the goal's {unused[0]!r} plays no part" if all(unused) else None
