"""How results are put in words: one place for terminal, trace and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

_KERNEL_TESTED = (
    "Every output value that was tried is as near to the operator's float64 definition as ordinary "
    "code in the same precision, or at most twice as far from it.",
    "Other shapes and processors than these, and more than one thread.",
)

_LEARNED = (
    "It was learned from its black box's answers alone, and a formal proof shows that for every "
    "input it is the reference, which was written apart from the box and which the learner never "
    "saw. The same proof refused wrong circuits.",
    "What is put around a learned core by rule (registers, program counter), and anything "
    "physical: placement, timing on a real chip, power.",
)
_ASSEMBLED = (
    "Its execution and operand logic was learned from the simulator's answers alone and is proved "
    "for every input. The core put around it ran every program as the simulator does, and "
    "compared each value it speculated with the one that came out.",
    "Programs that were not run: what is put around the learned logic by rule (registers, issue, "
    "buffer) is not proved. And anything physical: placement, timing on a real chip, power.",
)
_MINED = (
    "It was learned from its black box's answers alone. The states that were found explain every "
    "answer that was asked for; the logic is proved, for every input and state, to be that "
    "machine's; and the circuit with its state register answered further random words as the box.",
    "Words that were not asked: a box with more states than were tested for may behave otherwise "
    "after some of them. And anything physical: placement, timing on a real chip, power.",
)
_SPECIAL = {
    ("kernel", "tested"): _KERNEL_TESTED,
    ("learn", "proved"): _LEARNED,
    ("learn", "tested"): _ASSEMBLED,
    ("machine", "tested"): _MINED,
}


def meaning(workflow: str, level: str) -> tuple[str, str]:
    """What an evidence level means for a result, and what was not checked."""
    return _SPECIAL.get((workflow, level)) or MEANING[level]


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


def operator_line(kernel: Json) -> str:
    """A kernel's task in one line."""
    unread = ", ".join(map(str, kernel["unread"]))
    told = f"; these numbers of your words were not used: {unread}" if unread else ""
    return f"{kernel['operator']} (one thread, {kernel['isa']}){told}"
