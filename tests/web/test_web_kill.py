"""The server and all it started are killed in the middle of a turn: the next server goes on."""

import collections
import contextlib
import json
import os
import signal
import subprocess
import time

import httpx2
import pytest
from asgi import TOKEN
from product import GOAL, command, script

from evals.crash import Subject, faults
from evals.crash_serve import workers
from memory.events import read_events


@contextlib.contextmanager
def serving():
    """A server, and a client with its key; it is killed at the end, whatever it does."""
    server = subprocess.Popen(
        command("serve", "--port", "0", "--token", TOKEN),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert server.stdout
    url = server.stdout.readline().split()[-1].partition("/?")[0]
    with httpx2.Client(
        base_url=url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=240
    ) as page:
        yield page
    server.kill()
    server.wait()
    server.stdout.close()


def kept(home, kind):
    """The events of that kind in the only run's log."""
    logs = list(home.glob("runs/*/events.jsonl"))
    return [e for log in logs for e in read_events(log) if e.kind == kind]


def said(answer):
    lines = [line[6:] for line in answer.iter_lines() if line.startswith("data: ")]
    return json.loads(lines[-1])


def test_a_killed_server_loses_no_turn_and_pays_nothing_twice(home, tmp_path, monkeypatch):
    monkeypatch.setenv("QIMENG_MODEL", script(tmp_path / "answers.jsonl"))
    with serving() as page, pytest.raises(httpx2.HTTPError), page.stream(
        "POST", "/api/chat", json={"session": None, "text": GOAL}
    ) as answer:  # fmt: skip
        for _ in range(2400):
            if len(kept(home, "call.finished")) > 2:
                break
            time.sleep(0.1)
        for pid in workers(str(home)).keys() - {os.getpid()}:
            os.kill(pid, signal.SIGKILL)
        said(answer)
    assert not kept(home, "run.finished")
    with serving() as page:
        (listed,) = page.get("/api/sessions").json()["sessions"]
        state = page.get(f"/api/sessions/{listed['id']}").json()
        assert state["turns"][0]["text"] == GOAL and state["turns"][0]["reply"] is None
        assert not state["working"]
        asked = {"session": listed["id"], "text": ""}
        with page.stream("POST", "/api/chat", json=asked) as answer:
            assert "agreed" in said(answer)["reply"]
        assert len(page.get(f"/api/sessions/{listed['id']}").json()["turns"]) == 1
        again = page.post("/api/chat", json=asked).text
        assert "say something" in again, "there is nothing left to go on with"
    calls = collections.Counter(e.data["key"] for e in kept(home, "call.finished"))
    assert set(calls.values()) == {1} and len(kept(home, "run.finished")) == 1
    assert faults(Subject("run", home, "")) == []
