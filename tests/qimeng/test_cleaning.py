"""``runs gc`` and the disk quota: what goes, and what never does."""

import json

import pytest
from click.testing import CliRunner

from memory import storage
from memory.index import rebuild
from memory.runs import RunStore
from qimeng.cli import cli
from qimeng.goals import make_goal
from qimeng.runner import NotReady, start


def gc(*arguments):
    outcome = CliRunner().invoke(cli, ("runs", "gc", *arguments, "--json"), catch_exceptions=False)
    return json.loads(outcome.stdout)


def test_the_oldest_finished_runs_go_until_the_rest_fits(tell, own_home):
    ids = [tell().whole() for _ in range(3)]
    sizes = {kept.id: kept.size for kept in storage.stored()}
    assert set(sizes) == set(ids)
    room = sizes[ids[1]] + sizes[ids[2]]
    assert gc("--size", str(room), "--dry-run")["removed"] == ids[:1]
    assert len(list(RunStore().root.iterdir())) == 3
    assert gc("--size", str(room)) == {"removed": ids[:1], "bytes": sizes[ids[0]], "dry_run": False}
    listed = json.loads(CliRunner().invoke(cli, ("runs", "--json")).stdout)
    assert {row["id"] for row in listed} == set(ids[1:])
    assert rebuild(own_home) == 2


def test_by_age_and_never_what_is_at_work_or_can_go_on(tell):
    finished = tell().whole()
    open_run = tell()
    open_run.start()
    assert gc("--days", "0")["removed"] == [finished]
    open_run.run.close()
    assert gc("--days", "0")["removed"] == []
    assert gc("--days", "0", "--open")["removed"] == [open_run.run.id]


def test_no_run_starts_past_the_quota(tell, monkeypatch):
    tell().whole()
    monkeypatch.setenv("QIMENG_DISK_QUOTA", "1K")
    monkeypatch.setattr("qimeng.runner._ready", lambda *_: None)
    goal, files = make_goal("a counter")
    with pytest.raises(NotReady, match="runs gc --size 1K"):
        start(goal, files)


@pytest.mark.parametrize("said", ["", "GB", "5 apples", "-1"])
def test_a_size_that_is_none_is_bad_input(said):
    with pytest.raises(ValueError, match="5GB"):
        storage.bytes_of(said)
    assert storage.bytes_of("1.5 GiB") == 1_500_000_000


def test_bad_size_on_the_command_line(tell):
    outcome = CliRunner().invoke(cli, ("runs", "gc", "--size", "lots"))
    assert outcome.exit_code == 2 and "5GB" in outcome.stderr
