"""Starts, stops and resumes runs as processes of their own.

The page never works on a run itself: a run that crashes harms nothing, and one goes on when the
page is closed. Which run a process works on stands in the run's own log (``run.started``).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.budget import parse_budget
from memory.events import read_events
from memory.home import home
from memory.runs import RunStore
from qimeng.goals import BadInput, make_goal

_TOLD = 2000
_OPTIONS = ("workflow", "model", "budget", "candidates", "seed")


class Refused(ValueError):
    """It cannot be done to this run now; says why."""


@dataclass
class Launch:
    """A process that was started from the page. ``run`` is empty until the run exists."""

    id: int
    goal: str
    process: subprocess.Popen[bytes]
    folder: Path
    run: str = ""
    message: str = ""
    over: bool = False

    def look(self) -> dict[str, Any]:
        """``state`` is starting, working or over; ``message`` says why no run came of it."""
        self.run = self.run or _run_of(self.process.pid)
        state = "over" if self.over else "working" if self.run else "starting"
        told = {"id": self.id, "goal": self.goal, "run": self.run, "state": state}
        return told | {"message": self.message}

    def see_off(self) -> None:
        """Wait for the process to end, note why it made no run, and remove what it was given."""
        code = self.process.wait()
        self.run = self.run or _run_of(self.process.pid)
        self.message = "" if self.run else self._complaint(code)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.over = True

    def _complaint(self, code: int) -> str:
        text = (self.folder / "stderr").read_text(errors="replace").strip()
        return text[-_TOLD:] or f"the process ended with status {code}"


class Launcher:
    """The processes that this page started."""

    def __init__(self) -> None:
        self._launches: dict[int, Launch] = {}
        self._lock = threading.Lock()

    def start(self, asked: Mapping[str, Any]) -> Launch:
        """Start a run as the page asked. Raises BadInput before any process exists.

        ``asked`` has ``goal`` and, as wished, ``workflow``, ``model``, ``budget``,
        ``candidates``, ``seed``, ``golden`` (text) and ``files`` (name to text).
        """
        folder = _scratch()
        try:
            goal, arguments = _arguments(asked, folder)
            return self._begin(["run", *arguments, "--", goal], goal, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def resume(self, run_id: str, budget: str) -> Launch:
        """Go on with a run, with other caps when ``budget`` names some. BadInput, NoSuchRun."""
        folder = RunStore().folder(run_id)
        try:
            parse_budget(budget)
        except ValueError as error:
            raise BadInput(str(error)) from error
        caps = [f"--budget={budget}"] if budget else []
        words = ["resume", *caps, "--", folder.name]
        return self._begin(words, f"go on: {run_id}", _scratch(), folder.name)

    def _begin(self, arguments: Sequence[str], goal: str, folder: Path, run: str = "") -> Launch:
        with (folder / "stderr").open("wb") as complaints:
            process = subprocess.Popen(
                [sys.executable, "-m", "qimeng", arguments[0], "--json", *arguments[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
            )
        launch = Launch(process.pid, goal, process, folder, run)
        threading.Thread(target=launch.see_off, daemon=True).start()
        with self._lock:
            self._launches[launch.id] = launch
        return launch

    def listed(self) -> list[dict[str, Any]]:
        """What was started, newest first; launches whose run exists and is over are left out."""
        with self._lock:
            launches = list(self._launches.values())
        told = [launch.look() for launch in launches]
        return [t for t in reversed(told) if not (t["run"] and t["state"] == "over")]


def _scratch() -> Path:
    """A folder for what a process is given and complains of; it outlives the page."""
    return Path(tempfile.mkdtemp(prefix="qimeng-goal-"))


def _arguments(asked: Mapping[str, Any], folder: Path) -> tuple[str, list[str]]:
    """The goal and the command line's options, checked as the command line would."""
    goal = asked.get("goal")
    given = {name: asked[name] for name in _OPTIONS if asked.get(name) not in (None, "")}
    texts, golden = asked.get("files") or {}, asked.get("golden") or ""
    if not isinstance(goal, str) or not isinstance(texts, dict) or not isinstance(golden, str):
        raise BadInput("goal and golden are text, files an object of names and texts")
    files = [_written(folder / "files", name, text) for name, text in texts.items()]
    arguments = [f"--file={path}" for path in files]
    if golden:
        path = _written(folder, "golden.v", golden)
        arguments.append(f"--golden={path}")
    try:
        numbers = {n: int(given[n]) for n in ("candidates", "seed") if n in given}
        words = {n: str(given[n]) for n in ("workflow", "model") if n in given}
        parse_budget(str(given.get("budget", "")))
    except (ValueError, TypeError) as error:
        raise BadInput(str(error)) from error
    make_goal(goal, files=tuple(files), **numbers, **words)  # type: ignore[arg-type]
    return goal, [*arguments, *(f"--{name}={value}" for name, value in given.items())]


def _written(folder: Path, name: object, text: object) -> Path:
    if not isinstance(name, str) or not isinstance(text, str):
        raise BadInput("a file has a name and a text")
    if name != Path(name).name or name.startswith(".") or not name.isprintable():
        raise BadInput(f"{name!r} cannot be the name of a file here")
    folder.mkdir(exist_ok=True)
    path = folder / name
    try:
        path.write_text(text)
    except (OSError, ValueError) as error:
        raise BadInput(f"{name!r} cannot be the name or text of a file here") from error
    return path


def _run_of(pid: int) -> str:
    """The run that process ``pid`` works on, or worked on; empty when there is none yet."""
    recent = sorted((home() / "runs").glob("*/events.jsonl"), reverse=True)[:100]
    return next((log.parent.name for log in recent if _first_worker(log) == pid), "")


def _first_worker(log: Path) -> int:
    """The process that began a run; 0 when the log does not say yet."""
    try:
        with log.open("rb") as file:
            file.readline()
            started = json.loads(file.readline())
        return int(started["data"]["pid"]) if started["kind"] == "run.started" else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def stop(run_id: str) -> None:
    """Ask the process that works on a run to pause it, as Ctrl-C does. Raises Refused."""
    folder = RunStore().folder(run_id)
    started = [e for e in read_events(folder / "events.jsonl") if e.kind == "run.started"]
    pid = started[-1].data["pid"] if started else 0
    if not _holds(pid, folder / "lock"):
        raise Refused("no process of this machine's user works on it")
    os.kill(pid, signal.SIGINT)


def _holds(pid: int, lock: Path) -> bool:
    """True when process ``pid`` has the run's lock file open: it is the one, not a later one."""
    try:
        opened = list(Path(f"/proc/{pid}/fd").iterdir())
        return any(file.exists() and file.samefile(lock) for file in opened)
    except OSError:
        return False
