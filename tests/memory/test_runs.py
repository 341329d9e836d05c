"""The run store: one writer, ids that cannot escape, and calls that are made once."""

import threading

import pytest

from memory.lock import RunBusy, is_running, lock
from memory.records import Goal
from memory.runs import NoSuchRun, RunStore


def test_two_writers_are_refused(make_run, store):
    run = make_run()
    with pytest.raises(RunBusy, match=run.id):
        store.open(run.id)
    run.close()
    store.open(run.id).close()


def test_who_looks_whether_a_run_works_does_not_disturb(make_run, store):
    run = make_run()
    assert is_running(run.folder) and is_running(run.folder)
    run.close()
    assert not is_running(run.folder)
    store.open(run.id).close()
    assert not is_running(run.folder)
    assert not is_running(run.folder / "nowhere")


def test_a_run_that_cannot_be_read_is_not_kept_locked(make_run, store):
    run = make_run()
    run.close()
    (run.folder / "events.jsonl").write_bytes(b"garbage\n")
    with pytest.raises(ValueError, match="line 1"):
        store.open(run.id)
    lock(run.folder).close()


def test_the_unique_beginning_of_an_id_is_enough(store):
    for name in ("261123-aa-1", "261123-aa-12", "261124-bb"):
        (store.root / name).mkdir()
        (store.root / name / "events.jsonl").touch()
    assert store.folder("261124").name == "261124-bb"
    assert store.folder("261123-aa-1").name == "261123-aa-1", "an exact name beats a beginning"
    with pytest.raises(NoSuchRun):
        store.folder("261123")


@pytest.mark.parametrize(
    "hostile",
    ["", ".", "..", "../x", "../runs/real", "/etc", "re*", "[r]eal", "r?al", "real/", "\0"],
)
def test_hostile_ids_name_no_run(store, hostile):
    (store.root / "real").mkdir()
    (store.root / "real" / "events.jsonl").touch()
    assert store.folder("real")
    with pytest.raises(NoSuchRun, match="qimeng runs"):
        store.folder(hostile)


def test_a_folder_without_events_is_no_run(store):
    (store.root / "empty").mkdir()
    with pytest.raises(NoSuchRun):
        store.open("empty")
    (store.root / "empty" / "events.jsonl").touch()
    with pytest.raises(NoSuchRun):
        store.open("empty")
    assert not is_running(store.root / "empty")


def test_files_of_a_goal_are_artifacts_from_the_start(store):
    data = b"module golden; endmodule"
    run = store.create(Goal(text="x"), {"ignored": data}, {})
    assert run.artifacts.get(run.artifacts.put(data)) == data
    run.close()


def test_a_call_is_made_once_across_threads(make_run):
    run, made, answers = make_run(), [], []
    gate = threading.Barrier(8)

    def do():
        made.append(threading.get_ident())
        return "answer"

    def ask():
        gate.wait()
        answers.append(
            run.once("tool", "t", "key", b"", do, lambda r: (r.encode(), {}), bytes.decode, "agent")
        )

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert answers == ["answer"] * 8


def test_a_failed_call_is_told_paid_and_made_again(make_run):
    run, tries = make_run(), []

    def do():
        tries.append(1)
        if len(tries) == 1:
            raise OSError("cut")
        return "answer"

    def ask():
        return run.once(
            "model",
            "m",
            "key",
            b"",
            do,
            lambda r: (r.encode(), {"tokens_in": 1, "tokens_out": 1, "usd": 0.0, "cached": False}),
            bytes.decode,
            "agent",
            lost=lambda error: {"tokens_in": 5, "tokens_out": 0, "usd": 0.5},
        )

    with pytest.raises(OSError, match="cut"):
        ask()
    assert run.has("call.failed", error="OSError: cut")
    assert ask() == ask() == "answer"
    assert len(tries) == 2
    assert (run.spend.tokens_in, run.spend.tokens_out, run.spend.usd) == (6, 1, 0.5)


def test_listeners_hear_every_event_in_order(make_run):
    run, heard = make_run(), []
    run.listeners.append(heard.append)
    first, second = run.emit("note", "a", text="1"), run.emit("note", "a", text="2")
    assert heard == [first, second]


def test_another_home_is_another_store(tmp_path):
    one, other = RunStore(tmp_path / "one"), RunStore(tmp_path / "other")
    run = one.create(Goal(text="x"), {}, {})
    run.close()
    with pytest.raises(NoSuchRun):
        other.folder(run.id)
