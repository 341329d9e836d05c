"""What went wrong, in the terms of a designer: delivered designs beside their goldens.

After a run and without a model: each officially wrong answer gets one kind, the first that
applies in the order of this file, so that kinds can be counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from evals.verilog.figures import failure
from evals.verilog.problems import Problem
from evals.verilog.report import Table
from evals.verilog.results import Results
from evals.verilog.score import Score
from sandboxes import Sandbox
from tools.hdl.compare import first_difference
from tools.hdl.contract import Contract, Unsupported
from tools.hdl.formal import stateless
from tools.hdl.golden import Golden, prepare
from tools.hdl.interface import extract
from tools.hdl.simulate import SimulationError, simulate
from tools.hdl.syntax import SourceError
from tools.hdl.trace import Trace
from tools.hdl.vacuity import idle_output

SHIFTED = 0.98
"""Of the samples, at least so many agree when one side is moved by a cycle."""
RARELY = 0.05


def table(result: Results, problems: Mapping[str, Problem], sandbox: Sandbox, most: int) -> Table:
    """The ``most`` frequent kinds among the officially wrong answers, with where they occur."""
    found: dict[str, list[str]] = defaultdict(list)
    for score in result.scores:
        if not score.official and score.problem in problems:
            found[kind(score, problems[score.problem], sandbox)].append(score.problem)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))[:most]
    rows = tuple((str(len(names)), name, ", ".join(sorted(set(names)))) for name, names in ranked)
    wrong, title = sum(map(len, found.values())), f"{result.header.suite}, {result.title}"
    return Table(f"{wrong} wrong answers: {title}", ("answers", "kind", "problems"), rows)


def kind(score: Score, problem: Problem, sandbox: Sandbox) -> str:
    """Why an answer is wrong. Without a design to run it is what the score says."""
    if score.cause != "behaviour" and score.verdict != "inconclusive":
        return failure(score)
    try:
        reference = prepare(problem.golden, sandbox, problem.top, others=(score.design,))
        design = extract(score.design, problem.top)
        return (
            _timing(reference.contract, design)
            or _function(reference, score.design)
            or _trace(reference, score.design)
        )
    except (SourceError, SimulationError, Unsupported) as error:
        return f"cannot be compared: {type(error).__name__}"


def _timing(golden: Contract, design: Contract) -> str | None:
    """Differences in what clocks and resets are, before any value is looked at."""
    if not golden.clocks:
        return "a clock where none belongs" if design.clocks else None
    if not design.clocks:
        return "no clocked process where one belongs"
    if set(golden.clocks) != set(design.clocks):
        return "wrong clock or clock edge"
    have = {r.port: r for r in design.resets}
    for want in golden.resets:
        reset = have.get(want.port)
        if reset is None:
            return "a reset is missing"
        if reset.active_high != want.active_high:
            return "wrong reset polarity"
        if reset.asynchronous != want.asynchronous:
            wanted = "asynchronous" if want.asynchronous else "synchronous"
            return f"wrong reset kind: {wanted} wanted"
    return None


def _function(reference: Golden, design: str) -> str | None:
    """A stateless golden: a latch, or a function wrong at some inputs."""
    if reference.contract.clocks:
        return None
    if not stateless(design, reference.contract, reference.sandbox):
        return "combinational: a latch or a loop"
    _, wrong = _samples(reference, design)
    share = sum(wrong) / max(1, len(wrong))
    return "combinational: wrong for few inputs" if share < RARELY else "combinational: wrong"


def _trace(reference: Golden, design: str) -> str:
    """A clocked golden: what the recorded run of the design looks like beside the golden's."""
    got, wrong = _samples(reference, design)
    expected = reference.traces[0]
    if idle_output(got) and not idle_output(expected):
        return "clocked: an output never changes"
    if expected.after:
        for name, late, early in (("late", got, expected), ("early", expected, got)):
            if _agreement(late.after[1:], early.after[:-1]) >= SHIFTED:
                return f"clocked: one cycle {name}"
    difference = first_difference(expected, got)
    if difference is None:
        return "clocked: differs only where clock or reset move between cycles"
    if difference.unknown:
        return "clocked: outputs left unknown"
    share = sum(wrong) / max(1, len(wrong))
    return "clocked: wrong in few cycles" if share < RARELY else "clocked: wrong in many cycles"


def _samples(reference: Golden, design: str) -> tuple[Trace, list[bool]]:
    """The design's trace under the first stimulus, and which rows are wrong."""
    expected = reference.traces[0]
    got = simulate(design, reference.contract, reference.stimuli[0], reference.sandbox)
    pairs = zip(expected.before + expected.after, got.before + got.after, strict=True)
    return got, [not _same(want, have) for want, have in pairs]


def _agreement(late: Sequence[tuple[str, ...]], early: Sequence[tuple[str, ...]]) -> float:
    same = sum(_same(a, b) or _same(b, a) for a, b in zip(late, early, strict=True))
    return same / max(1, len(late))


def _same(want: tuple[str, ...], have: tuple[str, ...]) -> bool:
    return all(w in ("x", h) for w, h in _bits(want, have))


def _bits(want: tuple[str, ...], have: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return zip("".join(want), "".join(have), strict=True)
