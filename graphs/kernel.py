"""The kernel workflow: words in, checked and measured source out.

Candidates are points of the engine's space, each as TL Code and C. A kernel passes when it agrees
with the operator's float64 definition in the sandbox; it is measured beside a named baseline;
tuning is the engine's search within the goal's budget.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from agents.software import KernelTask, SoftwareDesigner
from agents.workbench import Workbench
from graphs import kernel_result
from graphs.workflow import History
from memory.records import Candidate, Evidence, Measurement, Metric, Result, Step, Verdict
from tools.kernels.c import Unsupported
from tools.kernels.sandboxed import KernelRefused
from tools.kernels.search import Trace
from tools.kernels.space import Point
from tools.kernels.word_rules import Unclear
from tools.tl import TLError

FIRST = 3
LOOKS = 3
"""Points that the search may look at for each candidate that the goal allows."""
KEPT = 2
"""The best points of a search that are checked and measured in full."""


@dataclass(frozen=True)
class KernelWorkflow:
    """One operator, from its words to its files."""

    step: Step
    workbench: Workbench
    task: KernelTask
    name: str = "kernel"
    max_repairs: int = 1
    max_tunes: int = 1

    @classmethod
    def begin(cls, step: Step, workbench: Workbench) -> KernelWorkflow | Result:
        """Agree what is to be made, and show it; a Result when that cannot be done."""
        designer = SoftwareDesigner(workbench)
        try:
            spec, reading = designer.read(step.text)
            if reading.gpu:
                return kernel_result.for_a_gpu(spec, workbench)
            task = designer.task(spec, reading)
        except Unclear as error:
            return Result(status="unsupported", workflow="kernel", reasons=(str(error),))
        designer.announce(step, task, reading)
        return cls(step, workbench, task)

    @cached_property
    def designer(self) -> SoftwareDesigner:
        """Proposes, has judged, searches."""
        return SoftwareDesigner(self.workbench)

    @property
    def allowed(self) -> int:
        """How many candidates the goal allows."""
        goal = self.workbench.run.goal
        return goal.candidates if goal else 8

    # -- the verbs ------------------------------------------------------------------------

    def propose(self) -> list[Candidate]:
        """A few diverse points; one where no clock could tell them apart."""
        first = min(FIRST, self.allowed) if self.task.timed else 1
        points = self.designer.points(self.task, first)
        return self._made(points, first=1, kind="design")

    def check(self, candidate: Candidate) -> Verdict:
        """Against the float64 definition of the operator."""
        try:
            found = self.designer.check(
                self.task, self.point_of(candidate), self.code_of(candidate)
            )
        except KernelRefused as error:
            return Verdict(candidate=candidate.id, outcome="fail", reason=str(error)[:300])
        reason = (
            f"{found['values']:,} values of {found['sets']} sets of inputs agree with the float64 "
            f"definition (largest error {found['error']:.2g} of the largest value)"
        )
        return Verdict(
            candidate=candidate.id,
            outcome="pass",
            evidence=Evidence.TESTED,
            reason=reason,
            vectors=found["values"],
        )

    def judge(self, history: History) -> list[Verdict]:
        """The definition decides; there is nothing to add."""
        return []

    def repair(self, history: History) -> list[Candidate]:
        """Other points, when none of the first passed."""
        count = len(history.candidates)
        points = self.designer.points(self.task, count + FIRST)[count:]
        return self._made(points, first=count + 1, kind="design")

    def measure(self, candidate: Candidate) -> Measurement:
        """Its error, and its speed beside the baseline where the machine is at hand; nothing for a
        kernel that the closer look refuses.
        """
        point, code = self.point_of(candidate), self.code_of(candidate)
        error = Metric(
            value=self.designer.check(self.task, point, code)["error"], unit="of the largest value"
        )
        if not self.task.timed:
            return Measurement(candidate=candidate.id, metrics={"error": error})
        try:
            found = self.designer.measure(self.task, point, code)
        except KernelRefused as why:
            self.designer.note(f"{candidate.id} was refused when it was measured: {why}")
            return Measurement(candidate=candidate.id, metrics={})
        pairs = zip(found["baseline_seconds"], found["seconds"], strict=True)
        metrics = {
            "speed": self._speed(found["seconds"]),
            "baseline": self._speed(found["baseline_seconds"]),
            "ratio": Metric(
                value=found["ratio"],
                unit=f"x {found['baseline']}",
                samples=tuple(theirs / ours for theirs, ours in pairs),
            ),
            "error": error,
        }
        return Measurement(candidate=candidate.id, metrics=metrics, baseline=found["baseline"])

    def tune(self, history: History) -> list[Candidate]:
        """The best points of the search that were not candidates before."""
        trace = self.search(history)
        if trace is None:
            return []
        known = [self.point_of(c) for c in history.candidates.values()]
        ranked = sorted(trace.tried, key=lambda pair: pair[1])
        better = [p for p, seconds in ranked[:KEPT] if math.isfinite(seconds) and p not in known]
        origin = f"search over {len(trace.tried)} points"
        points = [(point, origin) for point in better]
        return self._made(points, first=len(history.candidates) + 1, kind="tuned")

    def conclude(self, history: History) -> Result:
        """Files and summary."""
        return kernel_result.write(self, history)

    # -- parts ----------------------------------------------------------------------------

    def search(self, history: History) -> Trace | None:
        """The search from the best of the first candidates; the same whenever it is asked for, and
        None where nothing can be timed.
        """
        start = kernel_result.best_of(history, kind="design")
        if start is None or not self.task.timed:
            return None
        goal = self.workbench.run.goal
        seed = goal.seed if goal else 0
        return self.designer.search(self.task, self.point_of(start), LOOKS * self.allowed, seed)

    def point_of(self, candidate: Candidate) -> Point:
        """Where in the space a candidate lies."""
        point: Point = json.loads(self.workbench.run.artifacts.text(candidate.files["point.json"]))
        return point

    def code_of(self, candidate: Candidate) -> str:
        """The C of a candidate."""
        return self.workbench.run.artifacts.text(candidate.files["kernel.c"])

    def _speed(self, seconds: Sequence[float]) -> Metric:
        rates = [self.task.spec.flops / s / 1e9 for s in seconds]
        return Metric(value=sorted(rates)[len(rates) // 2], unit="GFLOP/s", samples=tuple(rates))

    def _made(self, points: Sequence[tuple[Point, str]], first: int, kind: str) -> list[Candidate]:
        """Candidates of the points that exist on this machine."""
        store, made = self.workbench.run.artifacts, []
        for number, (point, origin) in enumerate(points, first):
            try:
                text, source = self.designer.write(self.task, point)
            except (TLError, Unsupported) as error:
                self.designer.note(f"point {number} does not exist: {error}")
                continue
            files = {
                "kernel.c": store.put(source.text),
                "kernel.tl": store.put(text),
                "point.json": store.put(json.dumps(point)),
            }
            made.append(Candidate(id=f"kernel-{number}", files=files, origin=origin, kind=kind))
        return made
