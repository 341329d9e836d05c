"""What every agent works with: the run, a model, a sandbox; every call recorded and budgeted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lpcm.gateway import Gateway
from lpcm.messages import Message, ModelError, ModelReply, ModelRequest, OnText, Usage
from memory.artifacts import digest_of
from memory.records import Parts
from memory.runs import Run
from sandboxes import Command, Outcome, Sandbox


@dataclass(frozen=True)
class Workbench:
    """One run's tools, shared by its agents."""

    run: Run
    gateway: Gateway
    model: str
    driver: Sandbox

    def ask(
        self,
        actor: str,
        messages: Sequence[Message],
        on_text: OnText | None = None,
        **options: Any,
    ) -> ModelReply:
        """One model answer on behalf of ``actor``; ``options`` are fields of ModelRequest.

        ``on_text`` receives a new answer piece by piece; a recorded one is not streamed again.
        Raises ModelError, BudgetReached or StopRequested.
        """
        request = ModelRequest(model=self.model, messages=tuple(messages), **options)
        key = request.key()
        # A call that a crash cut short may have been paid: then the reply cache has its answer.
        interrupted = self.run.has("call.started", key=key)
        return self.run.once(
            "model",
            self.model,
            key,
            request.model_dump_json().encode(),
            do=lambda: self.gateway.complete(request, on_text),
            dump=lambda reply: (
                reply.model_dump_json().encode(),
                {"cached": reply.cached}
                | self._spent(Usage() if reply.cached and not interrupted else reply.usage),
            ),
            load=ModelReply.model_validate_json,
            actor=actor,
            lost=lambda error: self._spent(
                error.usage if isinstance(error, ModelError) else Usage()
            ),
        )

    def _spent(self, usage: Usage) -> dict[str, Any]:
        return {
            "tokens_in": usage.tokens_in,
            "tokens_out": usage.tokens_out,
            "usd": self.gateway.cost(self.model, usage),
        }

    @property
    def parts(self) -> Parts:
        """Which parts of the workflow this run may use."""
        return self.run.goal.parts if self.run.goal else Parts()

    def sandbox(self, actor: str) -> Sandbox:
        """The run's sandbox, recording calls in the name of ``actor``."""
        return RecordedSandbox(self.run, self.driver, actor)


@dataclass(frozen=True)
class RecordedSandbox:
    """A sandbox whose calls are journaled: the same command on the same files runs once a run."""

    target: Run
    driver: Sandbox
    actor: str

    @property
    def name(self) -> str:
        """The driver's name."""
        return self.driver.name

    def run(self, command: Command) -> Outcome:
        """As the driver's ``run``, or its recorded outcome."""
        store = self.target.artifacts
        request = json.dumps(
            {
                "driver": self.name,
                "argv": command.argv,
                "files": {name: store.put(data) for name, data in command.files.items()},
                "collect": command.collect,
                "stdin": store.put(command.stdin),
                "env": dict(command.env),
                "limits": asdict(command.limits),
            },
            sort_keys=True,
        ).encode()
        return self.target.once(
            "tool",
            command.argv[0].rsplit("/", 1)[-1],
            hashlib.sha256(request).hexdigest(),
            request,
            do=lambda: self.driver.run(command),
            dump=self._dump,
            load=self._load,
            actor=self.actor,
        )

    def _dump(self, outcome: Outcome) -> tuple[bytes, dict[str, Any]]:
        store = self.target.artifacts
        data = {
            "exit_code": outcome.exit_code,
            "stdout": store.put(outcome.stdout),
            "stderr": store.put(outcome.stderr),
            "files": {name: store.put(content) for name, content in outcome.files.items()},
            "seconds": round(outcome.seconds, 4),
            "driver": outcome.driver,
            "killed": outcome.killed,
        }
        summary = {"exit_code": outcome.exit_code, "killed": outcome.killed}
        return json.dumps(data).encode(), summary

    def _load(self, data: bytes) -> Outcome:
        store, fields = self.target.artifacts, json.loads(data)
        return Outcome(
            **{
                **fields,
                "stdout": store.get(fields["stdout"]),
                "stderr": store.get(fields["stderr"]),
                "files": {name: store.get(digest) for name, digest in fields["files"].items()},
            }
        )


def candidate_id(kind: str, files: dict[str, bytes]) -> str:
    """A short stable name for a candidate: its kind and a digest of its files."""
    whole = "".join(f"{name}:{digest_of(data)};" for name, data in sorted(files.items()))
    return f"{kind}-{digest_of(whole.encode())[:10]}"
