"""Runs a suite under a setting: parallel, resumable, a line of progress for each answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from evals.verilog.problems import Problem, Suite, load, rtllm_listed
from evals.verilog.results import Header, Results
from evals.verilog.score import Score, score
from evals.verilog.systems import Setting
from sandboxes import Command, Sandbox


def choose(
    data: Path, suite: Suite, only: Sequence[str] = (), every: int = 1
) -> tuple[list[Problem], bool]:
    """Every ``every``th problem, or those whose name holds one of ``only``; True when that is all.

    Raises NoSuchData.
    """
    whole = load(data, suite)
    chosen = [p for p in whole[::every] if not only or any(part in p.name for part in only)]
    return chosen, len(chosen) == len(whole)


def header(data: Path, suite: Suite, setting: Setting, whole: bool, sandbox: Sandbox) -> Header:
    """What the results say of themselves. RTLLM's script divides by one more than it lists."""
    listed = tuple(rtllm_listed(data)) if suite == "rtllm" else ()
    divisor = len(listed) + 1 if listed and whole else None
    banner = sandbox.run(Command(("iverilog", "-V"))).text()
    version = re.search(r"Icarus Verilog version \S+", banner)
    simulator = version[0] if version else "Icarus Verilog"
    return Header(suite=suite, setting=setting, simulator=simulator, divisor=divisor, listed=listed)


def run(
    problems: Sequence[Problem],
    head: Header,
    data: Path,
    path: Path,
    sandbox: Sandbox,
    jobs: int = 1,
    tell: Callable[[str], None] = print,
) -> Results:
    """Answer and score what ``path`` does not hold yet; each score is written as it comes.

    Raises WrongResults, NotReady, ModelError or SandboxError; scores so far are kept.
    """
    results = Results.begin(path, head)
    known = {(s.problem, s.seed) for s in results.scores}
    work = [
        (problem, seed)
        for seed in range(head.setting.seeds)
        for problem in problems
        if (problem.name, seed) not in known
    ]
    with path.open("a") as file, ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(score, p, head.setting, seed, data, sandbox) for p, seed in work]
        try:
            for done in as_completed(waiting):
                found = done.result()
                file.write(found.model_dump_json() + "\n")
                file.flush()
                results.scores.append(found)
                tell(_progress(found, results, len(problems) * head.setting.seeds))
        finally:
            pool.shutdown(cancel_futures=True)
    return results


def _progress(found: Score, results: Results, total: int) -> str:
    scores = results.scores
    right, equal = sum(s.official for s in scores), sum(s.correct for s in scores)
    return (
        f"[{len(scores)}/{total}] {found.problem} seed {found.seed}: "
        f"{'pass' if found.official else 'fail'} ({found.code}), {found.verdict}, "
        f"claimed {found.claimed}, {found.tokens_out} tokens, {found.seconds:.0f} s; "
        f"so far {right} pass, {equal} equivalent"
    )
