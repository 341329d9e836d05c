"""The loops of a persistent block's workers: which products run beside what.

Tensor cores take products asynchronously; a loop waits for one as late as its result allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tools.kernels.gpu.emitter import Emitter, GpuSchedule
from tools.kernels.gpu.roles import Roles, is_load, is_product, loads_of
from tools.tl.syntax import Compute, For, Program, Statement


def emit_tilelang(program: Program, schedule: GpuSchedule) -> str:
    """A Python module with ``kernel``, a TileLang prim_func over the program's global arrays.

    Raises Unsupported for a program whose parallel loops are not one outer nest.
    """
    return (Persistent if schedule.blocks else Emitter)(program, schedule).module()


class Persistent(Roles):
    """Loads and work in loops that count their turns."""

    def loop(self, s: For) -> None:
        """A loop with loads counts its turns, from which buffers and parities follow."""
        low, high = self.expression(s.low), self.expression(s.high)
        loads = loads_of(s.body)
        if self.loading and not loads and not any(isinstance(inner, For) for inner in s.body):
            return
        softmax = [c for c in s.body if isinstance(c, Compute) and c.operation == "OnlineSoftmax"]
        if softmax and self.schedule.overlap and not self.loading:
            self.lagged(s, softmax[0], low, high)
            return
        # With one buffer the next product's tiles would wait for what only that product frees.
        if self.schedule.overlap and self.stages > 1 and not self.loading and _accumulates(s):
            self.chased(s, low, high)
            return
        self.put(f"for {s.variable} in T.serial({low}, {high}):")
        self.depth += 1
        self.runs(s.body)
        if loads:
            self.free([c.result for c in loads])
            self.put("turn[0] = turn[0] + 1")
        self.depth -= 1

    def chased(self, s: For, low: str, high: str) -> None:
        """A product starts before the one of the turn before ends, whose tiles go back then."""
        self.put(f"for {s.variable} in T.serial({low}, {high}):")
        self.depth += 1
        self.block(loads_of(s.body))
        self.issue(s.body)
        self.put("T.wait_wgmma(1)")
        self.free_last(f"{s.variable} > {low}", s)
        self.put("turn[0] = turn[0] + 1")
        self.depth -= 1
        self.put("T.wait_wgmma(0)")
        self.free_last(f"{low} < {high}", s)

    def free_last(self, condition: str, s: For) -> None:
        """Give back what the turn before has read."""
        self.put(f"if {condition}:")
        self.depth += 1
        self.counter = "(turn[0] - 1)"
        self.free([c.result for c in loads_of(s.body)])
        self.counter = "turn[0]"
        self.depth -= 1

    def runs(self, statements: Sequence[Statement]) -> None:
        """Statements in order; products that follow each other have one wait, after the last."""
        for several, group in groupby(statements, is_product):
            part = list(group)
            if several and len(part) > 1 and not self.loading:
                self.issue(part)
                self.put("T.wait_wgmma(0)")
            else:
                self.block(part)

    def issue(self, statements: Sequence[Statement]) -> None:
        """Start products without waiting for them."""
        for s in statements:
            if isinstance(s, Compute) and is_product(s):
                self.gemm(s, "wgmma_gemm")

    def lagged(self, s: For, softmax: Compute, low: str, high: str) -> None:
        """The value product of one turn runs beside the score product and softmax of the next."""
        at = s.body.index(softmax)
        score = next(n for n, c in enumerate(s.body) if is_product(c))
        keys, values = [[c.result for c in loads_of(p)] for p in (s.body[:score], s.body[at:])]
        left = s.body[score]
        assert isinstance(left, Compute)
        self.early = {o.name for o in left.operands} & (self.shared.keys() - self.streamed)
        self.put(f"if {low} < {high}:")
        self.depth += 1
        self.put(f"{s.variable} = {low}")
        for first in (True, False):
            if not first:
                self.put(f"for {s.variable} in T.serial({low} + 1, {high}):")
                self.depth += 1
            self.block(s.body[:score])
            self.ordered(
                "T.barrier_wait(order[group_], (turn[0] + T.if_then_else(group_ > 0, 0, 1)) % 2)"
            )
            self.issue([left])
            wait = [] if first else self.late(s.body[at:], values)
            self.ordered(f"T.barrier_arrive(order[(group_ + 1) % {self.groups}])")
            self.put(f"T.wait_wgmma({int(not first)})")
            self.free(keys)
            self.block(s.body[score + 1 : at])
            self.online_softmax(softmax, wait)
            self.put("turn[0] = turn[0] + 1")
        self.depth -= 1
        self.free(sorted(self.early))
        for line in self.late(s.body[at:], values):
            self.put(line)
        self.depth -= 1
        self.put("else:")
        self.depth += 1
        self.free(sorted(self.early))
        self.depth -= 1

    def ordered(self, line: str) -> None:
        """Warpgroups start their products in turn: one's softmax beside another's products."""
        if self.schedule.order:
            self.put(line)

    def late(self, statements: Sequence[Statement], loads: list[str]) -> list[str]:
        """Start the value product of the turn before; the lines that wait for its end."""
        self.put("last[0] = turn[0] - 1")
        self.counter = "last[0]"
        self.await_full(loads)
        self.issue(statements)
        given = dict.fromkeys(self.leader[n] for n in loads)
        lines = [f"T.barrier_arrive({n}_free[{self.round(n)[0]}])" for n in given]
        self.counter = "turn[0]"
        return ["T.wait_wgmma(0)", *lines]


def _accumulates(s: For) -> bool:
    """Whether a loop does nothing but add products of what it loads to one sum."""
    work = [c for c in s.body if not is_load(c)]
    return (
        len(work) < len(s.body)
        and len(work) == 1
        and isinstance(work[0], Compute)
        and is_product(work[0])
        and not work[0].get
    )
