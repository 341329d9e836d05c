"""The planner in conversation: what a message wants, what must be asked back, and plain answers.

Rules read what is explicit; the model decides only what is left, as constrained JSON. Facts of
runs come from their records, never from the model.
"""

from __future__ import annotations

import json
import re
from typing import Literal, cast

from agents.planner import Planner
from agents.role import load_prompt
from agents.routing import HARDWARE_WORDS, route
from lpcm.messages import Message, OnText
from tools.hdl.contract import Contract, Reset
from tools.hdl.contract_revise import revise
from tools.hdl.contract_text import Contradiction, Reading, read_contract
from tools.kernels.revise import alters, revised
from tools.kernels.word_rules import Unclear
from tools.kernels.words import read

Intent = Literal["design", "change", "question", "talk"]

_SCHEMA = {
    "type": "object",
    "properties": {"intent": {"enum": ["design", "change", "question", "talk"]}},
    "required": ["intent"],
}
_ASKS = re.compile(
    r"^(?:why|what|which|how|who|when|where|show|list|explain|is|are|does|do|did|was|were|tell)\b"
    r"|\?\s*$",
    re.I,
)
_REQUESTS = re.compile(r"^(?:can|could|would|will) (?:you|we)\b|^please\b", re.I)
_ORDERS = re.compile(
    r"^(?:now |please |then |ok,? |also |and )*(?:make|add|use|change|rename|remove|drop|let|turn"
    r"|set|replace|increase|reduce|widen|narrow|extend|double|halve|pipeline|register|instead)\b",
    re.I,
)
_DEFAULTS = re.compile(
    r"^\W*(?:y|yes|yep|ok(?:ay)?|sure|right|correct|fine|default|defaults|go|go ahead|you choose"
    r"|as you like|either|any|whatever|do it|that is right|looks good|good)\b[\w\s,]{0,20}\W*$",
    re.I,
)
_STAGES = re.compile(r"\b(?:\d+|one|two|three|four)[- ](?:stage|cycle|deep)|\bstages?\b", re.I)
_ANSWER_TOKENS = 350


class Conversationalist(Planner):
    """The planner, facing a person."""

    def intent(self, text: str, spec: str | None) -> Intent:
        """What a message wants; ``spec`` is the goal it may be about."""
        if states_an_interface(text) or _states_other_work(text):
            return "design"
        if not spec:
            return "design" if self._names_a_design(text) else "talk"
        if _ORDERS.match(text):
            return "change"
        if asks(text):
            return "question"
        if route(spec) == "kernel" and alters(spec, text):
            return "change"
        reply = self.ask(
            load_prompt("intent", spec=spec, message=text), json_schema=_SCHEMA, max_tokens=20
        )
        return cast(Intent, json.loads(reply.text)["intent"])

    def _names_a_design(self, text: str) -> bool:
        if asks(text):
            return False
        if route(text) == "kernel":
            return True
        return bool(HARDWARE_WORDS.search(text)) and self.workflow(text) is not None

    def changed(self, spec: str, change: str) -> str:
        """``spec`` as the words of a change alter it. Raises Unclear for a kernel when the words
        contradict themselves.
        """
        return revised(spec, change) if route(spec) == "kernel" else revise(spec, change)

    def open_points(self, spec: str, change: str = "") -> list[str]:
        """At most two questions whose answers change the design. Raises NoContract or
        Contradiction when the words cannot become an interface at all.
        """
        reading = read_contract(spec)
        contract = reading.contract or self.contract(spec)
        points = [_unread(reading, contract), *(_reset(r, spec) for r in contract.resets)]
        if re.search(r"\bpipelin", change, re.I) and not _STAGES.search(change):
            points.append(
                "How many pipeline stages? (default: one, so each output comes one cycle later)"
            )
        return [point for point in points if point][:2]

    def settled(self, spec: str, answer: str) -> str:
        """``spec`` with the answer to its open points, or with the defaults they named."""
        reading = read_contract(spec)
        contract = reading.contract or self.contract(spec)
        if not _DEFAULTS.match(answer):
            spec = f"{spec.rstrip()}\n{answer.strip()}"
            if read_contract(spec).contract:
                return spec
        additions = [] if reading.contract else [words_of(contract)]
        additions += [_reset_words(r) for r in contract.resets if _reset(r, spec)]
        return "\n".join([spec.rstrip(), *additions])

    def answer(self, text: str, facts: str, earlier: list[Message], on_text: OnText) -> str:
        """A plain answer, streamed; it is words, and no evidence of anything."""
        turns = load_prompt("answer", facts=facts, message=text)
        messages = [turns[0], *earlier, *turns[1:]]
        return self.ask(messages, on_text=on_text, max_tokens=_ANSWER_TOKENS).text.strip()


def asks(text: str) -> bool:
    """Whether a message is worded as a question, and not as a polite order."""
    return bool(_ASKS.search(text)) and not _REQUESTS.match(text)


def states_an_interface(text: str) -> bool:
    """Whether a message names a module with its inputs and outputs: then it is a goal."""
    try:
        return read_contract(text).contract is not None
    except Contradiction:
        return True


def _states_other_work(text: str) -> bool:
    """Whether a message names an operator with all its sizes, or what is to be learned."""
    found = route(text)
    if found not in ("kernel", "learn", "machine") or asks(text):
        return False
    if found != "kernel":
        return True
    try:
        return not read(text).missing
    except Unclear:
        return False


def _unread(reading: Reading, contract: Contract) -> str | None:
    if reading.contract:
        return None
    return f"I would give it this interface; say yes, or what differs:\n  {words_of(contract)}"


def _reset(reset: Reset, spec: str) -> str | None:
    if re.search(r"\ba?sync", spec, re.I):
        return None
    level = "high" if reset.active_high else "low"
    return (
        f"Is the reset {reset.port} synchronous or asynchronous? "
        f"(default: synchronous, active {level})"
    )


def _reset_words(reset: Reset) -> str:
    kind = "asynchronous" if reset.asynchronous else "synchronous"
    return f"The reset {reset.port} is {kind}, active {'high' if reset.active_high else 'low'}."


def words_of(contract: Contract) -> str:
    """A contract in words that ``read_contract`` reads back."""
    sides = []
    for direction in ("input", "output", "inout"):
        ports = [p for p in contract.ports if p.direction == direction]
        listed = ", ".join(f"{p.name} [{p.width - 1}:0]" if p.width > 1 else p.name for p in ports)
        sides += [f"{direction}s {listed}"] if ports else []
    return f"Module {contract.top}: {'; '.join(sides)}."
