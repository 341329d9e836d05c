"""TL to TileLang source for NVIDIA GPUs: one rule a statement, readable output.

Parallel loops become the grid (the innermost one is blockIdx.x), shared tiles shared memory,
register tiles fragments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.kernels.c.plan import Unsupported, flatten
from tools.kernels.gpu.computes import Computes
from tools.kernels.gpu.values import DTYPES
from tools.tl.checker import BYTES
from tools.tl.syntax import (
    Allocate,
    Compute,
    Copy,
    For,
    If,
    Param,
    Program,
    Reshape,
    Statement,
    Tune,
)

LINE = 128  # bytes of shared memory that are read or written at once


@dataclass(frozen=True, slots=True)
class GpuSchedule:
    """What is chosen below TL on a GPU: threads a block, pipeline depth, and the grid's order.

    ``reverse`` starts with the last blocks of the innermost parallel loop (under a causal mask
    the longest ones); ``swizzle`` > 0 walks the grid in bands that many blocks wide, for the
    second-level cache. ``overlap`` runs the value product of one key block beside the score
    product of the next, or a product's step beside the next step (Hopper's asynchronous tensor
    cores). ``blocks`` > 0 is a persistent grid (``tools.kernels.gpu.roles``) of that many blocks,
    ``residents`` of them on a multiprocessor; there ``order`` lets warpgroups start their products
    one after the other (ping-pong).
    In a chain of programs, ``leads`` lets the next one be launched before this one ends, and
    ``follows`` waits for the end of the one before (programmatic dependent launch).
    """

    threads: int = 128
    stages: int = 2
    reverse: bool = False
    swizzle: int = 0
    overlap: bool = False
    blocks: int = 0
    residents: int = 1
    order: bool = False
    leads: bool = False
    follows: bool = False


class Emitter(Computes):
    """Writes one block of the grid as TileLang's compiler schedules it."""

    def __init__(self, program: Program, schedule: GpuSchedule) -> None:
        super().__init__(program)
        self.schedule = schedule
        self.stages = schedule.stages
        self.shared: dict[str, tuple[tuple[int, ...], str]] = {}
        for copy in self.plan.copies:
            if copy.destination == "shared" and copy.dims is not None:
                dtype = self.plan.arrays[copy.name].dtype
                self.shared[copy.result] = (self.plan.size(copy.dims), dtype)
        self.outgoing: dict[str, tuple[tuple[int, ...], str]] = {
            c.name: (self.plan.registers[c.name][0], self.plan.arrays[c.result].dtype)
            for c in self.plan.copies
            if c.destination == "global" and len(self.plan.registers[c.name][0]) == 2
        }

    def module(self) -> str:
        """A Python module with ``kernel``, a TileLang prim_func over the global arrays."""
        loops = [s for s in self.plan.program.statements if isinstance(s, For)]
        if len(loops) != 1 or not loops[0].parallel:
            raise Unsupported("a GPU program is one nest of parallel loops")
        self.grid(list(flatten(loops[0])))
        arguments = ", ".join(
            f'{a.name}: T.Tensor({a.shape}, "{DTYPES[a.dtype]}")' for a in self.plan.arrays.values()
        )
        options = self.options()
        swizzles = any("make_swizzled_layout" in line for line in self.lines)
        head = [
            "import tilelang.language as T",
            *["from tilelang.layout import make_swizzled_layout"] * swizzles,
            *["", f"OPTIONS = {options}"] * bool(options),
            "",
            "",
            "@T.prim_func",
            f"def kernel({arguments}):",
        ]
        return "\n".join([*head, *(line[4:] for line in self.lines), ""])

    def options(self) -> dict[str, bool]:
        """What the compiler is told beside the program."""
        return {}

    def grid(self, nest: list[For]) -> None:
        """One block of the grid an iteration of the parallel loops."""
        extents = [self.expression(n.high) for n in reversed(nest)]
        inner = nest[-1]
        last = f"{inner.variable}_"
        index = ", ".join(
            last if self.schedule.reverse and n is inner else n.variable for n in reversed(nest)
        )
        index += "," * (len(nest) == 1)
        grid = ", ".join(extents)
        self.put(f"with T.Kernel({grid}, threads={self.schedule.threads}) as ({index}):")
        self.depth += 1
        self.linked()
        if self.schedule.reverse:
            self.put(f"{inner.variable} = {extents[0]} - 1 - {last}")
        self.storage()
        if self.schedule.swizzle:
            self.put(f"T.use_swizzle({self.schedule.swizzle})")
        self.block(inner.body)

    def linked(self) -> None:
        """This program's place in a chain: what it waits for, and who need not wait for it."""
        if self.schedule.leads:
            self.put("T.pdl_trigger()")
        if self.schedule.follows:
            self.put("T.pdl_sync()")

    def storage(self) -> None:
        for name, (dims, dtype) in self.shared.items():
            self.put(f'{name}_s = T.alloc_shared({list(dims)}, "{DTYPES[dtype]}")')
        self.fragments()

    def fragments(self) -> None:
        """Register tiles, and the shared tiles through which results leave."""
        for name, (dims, dtype) in self.outgoing.items():
            self.put(f'{name}_o = T.alloc_shared({list(dims)}, "{DTYPES[dtype]}")')
            if dims[-1] * BYTES[dtype] % LINE == 0:
                # Eight rows are written at once; in plain rows they would meet in the same banks.
                self.put(f"T.annotate_layout({{{name}_o: make_swizzled_layout({name}_o)}})")
        for name, (dims, dtype) in self.plan.registers.items():
            shape = [d for d in dims if d != 1] or [1]
            self.put(f'{name}_r = T.alloc_fragment({shape}, "{DTYPES[dtype]}")')
        divided = [c.operands[0].name for c in self.plan.computes if self.divides_rows(c)]
        for name in divided[:1]:
            rows = self.plan.registers[name][0][0]
            self.put(f'inverse = T.alloc_fragment([{rows}], "float32")')
        for s in self.plan.computes:
            if s.operation == "OnlineSoftmax":
                rows = self.plan.registers[s.operands[1].name][0][0]
                self.put(f'before = T.alloc_fragment([{rows}], "float32")')
                self.put(f'shrink = T.alloc_fragment([{rows}], "float32")')
                self.put(f'total = T.alloc_fragment([{rows}], "float32")')
                break

    def block(self, statements: Sequence[Statement]) -> None:
        """Statements in order; loops that differ only by masks become one pipeline.

        One pipeline fills and drains once, and its shared buffers have one layout.
        """
        done = 0
        while done < len(statements):
            group = [s for s in _alike(statements[done:]) if isinstance(s, For)]
            if len(group) > 1:
                self.joined(group)
                done += len(group)
            else:
                self.statement(statements[done])
                done += 1

    def joined(self, loops: list[For]) -> None:
        """Consecutive ranges of one loop; masks run where their own range is."""
        ranges = []
        for at, loop in enumerate(loops):
            tests = [f"{loop.variable} >= {self.expression(loop.low)}"] * (at > 0)
            tests += [f"{loop.variable} < {self.expression(loop.high)}"] * (at < len(loops) - 1)
            if _masks(loop):
                ranges.append(" and ".join(tests))
        full = next(loop for loop in loops if _masks(loop))
        self.guard = " or ".join(ranges)
        self.loop(replace(full, low=loops[0].low, high=loops[-1].high))
        self.guard = ""

    def statement(self, s: Statement) -> None:
        match s:
            case Param() | Tune() | Allocate() | Reshape():
                pass
            case For():
                self.loop(s)
            case If():
                self.put(f"if {self.expression(s.condition)}:")
                self.indented(s.body)
            case Copy():
                self.copy(s)
            case Compute():
                self.compute(s)

    def indented(self, body: Sequence[Statement]) -> None:
        self.depth += 1
        self.block(body)
        self.depth -= 1

    def loop(self, s: For) -> None:
        """Sequential loops with loads are pipelined; their loads overlap the arithmetic."""
        low, high = self.expression(s.low), self.expression(s.high)
        loads = any(isinstance(c, Copy) and c.destination == "shared" for c in s.body)
        if not loads:
            self.put(f"for {s.variable} in T.serial({low}, {high}):")
            self.indented(s.body)
            return
        softmax = [c for c in s.body if isinstance(c, Compute) and c.operation == "OnlineSoftmax"]
        if self.schedule.overlap and softmax:
            self.overlapped(s, softmax[0], low, high)
            return
        bounds = high if low == "0" else f"{low}, T.max({low}, {high})"
        self.put(f"for {s.variable} in T.Pipelined({bounds}, num_stages={self.stages}):")
        self.indented(s.body)

    def overlapped(self, s: For, softmax: Compute, low: str, high: str) -> None:
        """The value product lags one turn behind: P starts as zero and is used up at the end."""
        at = s.body.index(softmax)
        value = next(c for c in s.body[at:] if isinstance(c, Copy))
        product = next(c for c in s.body[at:] if isinstance(c, Compute) and c.operation == "GEMM")
        score = next(c for c in s.body if isinstance(c, Compute) and c.operation == "GEMM")
        first = s.body.index(score)
        j = s.variable
        dims, dtype = self.shared[value.result]
        self.put(f'last_s = T.alloc_shared({list(dims)}, "{DTYPES[dtype]}")')
        self.put(f'witness = T.alloc_local([1], "{DTYPES[dtype]}")')
        self.put(f"T.fill({softmax.result}_r, 0)")
        bounds = high if low == "0" else f"{low}, T.max({low}, {high})"
        self.put(f"for {j} in T.Pipelined({bounds}, num_stages={self.stages}):")
        self.depth += 1
        self.block(s.body[:first])
        self.rename = {j: f"T.max({j} - 1, {low})"}
        self.copy(value)
        self.rename = {}
        self.gemm(score, "wgmma_gemm")
        self.gemm(product, "wgmma_gemm")
        # TileLang frees a pipeline buffer after its last use in the text. The asynchronous
        # product still reads it until the wait, so a dead read after each wait holds it.
        key = score.operands[1].name
        self.put("T.wait_wgmma(1)")
        self.put(f"witness[0] = {key}_s[0, 0]")
        self.block(s.body[first + 1 : at])
        held = f"witness[0] = {value.result}_s[0, 0]"
        self.online_softmax(softmax, ["T.wait_wgmma(0)", held])
        self.depth -= 1
        self.rename = {j: f"T.max({high} - 1, 0)"}
        self.put(f"T.copy({self.region(value, value.name)}, last_s)")
        self.rename = {}
        self.put(
            f"T.gemm({softmax.result}_r, last_s, {product.result}_r, "
            "policy=T.GemmWarpPolicy.FullRow)"
        )

    def copy(self, s: Copy) -> None:
        if s.source == "global":
            there = f"{s.result}_{s.destination[0]}"
            self.put(f"T.copy({self.region(s, s.name)}, {there})")
        elif s.destination == "global":
            self.store(s)
        else:
            self.put(f"T.copy({s.name}_{s.source[0]}, {s.result}_{s.destination[0]})")

    def store(self, s: Copy) -> None:
        """Results leave through shared memory, in whole rows (and by the copy engine)."""
        tile = f"{s.name}_{s.source[0]}"
        if s.name in self.outgoing:
            self.put(f"T.copy({tile}, {s.name}_o)")
            tile = f"{s.name}_o"
        self.put(f"T.copy({tile}, {self.region(s, s.result)})")


def _masks(loop: For) -> list[Statement]:
    return [s for s in loop.body if isinstance(s, Compute) and s.operation == "Mask"]


def _alike(statements: Sequence[Statement]) -> list[Statement]:
    """The longest start of sequential loops over one variable, equal but for masks."""
    found: list[Statement] = []
    for s in statements:
        if not isinstance(s, For) or s.parallel:
            break
        body = [b for b in s.body if b not in _masks(s)]
        first = found[0] if found else None
        if isinstance(first, For) and [b for b in first.body if b not in _masks(first)] != body:
            break
        found.append(s)
    return found
