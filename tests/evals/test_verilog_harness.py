"""The harness: figures, resumable runs, what the system sees, labels, ablations."""

import itertools
import json
from math import comb

import pytest
from checkouts import COUNTER, INVERTER, V2
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from product import GOAL, WRONG_DESIGN, script

import qimeng
from evals.verilog import figures, report
from evals.verilog.__main__ import cli
from evals.verilog.results import Results
from evals.verilog.statistics import interval, pass_at_k


@given(st.integers(1, 8), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(itertools.combinations([True] * c + [False] * (n - c), k))
    assert len(subsets) == comb(n, k)
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_needs_k_samples():
    with pytest.raises(ValueError, match="pass@5"):
        pass_at_k(4, 2, 5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_interval_holds_the_mean_and_shrinks_with_more_problems(values):
    low, high = interval(values)
    assert 0 <= low <= sum(values) / len(values) + 1e-9
    assert sum(values) / len(values) - 1e-9 <= high <= 1
    closer = interval(values * 4)
    assert closer[1] - closer[0] < high - low


def test_the_interval_of_a_known_case():
    low, high = interval([1.0] * 19 + [0.0] * 137)
    assert (round(low, 3), round(high, 3)) == (0.079, 0.182)


@pytest.fixture
def harness(tmp_path):
    def call(*arguments):
        return CliRunner().invoke(cli, arguments, catch_exceptions=False)

    return call


@pytest.fixture
def model(tmp_path):
    """Right on the inverter, wrong on the counter."""
    answers = {
        V2["Prob001_invert"][0]: INVERTER,
        V2["Prob002_count"][0]: COUNTER.replace("+ 2'd1", "- 2'd1"),
    }
    path = tmp_path / "bare.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "when": words,
                    "reply": {
                        "text": f"[BEGIN]\n{text.replace('RefModule', 'TopModule')}[DONE]",
                        "model": "scripted",
                        "usage": {"tokens_in": 30, "tokens_out": 20},
                    },
                }
            )
            + "\n"
            for words, text in answers.items()
        )
    )
    return f"scripted:{path}"


def bare(v2, model, results, *more):
    return (
        *("run", "--data", str(v2), "--system", "bare", "--model", model),
        *("--results", str(results), *more),
    )


def test_the_model_alone_is_scored_twice_and_reported(harness, v2, model, tmp_path):
    path = tmp_path / "bare-results.jsonl"
    outcome = harness(*bare(v2, model, path, "--jobs", "2"))
    assert outcome.exit_code == 0, outcome.output
    found = Results.read(path)
    by_name = {s.problem: s for s in found.scores}
    assert by_name["Prob001_invert"].official
    assert by_name["Prob001_invert"].correct
    wrong = by_name["Prob002_count"]
    assert (wrong.official, wrong.code, wrong.verdict) == (False, "R", "different")
    assert wrong.tokens_out == 20
    assert figures.official(found)[1].value == 0.5
    assert "50.0 % [" in outcome.stdout
    assert harness("report", str(path), "--out", str(tmp_path / "out")).exit_code == 0
    assert json.loads((tmp_path / "out" / "report.json").read_text())[0]["title"] == "bare"
    for name in ("report.md", "report.html"):
        assert "Prob002_count" in (tmp_path / "out" / name).read_text()
    assert "module" not in (tmp_path / "out" / "report.json").read_text()


def test_a_run_goes_on_where_it_was_cut(harness, v2, model, tmp_path):
    path = tmp_path / "cut.jsonl"
    assert harness(*bare(v2, model, path, "--only", "Prob001")).exit_code == 0
    first = path.read_text()
    path.write_text(first + '{"problem": "Prob002_count", "se')
    ended = harness(*bare(v2, model, path))
    assert ended.exit_code == 0
    assert "Prob001" not in ended.stderr
    assert path.read_text().startswith(first)
    assert [s.problem for s in Results.read(path).scores] == ["Prob001_invert", "Prob002_count"]


def test_another_setting_needs_another_file(harness, v2, model, tmp_path):
    path = tmp_path / "one.jsonl"
    assert harness(*bare(v2, model, path, "--only", "Prob001")).exit_code == 0
    refused = harness(*bare(v2, model, path, "--seeds", "2"))
    assert refused.exit_code == 2
    assert "another setting" in refused.stderr


def test_bad_data_and_no_model_have_their_exit_codes(harness, v2, tmp_path):
    missing = bare(tmp_path, "embedded", tmp_path / "r.jsonl")
    assert harness(*missing).exit_code == 2
    no_model = bare(v2, f"scripted:{tmp_path / 'none'}", tmp_path / "r.jsonl")
    assert harness(*no_model).exit_code == 4


def system(rtllm, model, *more):
    return ("--data", str(rtllm), "--suite", "rtllm", "--model", model, "--candidates", "2", *more)


def test_the_system_sees_the_words_alone(harness, rtllm, tmp_path):
    path = tmp_path / "system.jsonl"
    model = script(tmp_path / "model.jsonl")
    outcome = harness("run", *system(rtllm, model, "--results", str(path)))
    assert outcome.exit_code == 0, outcome.output
    found = Results.read(path)
    (score,) = found.scores
    assert (score.official, score.verdict, score.claimed) == (True, "equivalent", "agreed")
    assert score.tokens_out == 4 * 50
    view = qimeng.read(score.run_id)
    assert (view.goal.text, view.goal.golden, view.goal.files) == (GOAL, None, {})
    # RTLLM's script lists a design that is not there, and divides by one more than it lists.
    assert figures.official(found)[1].value == pytest.approx(1 / 3)
    assert figures.corrected(found)[1].value == 1


def test_a_golden_in_the_loop_is_never_left_unsaid(harness, rtllm, tmp_path):
    path = tmp_path / "golden.jsonl"
    model = script(tmp_path / "model.jsonl")
    arguments = system(rtllm, model, "--results", str(path), "--system", "golden-in-loop")
    assert harness("run", *arguments).exit_code == 0
    found = Results.read(path)
    assert found.scores[0].claimed in ("tested", "proved")
    assert "GOLDEN IN THE LOOP" in report.markdown([found])
    assert "GOLDEN IN THE LOOP" in report.html([found])


def test_an_ablation_switches_off_what_it_says(harness, rtllm, tmp_path):
    model = script(tmp_path / "model.jsonl", design=WRONG_DESIGN)
    chosen = ("no clustering", "no Python references")
    named = [part for name in chosen for part in ("--variant", name)]
    outcome = harness("ablate", *system(rtllm, model, "--out", str(tmp_path / "out"), *named))
    assert outcome.exit_code == 0, outcome.output
    rows = {line.split(" | ")[0].strip("| "): line for line in outcome.stdout.splitlines()}
    assert {"whole", *chosen} <= set(rows)
    scores = {
        name: Results.read(tmp_path / "out" / f"{name.replace(' ', '-')}.jsonl").scores[0]
        for name in ("whole", *chosen)
    }
    # The wrong designs disagree with the references: the whole finds the references' design.
    assert scores["no clustering"].claimed == "compiled"
    assert not scores["no clustering"].official
    assert scores["no clustering"].tokens_out < scores["whole"].tokens_out
    assert scores["no Python references"].claimed == "none"
    off = Results.read(tmp_path / "out" / "no-clustering.jsonl").header.setting.parts
    assert (off.clustering, off.references) == (False, True)
