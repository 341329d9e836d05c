"""The loop as a state machine: order, fan-out, rounds, and resuming after a crash."""

from collections.abc import Callable
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from graphs.loop import LoopContext, build_loop
from graphs.workflow import History
from memory.records import Candidate, Evidence, Goal, Measurement, Metric, Result, Verdict
from memory.runs import Run, RunStore


class Guess:
    """Find a number: candidates are guesses, a measurement is their value, tuning subtracts 1."""

    name = "guess"

    def __init__(self, secret: int, max_repairs: int = 3, max_tunes: int = 2) -> None:
        self.secret, self.max_repairs, self.max_tunes = secret, max_repairs, max_tunes
        self.calls: list[str] = []
        self.crash_at: Callable[[str], bool] = lambda _: False

    def _call(self, name: str) -> None:
        if self.crash_at(name):
            raise KeyboardInterrupt(name)
        self.calls.append(name)

    def _guess(self, value: int) -> Candidate:
        return Candidate(id=str(value), files={}, origin="guess")

    def propose(self) -> list[Candidate]:
        self._call("propose")
        return [self._guess(1), self._guess(2)]

    def check(self, candidate: Candidate) -> Verdict:
        self._call(f"check {candidate.id}")
        right = int(candidate.id) >= self.secret
        return Verdict(candidate=candidate.id, outcome="pass" if right else "fail")

    def judge(self, history: History) -> list[Verdict]:
        self._call("judge")
        return []

    def repair(self, history: History) -> list[Candidate]:
        self._call("repair")
        return [self._guess(max(map(int, history.candidates)) + 1)]

    def measure(self, candidate: Candidate) -> Measurement:
        self._call(f"measure {candidate.id}")
        value = Metric(value=float(candidate.id), unit="1")
        return Measurement(candidate=candidate.id, metrics={"value": value})

    def tune(self, history: History) -> list[Candidate]:
        self._call("tune")
        best = max(int(c.id) for c in history.passed())
        return [self._guess(best + 1)] if best < self.secret + 1 else []

    def conclude(self, history: History) -> Result:
        self._call("conclude")
        passed = history.passed()
        return Result(
            status="done" if passed else "not_achieved",
            workflow="guess",
            evidence=Evidence.TESTED if passed else Evidence.NONE,
            detail=",".join(c.id for c in passed),
        )


@pytest.fixture
def run(tmp_path: Path):
    with RunStore(tmp_path).create(Goal(text="guess"), {}, {}) as made:
        yield made


def loop(run: Run, workflow: Guess) -> Result:
    context = LoopContext(workflow, run, "1")
    final = build_loop().invoke({}, {"recursion_limit": 100}, context=context)
    return Result.model_validate(final["result"])


def test_a_pass_is_measured_and_tuned_until_no_gain(run: Run):
    workflow = Guess(secret=2)
    assert loop(run, workflow).detail == "2,3"
    order = [c for c in workflow.calls if not c.startswith("check")]
    assert order == [
        *("propose", "judge", "measure 2"),
        *("tune", "judge", "measure 3"),
        *("tune", "conclude"),
    ]


def test_repairs_go_on_until_something_passes(run: Run):
    workflow = Guess(secret=4, max_tunes=0)
    assert loop(run, workflow).detail == "4"
    assert workflow.calls.count("repair") == 2


def test_rounds_are_bounded(run: Run):
    workflow = Guess(secret=99)
    assert loop(run, workflow).status == "not_achieved"
    assert workflow.calls.count("repair") == 3


def test_the_log_holds_every_candidate_verdict_and_measurement_once(run: Run):
    loop(run, Guess(secret=2))
    kinds = [e.kind for e in run.log.events]
    assert kinds.count("candidate.made") == kinds.count("verdict.given") == 3
    assert kinds.count("measured") == 2


CALLS = ["propose", "check 2", "judge", "repair", "check 3", "measure 3", "tune", "conclude"]


@pytest.mark.parametrize("where", CALLS)
def test_a_crash_anywhere_resumes_to_the_same_result(run: Run, where: str):
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "1"}, "recursion_limit": 100}
    workflow = Guess(secret=3, max_tunes=1)
    graph = build_loop(saver)
    workflow.crash_at = lambda name: name == where and "crashed" not in workflow.calls
    context = LoopContext(workflow, run, "1")
    with pytest.raises(KeyboardInterrupt):
        graph.invoke({}, config, context=context, durability="sync")
    workflow.calls.append("crashed")
    final = graph.invoke(None, config, context=context, durability="sync")
    assert final["result"]["detail"] == "3,4"
    once = [c for c in workflow.calls if c != "judge"]
    assert len(once) == len(set(once)), "finished work was done again"
    made = [e.data["candidate"]["id"] for e in run.log.events if e.kind == "candidate.made"]
    assert made == ["1", "2", "3", "4"]
