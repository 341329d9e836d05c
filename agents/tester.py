"""The tester: stimuli by rule, and independently written reference models in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.examples import reference_messages
from agents.role import RoleAgent
from tools.hdl.contract import Contract
from tools.hdl.from_python import NotTranslatable, observed_widths, to_verilog
from tools.hdl.python_repair import repair_model
from tools.hdl.reference import BadReference, run_reference
from tools.hdl.stimuli import stimuli
from tools.hdl.trace import Stimulus, Trace

MAX_TOKENS = 700
CYCLES = 2000


@dataclass(frozen=True)
class Reference:
    """A reference model and the repair rules applied to it."""

    code: str
    rules: tuple[str, ...]


class Tester(RoleAgent):
    """Writes and runs what a design is tested against; it never sees a design's text."""

    name = "tester"

    def stimulus(self, contract: Contract, sources: Sequence[str]) -> Stimulus:
        """Rows by rule; ``sources`` only lend their constants."""
        goal = self.workbench.run.goal
        return stimuli(contract, goal.seed if goal else 0, sources, CYCLES)

    def write(self, contract: Contract, text: str, seed: int, temperature: float) -> Reference:
        """One fresh reference model; it gets no resets, for the harness applies them."""
        messages = reference_messages(contract, text, self.workbench.parts.examples)
        reply = self.ask(
            messages, temperature=temperature, top_p=0.95, seed=seed, max_tokens=MAX_TOKENS
        )
        repaired = repair_model(reply.text, contract)
        return Reference(repaired.code, repaired.applied)

    def run(self, code: str, contract: Contract, stimulus: Stimulus) -> Trace:
        """The reference's trace. Raises BadReference."""
        return run_reference(code, contract, stimulus, self.sandbox)

    def translate(self, code: str, contract: Contract, stimulus: Stimulus) -> str | None:
        """The reference as Verilog, by an engine; None where the engine cannot."""
        try:
            widths = observed_widths(code, contract, stimulus, self.sandbox)
            return to_verilog(code, contract, widths)
        except (BadReference, NotTranslatable) as error:
            self.note(f"a reference was not turned into Verilog: {error}")
            return None
