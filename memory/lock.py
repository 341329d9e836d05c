"""Who works on a run: an advisory lock on a file of its folder, freed when its holder dies."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import IO

_PATIENCE = 0.5


class RunBusy(RuntimeError):
    """Another process works on this run."""


def lock(folder: Path, patience: float = _PATIENCE) -> IO[bytes]:
    """Take the folder's lock; closing the file frees it.

    RunBusy when another process still holds it after ``patience`` seconds.
    """
    file = (folder / "lock").open("ab")
    give_up = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except OSError:
            # ``is_running`` of another process holds it for an instant only.
            if time.monotonic() > give_up:
                file.close()
                what = folder.parent.name.removesuffix("s")
                busy = f"{what} {folder.name} is being worked on by another process"
                raise RunBusy(busy) from None
            time.sleep(0.02)


def is_running(folder: Path) -> bool:
    """True while a process holds the run open."""
    try:
        with (folder / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
