"""A file that several make at once: nobody is told that it is locked."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from lpcm.cache import ReplyCache
from memory import write_ahead as module
from memory.write_ahead import write_ahead


def test_a_lock_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(0.2, other.rollback).start()
        with closing(sqlite3.connect(path, timeout=0)) as db:
            write_ahead(db)
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_lock_that_stays_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path)) as other, closing(sqlite3.connect(path, timeout=0)) as db:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write_ahead(db)


def test_many_may_make_the_reply_cache_at_once(tmp_path: Path) -> None:
    for turn in range(20):
        wait, failed = threading.Barrier(6), []

        def make(path: Path, wait: threading.Barrier = wait, failed: list = failed) -> None:
            wait.wait()
            try:
                ReplyCache(path)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=make, args=(tmp_path / f"{turn}.db",)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
