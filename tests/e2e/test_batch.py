"""Many goals from a file: a summary, clear errors before anything runs, and going on later."""

import json
from pathlib import Path

from product import GOAL, Qimeng, script


def goals(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "goals.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def test_a_batch_is_worked_on_and_summed_up_and_not_done_twice(
    qimeng: Qimeng, tmp_path: Path
) -> None:
    model = script(tmp_path / "script.jsonl")
    path = goals(tmp_path, {"goal": GOAL}, {"goal": GOAL, "seed": 1, "budget": "tokens=50"})
    arguments = ("run", "--goals", str(path), "--model", model, "--out", str(tmp_path / "out"))
    first = qimeng(*arguments, "--json")
    assert first.returncode == 3, first.stderr
    told = json.loads(first.stdout)
    assert [r["status"] for r in told["runs"]] == ["done", "paused"] and told["left"] == 0
    assert len(list((tmp_path / "out").glob("*/design.sv"))) == 1
    again = qimeng(*arguments)
    assert [r["run_id"] for r in told["runs"]] == [
        line.split()[1] for line in again.stdout.splitlines()[:2]
    ]
    assert "1 of 2 done" in again.stdout


def test_bad_lines_are_all_told_before_anything_runs(qimeng: Qimeng, tmp_path: Path) -> None:
    path = goals(tmp_path, {"goal": GOAL}, {"aim": "x"}, {"goal": ""}, {"goal": "x", "seed": -1})
    ended = qimeng("run", "--goals", str(path))
    assert ended.returncode == 2
    for number in (2, 3, 4):
        assert f"line {number}" in ended.stderr
    assert qimeng("runs", "--json").stdout.strip() == "[]"
    assert qimeng("run").returncode == 2
