"""TL to TileLang with roles: a persistent grid whose warps either load or work.

The last warpgroup of a block runs only the program's loads, the others everything else; a pair
of barriers guards each delivery to shared memory (full and free). Loads of the next tile of the
grid so run beside the end of this one, which a grid of one block a tile leaves uncovered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from tools.kernels.gpu.emitter import GpuSchedule
from tools.kernels.gpu.stores import Stores
from tools.kernels.gpu.values import DTYPES
from tools.tl.checker import BYTES
from tools.tl.syntax import Compute, Copy, For, Program, Statement

SHARED_BYTES = 226 * 1024  # for the tiles of all blocks on a multiprocessor of a Hopper GPU
REGISTERS = 65536  # of a multiprocessor
LOADER, FEW = 128, 24  # threads of the loading warpgroup, and the registers each of them keeps


class Roles(Stores):
    """Writes each block's program twice: its loads, and the rest."""

    def __init__(self, program: Program, schedule: GpuSchedule) -> None:
        super().__init__(program, schedule)
        self.loading = True
        self.counter = "turn[0]"
        self.early: set[str] = set()
        loops = [s for s in program.walk() if isinstance(s, For)]
        inner = {c.result for s in loops if not s.parallel for c in loads_of(s.body)}
        self.streamed = {name for name in self.shared if name in inner}
        # Loads that follow each other are one delivery: one pair of barriers guards them all.
        self.leader: dict[str, str] = {}
        self.closing: set[str] = set()
        for loop in loops:
            for together, part in groupby(loop.body, is_load):
                names = [s.result for s in part if isinstance(s, Copy)]
                if together:
                    self.leader |= dict.fromkeys(names, names[0])
                    self.closing.add(names[-1])
        self.depths = self._depths()

    def _depths(self) -> dict[str, int]:
        """Buffers of each shared tile: two for those loaded once a block, where they fit.

        Results leave in panels, or straight from registers, when their tiles do not fit beside.
        """
        room = SHARED_BYTES // self.schedule.residents

        def used(once: int) -> int:
            tiles = [
                (self.stages if n in self.streamed else once, s) for n, s in self.shared.items()
            ]
            tiles += [(1, shape) for shape in self.outgoing.values()]
            return sum(deep * math.prod(dims) * BYTES[dtype] for deep, (dims, dtype) in tiles)

        while self.outgoing and used(1) > room:
            self.shrink()
        once = 2 if used(2) <= room else 1
        return {name: self.stages if name in self.streamed else once for name in self.shared}

    def grid(self, nest: list[For]) -> None:
        threads = self.schedule.threads + LOADER
        # A block's registers are fixed at its start: some warps can only take what others give.
        each = min(255, REGISTERS // (self.schedule.residents * threads)) // 8 * 8
        most = (each * threads - FEW * LOADER) // self.schedule.threads // 8 * 8
        self.put(f"with T.Kernel({self.schedule.blocks}, threads={threads}) as (block,):")
        self.depth += 1
        if self.schedule.residents > 1:
            self.put(f"T.annotate_min_blocks_per_sm({self.schedule.residents})")
        self.linked()
        self.storage()
        for loading, head, registers in (
            (
                True,
                f"if T.get_thread_binding() >= {self.schedule.threads}:",
                f"dec_max_nreg({FEW})",
            ),
            (False, "else:", f"inc_max_nreg({min(240, most)})"),
        ):
            self.loading = loading
            self.put(head)
            self.depth += 1
            self.put(f"T.{registers}")
            self.waves(nest)
            if not loading:
                self.stored()
            self.depth -= 1

    def waves(self, nest: list[For]) -> None:
        """This block's tiles, as many apart in the grid's order as there are blocks."""
        *outer, inner = (self.plan.size((n.high,))[0] for n in nest if n.high is not None)
        order = self.paired if self.schedule.reverse else self.banded
        self.put(f"if {order(math.prod(outer), inner)}:")
        self.depth += 1
        self.put(f"{nest[-1].variable} = inner_")
        row = "row_"
        for loop, extent in reversed(list(zip(nest[:-1], outer, strict=True))):
            self.put(f"{loop.variable} = {row} % {extent}")
            row = f"({row} // {extent})"
        self.one(nest[-1].body)
        self.put("done[0] = done[0] + 1")
        self.depth -= 2

    def paired(self, rows: int, inner: int) -> str:
        """Inner tile n - 1 - i, then i: under a causal mask all pairs are the same work."""
        half, blocks = -(-inner // 2), self.schedule.blocks
        self.put(f"for wave in T.serial({2 * -(-rows * half // blocks)}):")
        self.depth += 1
        self.put(f"pair_ = wave // 2 * {blocks} + block")
        self.put(f"row_ = pair_ // {half}")
        # An odd middle tile is half a pair: turned on with every wave, it meets all blocks.
        turned = f"(pair_ + row_ * {half} // {blocks}) % {half}" if inner % 2 else f"pair_ % {half}"
        self.put(f"near_ = {turned}")
        self.put(f"inner_ = {inner - 1} - near_ + wave % 2 * (2 * near_ - {inner - 1})")
        middle = f" and (wave % 2 == 0 or near_ < {half - 1})" * (inner % 2)
        return f"pair_ < {rows * half}{middle}"

    def banded(self, rows: int, inner: int) -> str:
        """Bands of ``swizzle`` outer tiles go through all inner ones together."""
        band = max(d for d in range(1, max(1, self.schedule.swizzle) + 1) if rows % d == 0)
        blocks, total = self.schedule.blocks, rows * inner
        self.put(f"for wave in T.serial({-(-total // blocks)}):")
        self.depth += 1
        self.put(f"tile_ = wave * {blocks} + block")
        self.put(f"row_ = tile_ // {band * inner} * {band} + tile_ % {band}")
        self.put(f"inner_ = tile_ // {band} % {inner}")
        return f"tile_ < {total}"

    def one(self, statements: Sequence[Statement]) -> None:
        """One tile of the grid; what it loads once is given back after its last use."""
        uses: dict[str, int] = {}
        for at, s in enumerate(statements):
            once = (n for n in self.shared if n not in self.streamed and touches(s, n))
            uses |= dict.fromkeys((self.leader[n] for n in once), at)
        start = 0
        for at in sorted(set(uses.values())):
            self.block(statements[start : at + 1])
            self.free([n for n in uses if uses[n] == at and n not in self.early])
            start = at + 1
        self.block(statements[start:])

    def storage(self) -> None:
        for name, (dims, dtype) in self.shared.items():
            deep = self.depths[name]
            self.put(f'{name}_s = T.alloc_shared({[deep, *dims]}, "{DTYPES[dtype]}")')
            if self.leader[name] == name:
                self.put(f"{name}_full = T.alloc_barrier([{LOADER}] * {deep})")
                self.put(f"{name}_free = T.alloc_barrier([{self.schedule.threads}] * {deep})")
        if self.schedule.order:
            self.put(f"order = T.alloc_barrier([128] * {self.groups})")
        if self.schedule.order or self.sends:
            self.put("group_ = T.get_thread_binding() // 128")
        self.fragments()
        for counter in ("turn", "last", "done"):
            self.put(f'{counter} = T.alloc_local([1], "int32")')
            self.put(f"{counter}[0] = 0")

    def round(self, name: str) -> tuple[str, str]:
        """Which buffer of a tile is in turn, and the parity of its use."""
        counter, deep = self.counter if name in self.streamed else "done[0]", self.depths[name]
        return f"{counter} % {deep}", f"{counter} // {deep} % 2"

    def tile(self, name: str) -> str:
        if name in self.plan.registers:
            return super().tile(name)
        return f"{name}_s[{self.round(name)[0]}, :, :]"

    def await_full(self, names: Sequence[str]) -> None:
        for name in dict.fromkeys(self.leader[n] for n in names):
            slot, parity = self.round(name)
            self.put(f"T.barrier_wait({name}_full[{slot}], {parity})")

    def free(self, names: Sequence[str]) -> None:
        if not self.loading:
            for name in dict.fromkeys(self.leader[n] for n in names):
                self.put(f"T.barrier_arrive({name}_free[{self.round(name)[0]}])")

    def copy(self, s: Copy) -> None:
        if not is_load(s):
            if not self.loading:
                super().copy(s)
            return
        leader = self.leader[s.result]
        if not self.loading:
            if leader == s.result:
                self.await_full([leader])
            return
        slot, parity = self.round(leader)
        if leader == s.result:
            self.put(f"T.barrier_wait({leader}_free[{slot}], ({parity}) ^ 1)")
        full = f"{leader}_full[{slot}]"
        there = self.tile(s.result)
        self.put(f"T.tma_copy({self.region(s, s.name)}, {there}, barrier={full})")
        if s.result in self.closing:
            self.put(f"T.barrier_arrive({full})")

    def compute(self, s: Compute) -> None:
        if not self.loading:
            super().compute(s)


def is_load(s: Statement) -> bool:
    return isinstance(s, Copy) and (s.source, s.destination) == ("global", "shared")


def loads_of(statements: Sequence[Statement]) -> list[Copy]:
    """Copies from global to shared memory among these statements."""
    return [s for s in statements if isinstance(s, Copy) and is_load(s)]


def is_product(s: Statement) -> bool:
    return isinstance(s, Compute) and s.operation == "GEMM"


def touches(s: Statement, name: str) -> bool:
    """Whether a statement loads a shared tile or reads it."""
    match s:
        case For():
            return any(touches(inner, name) for inner in s.body)
        case Copy():
            return name == s.result
        case Compute():
            return any(o.name == name for o in s.operands)
    return False
