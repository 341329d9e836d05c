"""What only a person may decide: persisted, answered from any front end, never a blocked prompt."""

import os
import subprocess
from pathlib import Path

import pytest
from product import GOAL, command

from memory.sessions import Request, SessionStore
from qimeng.chat import session as at_work
from qimeng.chat.commands import run_command
from qimeng.chat.session import Session
from qimeng.goals import BadInput
from sandboxes import SandboxError

VAGUE = GOAL.replace(" (synchronous, active high)", "")


def talk(home: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The chat without a terminal."""
    return subprocess.run(
        command("chat", *options), input=text, env=os.environ | {"QIMENG_HOME": str(home)},
        text=True, capture_output=True, timeout=240, cwd=home.parent,
    )  # fmt: skip


def pending(home: Path) -> Request | None:
    ((_, state),) = SessionStore().list()
    return state.pending


def test_writing_elsewhere_or_over_other_files_is_asked_first(
    home: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    with Session.create(model) as session:
        session.send(GOAL)
        assert "design.sv" in run_command(session, "/save out")
        assert session.state.pending is None and (here / "out" / "design.sv").exists()
        assert "Shall I" not in run_command(session, "/save out"), "the same files may stand there"
        (here / "out" / "design.sv").write_text("mine")
        assert "over what stands there (design.sv)" in run_command(session, "/save out")
        assert session.send("no").reply == "Nothing was written."
        assert (here / "out" / "design.sv").read_text() == "mine"
        run_command(session, f"/save {elsewhere}")
        assert not elsewhere.exists()
    with Session.open(session.id) as session:  # another front end, later
        waits = session.state.pending
        assert waits and waits.kind == "write" and waits.text == str(elsewhere)
        with pytest.raises(BadInput, match="any more"):
            session.send("yes", answers="1-spend")
        assert str(elsewhere / "design.sv") in (session.send("yes", answers=waits.id).reply or "")
        assert (elsewhere / "report.html").exists() and session.state.pending is None
        with pytest.raises(BadInput, match="any more"):
            session.send("yes", answers=waits.id)


def test_where_no_sandbox_works_the_host_is_asked_for(
    home: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    real = at_work.open_sandbox

    def none_but_host(name: str):
        opened.append(name)
        if name != "host":
            raise SandboxError("no usable sandbox. Fix it with: apt-get install bubblewrap")
        return real("auto")

    monkeypatch.setattr(at_work, "open_sandbox", none_but_host)
    with Session.create(model) as session:
        asked = session.send(VAGUE)
        assert "with your own rights" in (asked.reply or "") and asked.run_id is None
        assert "Nothing was started" in (session.send("no").reply or "")
        assert "with your own rights" in (session.send(VAGUE).reply or "")
        assert set(opened) == {"auto"}
        assert "I read: Module wrap" in (session.send("yes").reply or "")
        assert session.state.sandbox == "host" and opened[-1] == "host"
        assert session.state.pending and session.state.pending.kind == "clarify"
        session.undo()
        assert session.state.sandbox == "auto"
    with Session.create(model, sandbox="docker") as session, pytest.raises(SandboxError):
        session.send(GOAL)  # one that was named is never exchanged for the host


def test_a_bare_no_starts_nothing_and_a_new_goal_lets_the_old_question_lapse(
    home: Path, model: str
) -> None:
    with Session.create(model) as session:
        session.send(VAGUE)
        assert "Nothing was started" in (session.send("no").reply or "")
        assert session.state.pending is None and not session.state.run_ids
        session.send(VAGUE)
        session.send(GOAL)
        assert session.state.pending is None
        assert "active low" in (session.send("make the reset active low").spec or "")


def test_a_stopped_run_goes_on_when_asked(
    home: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with Session.create(model) as session:
        with monkeypatch.context() as patch:
            patch.setattr("qimeng.runner._invoke", interrupted)
            first = session.send(GOAL)
        assert session.state.pending and session.state.pending.kind == "resume"
        second = session.send("yes")
        assert second.run_id == first.run_id and "agreed" in (second.reply or "")


@pytest.mark.parametrize(("policy", "code"), [("pause", 3), ("deny", 0)])
def test_without_a_terminal_the_policy_answers(
    home: Path, model: str, policy: str, code: int
) -> None:
    ended = talk(home, f"{VAGUE}\n", "--model", model, "--non-interactive", policy)
    assert ended.returncode == code, ended.stderr
    assert bool(pending(home)) == (policy == "pause")
    assert ("waits for an answer" in ended.stdout) == (policy == "pause")


def test_an_approval_ends_the_input_and_any_front_end_answers_it(home: Path, model: str) -> None:
    ended = talk(home, f"{GOAL}\nshow me the code\n", "--model", model, "--budget", "tokens=400")
    assert ended.returncode == 3 and "show me the code" not in ended.stdout
    waits = pending(home)
    assert waits and waits.kind == "spend" and "twice the budget" in waits.question
    ((session_id, _),) = SessionStore().list()
    with Session.open(session_id) as session:
        assert "agreed" in (session.send("yes", answers=waits.id).reply or "")
    assert pending(home) is None
