"""KernelBench without torch: fast_p, the results file, the report, problems and the command."""

import json

import pytest

from evals.kernelbench import report, results
from evals.kernelbench.problems import NoSuchData, listed
from evals.kernelbench.score import Outcome, fast_p, geometric_mean

HEADER = {"benchmark": "sha256 1", "device": "cpu", "torch": "2", "date": "today"}
RIGHT = Outcome(1, 1, "right", "ran", mean_ratio=1.2, ratio=1.1, ours_ms=1.0, torch_ms=1.1)
LOOSE = Outcome(1, 2, "loose", "ran", strict="error 1e-05", mean_ratio=3.0, ratio=3.0)
LACKING = Outcome(1, 3, "lacking", "unsupported", "no operator for cumsum")
OUTCOMES = [RIGHT, LOOSE, LACKING]


@pytest.mark.parametrize(("p", "share"), [(0, 3 / 5), (1, 2 / 5), (1.5, 1 / 5), (2, 0)], ids=str)
def test_fast_p_counts_right_answers_that_are_faster_than_p_over_all_problems(p, share):
    assert fast_p([0.5, 1.2, None, 2.0, None], p, 5) == share


def test_fast_p_is_strict_at_its_threshold_and_zero_without_problems():
    assert fast_p([1.0], 1, 1) == 0
    assert fast_p([], 0, 0) == 0


def test_the_geometric_mean_is_of_right_answers_alone():
    assert geometric_mean([0.5, None, 2.0]) == pytest.approx(1)
    assert geometric_mean([None]) is None


def test_each_rule_counts_by_its_own_verdict_and_untried_problems_are_failures():
    found = report.figures(OUTCOMES, 4)
    assert (found["tried"], found["official"]["correct"], found["strict"]["correct"]) == (2, 2, 1)
    assert (found["official"]["all"]["1"], found["official"]["tried"]["1"]) == (0.5, 1.0)
    assert (found["strict"]["all"]["1"], found["strict"]["tried"]["1"]) == (0.25, 0.5)


def test_a_results_file_goes_on_where_it_was_cut_off(tmp_path):
    path = tmp_path / "out" / "results.jsonl"
    assert results.begin(path, HEADER) == []
    results.add(path, RIGHT)
    results.add(path, LACKING)
    path.write_text(path.read_text()[:-9])
    assert results.begin(path, HEADER | {"date": "tomorrow"}) == [RIGHT]
    results.add(path, LOOSE)
    assert results.read(path) == (HEADER, [RIGHT, LOOSE])


@pytest.mark.parametrize("key", results.KEPT)
def test_results_of_another_run_are_not_mixed(tmp_path, key):
    path = tmp_path / "results.jsonl"
    results.begin(path, HEADER)
    with pytest.raises(results.WrongResults, match=key):
        results.begin(path, HEADER | {key: "another"})


def test_what_is_no_results_file_is_refused(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text("words\n")
    with pytest.raises(results.WrongResults):
        results.read(path)


def test_the_report_has_every_problem_and_its_reason(tmp_path):
    report.write(tmp_path, HEADER, OUTCOMES, {1: 4})
    text = (tmp_path / "report.md").read_text()
    assert "unsupported: no operator for cumsum" in text
    assert "1/2 loose" in text
    assert "fast_1 50 % (100 %)" in text
    assert json.loads((tmp_path / "report.json").read_text())["levels"]["1"]["problems"] == 4


def test_problems_are_listed_by_number_and_unknown_ones_refused(tmp_path):
    folder = tmp_path / "KernelBench" / "level1"
    folder.mkdir(parents=True)
    for name in ("10_b.py", "9_a.py", "__init__.py"):
        (folder / name).write_text("")
    assert [(p.number, p.name) for p in listed(tmp_path, 1)] == [(9, "a"), (10, "b")]
    with pytest.raises(NoSuchData, match="no problem 3"):
        listed(tmp_path, 1, (3,))
    with pytest.raises(NoSuchData, match="no problems"):
        listed(tmp_path, 2)
