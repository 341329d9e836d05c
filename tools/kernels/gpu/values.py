"""Expressions, regions and elementwise values of TL in TileLang's Python."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tools.kernels.c.plan import Plan
from tools.tl.expressions import text
from tools.tl.syntax import BINARY, Compute, Copy, Expr, Program

DTYPES = {
    "fp32": "float32",
    "fp16": "float16",
    "bf16": "bfloat16",
    "int8": "int8",
    "int32": "int32",
}
_FUNCTIONS = {"ceil": "ceildiv", "min": "min", "max": "max"}
LOWEST = "-1e30"  # a finite stand-in for the -inf of a running maximum: never inf - inf
_UNARY = {
    "Exp": "T.exp2({x} * 1.4426950408889634)",
    "Log": "T.log({x})",
    "Relu": "T.max({x}, 0.0)",
    "Gelu": "0.5 * {x} * (1.0 + T.erf({x} * 0.7071067811865476))",
    "Silu": "{x} / (1.0 + T.exp(-{x}))",
    "Tanh": "T.tanh({x})",
    "Sigmoid": "1.0 / (1.0 + T.exp(-{x}))",
    "Square": "{x} * {x}",
    "Rsqrt": "T.rsqrt({x})",
    "Reciprocal": "1.0 / {x}",
    "Cast": "{x}",
    "Fill": "{s}",
    "Scale": "{x} * {s}",
    "Offset": "{x} + {s}",
    "Softcap": "{s} * T.tanh({x} / {s})",
    "Add": "{x} + {y}",
    "Subtract": "{x} - {y}",
    "Multiply": "{x} * {y}",
    "Divide": "T.if_then_else({y} != 0, {x} / {y}, 0.0)",
    "Maximum": "T.max({x}, {y})",
}


class Values:
    """What a name or an expression is called in the emitted source."""

    def __init__(self, program: Program) -> None:
        self.plan = Plan(program)
        self.rename: dict[str, str] = {}

    def expression(self, expr: Expr | None) -> str:
        """A TL expression in Python, parameters as numbers."""
        assert expr is not None
        values = {k: str(v) for k, v in self.plan.values.items()}
        result = text(expr, {**values, **self.rename}, "//")
        result = re.sub(
            r"(?<![.\w])(ceil|min|max)\(", lambda m: f"T.{_FUNCTIONS[m.group(1)]}(", result
        )
        return {"inf": "T.infinity('float32')", "-inf": LOWEST}.get(result, result)

    def region(self, s: Copy, array: str, part: Mapping[int, tuple[str, int]] | None = None) -> str:
        """The slice of a global array that a tile covers, or ``part`` of it: offset and extent by
        dimension of the tile, the last one being -1.
        """
        assert s.dims is not None and s.coordinate is not None
        dims = self.plan.size(s.dims)[-len(s.coordinate) :]
        leading = len(s.coordinate) - len(dims)
        parts = [self.expression(c) for c in s.coordinate[:leading]]
        for at, c in enumerate(s.coordinate[leading:], -len(dims)):
            offset, extent = (part or {}).get(at, ("", dims[at]))
            terms = [x for x in (self.expression(c), offset) if x not in ("", "0")]
            end = " + ".join([*terms, str(extent)])
            parts.append(f"{' + '.join(terms) or 0} : {end}")
        return f"{array}[{', '.join(parts)}]"

    def tile(self, name: str) -> str:
        return f"{name}_r" if name in self.plan.registers else f"{name}_s"

    def value(self, s: Compute, x: str) -> str:
        """The right side of an elementwise statement at (i_, j_)."""
        if s.operation in ("Mask", "Alibi"):
            assert s.origin is not None
            row, column = (f"({self.expression(e)})" for e in s.origin)
            row, column = f"({row} + i_)", f"({column} + j_)"
            if s.operation == "Alibi":
                return f"{x} + {self.expression(s.scalar)} * ({column} - {row})"
            return f"T.if_then_else({self.kept(s, row, column)}, {x}, -T.infinity('float32'))"
        y = ""
        if s.operation in BINARY:
            other = s.operands[1].name
            dims = self.plan.registers[other][0]
            at = "[j_]" if dims[0] == 1 else "[i_, j_]" if len(dims) == 2 else "[i_]"
            y = f"{self.tile(other)}{at}"
        scalar = self.expression(s.scalar) if s.scalar is not None else ""
        return _UNARY[s.operation].format(x=x, y=y, s=scalar)

    def kept(self, s: Compute, row: str, column: str) -> str:
        assert s.mask is not None and s.mask.arguments is not None
        a = [f"({self.expression(e)})" for e in s.mask.arguments]
        match s.mask.kind:
            case "bound":
                return f"{column} < {a[0]}"
            case "causal":
                return f"{column} <= {row} + {a[0]}"
            case "anticausal":
                return f"{row} <= {column} + {a[0]}"
            case "window":
                return f"{column} > {row} + {a[0]} - {a[1]}"
            case _:
                return f"T.Or({column} <= {row} + {a[0]}, {column} < {a[1]})"
