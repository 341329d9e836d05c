"""What the page shows of a run, as plain JSON: the same on the server and in an exported file."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from memory.budget import usage
from memory.lock import is_running
from memory.runs import NoSuchRun, RunStore
from qimeng.web.trace import Json, Trace

MOST_CANDIDATES = 1000
"""Of a run with more, the tree shows the latest; the timeline has them all."""
_KEPT = 6


class Traces:
    """The traces that were looked at last; the others are read again when they are wanted."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Trace] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, run_id: str) -> Trace:
        """The trace of a run as its log is now. Raises NoSuchRun."""
        folder = RunStore().folder(run_id)
        with self._lock:
            trace = self._kept.pop(folder.name, None) or Trace(folder)
            self._kept[folder.name] = trace
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        try:
            return trace.refresh()
        except FileNotFoundError:
            raise NoSuchRun(run_id) from None


def summary(trace: Trace) -> Json:
    """The head of a run's page: what was asked, how it stands, what it cost."""
    created = _data(trace, "run.created")
    started = _data(trace, "run.started")
    goal = created.get("goal") or {}
    return {
        "id": trace.folder.name,
        "events": len(trace.events),
        "rows": len(trace.shown),
        "began": trace.events[0].at if trace.events else 0,
        "elapsed": trace.rows[-1]["t"] if trace.rows else 0,
        "goal": goal.get("text", ""),
        "settings": {
            "model": started.get("model", ""),
            "sandbox": started.get("sandbox", ""),
            "workflow": goal.get("workflow") or "chosen by the planner",
            "seed": goal.get("seed", 0),
            "golden": "given" if goal.get("golden") else "none",
            **created.get("versions", {}),
        },
        "spend": trace.spend.model_dump(mode="json"),
        "budget": [[cap, used, limit] for cap, used, limit in usage(trace.budget, trace.spend)],
        "damage": trace.damage,
        **_state(trace),
    }


def _state(trace: Trace) -> Json:
    """Status, and the result or the reason why there is none yet."""
    for event in reversed(trace.events):
        if event.kind == "run.finished":
            result = event.data.get("result") or {}
            return {"status": result.get("status", ""), "cause": "", "result": result}
        if event.kind == "run.paused":
            reasons = [event.data.get("reason", "")]
            cause = event.data.get("cause", "")
            return {"status": "paused", "cause": cause, "result": {"reasons": reasons}}
        if event.kind == "run.started":
            break
    status = "running" if is_running(trace.folder) else "interrupted"
    return {"status": status, "cause": "", "result": {}}


def _data(trace: Trace, kind: str) -> dict[str, Any]:
    """The fields of the last event of a kind."""
    found = (event.data for event in reversed(trace.events) if event.kind == kind)
    return next(found, {})


def overview(trace: Trace) -> Json:
    """All of a run that the page keeps: summary, lanes of the agents, candidates."""
    return {
        "summary": summary(trace),
        "lanes": trace.lanes(),
        "candidates": list(trace.candidates.values())[-MOST_CANDIDATES:],
    }
