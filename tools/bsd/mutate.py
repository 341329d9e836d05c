"""Wrong netlists on purpose: a checker that accepts one of these proves nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.bsd.netlist import Netlist


def mutant(
    netlist: Netlist, literals: Sequence[int], rng: np.random.Generator
) -> tuple[Netlist, list[int]]:
    """A copy in which one node in use has one edge negated, or an output where there is no node.
    Never the same function: every node in use is on a path that some query takes."""
    nodes = netlist.reachable(literals).tolist()
    if not nodes:
        return netlist, [literals[0] ^ 1, *literals[1:]]
    target = nodes[int(rng.integers(len(nodes)))]
    copy, new = Netlist(), {0: 0}
    for n in nodes:
        low, high = (new[e >> 1] ^ (e & 1) for e in (int(netlist.low[n]), int(netlist.high[n])))
        new[n] = copy.node(int(netlist.wire[n]), low ^ (n == target), high)
    return copy, [new[literal >> 1] ^ (literal & 1) for literal in literals]
