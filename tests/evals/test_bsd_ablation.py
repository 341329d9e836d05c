"""An ablation says what a run had when it ended, and whether that is right."""

import pytest

from evals import bsd_ablation
from evals.bsd_ablation import OutOfTime, measured
from sandboxes.probe import open_sandbox
from tools.bsd.boxes import example
from tools.bsd.learn import Learner, Settings


@pytest.fixture(scope="module")
def sandbox():
    return open_sandbox("host")


def test_a_run_is_stopped_when_its_cpu_time_is_up():
    with pytest.raises(OutOfTime), bsd_ablation._stopped_after(0.05):
        while True:
            sum(range(1000))


def test_a_stopped_run_is_recorded_with_what_it_reached(sandbox, monkeypatch):
    def build(learner):
        learner._report("grow", 3, 7)
        raise OutOfTime("1 s of CPU time were not enough")

    monkeypatch.setattr(Learner, "build", build)
    record = measured("adder4", "nothing", 1, 1, sandbox)
    assert (record["outcome"], record["last_stage"], record["proof"]) == (
        "OutOfTime", "grow 3 of 7", "none",
    )  # fmt: skip


def test_without_the_portfolio_diagrams_are_larger(sandbox, monkeypatch):
    monkeypatch.setattr(bsd_ablation, "JUDGED", 1 << 16)
    whole, ablated = (measured("bcd8", part, 1, 60, sandbox) for part in ("nothing", "portfolio"))
    assert whole["proof"] == ablated["proof"] == "proved"
    assert whole["wrong_per_million"] == 0
    assert ablated["nodes"] > whole["nodes"]


def test_what_is_wrong_at_the_end_is_seen(sandbox, monkeypatch):
    monkeypatch.setattr(bsd_ablation, "JUDGED", 1 << 16)
    chosen = example("adder4")
    learner = Learner(chosen.box, Settings(seed=1), lambda _: None)
    learner.build()
    learner.grown[0][0].literals[0] ^= 1
    judged = bsd_ablation._judged(learner, chosen, sandbox)
    assert judged["proof"] == "different"
    assert judged["wrong_per_million"] > 0
