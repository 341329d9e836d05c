"""An SQLite index over all runs: fast lists. It holds nothing that the event logs do not."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memory.events import Event
    from memory.records import Spend

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, created REAL, updated REAL, status TEXT, workflow TEXT,
    evidence TEXT, goal TEXT, tokens INTEGER, seconds REAL, usd REAL)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One run, as ``qimeng runs`` lists it. ``status``: created, running, paused, or a result's."""

    id: str
    created: float
    updated: float
    status: str
    workflow: str
    evidence: str
    goal: str
    tokens: int
    seconds: float
    usd: float


class Index:
    """The index file. Safe between threads and processes (WAL, busy time-out)."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, timeout=30, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(_SCHEMA)
        self._db.commit()

    def record(self, run_id: str, event: Event, spend: Spend) -> None:
        """Fold one life event of a run (created, started, paused, finished)."""
        with self._lock, self._db:
            if event.kind == "run.created":
                goal = event.data["goal"]
                self._db.execute(
                    "INSERT OR REPLACE INTO runs VALUES (?,?,?,'created',?,'none',?,0,0,0)",
                    (run_id, event.at, event.at, goal["workflow"] or "", goal["text"]),
                )
                return
            result = event.data.get("result", {})
            status = {"run.started": "running", "run.paused": "paused"}.get(event.kind)
            self._db.execute(
                "UPDATE runs SET updated=?, status=?, workflow=COALESCE(?, workflow), "
                "evidence=COALESCE(?, evidence), tokens=?, seconds=?, usd=? WHERE id=?",
                (
                    event.at,
                    status or result["status"],
                    result.get("workflow"),
                    result.get("evidence"),
                    spend.tokens_in + spend.tokens_out,
                    spend.seconds,
                    spend.usd,
                    run_id,
                ),
            )

    def rows(self) -> Iterator[Row]:
        """Every run, newest first."""
        for row in self._db.execute("SELECT * FROM runs ORDER BY created DESC, id DESC"):
            yield Row(*row)

    def close(self) -> None:
        """Release the file."""
        self._db.close()


def rebuild(root: Path) -> int:
    """Make ``root/index.db`` anew from the event logs under ``root/runs``; how many runs it lists.

    A log that cannot be read is left out.
    """
    from memory.budget import add
    from memory.events import EventLogError, read_events
    from memory.records import Spend

    for leftover in root.glob("index.db*"):
        leftover.unlink()
    index, count = Index(root / "index.db"), 0
    for log in sorted((root / "runs").glob("*/events.jsonl")):
        spend = Spend()
        try:
            for event in read_events(log):
                spend = add(spend, event)
                if event.kind in ("run.created", "run.started", "run.paused", "run.finished"):
                    index.record(log.parent.name, event, spend)
            count += 1
        except EventLogError:
            continue
    index.close()
    return count
