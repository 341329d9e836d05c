"""Chat sessions: a log of turns in the same form as a run's, under ``$QIMENG_HOME/sessions/<id>``.

A session is a ``Run`` folder whose log holds conversation events, so it has the same journal of
model calls, the same artifacts and the same budget fold, and survives ``kill -9`` the same way:

====================  ======================================================================
``session.created``   model, sandbox, budget, parent (session and turn it was forked from)
``turn.said``         turn (its number, from 1), text: what the person said
``spec.set``          turn, text: the goal as it now stands; open requests lapse
``sandbox.set``       turn, sandbox: the one that the conversation's runs use from now on
``turn.run``          turn, run_id: the run that works on it; written before the run exists
``request.opened``    turn, request: a question or an approval that waits for a person
``request.answered``  turn, id, answer
``turn.answered``     turn, text: the whole reply
``turn.undone``       turn: it and what it changed no longer count
====================  ======================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from memory.events import Event, EventLogError, read_events
from memory.home import home
from memory.records import Budget, Record
from memory.runs import Run, new_id

TURN_KINDS = frozenset(
    """turn.said spec.set sandbox.set turn.run request.opened request.answered turn.answered
    turn.undone""".split()  # noqa: SIM905
)


class Request(Record):
    """Something only a person may decide. Any front end can answer it; without one it waits.

    ``clarify``: open points of the specification ``text``; ``spend``: a larger budget for run
    ``run_id``; ``resume``: going on with that run after a stop; ``host``: working on the message
    ``text`` without a sandbox; ``write``: the files of run ``run_id`` into the folder ``text``.
    """

    id: str
    kind: Literal["clarify", "spend", "resume", "host", "write"]
    text: str
    run_id: str = ""
    question: str = ""


_TURN_FIELDS = {
    "spec.set": ("spec", "text"),
    "turn.run": ("run_id", "run_id"),
    "turn.answered": ("reply", "text"),
}


@dataclass(frozen=True)
class Turn:
    """One exchange. ``reply`` is None while it is being worked on, or was cut off."""

    number: int
    text: str
    at: float
    spec: str | None = None
    run_id: str | None = None
    reply: str | None = None


@dataclass(frozen=True)
class Conversation:
    """A session's state: a fold over its events."""

    model: str | None = None
    sandbox: str = "auto"
    parent: str | None = None
    turns: tuple[Turn, ...] = ()
    requests: dict[str, Request] = field(default_factory=dict)

    @property
    def spec(self) -> str | None:
        """The goal as it stands."""
        return next((t.spec for t in reversed(self.turns) if t.spec), None)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs of the conversation, oldest first."""
        return tuple(t.run_id for t in self.turns if t.run_id)

    @property
    def pending(self) -> Request | None:
        """The request that waits for an answer: the one that was asked last."""
        return next(reversed(self.requests.values()), None)

    @property
    def unfinished(self) -> Turn | None:
        """The turn that a crash cut off."""
        last = self.turns[-1] if self.turns else None
        return last if last and last.reply is None else None


def conversation(events: Iterable[Event]) -> Conversation:
    """The state that the events tell."""
    state = Conversation()
    for event in _standing(events):
        state = _after(state, event)
    return state


def _standing(events: Iterable[Event]) -> list[Event]:
    """The events that still count: what an undone turn brought is gone, whatever it was."""
    kept: list[Event] = []
    for event in events:
        if event.kind == "turn.undone":
            said = [e.kind == "turn.said" and e.data["turn"] == event.data["turn"] for e in kept]
            del kept[said.index(True) :]
        else:
            kept.append(event)
    return kept


def _after(state: Conversation, event: Event) -> Conversation:
    data = event.data
    if event.kind == "session.created":
        return replace(
            state, model=data["model"], sandbox=data["sandbox"], parent=data.get("parent")
        )
    if event.kind == "turn.said":
        turn = Turn(data["turn"], data["text"], event.at)
        return replace(state, turns=(*state.turns, turn))
    if event.kind == "sandbox.set":
        return replace(state, sandbox=data["sandbox"])
    if event.kind == "spec.set":
        state = replace(state, requests={})
    if event.kind == "request.opened":
        request = Request.model_validate(data["request"])
        return replace(state, requests={**state.requests, request.id: request})
    if event.kind == "request.answered":
        rest = {k: r for k, r in state.requests.items() if k != data["id"]}
        return replace(state, requests=rest)
    if event.kind in _TURN_FIELDS:
        name, field_ = _TURN_FIELDS[event.kind]
        change: dict[str, Any] = {name: data[field_]}
        return replace(state, turns=(*state.turns[:-1], replace(state.turns[-1], **change)))
    return state


class NoSuchSession(KeyError):
    """There is no session of that id, or several begin so."""

    def __str__(self) -> str:
        return (
            f"no session is called {self.args[0]!r}, or several begin so; "
            "`qimeng chat --list` lists them"
        )


class SessionStore:
    """All sessions under ``$QIMENG_HOME/sessions``."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or home()) / "sessions"
        self.root.mkdir(parents=True, exist_ok=True)

    def create(
        self, model: str | None, sandbox: str, budget: Budget, parent: str | None = None
    ) -> Run:
        """A new session, opened for writing."""
        folder = self.root / new_id()
        folder.mkdir()
        log = Run(folder)
        log.emit("session.created", "user", model=model, sandbox=sandbox, parent=parent)
        log.emit("budget.set", "user", budget=budget.model_dump(mode="json"))
        return log

    def open(self, session_id: str) -> Run:
        """Open a session for writing. NoSuchSession, RunBusy or EventLogError when it cannot be."""
        return Run(self.folder(session_id))

    def read(self, session_id: str) -> Conversation:
        """A session as its file stands now."""
        return conversation(read_events(self.folder(session_id) / "events.jsonl"))

    def list(self) -> list[tuple[str, Conversation]]:
        """All sessions, newest first; of a damaged one, what stands before the damage."""
        folders = sorted((f for f in self.root.iterdir() if _is_session(f)), reverse=True)
        return [(f.name, conversation(_readable(f / "events.jsonl"))) for f in folders]

    def fork(self, session_id: str, turn: int | None = None) -> Run:
        """A new session that begins as this one did up to ``turn``; the old one stays as it is."""
        source = self.folder(session_id)
        events = list(read_events(source / "events.jsonl"))
        state = conversation(events)
        budget = [e.data["budget"] for e in events if e.kind == "budget.set"][-1]
        last = len(state.turns) if turn is None else turn
        log = self.create(
            state.model, state.sandbox, Budget.model_validate(budget), parent=source.name
        )
        for event in events:
            if event.kind in TURN_KINDS and event.data["turn"] <= last:
                log.emit(event.kind, event.actor, **event.data)
        return log

    def folder(self, session_id: str) -> Path:
        """The folder of a session; a unique beginning of its id is enough."""
        found = [f for f in self.root.iterdir() if _is_session(f) and f.name.startswith(session_id)]
        exact = [f for f in found if f.name == session_id]
        if not session_id or len(exact or found) != 1:
            raise NoSuchSession(session_id)
        return (exact or found)[0]


def _readable(log: Path) -> Iterator[Event]:
    with suppress(EventLogError):
        yield from read_events(log)


def _is_session(folder: Path) -> bool:
    return (folder / "events.jsonl").exists()
