"""Write-ahead logging for a SQLite file that several processes may make at the same time."""

from __future__ import annotations

import sqlite3
import time

BUSY_SECONDS = 30.0


def write_ahead(db: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, so that readers run beside a writer.

    A connection's own time-out does not cover the switch: two that make it at once give "database
    is locked" at once (SQLite calls no busy handler where it sees a deadlock). So it is tried
    again, for BUSY_SECONDS. Raises sqlite3.OperationalError after that.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.02)
