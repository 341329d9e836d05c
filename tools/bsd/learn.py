"""Learn a combinational box from queries: decode tree, scans, diagrams, refutation.

`learn` returns a netlist that no query of the final rounds could tell from the box. That is
evidence of the level *tested*; `tools.bsd.prove` turns it into *proved* where a reference is
at hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from tools.bsd.align import aligned
from tools.bsd.box import Box, Oracle, Words
from tools.bsd.cells import Cell, Split, cells_of, decode
from tools.bsd.diagram import Diagrams, Site
from tools.bsd.judge import Judge, Mistakes
from tools.bsd.netlist import Netlist
from tools.bsd.orders import TELLING, Scan, scan, significance
from tools.bsd.portfolio import Grown, Portfolio
from tools.bsd.probes import Prober

MOST_ROUNDS = 64
KEPT_PER_TASK = 64
KEPT_PER_ROUND = 512
REGROWTH = 64


class NotConverged(RuntimeError):
    """The rounds ended and the netlist was still wrong somewhere."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: what it is doing, how far, and the counts so far."""

    stage: str
    done: int
    total: int
    nodes: int
    queries: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Settings:
    """``nodes`` bounds the diagram of one output port in one cell; ``vectors`` is how many
    random vectors in a row must show no mistake at the end."""

    seed: int = 0
    nodes: int = 8192
    vectors: int = 1 << 22


@dataclass(frozen=True, slots=True)
class Learned:
    """A learned box: ``literals[i]`` of ``netlist`` is output wire ``i``; and what it took.

    ``wrong`` holds the wrong vectors found in each round, ``formal`` the counterexamples that
    a proof contributed as queries, ``orders`` how often each order recipe won.
    """

    box: Box
    netlist: Netlist
    literals: tuple[int, ...]
    seed: int
    cells: int
    queries: int
    wrong: tuple[int, ...]
    formal: int
    seconds: float
    cpu_seconds: float
    orders: dict[str, int]

    @property
    def nodes(self) -> int:
        """Decision nodes in use."""
        return len(self.netlist.reachable(self.literals))

    def nodes_by_output(self) -> dict[str, int]:
        """Decision nodes that each output port's wires reach; shared ones count for each."""
        wires: dict[str, list[int]] = {}
        for (port, _), literal in zip(self.box.output_bits, self.literals, strict=True):
            wires.setdefault(self.box.outputs[port].name, []).append(literal)
        return {name: len(self.netlist.reachable(own)) for name, own in wires.items()}


