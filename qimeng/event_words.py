"""How events are put in words: one line each, for the live display and for the trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from memory.events import Event
from qimeng.wording import STATUS_WORDS, amount, clean, interface_line, operator_line

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """An event in words. ``tone`` is one of plain, good, bad, warn, faint; ``matters`` says
    whether a person who watches wants to keep it in view.
    """

    text: str
    tone: str = "plain"
    matters: bool = True


def describe(event: Event) -> Line:
    """One line for any event, also for kinds that this program does not know."""
    words = _WORDS.get(event.kind)
    line = words(event.data) if words else Line(event.kind, "faint", matters=False)
    return replace(line, text=clean(line.text))


def _task(data: Json) -> Line:
    contract = data["task"].get("contract")
    if kernel := data["task"].get("kernel"):
        return Line(f"operator: {operator_line(kernel)}")
    if not contract:
        return Line(f"task {data['step']}: {data['task']}")
    return Line(f"interface: {interface_line(contract)}")


def _plan(data: Json) -> Line:
    steps = data["plan"]["steps"]
    return Line("plan: " + ", then ".join(step["workflow"] for step in steps))


def _created(data: Json) -> Line:
    caps = _caps(data["goal"]["budget"])
    return Line(f"goal: {data['goal']['text']}" + (f" (budget: {caps})" if caps else ""))


def _started(data: Json) -> Line:
    return Line(f"works with model {data['model']}, sandbox {data['sandbox']}", "faint")


def _budget(data: Json) -> Line:
    return Line(f"budget: {_caps(data['budget']) or 'no caps'}")


def _caps(budget: Json) -> str:
    limits = ((cap, limit) for cap, limit in budget.items() if limit is not None)
    return ", ".join(f"{amount(limit)} {cap}" for cap, limit in limits)


def _warned(data: Json) -> Line:
    used, limit = amount(data["used"]), amount(data["limit"])
    return Line(f"{used} of {limit} {data['cap']} of the budget are used", "warn")


def _call_started(data: Json) -> Line:
    verb = "asks" if data["type"] == "model" else "runs"
    return Line(f"{verb} {data['name']}", "faint", matters=False)


def _call_finished(data: Json) -> Line:
    if data["type"] == "model":
        tokens = f"{amount(data['tokens_in'])} + {amount(data['tokens_out'])} tokens"
        text = f"{data['name']} answered ({'from cache' if data['cached'] else tokens})"
        return Line(f"{text} in {data['seconds']:.1f} s", "faint", matters=False)
    end = f"killed: {data['killed']}" if data.get("killed") else f"exit {data.get('exit_code')}"
    return Line(f"{data['name']} {end} in {data['seconds']:.1f} s", "faint", matters=False)


def _call_failed(data: Json) -> Line:
    return Line(f"{data['name']} failed: {data['error']}", "warn")


def _candidate(data: Json) -> Line:
    made = data["candidate"]
    parents = f", from {', '.join(made['parents'])}" if made["parents"] else ""
    return Line(f"{made['kind']} {made['id']}: {made['origin']}{parents}")


def _verdict(data: Json) -> Line:
    verdict = data["verdict"]
    outcome, level = verdict["outcome"], verdict["evidence"]
    tone = {"pass": "good", "fail": "bad"}.get(outcome, "faint")
    told = f"{outcome} ({level})" if outcome == "pass" else outcome
    reason = f": {verdict['reason']}" if verdict["reason"] else ""
    return Line(f"{verdict['candidate']}: {told}{reason}", tone)


def _measured(data: Json) -> Line:
    found = data["measurement"]
    text = ", ".join(
        f"{name} {amount(m['value'])} {m['unit']}".rstrip() for name, m in found["metrics"].items()
    )
    return Line(f"{found['candidate']}: measured {text}")


def _note(data: Json) -> Line:
    return Line(data["text"])


def _learning(data: Json) -> Line:
    far = f"{data['stage']} {data['done']}/{data['total']}"
    counts = f"{data['nodes']:,} nodes, {amount(data['queries'] / 1e6)} M queries"
    return Line(f"{far}, {counts}, {data['seconds']:.0f} s", "faint")


def _said(data: Json) -> Line:
    return Line(data["text"], "faint", matters=False)


def _paused(data: Json) -> Line:
    return Line(f"paused: {data['reason']}", "warn")


def _finished(data: Json) -> Line:
    result = data["result"]
    good = result["status"] == "done"
    detail = f": {result['detail']}" if result["detail"] else ""
    status = STATUS_WORDS[result["status"]]
    text = f"{status} ({result['evidence']}){detail}"
    return Line(text, "good" if good else "bad", matters=False)  # the summary says it


_WORDS: dict[str, Callable[[Json], Line]] = {
    "run.created": _created,
    "run.started": _started,
    "budget.set": _budget,
    "budget.warned": _warned,
    "plan.made": _plan,
    "task.made": _task,
    "call.started": _call_started,
    "call.finished": _call_finished,
    "call.failed": _call_failed,
    "candidate.made": _candidate,
    "verdict.given": _verdict,
    "measured": _measured,
    "note": _note,
    "learning": _learning,
    "team.said": _said,
    "run.paused": _paused,
    "run.finished": _finished,
}
