"""The AutoGen team: its turns, what ends it, and that only tools decide."""

from pathlib import Path

from product import DESIGN, GOAL, WRONG_DESIGN

from agents.team import MAX_MESSAGES, Finding, review
from agents.workbench import Workbench
from lpcm.gateway import Gateway
from lpcm.scripted import ScriptedModel
from memory.records import Goal
from memory.runs import RunStore
from sandboxes.probe import open_sandbox
from tools.hdl.contract_text import read_contract


def bench(tmp_path: Path, answers: list[str]) -> Workbench:
    run = RunStore(tmp_path).create(Goal(text=GOAL), {}, {})
    model = ScriptedModel(answers)
    return Workbench(run, Gateway(lambda name: model), "scripted", open_sandbox("host"))


def judged(source: str) -> Finding:
    right = "n_q == 4'd11) ? 4'd0" in source
    return Finding(right, "it behaves" if right else "after 11 comes 12")


def talk(tmp_path: Path, answers: list[str]) -> tuple:
    workbench = bench(tmp_path, answers)
    contract = read_contract(GOAL).contract
    assert contract is not None
    with workbench.run:
        found = review(workbench, GOAL, contract, WRONG_DESIGN, judged)
        events = [e for e in workbench.run.log.events if e.kind == "team.said"]
    return found, events


def test_a_design_is_mended_in_turns_and_the_tester_ends_it(tmp_path: Path) -> None:
    found, events = talk(tmp_path, ["The wrap is missing.", f"```verilog\n{DESIGN}```"])
    assert found.passed and found.source.strip() == DESIGN.strip()
    assert [speaker for speaker, _ in found.said] == [
        "user", "tester", "critic", "designer", "verdict",
    ]  # fmt: skip
    assert [e.actor for e in events] == [speaker for speaker, _ in found.said]


def test_words_of_approval_are_no_evidence(tmp_path: Path) -> None:
    answers = ["It is correct. APPROVED.", f"APPROVED\n```verilog\n{WRONG_DESIGN}```"] * 5
    found, _ = talk(tmp_path, answers)
    assert not found.passed and len(found.said) == MAX_MESSAGES


def test_autogen_is_the_pinned_one() -> None:
    import autogen_agentchat

    assert autogen_agentchat.__version__.startswith("0.7."), "another product has this name"


def test_a_right_design_is_not_argued_about(tmp_path: Path) -> None:
    workbench = bench(tmp_path, [])
    contract = read_contract(GOAL).contract
    assert contract is not None
    with workbench.run:
        found = review(workbench, GOAL, contract, DESIGN, judged)
    assert found.passed and [s for s, _ in found.said] == ["user", "verdict"]
