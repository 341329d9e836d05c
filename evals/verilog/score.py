"""One scored answer: by the benchmark's own rule, and by equivalence with its golden."""

from __future__ import annotations

from pathlib import Path

from evals.verilog.official import judge
from evals.verilog.problems import Problem
from evals.verilog.systems import Setting, answer
from memory.records import Evidence, Record
from sandboxes import Sandbox
from tools.hdl.verify import verify

VERIFY_SECONDS = 20.0


class Score(Record):
    """What became of one answer.

    ``official`` and ``code`` are the benchmark's own judgement; ``verdict``, ``cause`` and
    ``reason`` are those of the comparison with the golden; without a design or a reason there,
    ``reason`` is the system's. ``claimed`` is what the system said.
    """

    problem: str
    seed: int
    official: bool
    code: str
    verdict: str
    cause: str
    reason: str
    claimed: str
    tokens_in: int
    tokens_out: int
    seconds: float
    run_id: str
    design: str

    @property
    def comparable(self) -> bool:
        """False when the golden cannot be a reference, so that equivalence says nothing."""
        return self.cause != "golden"

    @property
    def correct(self) -> bool:
        """The corrected score: equivalent to the golden."""
        return self.verdict == "equivalent"

    @property
    def trusted(self) -> bool:
        """The system itself called it agreed or better."""
        return Evidence[self.claimed.upper()] >= Evidence.AGREED


def score(problem: Problem, setting: Setting, seed: int, data: Path, sandbox: Sandbox) -> Score:
    """Ask for one answer and judge it twice. Raises NotReady or ModelError."""
    given = answer(problem, setting, seed, data)
    judged = judge(problem, given.design, sandbox)
    found = verify(given.design, problem.golden, sandbox, problem.top, VERIFY_SECONDS)
    return Score(
        problem=problem.name,
        seed=seed,
        official=judged.passed,
        code=judged.code,
        verdict=found.verdict,
        cause=found.cause,
        reason=(found.reason if given.design and found.reason else given.reason)[:300],
        claimed=given.claimed,
        tokens_in=given.tokens_in,
        tokens_out=given.tokens_out,
        seconds=given.seconds,
        run_id=given.run_id,
        design=given.design,
    )
