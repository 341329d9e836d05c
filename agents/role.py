"""The base of the role agents, and their prompts.

A prompt is a Markdown file in ``agents/prompts``: turns headed ``## system``, ``## user`` and
``## assistant``, with ``<<field>>`` where a value goes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any, ClassVar, TypeVar, cast

from agents.workbench import Workbench
from lpcm.messages import Message, ModelReply, Role
from sandboxes import Sandbox

T = TypeVar("T")
_TURN = re.compile(r"^## (system|user|assistant)\n", re.MULTILINE)
_FIELD = re.compile(r"<<(\w+)>>")


def load_prompt(name: str, **fields: str) -> list[Message]:
    """The turns of prompt ``name`` with every field filled in; KeyError names a missing one."""
    text = files("agents").joinpath("prompts", f"{name}.md").read_text()
    parts = _TURN.split(text)[1:]
    return [
        Message(role=cast(Role, role), content=_FIELD.sub(lambda m: fields[m[1]], content).strip())
        for role, content in zip(parts[::2], parts[1::2], strict=True)
    ]


class RoleAgent:
    """One role of the team, on the shared workbench."""

    name: ClassVar[str]

    def __init__(self, workbench: Workbench) -> None:
        self.workbench = workbench

    @property
    def sandbox(self) -> Sandbox:
        """The run's sandbox; calls are recorded in this role's name."""
        return self.workbench.sandbox(self.name)

    def ask(self, messages: list[Message], **options: Any) -> ModelReply:
        """One model answer, recorded in this role's name."""
        return self.workbench.ask(self.name, messages, **options)

    def once(
        self,
        engine: str,
        request: bytes,
        do: Callable[[], T],
        dump: Callable[[T], bytes],
        load: Callable[[bytes], T],
    ) -> T:
        """What an engine gives for a request, journaled in this role's name: a resumed run has it
        from the log.
        """
        return self.workbench.run.once(
            "tool",
            engine,
            hashlib.sha256(request).hexdigest(),
            request,
            do=do,
            dump=lambda found: (dump(found), {"exit_code": 0, "killed": None}),
            load=load,
            actor=self.name,
        )

    def note(self, text: str) -> None:
        """Tell people what is going on; said once, also when a crashed step runs again."""
        if not self.workbench.run.has("note", text=text):
            self.workbench.run.emit("note", self.name, text=text)
