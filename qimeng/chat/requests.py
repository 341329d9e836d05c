"""What only a person may decide: the questions in words, and what counts as their answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from memory.sessions import Request, Turn
from qimeng.summary import RunView

_NO = re.compile(r"^\W*(?:n|no|nope|not now|stop|don't)\b", re.I)
_BARE_NO = re.compile(r"^\W*(?:n|no|nope|not now|not yet|stop|cancel)\W*$", re.I)
_YES = re.compile(r"^\W*(?:y|yes|ok(?:ay)?|sure|go on|extend|continue)\b", re.I)
_BUTTONS = {
    "clarify": ("Start with the defaults", "Do not start"),
    "spend": ("Go on with twice the budget", "Leave it paused"),
    "resume": ("Go on", "Leave it paused"),
    "host": ("Run without a sandbox", "Do not run"),
    "write": ("Write the files", "Do not write"),
}


def clarify(turn: Turn, spec: str, points: Sequence[str], interface: str) -> Request:
    """Open points of a specification, and the interface as far as its words say it."""
    listed = "\n".join(f"- {point}" for point in points)
    read = f"I read: {interface}\n" if interface else ""
    question = f"{read}Before I start:\n{listed}\n(an answer in words, or: yes, the defaults)"
    return _request(turn, "clarify", question, text=spec)


def go_on(turn: Turn, view: RunView) -> Request:
    """Going on with a paused run, with more to spend when its budget was used up."""
    if view.cause == "budget":
        question = "Shall I go on with twice the budget? (yes or no)"
        return _request(turn, "spend", question, run_id=view.id)
    return _request(turn, "resume", "Shall I go on with it? (yes or no)", run_id=view.id)


def host(turn: Turn, error: Exception) -> Request:
    """Working without a sandbox, where none works."""
    question = (
        f"{error}\nShall I run what the models write without a sandbox, with your own rights, "
        "for the rest of this conversation? (yes or no)"
    )
    return _request(turn, "host", question, text=turn.text)


def write(turn: Turn, view: RunView, folder: Path, number: int) -> Request:
    """Writing a run's files to a folder; ``number`` tells apart those asked for in one turn."""
    lost = ", ".join(replaced(view, folder))
    question = f"Shall I write {', '.join(view.files())} to {folder}"
    question += f", over what stands there ({lost})?" if lost else "?"
    asked = _request(turn, "write", f"{question} (yes or no)", text=str(folder), run_id=view.id)
    return asked.model_copy(update={"id": f"{asked.id}-{number}"})


def replaced(view: RunView, folder: Path) -> list[str]:
    """The names under which ``folder`` holds something else than the run's files."""
    there = ((folder / name, data) for name, data in view.files().items())
    return [path.name for path, data in there if path.exists() and path.read_bytes() != data]


def buttons(request: Request) -> tuple[str, str]:
    """What the buttons say that answer it yes and no."""
    return _BUTTONS[request.kind]


def declined(request: Request) -> str:
    """The reply to a no."""
    if request.kind in ("spend", "resume"):
        return f"It stays paused; `qimeng resume {request.run_id}` goes on any time."
    if request.kind == "write":
        return "Nothing was written."
    return "Nothing was started. Say it in other words, or ask something else."


def yes_or_no(text: str) -> bool | None:
    """Whether a message agrees; None when it is about something else."""
    return True if _YES.match(text) else False if _NO.match(text) else None


def is_bare_no(text: str) -> bool:
    """Whether a message says no and nothing more."""
    return bool(_BARE_NO.match(text))


def _request(turn: Turn, kind: str, question: str, text: str = "", run_id: str = "") -> Request:
    return Request(
        id=f"{turn.number}-{kind}",
        kind=kind,  # type: ignore[arg-type]
        text=text,
        run_id=run_id,
        question=question,
    )
