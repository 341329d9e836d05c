"""At most N runs at work at once, over all processes of this user: the others wait their turn.

A slot is an advisory lock on one of N small files under the home; the kernel frees it when its
holder dies, so a killed run never blocks the queue.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from memory.home import home

_POLL = 0.5


def limit() -> int:
    """``$QIMENG_MAX_RUNS``, else one run a core."""
    asked = os.environ.get("QIMENG_MAX_RUNS", "")
    return max(1, int(asked)) if asked.isdigit() else os.cpu_count() or 1


@contextmanager
def slot(on_wait: Callable[[int], None] = lambda busy: None) -> Iterator[None]:
    """Hold one slot, waiting for it as long as it takes; ``on_wait`` hears once how many are at
    work when none is free.
    """
    folder, told = home() / "slots", False
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        count = limit()
        if held := next(filter(None, (_take(folder / str(i)) for i in range(count))), None):
            break
        if not told:
            on_wait(count)
            told = True
        time.sleep(_POLL)
    with held:
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Hold the one place for timing: measurements of several runs wait for each other."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "timing.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _take(path: Path) -> IO[bytes] | None:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
