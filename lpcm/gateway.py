"""The only door to any model: one retry policy, one reply cache, one account of use and cost.

The gateway knows nothing of runs, agents or budgets; what does wraps it.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from lpcm.cache import ReplyCache
from lpcm.messages import Backend, ModelError, ModelReply, ModelRequest, OnText, Usage
from lpcm.prices import Prices

OnRetry = Callable[[ModelError, int, float], None]
"""Called before each wait with the error, the number of the attempt that failed and the wait in
seconds. Text streamed so far belongs to the failed attempt: forget it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential back-off with jitter: wait a random half to whole of ``first * 2**k`` seconds,
    at most ``longest``, never less than the server's Retry-After. No attempt starts after
    ``total`` seconds or ``attempts`` tries.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 30.0
    total: float = 900.0

    def wait(self, attempt: int, error: ModelError) -> float:
        """Seconds to wait after failed attempt number ``attempt`` (from 1)."""
        ceiling = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return max(random.uniform(ceiling / 2, ceiling), error.retry_after or 0.0)


def cache_key(backend: Backend, request: ModelRequest) -> str:
    """Under which the reply cache holds what ``backend`` answered to ``request``."""
    return hashlib.sha256(f"{backend.identity}\n{request.key()}".encode()).hexdigest()


class Gateway:
    """Completes requests with the backend that ``backend_for`` gives for a model's name."""

    def __init__(
        self,
        backend_for: Callable[[str], Backend],
        cache: ReplyCache | None = None,
        retry: Retry = Retry(),
        prices: Prices | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._backend_for = backend_for
        self._cache = cache
        self._retry = retry
        self._prices = prices or Prices()
        self._sleep = sleep

    def complete(
        self,
        request: ModelRequest,
        on_text: OnText | None = None,
        on_retry: OnRetry | None = None,
    ) -> ModelReply:
        """One reply, from the cache when the same backend has answered the same request.

        ``on_text`` receives the text piece by piece (a cached one at once); ``on_retry`` hears
        of failed attempts. Raises ModelError, its ``usage`` summed over the attempts.
        """
        backend = self._backend_for(request.model)
        key = cache_key(backend, request)
        if self._cache and (known := self._cache.get(key)):
            if on_text:
                on_text(known.text)
            return known.model_copy(update={"cached": True, "usd": 0.0})
        reply = self._attempt(backend, request, on_text, on_retry)
        if self._cache:
            self._cache.put(key, reply)
        return reply

    def cost(self, model: str, usage: Usage) -> float | None:
        """US dollars of ``usage``; None when the model's price is unknown."""
        return self._prices.usd(model, usage)

    def _attempt(
        self,
        backend: Backend,
        request: ModelRequest,
        on_text: OnText | None,
        on_retry: OnRetry | None,
    ) -> ModelReply:
        start, attempt, wasted = time.monotonic(), 1, Usage()
        while True:
            try:
                reply = _checked(request, backend.complete(request, on_text))
            except ModelError as err:
                wasted += err.usage
                wait = self._retry.wait(attempt, err)
                spent = time.monotonic() - start
                last = attempt >= self._retry.attempts or spent + wait > self._retry.total
                if not err.retryable or last:
                    err.usage = wasted
                    raise
                if on_retry:
                    on_retry(err, attempt, wait)
                self._sleep(wait)
                attempt += 1
                continue
            usage = wasted + reply.usage
            account = {
                "usage": usage,
                "usd": self.cost(request.model, usage),
                "seconds": time.monotonic() - start,
                "attempts": attempt,
            }
            return reply.model_copy(update=account)


def _checked(request: ModelRequest, reply: ModelReply) -> ModelReply:
    """The reply, or a ModelError when it cannot be an answer to the request."""
    if not reply.text.strip() and not reply.tool_calls:
        raise ModelError("empty", "the model answered with nothing: ask again", usage=reply.usage)
    if request.json_schema is None:
        return reply
    try:
        json.loads(reply.text)
    except ValueError:
        if reply.finish_reason == "length":
            advice, again = f"it was cut at max_tokens={request.max_tokens}: raise that", False
        else:
            advice, again = "the server may ignore response_format: try another model", True
        message = f"the answer is not the JSON that was asked for; {advice}"
        raise ModelError("malformed", message, retryable=again, usage=reply.usage) from None
    return reply