def learn(
    box: Box,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Learned:
    """Learn ``box``. Raises BoxError (bad box), TooLarge (no order fits), NotConverged."""
    learner = Learner(box, settings or Settings(), progress)
    learner.build()
    return learner.refine()


class Learner:
    """One run over one box. `learn` is the short way; a proof's counterexamples go to `teach`."""

    def __init__(self, box: Box, settings: Settings, progress: Callable[[Progress], None]) -> None:
        self.box, self.settings, self.progress = box, settings, progress
        self._started, self._cpu_started = time.monotonic(), time.process_time()
        self.oracle = Oracle(box)
        self.prober = Prober(box, settings.seed)
        self.diagrams = Diagrams(self.oracle, self.prober)
        self.portfolio = Portfolio(self.diagrams, settings.nodes)
        self.judge = Judge(self.oracle, self.prober)
        self.wrong: list[int] = []
        self.mistaken: Words = self.diagrams.probes[:, :0]
        self.formal = 0

    def build(self) -> None:
        """Decode, scan every cell, grow every diagram."""
        self.oracle.audit(self.diagrams.probes[:, :1024])
        self.tree = decode(self.oracle, self.prober)
        self.cells = list(cells_of(self.tree))
        self.scans: list[list[Scan]] = []
        for done, cell in enumerate(self.cells):
            self._report("scan", done, len(self.cells))
            self.scans.append(self._scan(cell, self.diagrams.probes))
        self.scans = [[self._with_aligned(own) for own in scans] for scans in self.scans]
        self.grown: list[list[Grown]] = []
        for done, cell in enumerate(self.cells):
            self._report("grow", done, len(self.cells))
            self.grown.append([self._grow(cell, own) for own in self.scans[done]])

    def refine(self) -> Learned:
        """Rounds of refutation and repair until a whole round finds nothing."""
        while len(self.wrong) < MOST_ROUNDS:
            netlist, literals = self.diagrams.netlist, self.composed()
            self._report("refute", len(self.wrong), MOST_ROUNDS)
            found = self.judge.near(netlist, literals, self.mistaken)
            if not found.wrong:
                found = self.judge.coverage(netlist, literals, self._sites())
            if not found.wrong:
                found = self.judge.random(netlist, literals, self._telling(), self.settings.vectors)
            self.wrong.append(found.wrong)
            if not found.wrong:
                return self._result(literals)
            self._repair(found)
        raise NotConverged(f"{self.box.name}: still {found.wrong} wrong of {found.asked} vectors")

    def _telling(self) -> list[Words]:
        """The telling vectors of all sites, those that have any."""
        every = (own.telling for scans in self.scans for own in scans)
        return [telling for telling in every if telling.shape[1]]

    def _sites(self) -> Iterator[tuple[Site, Sequence[int]]]:
        """Every site with the literals that were grown at it."""
        for cell, scans, grown in zip(self.cells, self.scans, self.grown, strict=True):
            for own, diagrams in zip(scans, grown, strict=True):
                yield Site(cell.path, own.telling), diagrams.literals

    def wrong_about(self, vector: Words) -> bool:
        """Whether the netlist and the box differ on one query of shape (ports,)."""
        return self._compare(vector[:, None]).wrong > 0

    def teach(self, vector: Words) -> Learned:
        """Learn from a proof's counterexample, shape (ports,): a query like any other."""
        self.formal += 1
        self._repair(self._compare(vector[:, None]))
        return self.refine()

    def _compare(self, vectors: Words) -> Mistakes:
        return self.judge.compare(self.diagrams.netlist, self.composed(), iter([vectors]))

    def composed(self) -> list[int]:
        """One literal per output wire: the cells under the decode tree."""
        each = iter([list(chain.from_iterable(g.literals for g in ports)) for ports in self.grown])
        return self._compose(self.tree, each)

    def _compose(self, tree: Split | Cell, cells: Iterator[list[int]]) -> list[int]:
        if isinstance(tree, Cell):
            return next(cells)
        low, high = self._compose(tree.low, cells), self._compose(tree.high, cells)
        node = self.diagrams.netlist.node
        return [node(tree.wire, a, b) for a, b in zip(low, high, strict=True)]

    def _scan(self, cell: Cell, probes: Words) -> list[Scan]:
        return scan(self.oracle, self.prober, cell.path, probes)

    def _with_aligned(self, own: Scan) -> Scan:
        """The scan with half of its telling vectors replaced by aligned children of them."""
        if not own.telling.shape[1]:
            return own
        weights = significance(self.box, own, [s for scans in self.scans for s in scans])
        half = own.telling.shape[1] // 2
        children = aligned(self.prober, weights, own.telling, half)
        return replace(own, telling=np.hstack([own.telling[:, :half], children]))

    def _grow(self, cell: Cell, own: Scan) -> Grown:
        others = [s for scans in self.scans for s in scans]
        return self.portfolio.grow(Site(cell.path, own.telling), own, others)

    def _repair(self, found: Mistakes) -> None:
        """Learn from wrong vectors and regrow each (cell, output port) that they hit."""
        self.mistaken = found.vectors
        hit: dict[tuple[int, int], list[int]] = {}
        cell_of = self._cell_of(found.vectors)
        ports = np.array([p for p, _ in self.box.output_bits])
        for i, cell in enumerate(cell_of):
            for port in np.unique(ports[found.outputs[:, i]]):
                hit.setdefault((int(cell), int(port)), []).append(i)
        kept = sorted({i for at in hit.values() for i in at[:KEPT_PER_TASK]})
        self.diagrams.forget(found.vectors[:, kept[:KEPT_PER_ROUND]])
        for done, ((cell, port), at) in enumerate(sorted(hit.items())):
            self._report("regrow", done, len(hit))
            self._regrow(cell, port, found.vectors[:, at[:KEPT_PER_TASK]])

    def _regrow(self, cell: int, port: int, wrong: Words) -> None:
        """Regrow in the same order, which was a good one; unless the size explodes, which says
        that the port was misunderstood: then scan anew and choose an order anew."""
        telling = np.hstack([wrong, self.prober.cross(wrong, TELLING // 4)])
        old = self.grown[cell][port]
        path, own = self.cells[cell].path, self.scans[cell][port]
        own = replace(own, telling=np.hstack([telling, own.telling])[:, :TELLING])
        self.scans[cell][port] = own
        budget = 2 * max(old.new, REGROWTH)
        grown = self.portfolio.grow_in(Site(path, own.telling), port, old.wires, budget)
        if grown is None:
            probes = np.hstack([own.telling, self.diagrams.probes])
            scanned = self._scan(self.cells[cell], probes)[port]
            self.scans[cell][port] = replace(scanned, telling=own.telling)
            grown = self._grow(self.cells[cell], self.scans[cell][port])
        self.grown[cell][port] = replace(grown, new=max(old.new, grown.new))

    def _cell_of(self, vectors: Words) -> np.ndarray:
        """The index of the cell that each vector falls in."""
        result = np.zeros(vectors.shape[1], dtype=np.int64)
        for i, cell in enumerate(self.cells):
            inside = (vectors & cell.path.mask[:, None]) == cell.path.value[:, None]
            result[inside.all(axis=0)] = i
        return result

    def _report(self, stage: str, done: int, total: int) -> None:
        seconds = time.monotonic() - self._started
        nodes = len(self.diagrams.known)
        self.progress(Progress(stage, done, total, nodes, self.oracle.queries, seconds))

    def _result(self, literals: list[int]) -> Learned:
        return Learned(
            self.box, self.diagrams.netlist, tuple(literals), self.settings.seed, len(self.cells),
            self.oracle.queries, tuple(self.wrong), self.formal,
            time.monotonic() - self._started, time.process_time() - self._cpu_started,
            {str(recipe): wins for recipe, wins in self.portfolio.wins.items()},
        )  # fmt: skip
