"""Live progress as server-sent events: the logs are followed, whoever writes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from anyio.to_thread import run_sync
from starlette.responses import StreamingResponse

from memory.events import EventLogError
from memory.runs import NoSuchRun
from memory.sessions import NoSuchSession

_EVERY = 0.7
_ALIVE_EVERY = 20
"""Looks without news after which a comment shows that the line still stands."""


def follow(look: Callable[[], Any]) -> StreamingResponse:
    """A stream of ``look()`` as JSON, at once and whenever it gives something else."""
    return StreamingResponse(_changes(look), media_type="text/event-stream")


async def _changes(look: Callable[[], Any]) -> AsyncIterator[str]:
    last, quiet = "", 0
    while True:
        try:
            now = json.dumps(await run_sync(look))
        except (NoSuchRun, NoSuchSession, EventLogError, OSError):
            return
        quiet += 1
        if now != last:
            last, quiet = now, 0
            yield f"data: {now}\n\n"
        elif quiet % _ALIVE_EVERY == 0:
            yield ": alive\n\n"
        await asyncio.sleep(_EVERY)
