"""How events and results are put in words: one place for terminal, trace and report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from memory.events import Event

if TYPE_CHECKING:
    from qimeng.summary import RunView

Json = dict[str, Any]

MEANING = {
    "proved": (
        "A formal proof or an exhaustive check shows that it behaves as its reference.",
        "Whether the reference itself is what you meant, and anything physical: "
        "placement, timing on a real chip, power.",
    ),
    "tested": (
        "It behaved as the reference that you gave on every vector tried.",
        "Input sequences that were not tried, and whether the reference itself is what you meant.",
    ),
    "agreed": (
        "No reference was given. Several models of your words, written independently of each "
        "other in two languages, behave alike on every vector tried.",
        "Whether they all share one misreading of your words: read the design, or run again with a "
        "golden module to test it against.",
    ),
    "compiled": (
        "It compiles. Nothing that was run confirms how it behaves.",
        "Its behaviour: treat it as a draft.",
    ),
    "none": ("Nothing was confirmed.", "Everything."),
}
"""Evidence level to what it means, and what was not checked."""

STATUS_WORDS = {
    "done": "done",
    "not_achieved": "not achieved",
    "unsupported": "unsupported",
    "paused": "paused",
    "running": "still running",
    "interrupted": "interrupted",
}


def headline(view: RunView) -> str:
    """The result in one line. It never claims more than the evidence level."""
    status, level = STATUS_WORDS[view.status], view.evidence.label
    if view.status == "done":
        detail = f": {view.result.detail}" if view.result.detail else ""
        return f"{status} · {level}{detail}"
    if view.artifacts:
        return f"{status} · the best attempt is kept ({level})"
    return status


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


def clean(text: str) -> str:
    """Text of models and tools made safe to print: no escape sequences, no bidi tricks."""
    lines = text.replace("\r\n", "\n")
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in lines)


def amount(number: float) -> str:
    """A number as people read it: thousands grouped, no needless digits."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def interface(contract: Json) -> list[tuple[str, str, str, str]]:
    """``(name, direction, width, role)`` of each port."""
    roles = {c["port"]: f"clock, {c['edge']}" for c in contract.get("clocks", ())}
    for reset in contract.get("resets", ()):
        kind = "asynchronous" if reset["asynchronous"] else "synchronous"
        roles[reset["port"]] = f"reset, {kind}, active {'high' if reset['active_high'] else 'low'}"
    return [
        (p["name"], p["direction"], _width(p), roles.get(p["name"], ""))
        for p in contract.get("ports", ())
    ]


def _width(port: Json) -> str:
    bits = f"{port['width']} bit{'s' * (port['width'] != 1)}"
    return f"{bits}, signed" if port.get("signed") else bits


def interface_line(contract: Json) -> str:
    """The interface in one line."""
    sides: dict[str, list[str]] = {}
    for port in contract["ports"]:
        bits = f"[{port['width'] - 1}:0]" if port["width"] > 1 else ""
        sides.setdefault(port["direction"], []).append(f"{port['name']}{bits}")
    ports = "; ".join(f"{side}s {', '.join(names)}" for side, names in sides.items())
    special = [f"{name}: {role}" for name, _, _, role in interface(contract) if role]
    return f"module {contract['top']} ({'; '.join([ports, *special])})"


def _task(data: Json) -> Line:
    contract = data["task"].get("contract")
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
    "run.paused": _paused,
    "run.finished": _finished,
}
