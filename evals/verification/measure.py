"""One experiment each: a problem in, a JSON-serialisable row of figures out.

Times are wall and CPU seconds; CPU counts this process and every tool it started.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from evals.verilog.official import judge
from evals.verilog.problems import Problem
from memory.records import Evidence
from sandboxes import Sandbox
from tools.hdl.golden import prepare
from tools.hdl.mutate import Mutant, mutants
from tools.hdl.simulate import AS_WRITTEN, SimulationError
from tools.hdl.verify import Verification, verify, verify_many
from tools.hdl.yosys import run_yosys

Row = dict[str, Any]
HARD = frozenset({"limit", "edge", "reset polarity", "reset kind", "transition"})
"""Kinds of mutants that short or careless stimuli miss; all others count as easy."""
EACH = 6
"""Mutants of a golden taken from the easy and from the hard kinds, evenly over its text."""
SELF_SECONDS, SURVIVOR_SECONDS = 10.0, 40.0
OTHER_SEEDS = (1, 2)
CANDIDATES = 64
ALONE = 8
"""Of the candidates, so many are also simulated one file at a time, for the mean."""


def official(problem: Problem, sandbox: Sandbox) -> Row:
    """The golden as the design, by the benchmark's own rule."""
    found = judge(problem, problem.golden, sandbox)
    return {"passed": found.passed, "code": found.code, "mismatches": found.mismatches}


def itself(problem: Problem, sandbox: Sandbox) -> Row:
    """The golden against itself."""
    return _verified(problem.golden, problem, sandbox)


def netlist(problem: Problem, sandbox: Sandbox) -> Row:
    """The golden's netlist, synthesised by Yosys, against the golden."""
    top = f"\\{problem.top} "
    script = f"read_verilog -sv golden.sv; {AS_WRITTEN}; synth -flatten -top {top}; "
    files = {"golden.sv": problem.golden.encode()}
    made = run_yosys(sandbox, script + "write_verilog -noattr netlist.v", files, ("netlist.v",))
    if not made.ok:
        return {"verdict": "no netlist", "reason": made.text()[-200:]}
    return _verified(made.files["netlist.v"].decode(), problem, sandbox)


def killed(problem: Problem, sandbox: Sandbox) -> Row:
    """Mutants of the golden: by simulation, then the survivors by the whole portfolio.

    What is then proved equal is simulated again with other stimuli: nothing may differ.
    """
    chosen = _chosen(problem.golden, problem.top)
    sources = [m.source for m in chosen]
    quick = verify_many(sources, problem.golden, sandbox, problem.top) if chosen else []
    rows = []
    for mutant, first in zip(chosen, quick, strict=True):
        row: Row = {"kind": mutant.kind, "change": mutant.name, "simulated": _short(first)}
        if first.verdict in ("equivalent", "inconclusive"):
            final = verify(mutant.source, problem.golden, sandbox, problem.top, SURVIVOR_SECONDS)
            row["settled"] = _short(final)
            if final.evidence == Evidence.PROVED:
                row["again"] = [
                    verify_many([mutant.source], problem.golden, sandbox, problem.top, s)[0].verdict
                    for s in OTHER_SEEDS
                ]
        rows.append(row)
    return {"mutants": rows}


def throughput(problem: Problem, sandbox: Sandbox) -> Row:
    """CPU seconds of ``CANDIDATES`` designs in one batch, and with Icarus one file at a time.

    Both simulate the same rows, compare, and stop at a wrong value. The batch's time includes
    reading and simulating the golden. No two candidates are the same.
    """
    candidates = list(islice(_further_and_further(problem.golden, problem.top), CANDIDATES))
    if len(candidates) < CANDIDATES:
        return {"vectors": 0}
    with _clock() as batch:
        verify_many(candidates, problem.golden, sandbox, problem.top)
    reference = prepare(problem.golden, sandbox, problem.top, others=candidates)
    with _clock() as alone:
        for candidate in candidates[:: CANDIDATES // ALONE]:
            with suppress(SimulationError):
                reference.check(candidate)
    return {
        "vectors": reference.vectors,
        "batch_cpu": batch["cpu"],
        "alone_cpu": round(alone["cpu"] * CANDIDATES / ALONE, 3),
    }


def _further_and_further(golden: str, top: str) -> Iterator[str]:
    """The golden's mutants, then mutants of those, and so on; each text once."""
    seen, waiting = {golden}, [golden]
    while waiting:
        for mutant in mutants(waiting.pop(0), top):
            if mutant.source not in seen:
                seen.add(mutant.source)
                waiting.append(mutant.source)
                yield mutant.source


def _verified(design: str, problem: Problem, sandbox: Sandbox) -> Row:
    with _clock() as spent:
        found = verify(design, problem.golden, sandbox, problem.top, SELF_SECONDS)
    return {**_short(found), **spent}


def _short(found: Verification) -> Row:
    row: Row = {"verdict": found.verdict, "evidence": found.evidence.label}
    return {**row, "cause": found.cause, "reason": found.reason[:200]}


def _chosen(golden: str, top: str) -> list[Mutant]:
    groups: tuple[list[Mutant], list[Mutant]] = ([], [])
    for mutant in mutants(golden, top):
        groups[mutant.kind in HARD].append(mutant)
    return [m for group in groups for m in _evenly(group, EACH)]


def _evenly(found: Sequence[Mutant], count: int) -> list[Mutant]:
    step = max(1.0, len(found) / count)
    return [found[int(i * step)] for i in range(min(count, len(found)))]


@contextmanager
def _clock() -> Iterator[Row]:
    spent: Row = {}
    began, before = time.monotonic(), _cpu()
    yield spent
    spent["wall"] = round(time.monotonic() - began, 3)
    spent["cpu"] = round(_cpu() - before, 3)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
