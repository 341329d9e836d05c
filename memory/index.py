"""An SQLite index over all runs: fast lists. It holds nothing that the event logs do not."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memory.write_ahead import write_ahead

if TYPE_CHECKING:
    from memory.events import Event
    from memory.records import Spend

_SCHEMA = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, created REAL, updated REAL, status TEXT, workflow TEXT,
    evidence TEXT, goal TEXT, tokens INTEGER, seconds REAL, usd REAL)
"""
_STATUS = {"run.started": "running", "run.paused": "paused"}
_LISTED = (*_STATUS, "run.finished", "call.finished", "call.failed")


@dataclass(frozen=True, slots=True)
class Row:
    """One run, as ``qimeng runs`` lists it. ``status``: created, running, paused, a result's, or
    damaged when the log cannot be read.
    """

    id: str
    created: float
    updated: float
    status: str = "created"
    workflow: str = ""
    evidence: str = "none"
    goal: str = ""
    tokens: int = 0
    seconds: float = 0.0
    usd: float = 0.0


def fold(row: Row | None, run_id: str, event: Event, spend: Spend) -> Row | None:
    """A run's row after one more event; the same row (identical) when the event is not listed.

    ``spend`` is that after the event. A run has no row before ``run.created``.
    """
    if event.kind == "run.created":
        goal = event.data["goal"]
        return Row(run_id, event.at, event.at, workflow=goal["workflow"] or "", goal=goal["text"])
    if row is None or event.kind not in _LISTED:
        return row
    row = replace(
        row,
        updated=event.at,
        status=_STATUS.get(event.kind, row.status),
        tokens=spend.tokens_in + spend.tokens_out,
        seconds=spend.seconds,
        usd=spend.usd,
    )
    if event.kind == "run.finished":
        result = event.data["result"]
        names = ("status", "workflow", "evidence")
        row = replace(row, **{name: result[name] for name in names})
    return row


class Index:
    """The index file. Safe between threads and processes (WAL, busy time-out).

    Raises sqlite3.DatabaseError when it is damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, timeout=30, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.Error:
            self._db.close()
            raise

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, _SCHEMA):
            raise sqlite3.DatabaseError(f"index version {version}")
        write_ahead(self._db)
        self._db.execute("PRAGMA synchronous=NORMAL")
        if version == 0:
            with self._db:
                self._db.execute(_TABLE)
                self._db.execute(f"PRAGMA user_version={_SCHEMA}")

    def put(self, row: Row) -> None:
        """Enter a run, or what is new about it."""
        with self._lock, self._db:
            marks = ",".join("?" * len(astuple(row)))
            self._db.execute(f"INSERT OR REPLACE INTO runs VALUES ({marks})", astuple(row))

    def drop(self, run_id: str) -> None:
        """Forget a run that is no more."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM runs WHERE id = ?", (run_id,))

    def rows(self) -> Iterator[Row]:
        """Every run, newest first."""
        for row in self._db.execute("SELECT * FROM runs ORDER BY created DESC, id DESC"):
            yield Row(*row)

    def close(self) -> None:
        """Release the file."""
        self._db.close()


def open_index(root: Path) -> Index:
    """The index of all runs under ``root``, made anew from their logs when lost or damaged."""
    path = root / "index.db"
    if path.exists():
        try:
            index = Index(path)
            next(index.rows(), None)
            return index
        except sqlite3.OperationalError:
            raise  # locked or not writable: a new file would not help
        except sqlite3.DatabaseError:
            pass
    rebuild(root)
    return Index(path)


def rebuild(root: Path) -> int:
    """Make ``root/index.db`` anew from the event logs under ``root/runs``; how many runs it lists.

    A log that cannot be read is listed as damaged.
    """
    for leftover in root.glob("index.db*"):
        leftover.unlink()
    rows = [_row_of(log) for log in sorted((root / "runs").glob("*/events.jsonl"))]
    index = Index(root / "index.db")
    for row in filter(None, rows):
        index.put(row)
    index.close()
    return len(rows)


def _row_of(log: Path) -> Row | None:
    from memory.budget import add
    from memory.events import EventLogError, read_events
    from memory.records import Spend

    run_id, row, spend = log.parent.name, None, Spend()
    try:
        for event in read_events(log):
            spend = add(spend, event)
            row = fold(row, run_id, event, spend)
    except EventLogError:
        changed = log.stat().st_mtime
        return replace(row or Row(run_id, changed, changed), status="damaged")
    return row
