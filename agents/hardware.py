"""The hardware designer: writes Verilog, by the model and by engines."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agents.examples import design_messages
from agents.role import RoleAgent
from lpcm.messages import Message
from tools.bsd.learn import NotConverged, Settings, learn
from tools.bsd.portfolio import TooLarge
from tools.bsd.table import Table
from tools.bsd.verilog import to_verilog
from tools.hdl.contract import Contract
from tools.hdl.extract_code import extract_code
from tools.hdl.repair import Diagnostic, repair

MAX_TOKENS = 900


@dataclass(frozen=True)
class Design:
    """A design and how it came about. ``answer`` is the code as the model gave it."""

    source: str
    answer: str
    rules: tuple[str, ...]
    problems: tuple[Diagnostic, ...]

    @property
    def how(self) -> str:
        """For the trace: which repair rules were applied."""
        return f"repaired by rule: {', '.join(self.rules)}" if self.rules else "as written"


class HardwareDesigner(RoleAgent):
    """Proposes designs for a contract."""

    name = "hardware"

    def write(self, contract: Contract, text: str, seed: int, temperature: float) -> Design:
        """One fresh design, mended by rule where rules suffice."""
        messages = self._prompt(contract, text)
        return self._answer(messages, contract, seed, temperature)

    def mend(self, contract: Contract, text: str, source: str, told: str, seed: int) -> Design:
        """A second try at a design that rules could not mend. ``told`` is what a tool found: the
        compiler's message and line, or the counterexample and the lines that decide the output.
        """
        messages = [
            *self._prompt(contract, text),
            Message(role="assistant", content=f"```verilog\n{source}```"),
            Message(role="user", content=f"{told}\n\nWrite it again, correct."),
        ]
        return self._answer(messages, contract, seed, 0.4)

    def learned(self, table: Table, seed: int) -> str:
        """The module learned from a black box's answers; empty where it is too large. What it is
        worth the verifier says.
        """
        request = json.dumps(["learn", table.name, table.rows, seed]).encode()

        def do() -> str:
            try:
                found = learn(table.box(), Settings(seed=seed))
            except (TooLarge, NotConverged) as error:
                self.note(f"the black box was not learned: {error}")
                return ""
            return to_verilog(found.box, found.netlist, found.literals)

        return self.once("bsd", request, do=do, dump=str.encode, load=bytes.decode)

    def _prompt(self, contract: Contract, text: str) -> list[Message]:
        return design_messages(contract, text, self.workbench.parts.examples)

    def _answer(
        self, messages: list[Message], contract: Contract, seed: int, temperature: float
    ) -> Design:
        reply = self.ask(
            messages, temperature=temperature, top_p=0.95, seed=seed, max_tokens=MAX_TOKENS
        )
        answer = extract_code(reply.text)
        if not self.workbench.parts.repair_rules:
            return Design(answer, answer, (), ())
        mended = repair(answer, contract)
        return Design(mended.source, answer, mended.applied, mended.remaining)
