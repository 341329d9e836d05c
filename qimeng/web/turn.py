"""One chat turn in a process of its own: JSON on standard input, JSON lines on standard output.

In: ``{"session": ID or null, "text": …, "answers": ID of a request or "", "model": NAME or null}``;
without a text the turn that was cut off is finished. Out, as it happens:
``{"session": ID}``, ``{"text": a piece of the answer}``, ``{"run": ID}``, ``{"progress": a line}``,
and last ``{"reply": …, "tokens_in": …, "tokens_out": …}`` or ``{"error": …}``. A listener that goes
away does not stop the turn: its outcome is in the session's log.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from typing import Any

from lpcm.messages import ModelError
from memory.events import Event, EventLogError
from memory.lock import RunBusy
from memory.sessions import NoSuchSession
from qimeng.chat.commands import run_command
from qimeng.chat.session import Ears, Session
from qimeng.event_words import describe
from qimeng.goals import BadInput
from qimeng.runner import NotReady
from sandboxes import SandboxError

_EXPECTED = (
    BadInput, NoSuchSession, RunBusy, EventLogError, ModelError, NotReady, SandboxError,
    OSError, sqlite3.Error, ValueError,
)  # fmt: skip
_guard = threading.Lock()


def main() -> None:
    """Take the turn that standard input asks for."""
    asked = json.loads(sys.stdin.read())
    try:
        named = asked.get("session")
        with Session.open(named) if named else Session.create(asked.get("model")) as session:
            tell(session=session.id)
            _answer(session, asked["text"].strip(), asked["answers"])
    except _EXPECTED as error:
        tell(error=str(error))


def _answer(session: Session, text: str, answers: str) -> None:
    before = session.spend
    ears = Ears(_piece, _run, _progress)
    if text.startswith("/"):
        reply = run_command(session, text)
    elif text:
        reply = session.send(text, ears, answers).reply or ""
    elif session.state.unfinished:
        reply = session.finish(ears).reply or ""
    else:
        raise BadInput("say something")
    spend = session.spend
    tell(
        reply=reply,
        tokens_in=spend.tokens_in - before.tokens_in,
        tokens_out=spend.tokens_out - before.tokens_out,
    )


def _piece(text: str) -> None:
    tell(text=text)


def _run(run_id: str) -> None:
    tell(run=run_id)


def _progress(event: Event) -> None:
    line = describe(event)
    if line.matters:
        tell(progress=f"{event.actor}: {' '.join(line.text.split())}")


def tell(**fields: Any) -> None:
    """Write one line, as long as somebody listens."""
    try:
        with _guard:
            print(json.dumps(fields), flush=True)
    except OSError:
        sys.stdout = None


if __name__ == "__main__":
    main()
