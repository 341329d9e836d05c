"""The index holds nothing that the logs do not: made anew from them, it is the same."""

import sqlite3

import pytest

from memory.index import open_index, rebuild
from memory.records import Result
from memory.runs import RunStore


def rows(root):
    index = open_index(root)
    try:
        return list(index.rows())
    finally:
        index.close()


def finish(run):
    result = Result(status="done", workflow="rtl", evidence="agreed")
    run.emit("run.finished", "runner", result=result.model_dump(mode="json"))


def test_rebuilt_equals_live_in_every_state(make_run, ask, own_home):
    _, working, paused, finished = (make_run(name) for name in "abcd")
    for run in (working, paused, finished):
        run.emit("run.started", "runner", pid=1, sandbox="bwrap", model="m")
        ask(run, "q", tokens=7, usd=0.25)
        run.emit("note", "agent", text="not listed")
    paused.emit("run.paused", "runner", cause="budget", reason="x")
    finish(finished)
    live = rows(own_home)
    assert {r.goal: r.status for r in live} == {
        "a": "created",
        "b": "running",
        "c": "paused",
        "d": "done",
    }
    assert {r.tokens for r in live} == {0, 14}
    assert rebuild(own_home) == 4
    assert rows(own_home) == live


def test_reopening_a_run_leaves_its_row_as_it_was(make_run, ask, own_home, store):
    run = make_run()
    ask(run, "q")
    run.close()
    before = rows(own_home)
    store.open(run.id).close()
    assert rows(own_home) == before


@pytest.mark.parametrize("damage", ["lost", "garbage", "other version"])
def test_a_lost_or_damaged_index_mends_itself(make_run, own_home, damage):
    run = make_run("still here")
    run.close()
    path = own_home / "index.db"
    if damage == "other version":
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version=99")
        db.close()
    else:
        for file in own_home.glob("index.db*"):
            file.unlink()
        if damage == "garbage":
            path.write_bytes(b"not a database" * 100)
    assert [row.goal for row in rows(own_home)] == ["still here"]


def test_an_unreadable_log_is_listed_as_damaged(make_run, own_home):
    make_run("fine").close()
    broken = make_run("broken")
    broken.close()
    log = broken.folder / "events.jsonl"
    log.write_bytes(log.read_bytes() + b"garbage\n")
    assert rebuild(own_home) == 2
    assert {r.goal: r.status for r in rows(own_home)} == {"fine": "created", "broken": "damaged"}


def test_a_run_killed_before_its_first_event_is_not_listed(own_home):
    folder = RunStore().root / "261123-000000-dead"
    folder.mkdir()
    (folder / "events.jsonl").touch()
    rebuild(own_home)
    assert rows(own_home) == []
