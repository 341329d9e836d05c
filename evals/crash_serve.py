"""A person at the page, for ``evals.crash``: starts ``qimeng serve``, has it work on a run and on a
chat at once, and ends when both are done. Begun again after a crash it goes on with what is there.

    python -m evals.crash_serve        (QIMENG_HOME and QIMENG_MODEL name home and model)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

from evals.crash import GOAL, TURNS

PAGE_GOAL = GOAL.replace("A wrapping counter", "The wrapping counter of the page")
KEY = "the-key-of-the-crash-rounds"
WAIT = 0.3


def workers(home: str) -> dict[int, str]:
    """The processes that work in this home, by id, with their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"QIMENG_HOME={home}\0".encode() in (folder / "environ").read_bytes():
                words = (folder / "cmdline").read_bytes().decode(errors="replace")
                found[int(folder.name)] = words.replace("\0", " ")
        except OSError:
            continue
    return found


class Person:
    """What somebody does at the page until nothing is left to do."""

    def __init__(self, page: httpx2.Client, mine: set[int]) -> None:
        self.page = page
        self.mine = mine

    def see_to_it(self) -> None:
        """Look at what an earlier server left; finish that, the run and the chat."""
        while workers(os.environ["QIMENG_HOME"]).keys() - self.mine:
            self.ask("/api/runs")  # the new page shows what still goes on
            self.ask("/api/sessions")
            time.sleep(WAIT)
        self.begin_run()
        while not self.chat_is_done():
            time.sleep(WAIT)
        while not self.runs_are_done():
            time.sleep(WAIT)

    def ask(self, address: str) -> Any:
        """What the page shows there."""
        return self.page.get(address).raise_for_status().json()

    def begin_run(self) -> None:
        """Start the page's run, or go on with it."""
        mine = [row for row in self.ask("/api/runs")["runs"] if row["goal"] == PAGE_GOAL]
        if not mine:
            self.page.post("/api/runs", json={"goal": PAGE_GOAL}).raise_for_status()
        for row in mine:
            if row["status"] in ("paused", "interrupted"):
                self.page.post(f"/api/runs/{row['id']}/resume", json={}).raise_for_status()

    def runs_are_done(self) -> bool:
        """Whether every run has ended and none is being started."""
        told = self.ask("/api/runs")
        return not told["launches"] and all(row["status"] == "done" for row in told["runs"])

    def chat_is_done(self) -> bool:
        """Say the next thing, or finish the turn that was cut off; True when all is answered."""
        known = [session["id"] for session in self.ask("/api/sessions")["sessions"]]
        if not known:
            self.say(None, TURNS[0])
            return False
        state = self.ask(f"/api/sessions/{known[-1]}")
        turns = state["turns"]
        if turns and turns[-1]["reply"] is None:
            self.say(known[-1], "")
        elif len(turns) < len(TURNS):
            self.say(known[-1], TURNS[len(turns)])
        else:
            return True
        return False

    def say(self, session: str | None, text: str) -> None:
        """One message, until it is answered."""
        with self.page.stream("POST", "/api/chat", json={"session": session, "text": text}) as told:
            for line in told.iter_lines():
                if line.startswith("data: ") and "reply" in json.loads(line[6:]):
                    return


def main() -> None:
    """Serve, be the person, stop serving."""
    server = subprocess.Popen(
        [sys.executable, "-m", "qimeng", "serve", "--port", "0", "--token", KEY],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    url = server.stdout.readline().split()[-1].partition("/?")[0]
    headers = {"authorization": f"Bearer {KEY}"}
    try:
        with httpx2.Client(base_url=url, headers=headers, timeout=300) as page:
            Person(page, {server.pid, os.getpid()}).see_to_it()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
