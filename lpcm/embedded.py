"""The embedded model: llama.cpp's server inside this process, spoken to over loopback.

Settings are measured, see ``Settings``. What is deterministic: the same request on the same
machine gives the same text while requests run one at a time (one slot) and the prompt is
evaluated the same way; a part of the prompt found in the cache can change the last bits of the
logits, so a long sampled answer may differ from the first time. The reply cache and cassettes
are what make a run repeatable.
"""

from __future__ import annotations

import atexit
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xllamacpp

from lpcm import tool_json
from lpcm.endpoint import Endpoint
from lpcm.messages import ModelError, ModelReply, ModelRequest, OnText

_SILENCE_SECONDS = 900.0
_DEADLINE_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How the server runs. ``context`` is in tokens, for each of the ``slots``.

    One thread per other core that is free: llama.cpp's threads wait for each other at every
    layer, so a second thread that does not get a core makes both slow. One slot: requests that
    share a prefix then find it already evaluated, which costs far more than their few new tokens.
    """

    threads: int = 1
    slots: int = 1
    context: int = 8192


class EmbeddedModel:
    """A GGUF file, served lazily: the first request loads it, the end of the process frees it.

    Do not fork a process after the first request: the server's threads stay behind.
    """

    def __init__(self, path: Path, digest: str, settings: Settings = Settings()) -> None:
        self._path = path
        self._digest = digest
        self._settings = settings
        self._starting = threading.Lock()
        self._slots = threading.BoundedSemaphore(settings.slots)
        self._server: Any = None
        self._endpoint: Endpoint | None = None

    @property
    def identity(self) -> str:
        """The digest of the weights."""
        return f"embedded:{self._digest}"

    def complete(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """One attempt, when a slot is free. A request with tools is decoded under a schema and
        streams nothing, for its text is known only at the end.
        """
        endpoint = self._started()
        with self._slots:
            if not request.tools:
                return endpoint.complete(request, on_text)
            plain = endpoint.complete(tool_json.constrain(request))
        reply = tool_json.interpret(request, plain)
        if on_text and reply.text:
            on_text(reply.text)
        return reply

    def close(self) -> None:
        """Stop the server and free the model; a later request starts it again."""
        with self._starting:
            if self._endpoint:
                self._endpoint.close()
            self._endpoint = self._server = None

    def _started(self) -> Endpoint:
        with self._starting:
            if self._endpoint is None:
                self._endpoint = self._start()
            return self._endpoint

    def _start(self) -> Endpoint:
        params = _params(self._path, self._settings)
        # A fresh key, because any process of this machine can reach a port on loopback.
        params.api_keys = [key := secrets.token_hex(16)]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as err:
            message = f"the embedded model does not load ({err}): run `qimeng models pull`"
            raise ModelError("unavailable", message) from err
        atexit.register(self.close)
        return Endpoint(
            "embedded",
            f"{self._server.listening_address}/v1",
            key,
            silence=_SILENCE_SECONDS,
            deadline=_DEADLINE_SECONDS,
        )


def _params(path: Path, settings: Settings) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = os.fspath(path)
    params.n_parallel = settings.slots
    params.n_ctx = settings.context * settings.slots
    params.verbosity = -1
    params.warmup = False
    params.ui = False
    params.endpoint_slots = False
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = settings.threads
        cpu.poll = 0  # sleep, do not spin, between layers
    return params
