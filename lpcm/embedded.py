"""The embedded model: llama.cpp's server inside this process, spoken to over loopback.

Its settings are measured, see ``Settings``. What a seed repeats: with one slot, the same request
after the same requests in a fresh process. A prompt found evaluated in the cache is not evaluated
in the same batches again, which changes the last bits of the logits, so the second answer to a
sampled request can differ from the first (the third equals the second). The reply cache and
cassettes, not seeds, make a run repeatable.
"""

from __future__ import annotations

import atexit
import os
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xllamacpp

from lpcm import tool_json
from lpcm.endpoint import Endpoint
from lpcm.messages import ModelError, ModelReply, ModelRequest, OnText

_SILENCE_SECONDS = 900.0
_DEADLINE_SECONDS = 1800.0


def _threads() -> int:
    """Half of the cores. Threads wait for each other at every layer, so one that does not get its
    core slows all: on two busy cores, two threads gave 1.4 tokens/s and one gave 14. At most four,
    as decoding is bound by memory and a container may have fewer cores than it sees.
    """
    return max(1, min(4, len(os.sched_getaffinity(0)) // 2))


@dataclass(frozen=True, slots=True)
class Settings:
    """How the server runs. ``context`` is in tokens, for each of the ``slots``.

    One slot, because on one thread four decode no more tokens per second together than one alone,
    and each evaluates the shared prefix of its prompt anew (30 tokens/s); in one slot the next
    request finds it evaluated. Prefixes seen before come back from ``cache_mib`` of memory, at
    28 KiB a token.
    """

    threads: int = field(default_factory=_threads)
    slots: int = 1
    context: int = 8192
    cache_mib: int = 1024


class EmbeddedModel:
    """A GGUF file, served lazily: the first request loads it, the end of the process frees it.

    Do not fork a process after the first request: the server's threads stay behind.
    """

    def __init__(self, path: Path, digest: str, settings: Settings | None = None) -> None:
        self._path = path
        self._digest = digest
        self._settings = settings or Settings()
        self._starting = threading.Lock()
        self._slots = threading.BoundedSemaphore(self._settings.slots)
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
    params.cache_ram_mib = settings.cache_mib
    params.verbosity = -1
    params.warmup = False
    params.ui = False
    params.endpoint_slots = False
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = settings.threads
        cpu.poll = 0  # sleep, do not spin, between layers
    return params
