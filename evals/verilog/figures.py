"""From scores to figures: pass@k twice over, cost, precision of claims, kinds of failure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals.verilog.results import Results
from evals.verilog.score import Score
from evals.verilog.statistics import interval, pass_at_k

KS = (1, 5, 10)
_QUOTED = re.compile(r"'[^']*'|`[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"\b\d+\b")
_PLACE = re.compile(r"^line \d+: ")


@dataclass(frozen=True)
class Rate:
    """A mean over problems with its 95 % interval, 0 to 1."""

    value: float
    low: float
    high: float
    problems: int

    def __str__(self) -> str:
        low, high = 100 * self.low, 100 * self.high
        return f"{100 * self.value:.1f} % [{low:.1f}, {high:.1f}]"


def rates(results: Results, right: Callable[[Score], bool], corrected: bool) -> dict[int, Rate]:
    """pass@k for each k that every problem has samples for.

    ``corrected`` leaves out the problems whose golden cannot be a reference. Otherwise all
    count, and the mean is divided by what the benchmark's own script divides by.
    """
    groups = list(results.by_problem().items())
    listed, divisor = results.header.listed, results.header.divisor
    if corrected:
        groups = [(n, s) for n, s in groups if all(x.comparable for x in s)]
    elif listed:
        groups = [(n, s) for n, s in groups if n in listed]
    found = {}
    for k in KS:
        if groups and all(len(scores) >= k for _, scores in groups):
            values = [pass_at_k(len(s), sum(map(right, s)), k) for _, s in groups]
            if divisor and not corrected:
                values += [0.0] * (divisor - len(values))
            found[k] = Rate(sum(values) / len(values), *interval(values), len(values))
    return found


def official(results: Results) -> dict[int, Rate]:
    """pass@k by the benchmark's own rule."""
    return rates(results, lambda s: s.official, corrected=False)


def corrected(results: Results) -> dict[int, Rate]:
    """pass@k of equivalence with the golden."""
    return rates(results, lambda s: s.correct, corrected=True)


@dataclass(frozen=True)
class Precision:
    """Of the designs that a system calls agreed or better, how many are right."""

    claimed: int
    official: int
    correct: int
    comparable: int


def precision(scores: Sequence[Score]) -> Precision:
    """Counts of claims, and of those that hold by either score."""
    trusted = [s for s in scores if s.trusted]
    return Precision(
        len(trusted),
        sum(s.official for s in trusted),
        sum(s.correct for s in trusted),
        sum(s.comparable for s in trusted),
    )


def mean(values: Sequence[float]) -> float:
    """0 when there are none."""
    return sum(values) / len(values) if values else 0.0


def failures(scores: Sequence[Score], most: int = 10) -> list[tuple[str, int]]:
    """The most frequent kinds of officially wrong answers."""
    return Counter(failure(s) for s in scores if not s.official).most_common(most)


def failure(score: Score) -> str:
    """The kind of a wrong answer, from its score alone."""
    if not score.design.strip():
        return f"no design: {_PLACE.sub('', score.reason)[:80]}" if score.reason else "no design"
    if score.cause == "compile":
        message = _NUMBER.sub("N", _QUOTED.sub("…", _PLACE.sub("", score.reason)))
        return f"does not compile: {message[:80]}"
    if score.correct:
        return "equivalent to the golden, yet the official test rejects it"
    if not score.comparable:
        return "wrong by the official test; the golden cannot be a reference"
    kinds = {"behaviour": "wrong behaviour", "interface": "wrong ports", "timeout": "does not end"}
    return kinds.get(score.cause, score.cause or score.verdict)
