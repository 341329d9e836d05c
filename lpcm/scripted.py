"""A model that says what it was told to: for tests, of this code and of what is built on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import ValidationError

from lpcm.messages import ModelError, ModelReply, ModelRequest, OnText
from memory.records import Record

Line = str | ModelReply | ModelError
"""A text, a whole reply, or an error to raise."""


class Rule(Record):
    """A line of a script file: answers a request whose last message contains ``when``."""

    when: str = ""
    reply: ModelReply


class ScriptedModel:
    """Answers from a list, in order, or from a function of the request. ``requests`` records
    what it was asked.
    """

    identity = "scripted"

    def __init__(self, script: Iterable[Line] | Callable[[ModelRequest], Line]) -> None:
        self.requests: list[ModelRequest] = []
        if callable(script):
            self._answer = script
        else:
            lines = iter(script)
            self._answer = lambda _: next(lines, _EXHAUSTED)
        self._lock = threading.Lock()

    @classmethod
    def from_file(cls, path: Path) -> ScriptedModel:
        """A script of JSON lines, each a Rule; the first that matches answers. It has no state,
        so a process that is killed and resumed gets the same answers.
        """
        try:
            lines = path.read_text().splitlines()
            rules = [Rule.model_validate_json(line) for line in lines if line.strip()]
        except (OSError, ValidationError) as err:
            hint = 'write lines such as {"when": "adder", "reply": {"text": "…", "model": "x"}}'
            raise ModelError("unavailable", f"{path} is not a script: {hint}") from err

        def answer(request: ModelRequest) -> Line:
            said = request.messages[-1].content
            return next((rule.reply for rule in rules if rule.when in said), _EXHAUSTED)

        return cls(answer)

    def complete(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """The next line. Raises ModelError "unavailable" when there is none."""
        with self._lock:
            self.requests.append(request)
            line = self._answer(request)
        if isinstance(line, ModelError):
            raise line
        reply = ModelReply(text=line, model=request.model) if isinstance(line, str) else line
        if on_text and reply.text:
            on_text(reply.text)
        return reply


_EXHAUSTED = ModelError("unavailable", "the script has no line for this request: add one")
