"""One run: its event log, artifacts, journal of calls, and budget.

The journal is what makes a run survive ``kill -9``: every call that costs something (a model
answer, a sandboxed tool) goes through ``Run.once``. A finished call is never made again; after
a crash the code simply runs again and its finished calls answer from the log.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from memory.artifacts import Artifacts
from memory.budget import WARN_AT, BudgetReached, add, usage
from memory.events import Event, EventLog
from memory.home import home
from memory.index import Row, fold, open_index
from memory.lock import lock
from memory.records import Budget, Goal, Result, Spend

T = TypeVar("T")


class NoSuchRun(KeyError):
    """There is no run of that id, or several begin so."""

    def __str__(self) -> str:
        return f"no run is called {self.args[0]!r}, or several begin so; `qimeng runs` lists them"


class StopRequested(Exception):
    """A person asked this run to stop (Ctrl-C, or from another front end): it pauses."""


class Run:
    """A run opened by its one writer. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.id = folder.name
        self.folder = folder
        self._held = ExitStack()
        self._held.enter_context(lock(folder))
        self.artifacts = Artifacts(folder / "artifacts")
        self.listeners: list[Callable[[Event], None]] = []
        self.stopping = threading.Event()
        self._guard = threading.RLock()
        self._in_flight: dict[str, threading.Lock] = {}
        self._finished: dict[str, Event] = {}
        self._warned: set[str] = set()
        self._row: Row | None = None
        self.budget = Budget()
        self.goal: Goal | None = None
        self.spend = Spend()
        try:
            self._load()
        except BaseException:
            self._held.close()
            raise

    def _load(self) -> None:
        self.log = EventLog(self.folder / "events.jsonl")
        self._held.callback(self.log.close)
        self._index = open_index(self.folder.parent.parent)
        self._held.callback(self._index.close)
        for event in self.log.events:
            self._apply(event)
        if self._row:
            self._index.put(self._row)

    # -- events ---------------------------------------------------------------------------

    def emit(self, kind: str, actor: str, **data: Any) -> Event:
        """Append one event, fold it, and tell the listeners."""
        with self._guard:
            event = self.log.append(kind, actor, data)
            known = self._row
            self._apply(event)
            if self._row is not None and self._row is not known:
                self._index.put(self._row)
        for listener in self.listeners:
            listener(event)
        return event

    def _apply(self, event: Event) -> None:
        self.spend = add(self.spend, event)
        self._row = fold(self._row, self.id, event, self.spend)
        if event.kind == "call.finished":
            self._finished[event.data["key"]] = event
        elif event.kind == "budget.set":
            self.budget = Budget.model_validate(event.data["budget"])
            self._warned.clear()
        elif event.kind == "budget.warned":
            self._warned.add(event.data["cap"])
        elif event.kind == "run.created":
            self.goal = Goal.model_validate(event.data["goal"])
            self.budget = self.goal.budget

    def has(self, kind: str, **fields: Any) -> bool:
        """True when such an event with these data fields is in the log already."""
        return any(
            event.kind == kind and all(event.data.get(k) == v for k, v in fields.items())
            for event in self.log.events
        )

    # -- budget ---------------------------------------------------------------------------

    def check_budget(self, type_: str = "model") -> None:
        """Before a call of ``type_``: warn once at 80 % of a cap, raise BudgetReached at one.

        A cap stops only what would use more of it: tools cost time, but no tokens. Raises
        StopRequested when a person asked for a stop.
        """
        if self.stopping.is_set():
            raise StopRequested
        spend = self.spend.model_copy(update={"seconds": self.log.elapsed})
        for cap, used, limit in usage(self.budget, spend):
            if used >= limit and (type_ == "model" or cap == "seconds"):
                raise BudgetReached(cap, round(used, 2), limit)
            with self._guard:
                if used >= WARN_AT * limit and cap not in self._warned:
                    amount = round(used, 4)
                    self.emit("budget.warned", "budget", cap=cap, used=amount, limit=limit)

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
        lost: Callable[[Exception], dict[str, Any]] = lambda error: {},
    ) -> T:
        """The result of the call ``key``: from the log when it finished before, else by ``do()``.

        ``dump`` gives the bytes to keep and the fields of ``call.finished``, ``lost`` those of
        ``call.failed``. Two threads that ask for the same key make one call. Raises BudgetReached
        before a new call past a cap.
        """
        with self._guard:
            mine = self._in_flight.setdefault(key, threading.Lock())
        with mine:
            if done := self._finished.get(key):
                return load(self.artifacts.get(done.data["reply"]))
            self.check_budget(type_)
            call = {"key": key, "type": type_, "name": name}
            self.emit("call.started", actor, **call, request=self.artifacts.put(request))
            began = time.monotonic()
            try:
                result = do()
            except Exception as error:
                told = f"{type(error).__name__}: {error}"
                self.emit("call.failed", actor, **call, error=told, **lost(error))
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
        self._held.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RunStore:
    """All runs under ``$QIMENG_HOME/runs``."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or home()) / "runs"
        self.root.mkdir(parents=True, exist_ok=True)

    def create(
        self,
        goal: Goal,
        files: dict[str, bytes],
        versions: dict[str, str],
        run_id: str | None = None,
    ) -> Run:
        """A new run for ``goal``; ``files`` (digest to bytes) become its first artifacts."""
        folder = self.root / (run_id or new_id())
        folder.mkdir(exist_ok=run_id is not None)
        run = Run(folder)
        for data in files.values():
            run.artifacts.put(data)
        run.emit("run.created", "user", goal=goal.model_dump(mode="json"), versions=versions)
        return run

    def open(self, run_id: str) -> Run:
        """Open a run for writing. NoSuchRun, RunBusy, or EventLogError when it cannot be."""
        run = Run(self.folder(run_id))
        if run.goal is None:  # its process was killed before the first event
            run.close()
            raise NoSuchRun(run_id)
        return run

    def folder(self, run_id: str) -> Path:
        """The folder of a run; a unique beginning of its id is enough. NoSuchRun otherwise."""
        if not run_id or os.sep in run_id or run_id.startswith("."):
            raise NoSuchRun(run_id)
        found = [f for f in self.root.glob(f"{_literal(run_id)}*") if (f / "events.jsonl").exists()]
        exact = [f for f in found if f.name == run_id]
        if len(exact or found) != 1:
            raise NoSuchRun(run_id)
        return (exact or found)[0]


def new_id() -> str:
    """A fresh id of a run or session: when it began, and a few random letters."""
    return f"{time.strftime('%y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def _literal(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)
