"""The trace of one run, folded from its events as they come: rows, candidates, agents, spend.

Everything here is plain JSON data. A *row* is one event in words; the row of a call also says how
the call ended, once it has:

    seq, t (working seconds), kind, group, actor, text, tone, tokens (spent so far)
    end (seq of the call's end), seconds, outcome (in words), outcome_tone    calls that ended
    candidate                                                                 where it is about one
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from memory.budget import add
from memory.events import Event
from memory.records import Budget, Candidate, Spend
from qimeng.event_words import describe
from qimeng.web.secrets_hidden import Hider
from qimeng.web.tail import Tail

Json = dict[str, Any]

GROUPS = ("model", "tool", "candidate", "verdict", "measured", "note", "plan", "run")
_GROUP = {
    "candidate.made": "candidate",
    "verdict.given": "verdict",
    "measured": "measured",
    "note": "note",
    "plan.made": "plan",
    "task.made": "plan",
}
_ENDS = ("call.finished", "call.failed")
_BINS = 480


class Trace:
    """A run as its log tells it so far; ``refresh`` reads what is new. Safe between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.rows: list[Json] = []
        self.shown: list[int] = []
        """Positions of the rows that stand for themselves: all but the ends of calls."""
        self.candidates: dict[str, Json] = {}
        self.spend = Spend()
        self.budget = Budget()
        self.hider = Hider()
        self._open: dict[str, int] = {}
        self._tail = Tail(folder / "events.jsonl")
        self._lock = threading.Lock()

    @property
    def damage(self) -> str:
        """What is wrong with the log; empty when nothing is."""
        return self._tail.damage

    def refresh(self) -> Trace:
        """Read what was added to the log; the same object, for chaining."""
        with self._lock:
            for event in self._tail.new():
                self._add(event)
        return self

    # -- the fold -------------------------------------------------------------------------

    def _add(self, event: Event) -> None:
        """One more event. One whose fields are not as its kind has them is shown, not folded."""
        row: Json = {
            "seq": event.seq,
            "t": event.elapsed,
            "kind": event.kind,
            "group": _GROUP.get(event.kind, "run"),
            "actor": event.actor,
            "text": event.kind,
            "tone": "warn",
        }
        self.events.append(event)
        self.rows.append(row)
        try:
            self._fold(event, row)
        except (KeyError, TypeError, AttributeError, ValueError):
            row["text"] = f"{event.kind}: its fields cannot be read"
            self.shown.append(event.seq)
        row["tokens"] = self.spend.tokens_in + self.spend.tokens_out

    def _fold(self, event: Event, row: Json) -> None:
        line = describe(event)
        self.spend = add(self.spend, event)
        row |= {"text": self.hider.hide_in(" ".join(line.text.split()))[:400], "tone": line.tone}
        if event.kind.startswith("call."):
            row["group"] = "model" if event.data["type"] == "model" else "tool"
        if event.kind in _ENDS and event.data["key"] in self._open:
            self._close(event, row)
            return
        if event.kind == "call.started":
            self._open[event.data["key"]] = event.seq
        self._enter(event, row)
        self.shown.append(event.seq)

    def _close(self, event: Event, row: Json) -> None:
        """A call has ended: its row says how."""
        data = event.data
        began = self.rows[self._open.pop(data["key"])]
        bad = event.kind == "call.failed" or data.get("killed") or data.get("exit_code")
        began |= {
            "end": event.seq,
            "seconds": data.get("seconds", round(row["t"] - began["t"], 3)),
            "outcome": row["text"],
            "outcome_tone": "bad" if bad else "faint",
            "cached": bool(data.get("cached")),
        }

    def _enter(self, event: Event, row: Json) -> None:
        data = event.data
        if event.kind == "candidate.made":
            made = Candidate.model_validate(data["candidate"]).model_dump(mode="json")
            row["candidate"] = made["id"]
            more = {"seq": event.seq, "verdicts": [], "measurements": []}
            self.candidates[made["id"]] = made | more
        elif event.kind in ("verdict.given", "measured"):
            name = "verdict" if event.kind == "verdict.given" else "measurement"
            row["candidate"] = data[name]["candidate"]
            if about := self.candidates.get(row["candidate"]):
                about[f"{name}s"].append({**data[name], "seq": event.seq})
        elif event.kind == "run.created":
            self.budget = Budget.model_validate(data["goal"]["budget"])
        elif event.kind == "budget.set":
            self.budget = Budget.model_validate(data["budget"])

    # -- what is asked of it --------------------------------------------------------------

    def find(self, groups: Iterable[str], query: str) -> list[int]:
        """Positions of the shown rows of these groups (none given: all) that hold ``query``."""
        wanted, needle = frozenset(groups), query.casefold()
        return [
            i
            for i in list(self.shown)
            if (not wanted or self.rows[i]["group"] in wanted) and _holds(self.rows[i], needle)
        ]

    def page(self, found: list[int], first: int, count: int) -> list[Json]:
        """``count`` of the found rows from the ``first``-th."""
        return [self.rows[i] for i in found[first : first + count]]

    def lanes(self) -> list[Json]:
        """For each agent what it did over time: spans ``[from, to, group, tone]`` in working
        seconds. Spans that a picture could not tell apart are one.
        """
        grain = (self.rows[-1]["t"] if self.rows else 0.0) / _BINS
        lanes: dict[str, list[list[Any]]] = {}
        latest: dict[tuple[Any, ...], list[Any]] = {}
        for i in list(self.shown):
            row = self.rows[i]
            end = row["t"] + (row.get("seconds") or 0.0)
            tone = row.get("outcome_tone", row["tone"])
            kind = (row["actor"], row["group"], tone)
            last = latest.get(kind)
            if last and row["t"] - last[1] <= grain:
                last[1] = max(last[1], end)
            else:
                latest[kind] = [row["t"], end, row["group"], tone]
                lanes.setdefault(row["actor"], []).append(latest[kind])
        return [{"actor": actor, "spans": spans} for actor, spans in lanes.items()]


def _holds(row: Json, needle: str) -> bool:
    if not needle:
        return True
    told = f"{row['actor']} {row['text']} {row.get('outcome', '')} {row['kind']}"
    return needle in told.casefold()


def place(found: list[int], seq: int) -> int:
    """Where event ``seq`` stands, or would, among the found rows."""
    return min(bisect_left(found, seq), max(len(found) - 1, 0))
