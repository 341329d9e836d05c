"""Full-text search over all runs: goals, prompts, answers, notes, verdicts.

The index is a SQLite FTS5 table in a file of its own under the home. It holds nothing that the
runs' files do not, remembers how far it has read each log, and is made anew when it is lost.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memory.artifacts import Artifacts
from memory.events import Event
from qimeng.event_words import describe
from qimeng.timeline import texts
from qimeng.web.secrets_hidden import Hider
from qimeng.web.tail import Tail

_SCHEMA = """
CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(
    body, run UNINDEXED, seq UNINDEXED, kind UNINDEXED, tokenize = "unicode61 tokenchars '_'");
CREATE TABLE IF NOT EXISTS read (run TEXT PRIMARY KEY, events INTEGER);
"""
_LONGEST = 40_000
_TOLD = ("run.created", "note", "verdict.given", "candidate.made", "call.failed", "run.paused")
OPEN, CLOSE = "\x02", "\x03"
"""Around each word that was found, in a snippet."""


class Search:
    """The index file ``path`` over the runs under ``runs``. Safe between threads."""

    def __init__(self, path: Path, runs: Path) -> None:
        self._path, self._runs = path, runs
        self._lock = threading.Lock()
        self._tails: dict[str, Tail] = {}
        self._hider = Hider()

    def find(self, query: str, limit: int = 60) -> list[dict[str, Any]]:
        """The best ``limit`` texts that hold every word of ``query`` (the last may be a
        beginning), best first: run, seq, kind, snippet. Reads what is new in the runs first.
        """
        words = re.findall(r"\w+", query)
        if not words:
            return []
        match = " ".join(f'"{word}"' for word in words) + "*"
        with self._lock:
            try:
                return self._find(match, limit)
            except sqlite3.OperationalError:
                raise  # locked, or not writable: a new file would not help
            except sqlite3.DatabaseError:
                for leftover in self._path.parent.glob(f"{self._path.name}*"):
                    leftover.unlink()
                self._tails.clear()
                return self._find(match, limit)

    def _find(self, match: str, limit: int) -> list[dict[str, Any]]:
        db = sqlite3.connect(self._path, timeout=30)
        try:
            db.executescript(_SCHEMA)
            for folder in sorted(self._runs.glob("*/")):
                with db:
                    self._read(db, folder)
            found = db.execute(
                "SELECT run, seq, kind, snippet(texts, 0, ?, ?, '…', 24) FROM texts "
                "WHERE texts MATCH ? ORDER BY rank LIMIT ?",
                (OPEN, CLOSE, match, limit),
            ).fetchall()
        finally:
            db.close()
        names = ("run", "seq", "kind", "snippet")
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return [row for row in rows if (self._runs / row["run"]).is_dir()]

    def _read(self, db: sqlite3.Connection, folder: Path) -> None:
        """Enter what was added to one run's log since it was last read."""
        run = folder.name
        row = db.execute("SELECT events FROM read WHERE run = ?", (run,)).fetchone()
        known = row[0] if row else 0
        tail = self._tails.get(run)
        if tail is None or tail.count != known:  # the index was lost, or another server fed it
            tail = self._tails[run] = Tail(folder / "events.jsonl")
        try:
            events = [event for event in tail.new() if event.seq >= known]
        except OSError:
            return
        store = Artifacts(folder / "artifacts")
        for event in events:
            told = [self._hider.hide_in(text)[:_LONGEST] for text in _told(event, store)]
            rows = [(text, run, event.seq, event.kind) for text in told]
            db.executemany("INSERT INTO texts VALUES (?, ?, ?, ?)", rows)
        if events:
            db.execute("INSERT OR REPLACE INTO read VALUES (?, ?)", (run, events[-1].seq + 1))


def _told(event: Event, store: Artifacts) -> Iterator[str]:
    """What is worth finding about an event: the words of models and of people."""
    try:
        if event.kind in _TOLD:
            yield describe(event).text
        elif event.kind in ("call.started", "call.finished") and event.data["type"] == "model":
            yield "\n".join(text for label, text in texts(event, store) if label != "options")
    except (KeyError, TypeError, AttributeError, ValueError, OSError, json.JSONDecodeError):
        return
