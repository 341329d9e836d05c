"""Replies already paid for, in one SQLite file that several processes share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lpcm.messages import ModelError, ModelReply
from memory.write_ahead import BUSY_SECONDS, write_ahead


class ReplyCache:
    """A table from key to reply. A connection lives for one call, so threads and forked
    processes need no care; write-ahead logging lets readers run beside a writer.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            write_ahead(db)
            db.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT)")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as db, db:
                yield db
        except sqlite3.Error as err:
            message = f"the reply cache {self.path} is unusable ({err}): delete it and go on"
            raise ModelError("unavailable", message) from err

    def get(self, key: str) -> ModelReply | None:
        """The reply stored under ``key``, as it was stored."""
        with self._open() as db:
            row = db.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return ModelReply.model_validate_json(row[0]) if row else None

    def put(self, key: str, reply: ModelReply) -> None:
        """Store a reply. The first one stays, so that every process sees the same answer."""
        with self._open() as db:
            db.execute(
                "INSERT OR IGNORE INTO replies VALUES (?, ?)", (key, reply.model_dump_json())
            )
