"""Any server that speaks OpenAI's chat completions, through the ``openai`` client.

The client's own retries are off: the gateway retries. Every answer is streamed, so that one
deadline covers it however slowly it drips, and closing the stream stops the generation.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from lpcm import wire
from lpcm.messages import ErrorKind, ModelError, ModelReply, ModelRequest, OnText

CONNECT_SECONDS = 10.0
_KEY_LIKE = re.compile(r"\b(sk|key)-[\w*.-]{6,}")
_DROPPABLE = frozenset(("temperature", "top_p", "seed", "max_tokens"))
"""Settings that some hosted models refuse; the answer means the same without them."""


class Endpoint:
    """One model of one server. ``silence`` caps the seconds between two signs of life (the first
    answer token included), ``deadline`` those of the whole answer. The key is kept out of every
    message and of the representation.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        api_key: str,
        silence: float = 120.0,
        deadline: float = 600.0,
    ) -> None:
        self._model = model
        self._key = api_key
        parts = urlsplit(base_url)
        self._where = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self._path = parts.path.rstrip("/")
        self._deadline = deadline
        self._refused: frozenset[str] = frozenset()
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key,
            max_retries=0,
            timeout=httpx2.Timeout(silence, connect=CONNECT_SECONDS),
            http_client=openai.DefaultHttpxClient(event_hooks={"response": [self._limit]}),
        )

    def __repr__(self) -> str:
        return f"Endpoint({self._model!r} at {self._where})"

    @property
    def identity(self) -> str:
        """The model's name and the server's address."""
        return f"endpoint:{self._where}{self._path}:{self._model}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def complete(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """One streamed attempt. Raises ModelError."""
        body = wire.body(request, self._model)
        if request.grammar:
            self._need_grammar()
            body["extra_body"] = {"grammar": request.grammar}
        assembly = wire.Assembly(request)
        try:
            with closing(self._open(body)) as stream:
                for piece in self._pieces(stream, assembly):
                    if on_text and piece:
                        on_text(piece)
        except openai.OpenAIError as err:
            error = self._translate(err)
            if not isinstance(err, openai.APIStatusError) and error.kind != "connection":
                error.usage = assembly.usage()
            raise error from None
        return assembly.reply()

    def _open(self, body: dict[str, Any]) -> openai.Stream[Any]:
        """Start the answer, leaving out what this model has refused before."""
        kept = {k: v for k, v in body.items() if k not in self._refused}
        if "max_tokens" in self._refused:
            kept["max_completion_tokens"] = body["max_tokens"]
        try:
            stream: openai.Stream[Any] = self._client.chat.completions.create(**kept)
        except openai.BadRequestError as err:
            if err.param not in _DROPPABLE - self._refused:
                raise
            self._refused |= {err.param}
            return self._open(body)
        return stream

    def _pieces(self, stream: openai.Stream[Any], assembly: wire.Assembly) -> Iterator[str]:
        chunks = iter(stream)
        while True:
            try:
                chunk = next(chunks, None)
                if chunk is None:
                    return
                piece = assembly.add(chunk.model_dump(warnings=False))
            except (LookupError, TypeError, ValueError, AttributeError):
                message = f"{self._where} sent something that is not a chat completion: ask again"
                raise ModelError("malformed", message, usage=assembly.usage()) from None
            yield piece

    def _need_grammar(self) -> None:
        """Only llama.cpp's server reads GBNF; others would silently ignore it."""
        try:
            owners = {m.owned_by for m in self._client.models.list().data}
        except openai.OpenAIError as err:
            raise self._translate(err) from None
        if "llamacpp" not in owners:
            message = f"{self._where} does not take GBNF grammars: use --model embedded"
            raise ModelError("unsupported", message)

    def _limit(self, response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _Limited(response.stream, time.monotonic() + self._deadline)

    def _translate(self, err: openai.OpenAIError) -> ModelError:
        where = self._where
        if isinstance(err, openai.APITimeoutError):
            return ModelError("timeout", f"{where} did not answer in time: ask again later")
        if isinstance(err, openai.APIStatusError):
            return self._status(err)
        if isinstance(err, openai.APIConnectionError):
            if isinstance(err.__cause__, httpx2.ConnectError):
                message = f"cannot reach {where}: check the base URL and that the server runs"
                return ModelError("connection", message)
            return ModelError("cut", f"{where} closed the connection in the middle: ask again")
        return ModelError("server", f"{where} failed: {self._clean(str(err))}")

    def _status(self, err: openai.APIStatusError) -> ModelError:
        status, where, said = err.status_code, self._where, self._clean(err.message)
        retry_after = _retry_after(err.response.headers.get("retry-after"))
        table: dict[int, tuple[ErrorKind, str]] = {
            401: ("auth", f"{where} refused the key: set QIMENG_API_KEY to a valid one"),
            403: ("auth", f"the key may not use {self._model} at {where}: set another"),
            404: ("bad_request", f"{where} has no model {self._model!r}: check name and base URL"),
            408: ("timeout", f"{where} timed out: ask again later"),
            429: ("rate", f"{where} is limiting the rate: wait, or use another model"),
        }
        if err.code == "insufficient_quota":
            return ModelError("auth", f"no credit left at {where}: add some, or set another key")
        server: tuple[ErrorKind, str] = ("server", f"{where} failed ({status}): {said}")
        refused: tuple[ErrorKind, str] = ("bad_request", f"{where} refused the request: {said}")
        kind, message = table.get(status, server if status >= 500 else refused)
        return ModelError(kind, message, retry_after=retry_after)

    def _clean(self, text: str) -> str:
        """The server's words, one short line, without anything that looks like a key."""
        hidden = text.replace(self._key, "***") if self._key else text
        return " ".join(_KEY_LIKE.sub("***", hidden).split())[:300]


class _Limited(httpx2.SyncByteStream):
    """A response body that ends in a time-out at the deadline, even while bytes keep coming."""

    def __init__(self, stream: httpx2.SyncByteStream, deadline: float) -> None:
        self._stream = stream
        self._until = deadline

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:
            if time.monotonic() > self._until:
                raise httpx2.ReadTimeout("the answer took too long")
            yield part

    def close(self) -> None:
        self._stream.close()


def _retry_after(value: str | None) -> float | None:
    """Seconds, from a number or a date; None when absent or unreadable."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (then.astimezone(UTC) - datetime.now(UTC)).total_seconds())
