"""Longer runs, for designs that neither the usual rows nor a proof could settle.

They reach what takes thousands of cycles: counters of several digits or behind one another,
states that only long traffic leads to, resets in states that no output shows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from sandboxes import Sandbox
from tools.hdl.contract import Contract
from tools.hdl.simulate import simulate_under
from tools.hdl.stimuli import Row, Rules, mine
from tools.hdl.trace import Stimulus, Trace

ROWS = 150_000
MOST_BITS = 8_000_000
"""Of all ports in all rows; modules with wide ports get fewer rows."""
_PROBE = 2_000


def deep_stimulus(
    golden: str, contract: Contract, others: Sequence[str], sandbox: Sandbox, seed: int = 0
) -> Stimulus:
    """Two thirds a quiet run with the controls that keep the golden busiest, the rest traffic.

    A stateless module gets traffic alone. Raises SimulationError when the golden does not run.
    """
    rules = Rules(contract, random.Random(seed), mine((golden, *others)))
    rows = min(ROWS, MOST_BITS // sum(port.width for port in contract.ports))
    if not contract.clocks:
        return _stimulus(contract, rules, [*rules.long_stretches(rows // 12)])
    traffic = [*rules.start(), *rules.long_stretches(rows // 20), *rules.rare_resets(rows // 750)]
    quiet = _busiest(golden, contract, rules, sandbox)
    run = [*quiet[:1], *quiet[-1:] * (2 * rows // 3)]
    return _stimulus(contract, rules, [*traffic, *run])


def _busiest(golden: str, contract: Contract, rules: Rules, sandbox: Sandbox) -> list[Row]:
    """The quiet run in which the golden keeps showing the most different outputs."""
    runs = list(rules.quiet(_PROBE))
    probes = [_stimulus(contract, rules, run) for run in runs]
    traces = simulate_under(golden, contract, probes, sandbox)
    return max(zip(runs, traces, strict=True), key=lambda pair: _variety(pair[1]))[0]


def _variety(trace: Trace) -> int:
    return len(set(trace.before[_PROBE // 2 :]))


def _stimulus(contract: Contract, rules: Rules, rows: Sequence[Row]) -> Stimulus:
    names = tuple(port.name for port in contract.driven)
    if contract.pulsed is None and contract.clocks:
        rows = rules.with_clock_levels(rows)
    return Stimulus(names, tuple(tuple(row[name] for name in names) for row in rows))
