"""One run: its event log, artifacts, journal of calls, and budget.

The journal is what makes a run survive ``kill -9``: every call that costs something (a model
answer, a sandboxed tool) goes through ``Run.once``. A finished call is never made again; after
a crash the code simply runs again and its finished calls answer from the log.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from memory.artifacts import Artifacts
from memory.budget import WARN_AT, BudgetReached, add, spend_of, usage
from memory.events import Event, EventLog
from memory.home import home
from memory.index import Index
from memory.records import Budget, Goal, Result, Spend

T = TypeVar("T")


class RunBusy(RuntimeError):
    """Another process works on this run."""


class NoSuchRun(KeyError):
    """There is no run of that id."""

    def __str__(self) -> str:
        return f"no run {self.args[0]!r}; `qimeng runs` lists them"


class StopRequested(Exception):
    """A person asked this run to stop (Ctrl-C, or from another front end): it pauses."""


class Run:
    """A run opened by its one writer. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.id = folder.name
        self.folder = folder
        self._lock_file = _lock(folder)
        self.artifacts = Artifacts(folder / "artifacts")
        self.log = EventLog(folder / "events.jsonl")
        self.listeners: list[Callable[[Event], None]] = []
        self.stopping = threading.Event()
        self._index = Index(folder.parent.parent / "index.db")
        self._guard = threading.RLock()
        self._in_flight: dict[str, threading.Lock] = {}
        self._finished: dict[str, Event] = {}
        self._warned: set[str] = set()
        self.budget = Budget()
        self.goal: Goal | None = None
        self.spend = spend_of(self.log.events)
        for event in self.log.events:
            self._apply(event)

    # -- events ---------------------------------------------------------------------------

    def emit(self, kind: str, actor: str, **data: Any) -> Event:
        """Append one event, fold it, and tell the listeners."""
        with self._guard:
            event = self.log.append(kind, actor, data)
            self.spend = add(self.spend, event)
            self._apply(event)
        for listener in self.listeners:
            listener(event)
        return event

    def _apply(self, event: Event) -> None:
        if event.kind == "call.finished":
            self._finished[event.data["key"]] = event
        elif event.kind == "budget.set":
            self.budget = Budget.model_validate(event.data["budget"])
            self._warned.clear()
        elif event.kind == "budget.warned":
            self._warned.add(event.data["cap"])
        elif event.kind == "run.created":
            self.goal = Goal.model_validate(event.data["goal"])
        if event.kind in ("run.created", "run.started", "run.paused", "run.finished"):
            self._index.record(self.id, event, self.spend)

    def has(self, kind: str, **fields: Any) -> bool:
        """True when such an event with these data fields is in the log already."""
        return any(
            event.kind == kind and all(event.data.get(k) == v for k, v in fields.items())
            for event in self.log.events
        )

    # -- budget ---------------------------------------------------------------------------

    def check_budget(self) -> None:
        """Warn once at 80 % of a cap; raise BudgetReached at a cap, StopRequested when asked."""
        if self.stopping.is_set():
            raise StopRequested
        spend = self.spend.model_copy(update={"seconds": self.log.elapsed})
        for cap, used, limit in usage(self.budget, spend):
            if used >= limit:
                raise BudgetReached(cap, round(used, 2), limit)
            with self._guard:
                if used >= WARN_AT * limit and cap not in self._warned:
                    self.emit("budget.warned", "budget", cap=cap, used=used, limit=limit)

    # -- journal --------------------------------------------------------------------------

    def once(
        self,
        type_: str,
        name: str,
        key: str,
        request: bytes,
        do: Callable[[], T],
        dump: Callable[[T], tuple[bytes, dict[str, Any]]],
        load: Callable[[bytes], T],
        actor: str,
    ) -> T:
        """The result of the call ``key``: from the log when it finished before, else by ``do()``.

        ``dump`` gives the bytes to keep and the fields of ``call.finished``. Two threads that ask
        for the same key make one call. Raises BudgetReached before a new call past a cap.
        """
        with self._guard:
            mine = self._in_flight.setdefault(key, threading.Lock())
        with mine:
            if done := self._finished.get(key):
                return load(self.artifacts.get(done.data["reply"]))
            self.check_budget()
            call = {"key": key, "type": type_, "name": name}
            self.emit("call.started", actor, **call, request=self.artifacts.put(request))
            began = time.monotonic()
            try:
                result = do()
            except Exception as error:
                self.emit("call.failed", actor, **call, error=f"{type(error).__name__}: {error}")
                raise
            data, fields = dump(result)
            seconds = round(time.monotonic() - began, 4)
            reply = self.artifacts.put(data)
            self.emit("call.finished", actor, **call, reply=reply, seconds=seconds, **fields)
            return result

    # -- life -----------------------------------------------------------------------------

    @property
    def result(self) -> Result | None:
        """The result, once the run has finished."""
        for event in reversed(self.log.events):
            if event.kind == "run.finished":
                return Result.model_validate(event.data["result"])
        return None

    def close(self) -> None:
        """Release the files and the lock."""
        self.log.close()
        self._index.close()
        self._lock_file.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock(folder: Path) -> IO[bytes]:
    file = (folder / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise RunBusy(f"run {folder.name} is being worked on by another process") from None
    return file


def is_running(folder: Path) -> bool:
    """True while a process holds the run open."""
    try:
        _lock(folder).close()
    except RunBusy:
        return True
    return False


class RunStore:
    """All runs under ``$QIMENG_HOME/runs``."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or home()) / "runs"
        self.root.mkdir(parents=True, exist_ok=True)

    def create(self, goal: Goal, files: dict[str, bytes], versions: dict[str, str]) -> Run:
        """A new run for ``goal``; ``files`` (digest to bytes) become its first artifacts."""
        folder = self.root / f"{time.strftime('%y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        folder.mkdir()
        run = Run(folder)
        for data in files.values():
            run.artifacts.put(data)
        run.emit("run.created", "user", goal=goal.model_dump(mode="json"), versions=versions)
        run.emit("budget.set", "user", budget=goal.budget.model_dump())
        return run

    def open(self, run_id: str) -> Run:
        """Open a run for writing. NoSuchRun, RunBusy, or EventLogError when it cannot be."""
        return Run(self.folder(run_id))

    def folder(self, run_id: str) -> Path:
        """The folder of a run; a unique beginning of its id is enough. NoSuchRun otherwise."""
        if os.sep in run_id or run_id.startswith("."):
            raise NoSuchRun(run_id)
        found = [f for f in self.root.glob(f"{_literal(run_id)}*") if (f / "events.jsonl").exists()]
        exact = [f for f in found if f.name == run_id]
        if len(exact or found) != 1:
            raise NoSuchRun(run_id)
        return (exact or found)[0]


def _literal(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def spend_now(run: Run) -> Spend:
    """The spend with working time up to this moment."""
    return run.spend.model_copy(update={"seconds": round(run.log.elapsed, 3)})
