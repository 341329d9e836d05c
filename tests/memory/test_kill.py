"""``kill -9`` at every event boundary, and inside every call: a run goes on from there, nothing
that was finished is done again, and what was spent is neither lost nor doubled.
"""

import multiprocessing
import os
import signal

import pytest

from memory import runs
from memory.events import read_events
from memory.records import Budget, Goal
from memory.runs import NoSuchRun, Run, RunStore

# Python 3.12 and later warn of forking when some other test left a thread behind.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

WHOLE = [
    "run.created", "run.started", "call.started", "call.finished", "candidate.made",
    "call.started", "call.finished", "call.started", "call.finished", "note", "run.finished",
]  # fmt: skip
REPEATED = ("run.started", "call.started")


def perish():
    os.kill(os.getpid(), signal.SIGKILL)


def work(die=""):
    """Two model calls and a tool, on the only run there is or on a new one.

    The process is killed after event number ``die``, or inside the call whose key ``die`` is.
    Each call that is really made leaves a line in the file ``paid``.
    """
    store = RunStore()

    def call(run, type_, key):
        def do():
            with (store.root.parent / "paid").open("a") as file:
                file.write(key + "\n")
            if die == key:
                perish()
            return f"answer {key}"

        fields = {"tokens_in": 10, "tokens_out": 5, "usd": 0.5, "cached": False}
        return run.once(
            type_, "name", key, b"?", do, lambda r: (r.encode(), fields), bytes.decode, "agent"
        )

    def say(run, kind, **data):
        if not run.has(kind, **data):
            run.emit(kind, "agent", **data)

    known = list(store.root.iterdir())
    goal = Goal(text="x", budget=Budget(tokens=100))
    run = store.open(known[0].name) if known else store.create(goal, {}, {})
    run.emit("run.started", "runner", pid=os.getpid(), sandbox="s", model="m")
    first = call(run, "model", "one")
    say(run, "candidate.made", candidate={"id": first}, step="1")
    second = call(run, "tool", "two")
    third = call(run, "model", "three")
    say(run, "note", text=third)
    result = {"status": "done", "workflow": "rtl", "evidence": "none", "detail": second}
    run.emit("run.finished", "runner", result=result)
    run.close()


def doomed(die):
    """``work`` in which every event is followed by a look at whether to die."""

    class Dying(Run):
        def emit(self, kind, actor, **data):
            event = super().emit(kind, actor, **data)
            if die == str(event.seq):
                perish()
            return event

    runs.Run = Dying
    work(die)


def story(home):
    (log,) = home.glob("runs/*/events.jsonl")
    return list(read_events(log))


def paid(home):
    return (home / "paid").read_text().split() if (home / "paid").exists() else []


def test_the_work_itself(own_home):
    work()
    assert [e.kind for e in story(own_home)] == WHOLE
    assert paid(own_home) == ["one", "two", "three"]


@pytest.mark.parametrize("die", [*map(str, range(len(WHOLE) - 1)), "one", "two", "three"])
def test_killed_there_it_ends_the_same(own_home, die):
    child = multiprocessing.get_context("fork").Process(target=doomed, args=(die,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    finished = {e.data["key"] for e in story(own_home) if e.kind == "call.finished"}
    before = paid(own_home)
    work()

    events = story(own_home)
    assert [e.kind for e in events if e.kind not in REPEATED] == [
        kind for kind in WHOLE if kind not in REPEATED
    ]
    assert sorted(paid(own_home)[len(before) :]) == sorted({"one", "two", "three"} - finished)
    assert events[-1].data["result"]["detail"] == "answer two"
    store = RunStore()
    with store.open(next(store.root.iterdir()).name) as run:
        assert (run.spend.tokens_in, run.spend.tokens_out, run.spend.usd) == (20, 10, 1.0)
        assert run.spend.candidates == 1
        assert run.budget == Budget(tokens=100)


def test_killed_within_its_first_event_it_is_no_run(store):
    run = store.create(Goal(text="x"), {}, {})
    run.close()
    (run.folder / "events.jsonl").write_bytes(b'{"v":1,"seq":0,"at"')
    with pytest.raises(NoSuchRun):
        store.open(run.id)
