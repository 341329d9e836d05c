"""A chat in the terminal: one line in, one reply out; pipes work as well as keyboards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click
from rich.console import Console
from rich.markdown import Markdown

from lpcm.messages import ModelError
from memory.events import Event
from memory.sessions import SessionStore
from qimeng.chat.commands import run_command
from qimeng.chat.session import Ears, Session
from qimeng.console import Listener, progress
from qimeng.goals import BadInput
from qimeng.runner import NotReady
from qimeng.wording import clean
from sandboxes import SandboxError

WELCOME = "Say what to design; /help lists commands, /quit leaves. This is session {id}."


def chat(session: Session, policy: str) -> bool:
    """Talk until the input ends. Without a terminal nobody can be asked: the first request for an
    approval, and an open question at the end of the input, ends the conversation (``pause``, and
    False is returned) or is answered no (``deny``).
    """
    console = Console(highlight=False)
    interactive = sys.stdin.isatty()
    if interactive:
        import readline  # noqa: F401  (line editing and history for input())
    console.print(WELCOME.format(id=session.id), style="dim")
    _recall(session, console)
    for line in _lines(interactive):
        if line == "/quit":
            break
        if not interactive:
            console.print(f"› {clean(line)}", style="cyan")
        _answer(session, line, console)
        pending = session.state.pending
        if pending and pending.kind != "clarify" and not interactive:
            if policy == "pause":
                return _left_open(session, console)
            _answer(session, "no", console)
    if session.state.pending and not interactive:
        if policy == "pause":
            return _left_open(session, console)
        _answer(session, "no", console)
    return True


def _left_open(session: Session, console: Console) -> bool:
    console.print(f"waits for an answer: qimeng chat --session {session.id}")
    return False


def _recall(session: Session, console: Console) -> None:
    """Where the conversation stands, and what a crash left open."""
    state = session.state
    if state.turns:
        last = state.turns[-1]
        console.print(f"› {clean(last.text)}", style="cyan")
        console.print(clean(last.reply or "…"), style="dim")
    if state.unfinished:
        with _friendly(console), _Hearing(console) as hearing:
            hearing.reply(session.finish(hearing.ears).reply or "")


def _lines(interactive: bool) -> Iterator[str]:
    while True:
        try:
            line = input("› " if interactive else "").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            click.echo("\n/quit leaves")
            continue
        if line:
            yield line


def _answer(session: Session, line: str, console: Console) -> None:
    with _friendly(console):
        if line.startswith("/"):
            console.print(clean(run_command(session, line)), markup=False)
            return
        with _Hearing(console) as hearing:
            hearing.reply(session.send(line, hearing.ears).reply or "")


class _Hearing:
    """Shows a turn at work: a spinner until something is to be said, an answer as it comes, a
    run's progress while it runs.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = ExitStack()
        self._listener: Listener | None = None
        self._streamed = ""

    def __enter__(self) -> _Hearing:
        if self._console.is_terminal:
            self._shown.enter_context(self._console.status("thinking"))
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.close()

    @property
    def ears(self) -> Ears:
        """What the session tells."""
        return Ears(text=self._text, run=self._run, event=self._event)

    def reply(self, text: str) -> None:
        """The whole reply, or what of it was not shown while it came."""
        self._shown.close()
        if streamed := self._streamed.strip():
            self._console.print(clean(text.removeprefix(streamed)), markup=False)
        elif self._console.is_terminal and "```" in text:
            self._console.print(Markdown(clean(text)))
        else:
            self._console.print(clean(text), markup=False)

    def _text(self, piece: str) -> None:
        self._shown.close()
        self._streamed += piece
        self._console.print(clean(piece), end="", markup=False, soft_wrap=True)

    def _run(self, run_id: str) -> None:
        self._shown.close()
        self._listener = self._shown.enter_context(progress(quiet=False))

    def _event(self, event: Event) -> None:
        if self._listener:
            self._listener(event)


@contextmanager
def _friendly(console: Console) -> Iterator[None]:
    """An error is told and the conversation goes on; nothing of it is lost."""
    try:
        yield
    except (BadInput, NotReady, ModelError, SandboxError, OSError) as error:
        console.print(clean(str(error)), style="red", markup=False)
    except KeyboardInterrupt:
        console.print("stopped; say anything to go on", style="yellow")


def list_sessions() -> None:
    """All sessions, newest first."""
    for id_, state in SessionStore().list():
        about = state.spec or (state.turns[0].text if state.turns else "")
        line = " ".join(clean(about).split())[:80]
        click.echo(f"{id_}  {len(state.turns):3} turns  {line}")
