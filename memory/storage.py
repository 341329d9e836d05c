"""How much disk the runs take, and removing old ones."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memory.home import home
from memory.index import open_index
from memory.lock import is_running

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_OPEN = ("created", "running", "paused")
LEAST_FREE = 200_000_000
"""Bytes that must be free on the disk before a run starts."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A run on disk: its id, when it last did something, its size in bytes, and whether it is
    open (it can go on, so it is not removed unless asked).
    """

    id: str
    updated: float
    size: int
    open: bool


def bytes_of(text: str) -> int:
    """Read ``5GB``, ``300 M`` or a plain number of bytes. ValueError otherwise."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    if not found:
        raise ValueError(f"{text!r} is not a size; write for example 5GB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def stored() -> list[Kept]:
    """All runs on disk that no process works on, oldest first."""
    root = home()
    index = open_index(root)
    rows = {row.id: row for row in index.rows()}
    index.close()
    kept = [
        Kept(f.name, row.updated, _size(f), row.status in _OPEN)
        for f in _folders(root)
        if (row := rows.get(f.name)) and not is_running(f)
    ]
    return sorted(kept, key=lambda k: k.updated)


def remove(run_id: str) -> None:
    """Delete a run's folder, the log last: until then it is a run, afterwards it never was."""
    folder = home() / "runs" / run_id
    gone = folder.with_name(f".gone-{run_id}")
    folder.rename(gone)
    shutil.rmtree(gone)
    index = open_index(home())
    index.drop(run_id)
    index.close()


def lack() -> str | None:
    """Why the disk has no room for another run, and what frees some; None when it has."""
    root = home()
    root.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(root).free < LEAST_FREE:
        return f"the disk of {root} is nearly full; `qimeng runs gc` removes old runs"
    quota = os.environ.get("QIMENG_DISK_QUOTA")
    if quota and sum(_size(f) for f in _folders(root)) >= bytes_of(quota):
        return f"the runs fill the quota of {quota}; `qimeng runs gc --size {quota}` makes room"
    return None


def _folders(root: Path) -> Iterator[Path]:
    runs = root / "runs"
    return (f for f in runs.iterdir() if not f.name.startswith(".")) if runs.is_dir() else iter(())


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
