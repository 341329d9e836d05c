"""``make bench``: the product's own overhead, on this machine, now.

Start-up is CPU time of the command line next to a bare Python start; orchestration is what a
step of the loop costs when its verbs cost nothing, with the event log and checkpoints on disk.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from langgraph.checkpoint.sqlite import SqliteSaver

from graphs.loop import LoopContext, build_loop
from graphs.workflow import History
from memory.records import Candidate, Goal, Measurement, Result, Verdict
from memory.runs import Run, RunStore

ROUNDS = 40
REPEATS = 7


class Idle:
    """A workflow whose candidates always fail at once, for ``ROUNDS`` rounds."""

    name = "idle"
    max_repairs = ROUNDS
    max_tunes = 0

    def propose(self) -> list[Candidate]:
        return [Candidate(id="0", files={}, origin="bench")]

    def check(self, candidate: Candidate) -> Verdict:
        return Verdict(candidate=candidate.id, outcome="fail")

    def judge(self, history: History) -> list[Verdict]:
        return []

    def repair(self, history: History) -> list[Candidate]:
        return [Candidate(id=str(len(history.candidates)), files={}, origin="bench")]

    def measure(self, candidate: Candidate) -> Measurement:
        raise NotImplementedError("nothing passes")

    def tune(self, history: History) -> list[Candidate]:
        raise NotImplementedError("nothing passes")

    def conclude(self, history: History) -> Result:
        return Result(status="not_achieved", workflow=self.name)


def cpu_seconds(arguments: list[str]) -> float:
    """Median user and system seconds of a command over ``REPEATS`` runs."""
    samples = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(arguments, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        samples.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(samples)


def step_seconds() -> float:
    """Wall seconds a step (propose, check, judge, repair, …) of the idle workflow."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunStore(Path(folder)).create(Goal(text="bench"), {}, {})
        with run, SqliteSaver.from_conn_string(str(run.folder / "checkpoints.db")) as saver:
            return _timed(run, saver)


def _timed(run: Run, saver: SqliteSaver) -> float:
    graph = build_loop(saver)
    config = {"configurable": {"thread_id": "bench"}, "recursion_limit": 10 * ROUNDS}
    began = time.monotonic()
    graph.invoke({}, config, context=LoopContext(Idle(), run, "1"), durability="sync")
    steps = 3 * (ROUNDS + 1) + 1
    return (time.monotonic() - began) / steps


def main() -> None:
    """Print the figures."""
    bare = cpu_seconds([sys.executable, "-c", "pass"])
    print(f"python, doing nothing      {bare:6.3f} s CPU")
    for words in (["--help"], ["runs"]):
        spent = cpu_seconds([sys.executable, "-m", "qimeng", *words])
        print(f"qimeng {words[0]:<19} {spent:6.3f} s CPU   {spent / bare:5.1f} x python's start")
    print(f"orchestration              {step_seconds() * 1000:6.1f} ms a step of the loop")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory                     {peak:6.0f} MB peak, without a model")


if __name__ == "__main__":
    main()
