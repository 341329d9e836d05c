"""The event log of a run: one JSON object a line, append-only, the source of truth.

An event is ``{"v", "seq", "at", "elapsed", "kind", "actor", "data"}``: schema version, position
(from 0), wall-clock time (seconds since the epoch), working seconds of the run so far (time in
which no process worked on the run, or the machine slept, does not count), what happened, who
did it, and a JSON object whose fields depend on the kind:

===================  =======================================================================
``run.created``      goal (its budget holds until ``budget.set``), versions
``run.started``      a process works on the run: pid, sandbox, model
``budget.set``       budget (replaces the one that held before)
``budget.warned``    cap, used, limit
``plan.made``        plan
``task.made``        step, task
``call.started``     key, type (model or tool), name, request (digest)
``call.finished``    key, type, name, reply (digest), seconds, and for a model tokens_in,
                     tokens_out, usd, cached
``call.failed``      key, type, name, error, and for a model tokens_in, tokens_out, usd
``candidate.made``   candidate, step
``verdict.given``    verdict, step
``measured``         measurement, step
``note``             text: progress for people
``team.said``        text: a message of a team's conversation, by ``actor``
``run.paused``       reason
``run.finished``     result
===================  =======================================================================
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log; fields as in the module's description."""

    v: int
    seq: int
    at: float
    elapsed: float
    kind: str
    actor: str
    data: dict[str, Any]


class EventLogError(ValueError):
    """The log cannot be read: says which file and line."""


def read_events(path: Path) -> Iterator[Event]:
    """Every whole event. A last line cut by a crash is passed over; other damage raises."""
    lines = path.read_bytes().split(b"\n")
    for position, line in enumerate(lines[:-1]):
        try:
            yield parse_event(line, position)
        except ValueError as error:
            raise EventLogError(f"{path}, line {position + 1}: {error}") from error


def parse_event(line: bytes, position: int) -> Event:
    """The event of one whole line, the ``position``-th of its log. Raises ValueError."""
    try:
        fields = json.loads(line)
        if fields["v"] <= SCHEMA:
            event = Event(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("damaged, not an event") from error
    if fields["v"] > SCHEMA:
        newer = f"schema {fields['v']} is newer than this program's {SCHEMA}"
        raise ValueError(f"{newer}; update qimeng")
    if event.seq != position:
        raise ValueError(f"damaged, event {event.seq} stands where {position} should")
    return event


class EventLog:
    """The log opened for appending by the run's one writer. Safe between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.touch()
        self.events = list(read_events(path))
        self._drop_cut_line()
        self._file = path.open("ab", buffering=0)
        self._worked_before = self.events[-1].elapsed if self.events else 0.0
        self._opened = time.monotonic()

    def _drop_cut_line(self) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self.path, whole)

    @property
    def elapsed(self) -> float:
        """Working seconds so far. The monotonic clock stands still while the machine sleeps."""
        return self._worked_before + time.monotonic() - self._opened

    def resume_clock(self) -> None:
        """Working time starts now: what passed since the log was opened was waiting."""
        self._opened = time.monotonic()

    def append(self, kind: str, actor: str, data: dict[str, Any]) -> Event:
        """Write one event; when this returns it is on disk."""
        with self._lock:
            event = Event(
                v=SCHEMA,
                seq=len(self.events),
                at=round(time.time(), 3),
                elapsed=round(self.elapsed, 3),
                kind=kind,
                actor=actor,
                data=data,
            )
            line = json.dumps(asdict(event), ensure_ascii=False, separators=(",", ":"))
            self._write(line.encode() + b"\n")
            self.events.append(event)
        return event

    def _write(self, line: bytes) -> None:
        """All of it or, when the disk is full, nothing of it."""
        before = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(before)
            raise

    def close(self) -> None:
        """Release the file."""
        self._file.close()
