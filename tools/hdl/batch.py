"""Many designs of one contract in one compile and one run, each as if it were alone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from sandboxes import Sandbox
from tools.hdl.contract import Contract
from tools.hdl.simulate import (
    AFTER_YOSYS,
    SimulationError,
    admit,
    as_driven,
    is_legal,
    lower_many,
    run_icarus,
    simulate,
)
from tools.hdl.syntax import SourceError, declared, parse, rename
from tools.hdl.testbench import Instance
from tools.hdl.trace import Stimulus, Trace

_SECRET = secrets.token_hex(8)
"""Part of module names in a batch, so that no member can name another."""

Members = dict[int, tuple[str, str]]
"""The text and the top module of each design, by its number."""


def simulate_many(
    sources: Sequence[str],
    contract: Contract,
    stimulus: Stimulus,
    sandbox: Sandbox,
    seconds: float = 30.0,
    alone_seconds: float = 20.0,
) -> list[Trace | SimulationError]:
    """Simulate many designs with the same rows. Each gets what ``simulate`` gives or raises.

    Those that use language Icarus lacks are lowered together and make a batch of their own.
    When a batch fails or is not done in ``seconds``, its members run one by one, each for at
    most ``alone_seconds``. Designs that differ only in comments and in spacing within lines are
    simulated once.
    """
    contract = as_driven(contract, stimulus)
    results: list[Trace | SimulationError | None] = [None] * len(sources)
    batch: Members = {}
    first: dict[str, int] = {}
    twins: dict[int, int] = {}
    for i, source in enumerate(sources):
        try:
            text = _admitted(source, contract.top)
            twins[i] = first.setdefault(text, i)
            if twins[i] == i:
                batch[i] = _member(text, contract.top, i)
        except SimulationError as error:
            results[i] = error
        except SourceError:
            continue
    traces, refused = _together(batch, contract, stimulus, sandbox, seconds)
    traces |= _lowered(refused, contract, stimulus, sandbox, seconds)
    for i, trace in traces.items():
        results[i] = trace
    found: list[Trace | SimulationError] = []
    for i, source in enumerate(sources):
        twin = found[twins[i]] if twins.get(i, i) < i else None
        own = results[i] or twin
        found.append(own or _alone(source, contract, stimulus, sandbox, alone_seconds))
    return found


@lru_cache(maxsize=512)
def _admitted(source: str, top: str) -> str:
    return admit(source, top)


@lru_cache(maxsize=512)
def _member(text: str, top: str, number: int) -> tuple[str, str]:
    """An admitted design, its modules renamed to be the only ones so named, and its top's name."""
    names = {name: f"{name}_{_SECRET}_{number}" for name in declared(parse(text))}
    return rename(text, names), names[top]


def _together(
    batch: Members, contract: Contract, stimulus: Stimulus, sandbox: Sandbox, seconds: float
) -> tuple[dict[int, Trace], Members]:
    """Traces of the members that compile, and the members that do not.

    No traces when the batch fails at run time.
    """
    refused: Members = {}
    while batch:
        texts, duts = [text for text, _ in batch.values()], [Instance(t) for _, t in batch.values()]
        try:
            traces = run_icarus(texts, duts, contract, [stimulus], sandbox, seconds)
        except SimulationError as error:
            culprits = {i for k, i in enumerate(batch) if k in error.culprits}
            refused |= {i: batch.pop(i) for i in culprits}
            if not culprits and error.kind == "compile" and len(batch) > 1:
                some, others = _in_halves(batch, contract, stimulus, sandbox, seconds)
                return some, refused | others
            if not culprits:
                break
        else:
            return dict(zip(batch, traces, strict=True)), refused
    return {}, refused


def _in_halves(
    batch: Members, contract: Contract, stimulus: Stimulus, sandbox: Sandbox, seconds: float
) -> tuple[dict[int, Trace], Members]:
    """For a complaint that names no design: it is in one of the halves."""
    members, middle = list(batch.items()), len(batch) // 2
    traces: dict[int, Trace] = {}
    refused: Members = {}
    for half in (members[:middle], members[middle:]):
        some, others = _together(dict(half), contract, stimulus, sandbox, seconds)
        traces |= some
        refused |= others
    return traces, refused


def _lowered(
    refused: Members, contract: Contract, stimulus: Stimulus, sandbox: Sandbox, seconds: float
) -> dict[int, Trace]:
    """Traces of those that Icarus takes once Yosys has lowered them."""
    legal = {i: member for i, member in refused.items() if is_legal(*member)}
    if not legal:
        return {}
    try:
        texts = lower_many(list(legal.values()), sandbox, seconds)
    except SimulationError:
        return {}
    pairs = zip(legal.items(), texts, strict=True)
    batch = {i: (text, top) for (i, (_, top)), text in pairs if text is not None}
    traces, _ = _together(batch, contract, stimulus, sandbox, seconds)
    return {i: replace(trace, simulator=AFTER_YOSYS) for i, trace in traces.items()}


def _alone(
    source: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox, seconds: float
) -> Trace | SimulationError:
    try:
        return simulate(source, contract, stimulus, sandbox, seconds=seconds)
    except SimulationError as error:
        return error
