"""Slash commands of a chat: what hands want without asking a model."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from memory.budget import usage
from memory.sessions import SessionStore
from qimeng.chat import facts
from qimeng.chat.session import Session
from qimeng.goals import BadInput
from qimeng.summary import RunView
from qimeng.wording import amount, headline

Command = Callable[[Session, list[str]], str]


def run_command(session: Session, line: str) -> str:
    """The output of ``/name arguments``. Raises BadInput when it cannot be done."""
    name, *arguments = line[1:].split()
    if name not in COMMANDS:
        known = ", ".join(f"/{known}" for known in COMMANDS)
        raise BadInput(f"there is no /{name} here; there are: {known}")
    return COMMANDS[name][0](session, arguments)


def _help(session: Session, arguments: list[str]) -> str:
    return "\n".join(f"/{name:<8} {text}" for name, (_, text) in COMMANDS.items())


def _runs(session: Session, arguments: list[str]) -> str:
    views = [RunView.read(run_id) for run_id in session.state.run_ids]
    return "\n".join(f"{v.id}  {headline(v)}" for v in views) or "no run yet"


def _show(session: Session, arguments: list[str]) -> str:
    view = _view(session)
    if not arguments:
        lines = [facts.told(a) for a in facts.attempts(view)]
        return "\n".join([f"run {view.id}: {headline(view)}", *lines, _files(view)])
    return _text(view, arguments[0])


def _diff(session: Session, arguments: list[str]) -> str:
    """Two candidates or files of the last run; with none named, the last two runs' designs."""
    if len(arguments) == 2:
        view = _view(session)
        sides = [(name, _text(view, name)) for name in arguments]
    else:
        views = [RunView.read(run_id) for run_id in session.state.run_ids[-2:]]
        if len(views) < 2:
            raise BadInput("/diff A B compares two candidates; there are no two runs to compare")
        sides = [(v.id, _text(v, "design.sv")) for v in views]
    (a, old), (b, new) = sides
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), a, b, lineterm="")
    return "\n".join(lines) or "they are the same"


def _review(session: Session, arguments: list[str]) -> str:
    """AutoGen takes a second to import, so only those who ask for a review wait for it."""
    from qimeng.chat.review import review_design

    view = _view(session)
    found = review_design(session.workbench, view, arguments[0] if arguments else None)
    lines = [f"{speaker}: {text.strip()}" for speaker, text in found.said[1:]]
    end = "found agreement" if found.passed else "found no agreement"
    return "\n".join([*lines, f"the team {end}; its last design:", found.source.rstrip()])


def _budget(session: Session, arguments: list[str]) -> str:
    budget = session.set_budget(",".join(arguments)) if arguments else session.log.budget
    spend = session.spend
    caps = [
        f"{cap}: {amount(used)} of {amount(limit)}" for cap, used, limit in usage(budget, spend)
    ]
    used = f"spent: {spend.tokens_in + spend.tokens_out:,} tokens, {spend.seconds:,.0f} s"
    return "\n".join([used, *(caps or ["no caps; /budget tokens=20000 sets one"])])


def _spec(session: Session, arguments: list[str]) -> str:
    return session.state.spec or "nothing is specified yet"


def _memory(session: Session, arguments: list[str]) -> str:
    from memory.knowledge.base import KnowledgeBase

    if not arguments:
        raise BadInput("/memory looks something up: /memory when is a latch inferred")
    with KnowledgeBase() as base:
        hits = base.search(" ".join(arguments), 3)
    return "\n\n".join(f"{hit.citation}\n{hit.text}" for hit in hits) or "nothing was found"


def _save(session: Session, arguments: list[str]) -> str:
    return session.save(Path(arguments[0] if arguments else "."))


def _undo(session: Session, arguments: list[str]) -> str:
    turn = session.undo()
    return f"taken back: {turn.text}" if turn else "there is nothing to take back"


def _fork(session: Session, arguments: list[str]) -> str:
    turn = int(arguments[0]) if arguments and arguments[0].isdigit() else None
    with SessionStore().fork(session.id, turn) as made:
        return f"qimeng chat --session {made.id}"


def _view(session: Session) -> RunView:
    if view := session.view:
        return view
    raise BadInput("there is no run yet in this conversation")


def _files(view: RunView) -> str:
    return "files: " + (", ".join(a.name for a in view.artifacts) or "none")


def _text(view: RunView, name: str) -> str:
    """The text of a file of the result, or of a candidate and its counterexample."""
    if any(a.name == name for a in view.artifacts):
        return view.text(name)
    attempt = next((a for a in facts.attempts(view) if a.candidate.id == name), None)
    if attempt is None:
        raise BadInput(f"run {view.id} has no file and no candidate {name!r}; /show lists them")
    files = attempt.candidate.files
    shown = [view.stored(files.get("design.sv") or files["model.py"])]
    if attempt.verdict and attempt.verdict.counterexample:
        shown.append(view.stored(attempt.verdict.counterexample))
    return "\n".join(shown)


COMMANDS: dict[str, tuple[Command, str]] = {
    "help": (_help, "this list"),
    "spec": (_spec, "the specification as it stands"),
    "runs": (_runs, "the runs of this conversation"),
    "show": (_show, "the attempts and files of the last run; /show NAME prints one"),
    "diff": (_diff, "/diff A B compares candidates; alone, the designs of the last two runs"),
    "review": (_review, "a team argues over a rejected design; /review NAME picks one"),
    "budget": (_budget, "what was spent; /budget tokens=…,seconds=… sets caps"),
    "memory": (_memory, "/memory WORDS looks something up in the manuals"),
    "save": (_save, "/save DIR writes the result's files to a folder"),
    "undo": (_undo, "take the last turn back"),
    "fork": (_fork, "a new session that begins as this one; /fork N: up to turn N"),
}
"""Name to what does it and one line of help."""
