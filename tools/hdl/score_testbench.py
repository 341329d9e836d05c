"""How good is a testbench? It is graded by the faults it finds: mutants of a design it accepts.

Only mutants count that are known to behave differently from the design, by simulation or by a
formal counterexample. What the testbench says is read from how it ends and what it prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic

from memory.records import Evidence
from sandboxes import Command, Limits, Outcome, Sandbox
from tools.hdl.mutate import Mutant, mutants
from tools.hdl.verify import verify, verify_many

MAX_MUTANTS = 200
BATCH = 32
PROOF_SECONDS = 20.0
"""For one mutant that simulation cannot tell from the design."""
SETTLED_FORMALLY = 24
"""At most so many mutants are put to a proof; the others stay unsettled."""
TESTBENCH_SECONDS = 20.0
_COMPILE_FAILED = 90
_SCRIPT = (
    f"iverilog -g2012 -o sim design.sv testbench.sv || exit {_COMPILE_FAILED}; exec vvp -n sim"
)
_COMPLAINT = re.compile(r"\b(fail(s|ed|ure|ures)?|errors?|mismatch(es|ed)?|timeout)\b", re.I)
_NONE = re.compile(
    r"\b(0|no|zero)\s+(tests?\s+)?(fail\w*|errors?|mismatch\w*)"
    r"|\b(fail\w*|errors?|mismatch\w*)(\s+count)?\s*[:=]?\s*0\b"
    r"|\bhas no mismatches\b",
    re.I,
)
_PASS = re.compile(r"\bpass(es|ed)?\b", re.I)


class TestbenchError(ValueError):
    """The testbench cannot be graded with this design; the message says why."""


@dataclass(frozen=True)
class TestbenchScore:
    """What became of the mutants. ``killed`` and ``survivors`` are known to be faulty;
    ``equal`` are proved to be no faults; of ``unsettled`` ones neither is known.
    """

    killed: tuple[Mutant, ...]
    survivors: tuple[Mutant, ...]
    equal: int
    unsettled: int

    @property
    def share(self) -> float:
        """Found faults of all known ones, 0 to 1; 1 when there are none."""
        faulty = len(self.killed) + len(self.survivors)
        return len(self.killed) / faulty if faulty else 1.0


def score_testbench(
    design: str, testbench: str, sandbox: Sandbox, top: str | None = None, seconds: float = 300.0
) -> TestbenchScore:
    """Grade ``testbench`` with mutants of ``design`` (module ``top``), within about ``seconds``.

    Raises TestbenchError when the testbench does not compile with the design or does not pass
    it, or when the design cannot be a reference; SourceError when it is not Verilog.
    """
    deadline = monotonic() + seconds
    accepted = _run(design, testbench, sandbox)
    why = _objection(accepted)
    if why:
        raise TestbenchError(f"the testbench does not pass the design as it is: {why}")
    says_pass = bool(_PASS.search(accepted.text()))
    faulty, equal, unsettled = _settled(design, top, sandbox, deadline)
    killed: list[Mutant] = []
    survivors: list[Mutant] = []
    for mutant in faulty:
        outcome = _run(mutant.source, testbench, sandbox)
        silent = says_pass and not _PASS.search(outcome.text())
        (killed if _objection(outcome) or silent else survivors).append(mutant)
    return TestbenchScore(tuple(killed), tuple(survivors), equal, unsettled)


def _settled(
    design: str, top: str | None, sandbox: Sandbox, deadline: float
) -> tuple[list[Mutant], int, int]:
    """The mutants known to be faulty, the number proved equal, and the number left open."""
    found = _spread(list(mutants(design, top)), MAX_MUTANTS)
    faulty: list[Mutant] = []
    like: list[Mutant] = []
    for batch in _batches(found, BATCH):
        answers = verify_many([m.source for m in batch], design, sandbox, top)
        for mutant, answer in zip(batch, answers, strict=True):
            if answer.verdict == "unsupported":
                raise TestbenchError(f"the design cannot be a reference: {answer.reason}")
            if answer.verdict == "different" and answer.cause in ("behaviour", "timeout"):
                faulty.append(mutant)
            elif answer.verdict != "different":
                like.append(mutant)
    equal = 0
    for mutant in like[:SETTLED_FORMALLY]:
        left = min(PROOF_SECONDS, deadline - monotonic())
        if left < 1:
            break
        proof = verify(mutant.source, design, sandbox, top, left)
        if proof.verdict == "different":
            faulty.append(mutant)
        equal += proof.verdict == "equivalent" and proof.evidence == Evidence.PROVED
    open_ = len(like) - equal - sum(m in faulty for m in like)
    return sorted(faulty, key=lambda m: m.line), equal, open_


def _run(design: str, testbench: str, sandbox: Sandbox) -> Outcome:
    files = {"design.sv": design.encode(), "testbench.sv": testbench.encode()}
    limits = Limits(wall_seconds=10 * TESTBENCH_SECONDS, cpu_seconds=TESTBENCH_SECONDS)
    outcome = sandbox.run(Command(("/bin/sh", "-c", _SCRIPT), files, limits=limits))
    if outcome.exit_code == _COMPILE_FAILED:
        first = next(iter(outcome.text().splitlines()), "")
        raise TestbenchError(f"design and testbench do not compile together: {first}")
    return outcome


def _objection(outcome: Outcome) -> str:
    """Why the testbench does not accept what it saw, or nothing.

    It objects when it ends with a status ($fatal), does not end, or prints a line that speaks
    of a failure, an error or a mismatch, unless there were none of them.
    """
    if outcome.killed is not None:
        return f"it does not end ({outcome.killed} limit)"
    for line in outcome.text().splitlines():
        if _COMPLAINT.search(_NONE.sub("", line)):
            return f"it prints {line.strip()[:120]!r}"
    return "" if outcome.ok else f"it ends with status {outcome.exit_code}"


def _spread(found: Sequence[Mutant], count: int) -> list[Mutant]:
    """At most ``count`` of them, evenly from the whole source."""
    step = max(1.0, len(found) / count)
    return [found[int(i * step)] for i in range(min(count, len(found)))]


def _batches(found: Sequence[Mutant], size: int) -> Iterator[list[Mutant]]:
    left = iter(found)
    while batch := list(islice(left, size)):
        yield batch
