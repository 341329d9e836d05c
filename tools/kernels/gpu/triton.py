"""TL to Triton source: one rule a statement, readable output.

Parallel loops become the grid. Tiles are Triton tensors, padded to powers of two; what lies past
the tile or its array is zero and never counts in a row's maximum or sum. The module also has
``launch``, which takes the arguments of the kernel in order.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.kernels.c.plan import Array, Plan, Unsupported, flatten
from tools.kernels.gpu.triton_values import DTYPES, HELPERS, LOWEST, Values
from tools.tl.syntax import (
    REDUCE,
    Allocate,
    Binary,
    Compute,
    Copy,
    Expr,
    For,
    If,
    Param,
    Program,
    Reshape,
    Statement,
    Tune,
)


def emit_triton(program: Program, warps: int = 4, stages: int = 2) -> str:
    """A Python module with ``kernel`` (a Triton function) and ``launch(*arrays)``.

    Raises Unsupported for a program whose parallel loops are not one outer nest, or that reads
    what it writes.
    """
    return _Emitter(program).module(warps, stages)


class _Emitter(Values):
    def __init__(self, program: Program) -> None:
        super().__init__(Plan(program))
        self.lines: list[str] = []
        self.depth = 1
        for copy in self.plan.copies:
            if copy.source == "global" and self.plan.arrays[copy.name].output:
                raise Unsupported(f"{copy.name} is read and written: a GPU has no order for that")

    def module(self, warps: int, stages: int) -> str:
        loops = [s for s in self.plan.program.statements if isinstance(s, For)]
        if len(loops) != 1 or not loops[0].parallel:
            raise Unsupported("a GPU program is one nest of parallel loops")
        nest = list(flatten(loops[0]))
        if len(nest) > 3:
            raise Unsupported("a grid has three dimensions")
        for axis, loop in enumerate(reversed(nest)):
            wide = ".to(tl.int64)" * any(_large(a) for a in self.plan.arrays.values())
            self.put(f"{loop.variable} = tl.program_id({axis}){wide}")
        self.block(nest[-1].body)
        grid = ", ".join(str(self.extent(n)) for n in reversed(nest))
        names = ", ".join(self.plan.arrays)
        body = "\n".join(self.lines)
        used = [code for name, code in HELPERS.items() if f"{name}(" in body]
        parts = [
            "import triton\nimport triton.language as tl",
            *(f"@triton.jit\n{code}" for code in used),
            f"@triton.jit\ndef kernel({names}):\n{body}",
            f"def launch({names}):\n"
            f"    kernel[({grid},)]({names}, num_warps={warps}, num_stages={stages})",
        ]
        return "\n\n\n".join(parts) + "\n"

    def extent(self, loop: For) -> int:
        assert loop.low is not None and loop.high is not None
        if self.expression(loop.low) != "0":
            raise Unsupported("a parallel loop starts at 0")
        return self.plan.size((loop.high,))[0]

    def put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def block(self, statements: Sequence[Statement]) -> None:
        for s in statements:
            match s:
                case Param() | Tune() | Allocate() | Reshape():
                    pass
                case For():
                    low, high = self.expression(s.low), self.expression(s.high)
                    self.nested(f"for {s.variable} in range({low}, {high}):", s.body)
                case If():
                    self.nested(f"if {self.expression(s.condition)}:", s.body)
                case Copy():
                    self.copy(s)
                case Compute():
                    self.compute(s)

    def nested(self, head: str, body: Sequence[Statement]) -> None:
        self.put(head)
        self.depth += 1
        self.block(body)
        self.depth -= 1

    def copy(self, s: Copy) -> None:
        if "global" not in (s.source, s.destination):
            raise Unsupported(f"a Copy from {s.source} to {s.destination}")
        loads = s.source == "global"
        array = self.plan.arrays[s.name if loads else s.result]
        place, mask = self.place(s, array)
        if not loads:
            kind = DTYPES[array.dtype]
            masked = f", mask={mask}" if mask else ""
            self.put(f"tl.store({place}, {self.tile(s.name)}.to({kind}){masked})")
            return
        name = f"{s.result}_{s.destination[0]}"
        row = "[None, :]" * (len(s.dims or ()) == 2 and self.plan.size(s.dims or ())[0] == 1)
        masked = f", mask={mask}, other=0" if mask else ""
        self.put(f"{name} = tl.load({place}{masked}){row}")

    def place(self, s: Copy, array: Array) -> tuple[str, str]:
        """Pointers to a tile's elements, and which of them exist."""
        assert s.dims is not None and s.coordinate is not None
        sizes = self.plan.size(s.dims)
        if len(sizes) == 2 and sizes[0] == 1:
            sizes = sizes[1:]
        leading = len(s.coordinate) - len(sizes)
        terms, tests = [array.name], []
        for at, (c, stride) in enumerate(zip(s.coordinate, array.strides, strict=True)):
            axis, limit = at - leading, array.shape[at]
            start = index = f"({self.expression(c)})"
            if axis >= 0:
                wide, size = self.padded(sizes[axis]), sizes[axis]
                spread = ("[:, None]", "[None, :]")[axis] if len(sizes) == 2 else ""
                lanes = f"tl.arange(0, {wide}){spread}"
                index = lanes if start == "(0)" else f"({start} + {lanes})"
                tests += [f"({lanes} < {size})"] * (wide != size)
                fits = self.plan.fits(c, size, limit)
                tests += [f"({index} < {limit})"] * (not fits)
                tests += [f"({index} >= 0)"] * _subtracts(c)
            elif _subtracts(c):
                raise Unsupported(f"{array.name} is read at whole tiles outside it")
            terms += [f"{index} * {stride}" if stride > 1 else index] * (index != "(0)")
        return " + ".join(terms), " & ".join(tests)

    def compute(self, s: Compute) -> None:
        name = s.operands[0].name
        if s.operation == "GEMM":
            self.gemm(s)
        elif s.operation == "OnlineSoftmax":
            self.online_softmax(s)
        elif s.operation in REDUCE:
            self.reduce(s)
        elif s.operation == "Fill":
            dims = [self.padded(d) for d in self.plan.registers[name][0]]
            kind = DTYPES[self.plan.registers[name][1]]
            self.put(f"{self.tile(name)} = tl.full({dims}, {self.expression(s.scalar)}, {kind})")
        else:
            cast = self.cast(s.result)
            value = self.value(s, self.tile(name))
            self.put(f"{self.tile(s.result)} = {f'({value}){cast}' if cast else value}")

    def gemm(self, s: Compute) -> None:
        a, b = (
            f"tl.trans({self.tile(o.name)})" if o.transposed else self.tile(o.name)
            for o in s.operands
        )
        result = self.tile(s.result)
        kind = DTYPES[self.plan.registers[s.result][1]]
        # Without "ieee" a GPU would round fp32 operands to tf32.
        exact = ', input_precision="ieee"' * (self.dtype(s.operands[1].name) == "fp32")
        start = f"{result}, " if s.accumulate else ""
        self.put(f"{result} = tl.dot({a}, {b}, {start}out_dtype={kind}{exact})")

    def reduce(self, s: Compute) -> None:
        top = s.operation == "RowMax"
        x = self.counted(s.operands[0].name, LOWEST if top else "0.0")
        folded = f"tl.{'max' if top else 'sum'}({x}, 1)"
        result = self.tile(s.result)
        if s.accumulate:
            folded = f"tl.maximum({result}, {folded})" if top else f"{result} + {folded}"
        self.put(f"{result} = {folded}")

    def online_softmax(self, s: Compute) -> None:
        score, top, total, accumulator = (self.tile(o.name) for o in s.operands)
        weights = self.tile(s.result)
        counted = self.counted(s.operands[0].name, LOWEST)
        for line in (
            f"{score} = {counted}" if counted != score else "",
            f"now = tl.maximum({top}, tl.max({score}, 1))",
            f"safe = tl.where(now == {LOWEST}, 0.0, now)",
            f"shrink = tl.exp({top} - safe)",
            f"{score} = tl.exp({score} - safe[:, None])",
            f"{total} = {total} * shrink + tl.sum({score}, 1)",
            f"{accumulator} = {accumulator} * shrink[:, None]",
            f"{top} = now",
            f"{weights} = {score}{self.cast(s.result)}",
        ):
            if line:
                self.put(line)


def _large(a: Array) -> bool:
    """Whether 32 bits cannot count the elements of an array."""
    return a.strides[0] * a.shape[0] >= 1 << 31


def _subtracts(expr: Expr) -> bool:
    match expr:
        case Binary(op, left, right):
            return op == "-" or _subtracts(left) or _subtracts(right)
    return False
