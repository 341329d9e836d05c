"""Try to refute a learned netlist with queries, where each of its nodes is at work.

Random vectors seldom reach deep nodes. So for every node of every site's diagrams, and both of
its branches, vectors are drawn that follow a random path from a root to that node: a walk up
through random parents, setting each parent's wire to the branch it was left by. Off the path half
of them are children of what is telling at the site: a subfunction that was merged wrongly differs
from the true one only there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.bsd.box import Oracle, Words
from tools.bsd.diagram import Site
from tools.bsd.jit import compiled
from tools.bsd.netlist import Ints, Netlist, input_planes, output_planes
from tools.bsd.probes import Prober

BATCH = 1 << 16
VISITS = 24
FAMILIES = 64
MOST_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Mistakes:
    """What a round found: some wrong vectors (ports, k), a mask (output wires, k) of what is
    wrong about each, and the counts of vectors asked and of vectors wrong."""

    vectors: Words
    outputs: npt.NDArray[np.bool_]
    asked: int
    wrong: int


class Judge:
    """Compares a netlist (one literal per output wire) with the box."""

    def __init__(self, oracle: Oracle, prober: Prober) -> None:
        self.oracle, self.prober, self.box = oracle, prober, oracle.box

    def random(
        self, netlist: Netlist, literals: Sequence[int], telling: Sequence[Words], count: int
    ) -> Mistakes:
        """Compare on ``count`` vectors: half mixed, half children of vectors that are telling
        at one site or other."""
        batches = (self._batch(telling) for _ in range(-(-count // BATCH)))
        return self.compare(netlist, literals, batches)

    def _batch(self, telling: Sequence[Words]) -> Words:
        half = self.prober.mixed(BATCH // 2)
        if not telling:
            return half
        sites = self.prober.rng.integers(len(telling), size=FAMILIES)
        crossed = [self.prober.cross(telling[i], BATCH // 2 // FAMILIES) for i in sites]
        return np.hstack([half, *crossed])

    def near(self, netlist: Netlist, literals: Sequence[int], mistaken: Words) -> Mistakes:
        """Compare on a batch of children of what was wrong before, where there was anything: a
        mistake is seldom alone, a carry misunderstood at one length is at the next, too."""
        batches = [self.prober.cross(mistaken, BATCH)] if mistaken.shape[1] else []
        return self.compare(netlist, literals, iter(batches))

    def coverage(
        self, netlist: Netlist, literals: Sequence[int], grown: Iterable[tuple[Site, Sequence[int]]]
    ) -> Mistakes:
        """Compare on VISITS vectors through each branch of each node of each site's diagrams."""
        walks = (self._walks(netlist, site, own) for site, own in grown)
        return self.compare(netlist, literals, _batched(walks))

    def compare(
        self, netlist: Netlist, literals: Sequence[int], batches: Iterator[Words]
    ) -> Mistakes:
        """Compare on given batches of vectors; at most MOST_KEPT wrong ones are kept."""
        vectors, outputs = [], []
        asked = wrong = kept = 0
        for batch in batches:
            count = batch.shape[1]
            planes = output_planes(self.box, self.oracle(batch))
            planes ^= netlist.simulate(input_planes(self.box, batch), literals)
            asked += count
            if not planes.any():
                continue
            bits = np.unpackbits(planes.view(np.uint8), axis=1, bitorder="little")[:, :count]
            at = np.nonzero(bits.any(axis=0))[0]
            wrong += len(at)
            at = at[: MOST_KEPT - kept]
            kept += len(at)
            vectors.append(batch[:, at])
            outputs.append(bits[:, at].astype(np.bool_))
        if not vectors:
            vectors = [np.zeros((len(self.box.inputs), 0), dtype=np.uint64)]
            outputs = [np.zeros((len(self.box.output_bits), 0), dtype=np.bool_)]
        return Mistakes(np.hstack(vectors), np.hstack(outputs), asked, wrong)

    def _walks(self, netlist: Netlist, site: Site, literals: Sequence[int]) -> Words:
        """Vectors through each branch of each node of one site's diagrams."""
        nodes = netlist.reachable(literals)
        starts = np.repeat(2 * nodes, 2 * VISITS) + np.tile([0, 1], len(nodes) * VISITS)
        vectors = self.prober.mixed(len(starts))
        if not len(nodes):
            return vectors
        if site.telling.shape[1]:
            vectors[:, ::2] = self.prober.cross(site.telling, len(starts) // 2)
        vectors = site.path.apply(vectors[:, self.prober.rng.permutation(len(starts))])
        wire = netlist.wire
        place = np.array([(0, 0), *self.box.input_bits], dtype=np.int64)[1 + wire]
        first, parents = _parents(netlist, nodes)
        roots = np.zeros(len(wire), dtype=np.bool_)
        roots[[literal >> 1 for literal in literals]] = True
        luck = self.prober.rng.integers(1 << 62, size=len(starts))
        _climb(starts, first, parents, roots, place, luck, vectors)
        return vectors


def _batched(parts: Iterable[Words]) -> Iterator[Words]:
    """The parts, put together to batches that are worth a simulation of the netlist."""
    waiting, count = [], 0
    for part in parts:
        waiting.append(part)
        count += part.shape[1]
        if count >= BATCH:
            yield np.hstack(waiting)
            waiting, count = [], 0
    if count:
        yield np.hstack(waiting)


def _parents(netlist: Netlist, nodes: Ints) -> tuple[Ints, Ints]:
    """Edges into each node, grouped by node: ``parents[first[n]:first[n+1]]`` holds
    ``2 * parent + branch``."""
    low = netlist.low[nodes] >> 1
    high = netlist.high[nodes] >> 1
    child = np.concatenate([low, high])
    edge = np.concatenate([2 * nodes, 2 * nodes + 1])
    by_child = np.argsort(child, kind="stable")
    first = np.searchsorted(child[by_child], np.arange(len(netlist.wire) + 1))
    return first.astype(np.int64), edge[by_child]


@compiled
def _climb(
    starts: Ints, first: Ints, parents: Ints, roots: npt.NDArray[np.bool_],
    place: Ints, luck: Ints, vectors: Words,
) -> None:  # fmt: skip
    """Set the wires on a random path from a root down to and through each starting edge."""
    for i in range(len(starts)):
        edge, state = starts[i], luck[i]
        while True:
            node, branch = edge >> 1, edge & 1
            port, bit = place[node, 0], np.uint64(place[node, 1])
            one = np.uint64(1) << bit
            if branch:
                vectors[port, i] |= one
            else:
                vectors[port, i] &= ~one
            count = first[node + 1] - first[node]
            choices = count + (1 if roots[node] else 0)
            state = (state * 6364136223846793005 + 1442695040888963407) & 0x7FFFFFFFFFFFFFFF
            pick = (state >> 20) % choices
            if pick == count:
                break
            edge = parents[first[node] + pick]
