"""TL to C: the file, the loops, the packing; products and row-wise runs come from beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.kernels.c.packing import print_packing
from tools.kernels.c.plan import Array, Schedule, Unsupported, c_text, flatten
from tools.kernels.c.product import Product
from tools.kernels.c.runs import Runs
from tools.kernels.c.storage import C_TYPES, panels
from tools.kernels.c.tiles import unfit
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


@dataclass(frozen=True, slots=True)
class Source:
    """C text with ``void kernel(arguments)``; ``arguments`` in calling order."""

    text: str
    arguments: tuple[Array, ...]
    compiler: str
    flags: tuple[str, ...]


def emit(program: Program, schedule: Schedule) -> Source:
    """C for checked TL Code. Raises Unsupported for types or forms this target lacks."""
    return _Emitter(program, schedule).source()


class _Emitter(Runs):
    def source(self) -> Source:
        arrays = tuple(self.plan.arrays.values())
        kinds = frozenset(self.gemm_type(s) for s in self.plan.gemms)
        for kind in kinds | {a.dtype for a in arrays}:
            if kind not in C_TYPES or (kind in kinds and kind not in self.isa.dots):
                raise Unsupported(f"{self.isa.name} has no {kind} arithmetic here")
            if kind in kinds and (why := unfit(self.isa.dots[kind], self.schedule)):
                raise Unsupported(why)
        self.block(self.plan.program.statements)
        parts = [self.isa.prelude(kinds)]
        for kind in sorted(kinds):
            parts.append(print_packing(kind, self.schedule.rows, self.panel, self.isa))
        parts += self.micros.values()
        parts.append(self.function(arrays))
        threads = ("-fopenmp",) if self.schedule.threads > 1 else ()
        # Some systems' compilers put calls of a checking memcpy in: kernels call nothing.
        plain = ("-O3", "-ffp-contract=fast", "-fno-math-errno", "-U_FORTIFY_SOURCE")
        flags = (*plain, *self.isa.flags_for(kinds))
        return Source("\n".join(parts), arrays, self.isa.compiler, (*flags, *threads))

    def function(self, arrays: tuple[Array, ...]) -> str:
        arguments = ", ".join(
            f"{'' if a.output else 'const '}{C_TYPES[a.dtype]} *restrict {a.name}" for a in arrays
        )
        sizes = ", ".join(f"{k} = {v}" for k, v in self.plan.values.items())
        buffers = [f"static _Thread_local {text};" for text in self.buffers.values()]
        lines = [f"  enum {{ {sizes} }};", *self.lines]
        lines += ["  streamed();"] if self.schedule.stream else []
        return "\n".join([*buffers, f"void kernel({arguments}) {{", *lines, "}", ""])

    def block(self, statements: Sequence[Statement]) -> None:
        for s in statements:
            match s:
                case Param() | Tune() | Allocate() | Reshape():
                    pass
                case For():
                    self.flush()
                    self.loop(s)
                case If():
                    self.flush()
                    assert s.condition is not None
                    self.braces(f"if ({c_text(s.condition)})", s.body)
                case Copy():
                    self.copy(s)
                case Compute(operation="GEMM"):
                    self.flush()
                    self.gemm(s)
                case Compute():
                    self.compute(s)
        self.flush()

    def braces(self, head: str, body: Sequence[Statement]) -> None:
        self.put(f"{head} {{")
        self.depth += 1
        self.block(body)
        self.depth -= 1
        self.put("}")

    def loop(self, s: For) -> None:
        nest = list(flatten(s)) if s.parallel and self.schedule.threads > 1 else [s]
        if len(nest) > 1 or (s.parallel and self.schedule.threads > 1):
            self.put(
                f"#pragma omp parallel for collapse({len(nest)}) schedule(dynamic) "
                f"num_threads({self.schedule.threads})"
            )
        for level in nest:
            assert level.low is not None and level.high is not None
            v = level.variable
            self.put(f"for (long {v} = {c_text(level.low)}; {v} < {c_text(level.high)}; {v}++) {{")
            self.depth += 1
        self.keep_flags(nest[-1])
        self.block(nest[-1].body)
        for _ in nest:
            self.depth -= 1
            self.put("}")

    def keep_flags(self, s: For) -> None:
        """Flags that say whether an in-place tile already holds a value, at its Fill's scope."""
        for inner in s.body:
            fill = isinstance(inner, Compute) and inner.operation == "Fill"
            if isinstance(inner, Compute) and fill and inner.result in self.plan.in_place:
                self.put(f"int {inner.result}_keep = 0;")

    def copy(self, s: Copy) -> None:
        if s.destination == "shared":
            self.flush()
            self.pack(s)
        elif s.result in self.plan.in_place and s.source == "global":
            self.flush()
            self.put(f"{s.result}_keep = 1;")
        elif s.name in self.plan.in_place:
            self.flush()
        elif s.source == "global":
            self.load(s)
        elif s.destination == "global":
            self.store(s)
        else:
            raise Unsupported(f"a Copy from {s.source} to {s.destination}")

    def pack(self, s: Copy) -> None:
        """Panels for every side of a GEMM that reads the tile; views pack nothing."""
        array = self.plan.arrays[s.name]
        stride = array.strides[-2]
        (rows, r0, r1), (columns, c0, c1) = (self.plan.extent(s, axis) for axis in (0, 1))
        exists = self.plan.exists(s)
        if exists != "1":
            r1 = f"({exists}) ? {r1} : 0"
        dot = self.isa.dots[array.dtype]
        for side, transposed in sorted(self.plan.uses(s.result)):
            if self.view(s.result, side, transposed):
                continue
            name = panels(s.result, side, transposed)
            source = f"{array.name} + {self.plan.origin(s)}"
            by_row = (rows, r0, r1, stride)
            by_column = (columns, c0, c1, 1)
            # Panels run along the rows of a left operand and the columns of a right one.
            along_rows = (side == "left") != transposed
            outer, inner = (by_row, by_column) if along_rows else (by_column, by_row)
            unit = self.schedule.rows if side == "left" else self.panel
            depth = -(-inner[0] // dot.step) * dot.step
            extra = 4 * self.panel if dot.offset and side == "right" else 0
            size = -(-outer[0] // unit) * (unit * depth + extra)
            self.buffer(name, C_TYPES[array.dtype], size)
            steps = (outer[3], inner[3]) if side == "left" else (inner[3], outer[3])
            self.put(
                f"pack_{side}({name}, {source}, {steps[0]}, {steps[1]}, {outer[0]}, {depth}, "
                f"{outer[1]}, {outer[2]}, {inner[1]}, {inner[2]});"
            )

    def gemm(self, s: Compute) -> None:
        product = Product(self, s)
        self.put("{", *(f"  {line}" for line in product.lines()), "}")
        if s.result in self.plan.in_place:
            self.put(f"{s.result}_keep = 1;")
