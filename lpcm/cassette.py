"""Recorded conversations: replies by request, as JSON lines, to replay without any model."""

from __future__ import annotations

import fcntl
import hashlib
from pathlib import Path

from pydantic import ValidationError

from lpcm.messages import Backend, ModelError, ModelReply, ModelRequest, OnText
from memory.records import Record


class Take(Record):
    """One line: ``key`` finds it; ``request`` is there for people and for diffs."""

    key: str
    request: ModelRequest
    reply: ModelReply


class Recorder:
    """Passes requests on to ``backend`` and appends each answer to the cassette at ``path``."""

    def __init__(self, backend: Backend, path: Path) -> None:
        self._backend = backend
        self._path = path

    @property
    def identity(self) -> str:
        """The recorded backend's."""
        return self._backend.identity

    def complete(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """The backend's reply, once it is on disk."""
        reply = self._backend.complete(request, on_text)
        take = Take(key=_key(request), request=request, reply=reply)
        with self._path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(take.model_dump_json() + "\n")
        return reply


class Cassette:
    """Replays a recording. The name of the model in the request does not matter, so a cassette
    recorded with one model answers under any name; of equal requests the first take counts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            text = path.read_text()
            takes = [Take.model_validate_json(line) for line in text.splitlines()]
        except (OSError, ValidationError) as err:
            message = f"{path} is not a cassette: give the path of a recording"
            raise ModelError("unavailable", message) from err
        self._replies = {take.key: take.reply for take in reversed(takes)}
        self._digest = hashlib.sha256(text.encode()).hexdigest()

    @property
    def identity(self) -> str:
        """The digest of the recording."""
        return f"cassette:{self._digest}"

    def complete(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """The recorded reply. Raises ModelError "unavailable" for a request not in it."""
        reply = self._replies.get(_key(request))
        if reply is None:
            last = request.messages[-1].content[:80]
            message = f"{self._path} has no reply to {last!r}: record the run again"
            raise ModelError("unavailable", message)
        if on_text and reply.text:
            on_text(reply.text)
        return reply


def _key(request: ModelRequest) -> str:
    return request.model_copy(update={"model": ""}).key()
