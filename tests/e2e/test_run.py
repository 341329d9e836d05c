"""The whole product with a scripted model: results, claims, exit codes, budgets."""

import json
from pathlib import Path

import pytest
from product import DESIGN, GOAL, REFERENCE, WRONG_DESIGN, Qimeng, script


def test_a_goal_becomes_an_agreed_design_with_its_files(tmp_path: Path, qimeng: Qimeng) -> None:
    model = script(tmp_path / "s.jsonl")
    ended = qimeng("run", GOAL, "--model", model, "--out", str(tmp_path / "out"), "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["status"] == "done"
    assert result["evidence"]["level"] == "agreed"
    assert "4 of 4" in result["evidence"]["detail"]
    names = {a["name"] for a in result["artifacts"]}
    assert {"design.sv", "testbench.sv", "test_wrap.py", "waveform.svg"} <= names
    for name in (*names, "report.md", "report.html"):
        assert (tmp_path / "out" / name).stat().st_size > 0
    assert result["spend"]["tokens_out"] == 200
    assert result["metrics"]["flops"]["value"] == 4
    (kept,) = remembered(qimeng)
    assert (kept["run"], kept["kind"], kept["evidence"]) == (result["run_id"], "example", "agreed")
    assert kept["files"]["design.sv"] == (tmp_path / "out" / "design.sv").read_text()


def remembered(qimeng: Qimeng) -> list[dict]:
    """What the library holds."""
    return json.loads(qimeng("memory", "list", "--json").stdout)["results"]


def test_with_a_golden_the_result_is_checked_against_it(tmp_path: Path, qimeng: Qimeng) -> None:
    golden = tmp_path / "golden.v"
    golden.write_text(DESIGN.replace("n_q", "state"))
    model = script(tmp_path / "s.jsonl")
    ended = qimeng("run", GOAL, "--model", model, "--golden", str(golden), "--json")
    result = json.loads(ended.stdout)
    assert ended.returncode == 0, result["reasons"]
    assert result["evidence"]["level"] == "proved"


def test_a_wrong_design_is_never_called_done(tmp_path: Path, qimeng: Qimeng) -> None:
    golden = tmp_path / "golden.v"
    golden.write_text(DESIGN)
    model = script(tmp_path / "s.jsonl", design=WRONG_DESIGN)
    ended = qimeng(
        "run", GOAL, "--model", model, "--golden", str(golden), "--candidates", "2", "--json"
    )
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["status"] == "not_achieved"


def test_a_counterexample_and_its_lines_go_to_repair(tmp_path: Path, qimeng: Qimeng) -> None:
    golden = tmp_path / "golden.v"
    golden.write_text(DESIGN)
    model = script(tmp_path / "s.jsonl", design=WRONG_DESIGN, mended=DESIGN)
    ended = qimeng("run", GOAL, "--model", model, "--golden", str(golden), "--json")
    result = json.loads(ended.stdout)
    assert ended.returncode == 0, result["reasons"]
    assert result["evidence"]["level"] == "proved"
    shown = qimeng("trace", result["run_id"], "--full").stdout
    assert "In simulation it does not do what was asked for" in shown
    assert "The lines that decide" in shown


def test_design_and_reference_that_disagree_are_not_believed(
    tmp_path: Path, qimeng: Qimeng
) -> None:
    model = script(tmp_path / "s.jsonl", design=WRONG_DESIGN)
    ended = qimeng("run", GOAL, "--model", model, "--candidates", "2", "--json")
    result = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert result["evidence"]["level"] == "compiled"
    assert "do not agree" in result["reasons"][0]
    (kept,) = remembered(qimeng)
    assert (kept["kind"], kept["files"], kept["reasons"]) == ("lesson", {}, result["reasons"])


def test_a_design_that_does_not_compile_is_said_so(tmp_path: Path, qimeng: Qimeng) -> None:
    model = script(tmp_path / "s.jsonl", design="nonsense", reference="nonsense")
    ended = qimeng("run", GOAL, "--model", model, "--candidates", "2", "--json")
    result = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert result["evidence"]["level"] in ("none", "compiled")
    assert result["reasons"]


def test_a_budget_pauses_and_resume_goes_on(tmp_path: Path, qimeng: Qimeng) -> None:
    model = script(tmp_path / "s.jsonl")
    paused = qimeng("run", GOAL, "--model", model, "--budget", "tokens=200", "--json")
    assert paused.returncode == 3
    first = json.loads(paused.stdout)
    assert first["status"] == "paused"
    assert "budget reached" in first["reasons"][0]
    ended = qimeng("resume", first["run_id"], "--budget", "tokens=100000", "--json")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["spend"]["tokens_out"] == 200


BAD = {
    "empty": ("   ",),
    "binary": ("counter \x01\x02",),
    "contradictory ports": ("module m: input [7:0] a, output a",),
    "no such workflow": ("a counter", "--workflow", "poetry"),
    "no such file": ("a counter", "--file", "missing.v"),
    "bad budget": ("a counter", "--budget", "tokens=many"),
    "no candidates": ("a counter", "--candidates", "0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line(case: str, qimeng: Qimeng) -> None:
    ended = qimeng("run", *BAD[case])
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) <= 3


def test_long_text_is_refused(qimeng: Qimeng) -> None:
    ended = qimeng("run", "a counter " * 12_000)
    assert ended.returncode == 2
    assert "characters" in ended.stderr


def test_what_is_not_hardware_is_unsupported(tmp_path: Path, qimeng: Qimeng) -> None:
    ended = qimeng("run", "bake a cake", "--model", script(tmp_path / "s.jsonl"), "--json")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["status"] == "unsupported"


def test_a_missing_model_is_an_environment_fault(qimeng: Qimeng) -> None:
    ended = qimeng("run", GOAL, "--model", "embedded")
    assert ended.returncode == 4
    assert "qimeng models pull" in ended.stderr


def test_references_alone_are_not_enough(tmp_path: Path, qimeng: Qimeng) -> None:
    model = script(tmp_path / "s.jsonl", design="nonsense", reference=REFERENCE)
    ended = qimeng("run", GOAL, "--model", model, "--candidates", "4", "--json")
    assert ended.returncode == 1
