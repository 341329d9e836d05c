"""What a TL computation is in TileLang: products, elementwise work, reductions, online softmax.

A scale that only masks separate from an online softmax is folded into its exponential, which
works in base two.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.kernels.gpu.values import Values
from tools.tl.expressions import evaluate
from tools.tl.syntax import REDUCE, Compute, Program

LOG2E = 1.4426950408889634


class Computes(Values):
    """Writes the work of one block, line by line."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.lines: list[str] = []
        self.depth = 2
        self.guard = ""
        self.folded = self._fold()

    def put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    @property
    def whole_rows(self) -> bool:
        """A row of scores must stay in one warp, where its maximum is found."""
        return any(c.operation == "OnlineSoftmax" for c in self.plan.computes)

    def compute(self, s: Compute) -> None:
        if id(s) in self.folded.values():
            return
        if s.operation == "GEMM":
            self.gemm(s)
        elif s.operation == "OnlineSoftmax":
            self.online_softmax(s)
        elif s.operation in REDUCE:
            kind = "max" if s.operation == "RowMax" else "sum"
            clear = not s.accumulate
            self.put(
                f"T.reduce_{kind}({self.tile(s.operands[0].name)}, {self.tile(s.result)}, "
                f"dim=1, clear={clear})"
            )
        elif s.operation == "Fill":
            self.put(f"T.fill({self.tile(s.result)}, {self.expression(s.scalar)})")
        else:
            self.elementwise(s)

    def gemm(self, s: Compute, function: str = "gemm") -> None:
        a, b = s.operands
        options = [f"transpose_{side}=True" for side, o in (("A", a), ("B", b)) if o.transposed]
        if s.get:
            options.append("clear_accum=True")
        if self.whole_rows:
            options.append("policy=T.GemmWarpPolicy.FullRow")
        extra = "".join(f", {o}" for o in options)
        self.put(f"T.{function}({self.tile(a.name)}, {self.tile(b.name)}, {s.result}_r{extra})")

    def elementwise(self, s: Compute) -> None:
        name = s.operands[0].name
        dims = [d for d in self.plan.registers[name][0] if d != 1]
        index = ("i_", "j_")[: len(dims)]
        if s.operation == "Mask" and self.guard:
            self.put(f"if {self.guard}:")
            self.depth += 1
        if self.divides_rows(s):
            self.divide_rows(s, dims)
            return
        self.put(f"for {', '.join(index)} in T.Parallel({', '.join(map(str, dims))}):")
        at = f"[{', '.join(index)}]"
        x = f"{self.tile(name)}{at}"
        result = f"{self.tile(s.result)}{at}"
        self.put(f"    {result} = {self.value(s, x)}")
        if s.operation == "Mask" and self.guard:
            self.depth -= 1

    def divides_rows(self, s: Compute) -> bool:
        """A tile by a number for each of its rows: one division a row is enough."""
        if s.operation != "Divide" or s.operands[0].name not in self.plan.registers:
            return False
        x, y = (self.plan.registers[o.name][0] for o in s.operands)
        return len(x) == 2 and 1 not in x and y == x[:1]

    def divide_rows(self, s: Compute, dims: Sequence[int]) -> None:
        x, y = (self.tile(o.name) for o in s.operands)
        self.put(f"for i_ in T.Parallel({dims[0]}):")
        self.put(f"    inverse[i_] = T.if_then_else({y}[i_] != 0, 1.0 / {y}[i_], 0.0)")
        self.put(f"for i_, j_ in T.Parallel({dims[0]}, {dims[1]}):")
        self.put(f"    {self.tile(s.result)}[i_, j_] = {x}[i_, j_] * inverse[i_]")

    def online_softmax(self, s: Compute, wait: Sequence[str] = ()) -> None:
        """``wait`` comes before the first line that touches the accumulator or the weights."""
        score, top, total, accumulator = (self.tile(o.name) for o in s.operands)
        rows, columns = self.plan.registers[s.operands[0].name][0]
        width = self.plan.registers[s.operands[3].name][0][1]
        scales = [c.scalar for c in self.plan.computes if id(c) == self.folded.get(id(s))]
        scale = evaluate(scales[0], self.plan.values) if scales and scales[0] is not None else 1.0
        factor = repr(float(scale) * LOG2E)
        result = f"{s.result}_r"
        for line in (
            f"T.copy({top}, before)",
            f"T.reduce_max({score}, {top}, dim=1, clear=False)",
            f"for i_ in T.Parallel({rows}):",
            f"    shrink[i_] = T.exp2(before[i_] * {factor} - {top}[i_] * {factor})",
            f"for i_, j_ in T.Parallel({rows}, {columns}):",
            f"    {score}[i_, j_] = T.exp2({score}[i_, j_] * {factor} - {top}[i_] * {factor})",
            f"T.reduce_sum({score}, total, dim=1)",
            f"for i_ in T.Parallel({rows}):",
            f"    {total}[i_] = {total}[i_] * shrink[i_] + total[i_]",
            *wait,
            f"T.copy({score}, {result})",
            f"for i_, j_ in T.Parallel({rows}, {width}):",
            f"    {accumulator}[i_, j_] *= shrink[i_]",
        ):
            self.put(line)

    def _fold(self) -> dict[int, int]:
        """Online softmaxes whose Scale can go into the exponential: id to id of the Scale.

        Positive scales commute with masks; the statistics must not be used elsewhere, because
        they are then in the unscaled unit.
        """
        found: dict[int, int] = {}
        for at, s in enumerate(self.plan.computes):
            if s.operation != "OnlineSoftmax":
                continue
            names = {s.operands[1].name, s.operands[2].name}
            others = [
                c
                for c in self.plan.computes
                if c.operation not in ("OnlineSoftmax", "Fill", "Divide")
                and names & {o.name for o in c.operands}
            ]
            before = at - 1
            while self.plan.computes[before].operation == "Mask":
                before -= 1
            scale = self.plan.computes[before]
            if scale.operation == "Scale" and scale.operands == s.operands[:1] and not others:
                found[id(s)] = id(scale)
        return found
