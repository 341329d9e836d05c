"""A chat session: designs, corrections, questions, approvals, undo, fork, and crashes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from product import GOAL, command

from memory.lock import RunBusy
from memory.records import Budget
from memory.runs import RunStore
from memory.sessions import NoSuchSession, SessionStore
from qimeng.chat.commands import run_command
from qimeng.chat.session import Ears, Session
from qimeng.goals import BadInput
from tools.kernels.emulated import card_of, missing_tools

DIE_AT = Path(__file__).parents[1] / "support" / "die_at.py"


def test_a_goal_becomes_a_checked_design_and_questions_are_answered(home: Path, model: str) -> None:
    heard: list[str] = []
    with Session.create(model) as session:
        turn = session.send(GOAL, Ears(run=heard.append))
        assert turn.run_id and heard == [turn.run_id]
        assert "agreed" in (turn.reply or "") and "design.sv" in (turn.reply or "")
        assert "none was rejected" in (session.send("why did it reject any?").reply or "")
        assert "design-1 (design" in (session.send("which candidates were there?").reply or "")
        second = session.send("tell me about the second one").reply or ""
        assert second.startswith("design-2") and "/show design-2" in second
        assert "module wrap" in (session.send("show me the code").reply or "")
        assert "NAND2" in (session.send("How large is it, in gates?").reply or "")
        asked = session.send("Should a reset be synchronous or asynchronous?").reply or ""
        assert asked.startswith("It does.\n\nlooked up: ")
        assert session.spend.tokens_in > 400


def test_a_correction_changes_the_specification_and_runs_again(home: Path, model: str) -> None:
    with Session.create(model) as session:
        first = session.send(GOAL)
        second = session.send("make the reset active low")
        assert second.spec == GOAL.replace("active high", "active low")
        assert second.run_id != first.run_id
        assert "active low" in (second.reply or "")
        assert "the designs" not in run_command(session, "/diff")
        session.undo()
        assert session.state.spec == GOAL
        assert session.state.run_ids == (first.run_id,)


@pytest.mark.skipif(
    bool(missing_tools(card_of("rvv128"))), reason="no RISC-V compiler and emulator here"
)
def test_kernels_are_made_shown_and_changed_without_a_model(home: Path) -> None:
    with Session.create("scripted:none") as session:
        first = session.send("a 9x20x31 GEMM for RISC-V with vectors")
        assert "done · tested" in (first.reply or "") and "rvv256" in (first.reply or "")
        code = session.send("show me the code").reply or ""
        assert code.startswith("```c\nvoid kernel(") and "/show kernel.c" in code
        second = session.send("VLEN 128 and RISC-V, please, with ReLU")
        assert second.spec == "gemm m=9 n=20 k=31 activation=Relu isa=rvv128"
        assert "done · tested" in (second.reply or "") and "rvv128" in (second.reply or "")
        refused = session.send("make it fp32 and bf16").reply or ""
        assert refused.startswith("I cannot change it like that") and session.state.spec
        session.undo()
        assert session.state.spec == "gemm m=9 n=20 k=31 activation=Relu isa=rvv128"


def test_what_is_open_is_asked_back_once(home: Path, model: str) -> None:
    vague = GOAL.replace(" (synchronous, active high)", "")
    with Session.create(model) as session:
        asked = session.send(vague)
        assert asked.run_id is None and "synchronous or asynchronous" in (asked.reply or "")
        assert session.state.pending and session.state.pending.kind == "clarify"
        decided = session.send("synchronous, please")
        assert decided.run_id and decided.spec and decided.spec.endswith("synchronous, please")
        assert session.state.pending is None


def test_undo_brings_the_open_question_back(home: Path, model: str) -> None:
    with Session.create(model) as session:
        session.send(GOAL.replace(" (synchronous, active high)", ""))
        decided = session.send("yes")
        assert (decided.spec or "").endswith("The reset rst is synchronous, active high.")
        assert session.state.pending is None
        session.undo()
        assert session.state.pending and session.state.pending.kind == "clarify"


def test_talk_and_unclear_messages_go_to_the_model(home: Path, model: str) -> None:
    pieces: list[str] = []
    with Session.create(model) as session:
        assert session.send("hello there", Ears(text=pieces.append)).reply == "Say what to design."
        assert "".join(pieces) == "Say what to design."
        session.send(GOAL)
        assert session.send("nice weather today").reply == "I only know about designs."
        turn = session.send("the other way round for the reset: asynchronous")
        assert turn.run_id and turn.spec and "asynchronous" in turn.spec


def test_the_budget_holds_over_the_whole_conversation(home: Path, model: str) -> None:
    with Session.create(model, budget=Budget(tokens=400)) as session:
        turn = session.send(GOAL)
        pending = session.state.pending
        assert pending and pending.kind == "spend" and "twice" in (turn.reply or "")
        assert "stays paused" in (session.send("no").reply or "")
        refused = session.send("make it 6 bits wide").reply or ""
        assert "budget reached" in refused and "/budget tokens=" in refused
        assert "of 5,000" in run_command(session, "/budget tokens=5000")
        done = session.send("make the reset asynchronous")
        assert done.run_id and "agreed" in (done.reply or "")


def test_yes_extends_a_paused_run(home: Path, model: str) -> None:
    with Session.create(model, budget=Budget(tokens=400)) as session:
        first = session.send(GOAL)
        second = session.send("yes")
        assert second.run_id == first.run_id and "agreed" in (second.reply or "")


def test_a_fork_begins_as_its_parent_and_leaves_it_alone(home: Path, model: str) -> None:
    with Session.create(model) as session:
        session.send(GOAL)
        session.send("make the reset active low")
        with Session(SessionStore().fork(session.id, 1)) as fork:
            assert fork.state.spec == GOAL and len(fork.state.turns) == 1
            assert fork.state.parent == session.id
            fork.send("make the reset asynchronous")
            assert fork.state.spec != session.state.spec
        assert len(session.state.turns) == 2
        assert [id_ for id_, _ in SessionStore().list()].count(session.id) == 1


def test_bad_commands_and_sessions_are_told(home: Path, model: str) -> None:
    with Session.create(model) as session:
        assert "latch" in run_command(session, "/memory when is a latch inferred")
        for line, told in (("/nothing", "/show"), ("/show", "no run yet"), ("/diff", "two runs")):
            with pytest.raises(BadInput, match=told):
                run_command(session, line)
        with pytest.raises(BadInput, match=r"every cap|understood"):
            run_command(session, "/budget tokens=lots")
        with pytest.raises(BadInput):
            session.send("   ")
        with pytest.raises(RunBusy):
            Session.open(session.id)
    with pytest.raises(NoSuchSession):
        Session.open("../../etc")


KILLS = ["turn.said", "spec.set", "turn.run", "run.created", "run.finished", "turn.answered"]


@pytest.mark.parametrize("kind", KILLS)
def test_a_killed_chat_loses_no_turn_and_pays_nothing_twice(
    kind: str, home: Path, model: str
) -> None:
    environment = os.environ | {"QIMENG_HOME": str(home)}
    dying = [sys.executable, str(DIE_AT), kind, "1", "chat", "--model", model]
    killed = subprocess.run(dying, input=f"{GOAL}\n", env=environment, text=True, timeout=240)
    assert killed.returncode == -signal.SIGKILL
    ((session_id, state),) = SessionStore().list()
    assert state.turns[0].text == GOAL
    again = command("chat", "--session", session_id)
    ended = subprocess.run(
        again, input="/runs\n", env=environment, text=True, capture_output=True, timeout=240
    )
    assert ended.returncode == 0, ended.stderr
    state = SessionStore().read(session_id)
    assert len(state.turns) == 1 and "agreed" in (state.turns[0].reply or "")
    (folder,) = RunStore().root.iterdir()
    calls = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    keys = [c["data"]["key"] for c in calls if c["kind"] == "call.finished"]
    assert len(keys) == len(set(keys)), "a finished call was made again"


def test_a_review_argues_over_a_rejected_design(home: Path, tmp_path: Path) -> None:
    """The design is wrong, the Python models are right: the team's designer mends it."""
    from product import DESIGN, WRONG_DESIGN, script

    path = tmp_path / "review.jsonl"
    model = script(path, design=WRONG_DESIGN)
    usage = {"tokens_in": 1, "tokens_out": 1}
    lines = {"critic: ": f"```verilog\n{DESIGN}```", "tester: ": "The wrap is missing."}
    rules = [
        {"when": when, "reply": {"text": text, "model": "scripted", "usage": usage}}
        for when, text in lines.items()
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rules) + path.read_text())
    with Session.create(model) as session:
        session.send(GOAL)
        told = run_command(session, "/review design-1")
    assert "It differs from reference-1" in told
    assert "found agreement" in told and "4'd11) ? 4'd0" in told
