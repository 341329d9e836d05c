"""A chat session at work: each message is understood, acted on and answered; every step of that
is in the session's log before it counts, so a session that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from agents.conversation import Conversationalist, asks, states_an_interface, words_of
from agents.planner import NoContract
from agents.workbench import Workbench
from lpcm.cache import ReplyCache
from lpcm.gateway import Gateway
from lpcm.messages import Message, OnText
from lpcm.models import default_model, open_model
from memory.budget import BudgetReached, parse_budget, usage
from memory.events import Event
from memory.home import home
from memory.records import Budget, Spend
from memory.runs import NoSuchRun, Run, new_id
from memory.sessions import Conversation, Request, SessionStore, Turn, conversation
from qimeng import runner
from qimeng.chat import facts, requests
from qimeng.goals import BadInput, make_goal
from qimeng.summary import RunView
from sandboxes import SandboxError
from sandboxes.probe import open_sandbox
from tools.hdl.contract_text import Contradiction, read_contract
from tools.kernels.word_rules import Unclear

EARLIER_TURNS = 3
EARLIER_CHARACTERS = 400


@dataclass(frozen=True)
class Ears:
    """Who listens while a turn is worked on, from several threads: ``text`` gets an answer piece
    by piece, ``run`` the id of a run that begins or goes on, ``event`` that run's events.
    """

    text: OnText = lambda piece: None
    run: Callable[[str], None] = lambda run_id: None
    event: Callable[[Event], None] = lambda event: None


class Session:
    """One session opened by its one writer. Use as a context manager."""

    def __init__(self, log: Run) -> None:
        self.log = log
        self.id = log.id

    @classmethod
    def create(
        cls, model: str | None = None, sandbox: str = "auto", budget: Budget | None = None
    ) -> Session:
        """A new session. ``budget`` caps the conversation and all its runs together."""
        return cls(SessionStore().create(model, sandbox, budget or Budget()))

    @classmethod
    def open(cls, session_id: str) -> Session:
        """An earlier session. Raises NoSuchSession, RunBusy or EventLogError."""
        return cls(SessionStore().open(session_id))

    @property
    def state(self) -> Conversation:
        """The conversation so far."""
        return conversation(self.log.log.events)

    @property
    def spend(self) -> Spend:
        """What the conversation and its runs used, together."""
        total = self.log.spend.model_dump()
        for run_id in {e.data["run_id"] for e in self.log.log.events if e.kind == "turn.run"}:
            view = _view(run_id)
            for name, used in view.spend.model_dump().items() if view else ():
                total[name] += used
        return Spend(**total)

    @property
    def view(self) -> RunView | None:
        """The newest run of the conversation."""
        ids = self.state.run_ids
        return _view(ids[-1]) if ids else None

    def send(self, text: str, ears: Ears = Ears(), answers: str = "") -> Turn:
        """Work on one message until it is answered; ``answers`` is the id of the request that it
        was meant for. Raises BadInput for an empty message or when that request does not wait any
        more, ModelError or SandboxError when model or sandbox fail: then the turn stays open and
        ``finish`` goes on with it.
        """
        text = text.strip()
        if not text or len(text) > 20_000:
            raise BadInput("say something, in at most 20,000 characters")
        if self.state.unfinished:
            self.finish(ears)
        pending = self.state.pending
        if answers and (pending is None or pending.id != answers):
            raise BadInput("that question does not wait for an answer any more")
        self.log.emit("turn.said", "user", turn=len(self.state.turns) + 1, text=text)
        return self.finish(ears)

    def finish(self, ears: Ears = Ears()) -> Turn:
        """Complete the turn that was cut off. Nothing that was done in it is done again."""
        turn = self.state.unfinished
        assert turn is not None, "there is a turn to finish"
        try:
            reply = self._reply(turn, ears)
        except BudgetReached as error:
            reply = f"{error}. /budget sets a larger one, for example: /budget {error.cap}=…"
        except SandboxError as error:
            if self.state.sandbox != "auto":
                raise
            reply = self._open(turn, requests.host(turn, error))
        self.log.emit("turn.answered", "planner", turn=turn.number, text=reply)
        return self.state.turns[-1]

    def undo(self) -> Turn | None:
        """Take the last turn back, and what it changed. Its run stays in the list of runs."""
        turns = self.state.turns
        if turns:
            self.log.emit("turn.undone", "user", turn=turns[-1].number)
        return turns[-1] if turns else None

    def save(self, folder: Path) -> str:
        """Write the last run's files to ``folder``. What lies outside the folder that QiMeng was
        started in, or holds other files of these names, is asked about first. Raises BadInput.
        """
        view = self.view
        if view is None:
            raise BadInput("there is no run yet in this conversation")
        folder = folder.expanduser().resolve()
        if folder.is_relative_to(Path.cwd()) and not requests.replaced(view, folder):
            return "\n".join(map(str, view.write_to(folder)))
        asking = requests.write(self.state.turns[-1], view, folder, len(self.log.log.events))
        return self._open(self.state.turns[-1], asking)

    def set_budget(self, text: str) -> Budget:
        """New caps; those not named stay. Raises BadInput."""
        try:
            caps = self.log.budget.model_dump() | parse_budget(text).model_dump(exclude_none=True)
        except ValueError as error:
            raise BadInput(str(error)) from error
        self.log.emit("budget.set", "user", budget=caps)
        return self.log.budget

    @property
    def workbench(self) -> Workbench:
        """Model and sandbox of the conversation; what they do is in its log."""
        return self._planner.workbench

    def close(self) -> None:
        """Release the session."""
        self.log.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- one turn -------------------------------------------------------------------------

    def _reply(self, turn: Turn, ears: Ears) -> str:
        if turn.run_id:
            return self._run(turn, turn.spec or "", turn.run_id, ears)
        if turn.spec:
            return self._start(turn, turn.spec, ears)
        pending = self._pending_at(turn)
        if pending and (reply := self._decide(turn, pending, ears)):
            return reply
        return self._understand(turn, turn.text, ears)

    def _understand(self, turn: Turn, text: str, ears: Ears) -> str:
        """Do what the words ``text`` want."""
        earlier = [t for t in self.state.turns[:-1] if t.spec]
        spec = earlier[-1].spec if earlier else None
        intent = self._planner.intent(text, spec)
        if intent == "design":
            return self._specify(turn, text, "", ears)
        if intent == "change" and spec:
            try:
                spec = self._planner.changed(spec, text)
            except Unclear as error:
                return f"I cannot change it like that: {error}"
            return self._specify(turn, spec, text, ears)
        return self._explain(text, ears)

    def _pending_at(self, turn: Turn) -> Request | None:
        """The request that waited when this turn began, also if the turn has answered it since."""
        events = self.log.log.events
        said = max(e.seq for e in events if e.kind == "turn.said" and e.data["turn"] == turn.number)
        return conversation(events[:said]).pending

    def _specify(self, turn: Turn, spec: str, change: str, ears: Ears) -> str:
        """Ask back what is open in the specification of a module; with nothing open, start."""
        if not self._planner.wants_hardware(spec):
            return self._start(turn, spec, ears)
        try:
            points = self._planner.open_points(spec, change)
        except (NoContract, Contradiction) as error:
            return f"I cannot start with that: {error}"
        if not points:
            return self._start(turn, spec, ears)
        read = read_contract(spec).contract
        return self._open(
            turn, requests.clarify(turn, spec, points, words_of(read) if read else "")
        )

    def _decide(self, turn: Turn, pending: Request, ears: Ears) -> str | None:
        """Take the message as the answer to a request; None when it is about something else."""
        if pending.kind == "clarify":
            return self._clarified(turn, pending, ears)
        said_yes = requests.yes_or_no(turn.text)
        if said_yes is None:
            return None
        if not said_yes:
            self._close(turn, pending)
            return requests.declined(pending)
        if pending.kind == "host":
            self.log.emit("sandbox.set", "user", turn=turn.number, sandbox="host")
            self._close(turn, pending)
            return self._understand(turn, pending.text, ears)
        if pending.kind == "write":
            files = RunView.read(pending.run_id).write_to(Path(pending.text))
            self._close(turn, pending)
            return "\n".join(map(str, files))
        self._close(turn, pending)
        self.log.emit("turn.run", "user", turn=turn.number, run_id=pending.run_id)
        return self._run(turn, self.state.spec or "", pending.run_id, ears)

    def _clarified(self, turn: Turn, pending: Request, ears: Ears) -> str | None:
        if turn.text.endswith("?") or states_an_interface(turn.text):
            return None
        if requests.is_bare_no(turn.text):
            self._close(turn, pending)
            return requests.declined(pending)
        spec = self._planner.settled(pending.text, turn.text)
        self._close(turn, pending)
        return self._start(turn, spec, ears)

    def _start(self, turn: Turn, spec: str, ears: Ears) -> str:
        run_id = new_id()
        self.log.emit("spec.set", "planner", turn=turn.number, text=spec)
        self.log.emit("turn.run", "planner", turn=turn.number, run_id=run_id)
        return self._run(turn, spec, run_id, ears)

    def _run(self, turn: Turn, spec: str, run_id: str, ears: Ears) -> str:
        """Work on a run, begun before or not, and say what came of it."""
        ears.run(run_id)
        state = self.state
        view = _view(run_id)
        if view is None:
            budget = self._left()
            try:
                goal, files = make_goal(
                    spec, model=state.model, sandbox=state.sandbox, budget=budget
                )
            except BadInput as error:
                return f"I cannot start with that: {error}"
            runner.start(goal, files, ears.event, run_id).close()
        elif view.status in ("paused", "interrupted"):
            more = self._doubled(view) if view.cause == "budget" else None
            runner.resume(run_id, more, ears.event).close()
        view = RunView.read(run_id)
        view.save()
        if view.status == "paused":
            question = self._open(turn, requests.go_on(turn, view))
            return f"{facts.outcome(view)}\n{question}"
        return facts.outcome(view)

    def _explain(self, text: str, ears: Ears) -> str:
        view = self.view
        if view and (answer := facts.direct_answer(text, view)):
            return answer
        known, sources = facts.facts(self.state.spec, view), ""
        if asks(text):
            passages, sources = facts.passages(text)
            known += passages
        return self._planner.answer(text, known, self._earlier(), ears.text) + sources

    # -- parts ----------------------------------------------------------------------------

    @cached_property
    def _planner(self) -> Conversationalist:
        state = self.state
        gateway = Gateway(open_model, ReplyCache(home() / "replies.db"), prices=runner.prices())
        driver = open_sandbox(state.sandbox)  # type: ignore[arg-type]
        return Conversationalist(
            Workbench(self.log, gateway, state.model or default_model(), driver)
        )

    def _earlier(self) -> list[Message]:
        turns = [t for t in self.state.turns if t.reply is not None][-EARLIER_TURNS:]
        messages: list[Message] = []
        for turn in turns:
            reply = turn.reply or "-"
            messages.append(Message(role="user", content=turn.text[:EARLIER_CHARACTERS]))
            messages.append(Message(role="assistant", content=reply[:EARLIER_CHARACTERS]))
        return messages

    def _left(self) -> Budget:
        """What the conversation's budget leaves for one more run. Raises BudgetReached."""
        left: dict[str, Any] = {}
        for cap, used, limit in usage(self.log.budget, self.spend):
            if used >= limit:
                raise BudgetReached(cap, used, limit)
            left[cap] = limit - used
        return Budget(**left)

    def _doubled(self, view: RunView) -> Budget:
        held = [e.data["budget"] for e in view.log if e.kind == "budget.set"]
        budget = Budget.model_validate(held[-1]) if held else view.goal.budget
        larger = {k: v * 2 for k, v in budget.model_dump(exclude_none=True).items()}
        return Budget(**larger)

    def _open(self, turn: Turn, request: Request) -> str:
        """Ask a person; the words of the question."""
        told = request.model_dump(mode="json")
        self.log.emit("request.opened", "planner", turn=turn.number, request=told)
        return request.question

    def _close(self, turn: Turn, pending: Request) -> None:
        if self.state.pending == pending:
            self.log.emit(
                "request.answered", "user", turn=turn.number, id=pending.id, answer=turn.text
            )


def _view(run_id: str) -> RunView | None:
    try:
        view = RunView.read(run_id)
    except NoSuchRun:
        return None
    return view if view.log else None
