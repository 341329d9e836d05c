"""``kill -9`` at random moments, many times, over runs, chats and the server: is anything lost or
paid twice?

    python -m evals.crash --times 100 --seed 1 --out RESULTS.jsonl

Each round starts a process with the scripted model, kills it after a random time, and starts it
again until it ends by itself. Of ``qimeng serve`` the whole tree is killed, as a power cut would:
the server, the run that its page started and the chat turn that works beside it; then a new server
is asked for what is still open. Half of those times only the server is killed, and what it started
goes on. Then the logs are checked: every finished call was made, and paid, once, the turns said
are all there and answered, every run is done, and the index rebuilt from the files equals the
index.
"""

from __future__ import annotations

import collections
import contextlib
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
KINDS = ("run", "chat", "serve")
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
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("QIMENG_", "OPENAI_"))}
        words = {"run": self._run, "chat": self._chat, "serve": self._serve}[self.kind]()
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            env=kept | {"QIMENG_HOME": str(self.home), "QIMENG_MODEL": self.model},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if process.stdin:
            process.stdin.write("".join(f"{line}\n" for line in self._left()).encode())
            process.stdin.close()
        return process

    def kill(self, process: subprocess.Popen[bytes], chance: random.Random) -> None:
        """``kill -9``: of the process; of a server too, and half the time of all it started."""
        process.kill()
        process.wait()
        if self.kind == "serve":
            from evals.crash_serve import workers

            whole = chance.random() < 0.5
            for pid, words in workers(str(self.home)).items():
                if whole or " serve " in words:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def log(self) -> Path | None:
        """The event log of the run or the session, once there is one."""
        folder = self.home / ("runs" if self.kind == "run" else "sessions")
        return min(folder.glob("*/events.jsonl"), default=None) if folder.is_dir() else None

    def _known(self) -> str | None:
        log = self.log()
        return log.parent.name if log and log.stat().st_size else None

    def _run(self) -> list[str]:
        known = self._known()
        return ["qimeng", *(["resume", known] if known else ["run", GOAL, "--model", self.model])]

    def _chat(self) -> list[str]:
        known = self._known()
        return ["qimeng", "chat", *(["--session", known] if known else ["--model", self.model])]

    def _serve(self) -> list[str]:
        return ["evals.crash_serve"]

    def _left(self) -> list[str]:
        """The turns not said yet: the ones in the log are never said again."""
        if self.kind != "chat":
            return []
        log = self.log()
        said = len(conversation(read_events(log)).turns) if log else 0
        return list(TURNS[said:])


def faults(subject: Subject) -> list[str]:
    """What is wrong in the files of a subject that has ended."""
    found: list[str] = []
    for path in subject.home.glob("*/*/events.jsonl"):
        finished = [e.data for e in read_events(path) if e.kind == "call.finished"]
        twice = [k for k, n in collections.Counter(c["key"] for c in finished).items() if n > 1]
        found += [f"{path}: {len(twice)} finished calls made again"] if twice else []
        states = [e.kind for e in read_events(path) if e.kind.startswith("run.")]
        if states and states[-1] != "run.finished":
            found.append(f"{path}: ended with {states[-1]}")
    if subject.kind != "run":
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
            subject.kill(process, chance)
            kills += 1
    return {"kind": subject.kind, "kills": kills, "exit": code, "faults": faults(subject)}


@click.command()
@click.option("--times", default=100, show_default=True, help="Kills, at least.")
@click.option("--seed", default=0, show_default=True)
@click.option("--longest", default=12.0, show_default=True, help="Seconds before a kill, at most.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), default=KINDS)
@click.option("--out", type=Path, help="Also write the lines to this file.")
def main(times: int, seed: int, longest: float, kinds: tuple[str, ...], out: Path | None) -> None:
    """Kill and resume; print one JSON line a round and a summary."""
    chance, began, bad = random.Random(seed), time.monotonic(), 0
    kills: collections.Counter[str] = collections.Counter()
    lines = []
    while kills.total() < times:
        with tempfile.TemporaryDirectory() as folder:
            home, kind = Path(folder), chance.choice(kinds)
            told = one_round(Subject(kind, home, write_script(home)), longest, chance)
        kills[kind] += told["kills"]
        bad += bool(told["faults"]) or told["exit"] != 0
        lines.append(json.dumps(told))
        click.echo(lines[-1])
    seconds = round(time.monotonic() - began)
    lines.append(json.dumps({"kills": kills, "rounds": len(lines), "bad": bad, "seconds": seconds}))
    click.echo(lines[-1])
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("\n".join(lines) + "\n")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
