"""``kill -9`` at random moments, many times, over runs and chats: is anything lost or paid twice?

    python -m evals.crash --times 100 --seed 1

Each round starts a process with the scripted model, kills it after a random time, and starts it
again until it ends by itself. Then its log is checked: every finished call was made once, the
turns said are all there and answered, the result is that of an undisturbed run, and the index
rebuilt from the files equals the index.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from memory.events import read_events
from memory.index import Index, rebuild
from memory.sessions import conversation

GOAL = (
    "A wrapping counter, module wrap. Inputs clk, rst (synchronous, active high), en; outputs "
    "n [3:0], last. At each rising clock edge with en high n goes up by one; after 11 comes 0. "
    "last is 1 while n is 11."
)
TURNS = (GOAL, "why was any rejected?", "make the reset active low", "show me the code")
DESIGN = """module wrap (input clk, input rst, input en, output [3:0] n, output last);
    reg [3:0] n_q;
    always @(posedge clk)
        if (rst) n_q <= 4'd0;
        else if (en) n_q <= (n_q == 4'd11) ? 4'd0 : n_q + 4'd1;
    assign n = n_q;
    assign last = n_q == 4'd11;
endmodule
"""
MODEL = """class Model:
    def reset(self):
        self.n = 0

    def outputs(self, i):
        return {"n": self.n, "last": 1 if self.n == 11 else 0}

    def tick(self, i):
        if i.en:
            self.n = 0 if self.n == 11 else self.n + 1
"""


def write_script(folder: Path) -> str:
    """Write the scripted model's answers; the name to give as ``--model``."""
    answers = {
        "Write the Verilog module": f"```verilog\n{DESIGN}```",
        "Write a cycle-accurate Python model": f"```python\n{MODEL}```",
    }
    usage = {"tokens_in": 100, "tokens_out": 50}
    rules = [
        {"when": when, "reply": {"text": text, "model": "scripted", "usage": usage}}
        for when, text in answers.items()
    ]
    path = folder / "script.jsonl"
    path.write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    return f"scripted:{path}"


class Subject:
    """A process under test in a home of its own: how it begins, and how it goes on."""

    def __init__(self, kind: str, home: Path, model: str) -> None:
        self.kind, self.home, self.model = kind, home, model

    def start(self) -> subprocess.Popen[bytes]:
        """Begin, or go on with what is there."""
        environment = os.environ | {"QIMENG_HOME": str(self.home)}
        arguments = self._run() if self.kind == "run" else self._chat()
        process = subprocess.Popen(
            [sys.executable, "-m", "qimeng", *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if process.stdin:
            process.stdin.write("".join(f"{line}\n" for line in self._left()).encode())
            process.stdin.close()
        return process

    def log(self) -> Path | None:
        """The event log, once there is one."""
        folder = self.home / ("runs" if self.kind == "run" else "sessions")
        return next(folder.glob("*/events.jsonl"), None) if folder.is_dir() else None

    def _known(self) -> str | None:
        log = self.log()
        return log.parent.name if log and log.stat().st_size else None

    def _run(self) -> list[str]:
        known = self._known()
        return ["resume", known] if known else ["run", GOAL, "--model", self.model]

    def _chat(self) -> list[str]:
        known = self._known()
        return ["chat", "--session", known] if known else ["chat", "--model", self.model]

    def _left(self) -> list[str]:
        """The turns not said yet: the ones in the log are never said again."""
        if self.kind == "run":
            return []
        log = self.log()
        said = len(conversation(read_events(log)).turns) if log else 0
        return list(TURNS[said:])


def faults(subject: Subject) -> list[str]:
    """What is wrong in the files of a subject that has ended."""
    found: list[str] = []
    for path in subject.home.glob("*/*/events.jsonl"):
        keys = [e.data["key"] for e in read_events(path) if e.kind == "call.finished"]
        twice = [k for k, n in collections.Counter(keys).items() if n > 1]
        found += [f"{path}: {len(twice)} finished calls made again"] if twice else []
    if subject.kind == "chat":
        log = subject.log()
        turns = conversation(read_events(log)).turns if log else ()
        if [t.text for t in turns] != list(TURNS) or not all(t.reply for t in turns):
            found.append(f"turns lost or open: {[(t.text[:20], bool(t.reply)) for t in turns]}")
    index = Index(subject.home / "index.db")
    before = list(index.rows())
    index.close()
    rebuild(subject.home)
    index = Index(subject.home / "index.db")
    found += [] if before == list(index.rows()) else ["the index differs from the files"]
    index.close()
    return found


def one_round(subject: Subject, longest: float, chance: random.Random) -> dict[str, Any]:
    """Kill, begin again, until it ends by itself."""
    kills = 0
    while True:
        process = subject.start()
        try:
            # The last try is left alone, so that every round ends.
            code = process.wait(chance.uniform(0.3, longest) if kills < 3 else 600)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    return {"kind": subject.kind, "kills": kills, "exit": code, "faults": faults(subject)}


@click.command()
@click.option("--times", default=100, show_default=True, help="Kills, at least.")
@click.option("--seed", default=0, show_default=True)
@click.option("--longest", default=12.0, show_default=True, help="Seconds before a kill, at most.")
def main(times: int, seed: int, longest: float) -> None:
    """Kill and resume; print one JSON line a round and a summary."""
    chance, kills, bad, began = random.Random(seed), 0, 0, time.monotonic()
    while kills < times:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            kind = chance.choice(("run", "chat"))
            told = one_round(Subject(kind, home, write_script(home)), longest, chance)
        kills += told["kills"]
        bad += bool(told["faults"]) or told["exit"] != 0
        click.echo(json.dumps(told))
    click.echo(f"{kills} kills, {bad} bad rounds, {time.monotonic() - began:.0f} s")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
