"""Names, padding and elementwise values of TL in Triton's Python."""

from __future__ import annotations

import re

from tools.kernels.c.plan import Plan, Unsupported
from tools.tl.expressions import text
from tools.tl.syntax import BINARY, Compute, Expr

DTYPES = {
    "fp32": "tl.float32",
    "fp16": "tl.float16",
    "bf16": "tl.bfloat16",
    "int8": "tl.int8",
    "int32": "tl.int32",
}
LOWEST = 'float("-inf")'
HELPERS = {
    "tanh": "def tanh(x):\n    t = tl.exp(-2.0 * tl.abs(x))\n"
    "    return tl.where(x < 0, -1.0, 1.0) * (1.0 - t) / (1.0 + t)",
    "ratio": "def ratio(x, y):\n    return tl.where(y != 0, x / tl.where(y != 0, y, 1.0), 0.0)",
}
_VALUES = {
    "Exp": "tl.exp({x})",
    "Log": "tl.log({x})",
    "Relu": "tl.maximum({x}, 0.0)",
    "Gelu": "0.5 * {x} * (1.0 + tl.erf({x} * 0.7071067811865476))",
    "Silu": "{x} / (1.0 + tl.exp(-{x}))",
    "Tanh": "tanh({x})",
    "Sigmoid": "1.0 / (1.0 + tl.exp(-{x}))",
    "Square": "{x} * {x}",
    "Rsqrt": "1.0 / tl.sqrt({x})",
    "Reciprocal": "1.0 / {x}",
    "Cast": "{x}",
    "Scale": "{x} * {s}",
    "Offset": "{x} + {s}",
    "Softcap": "{s} * tanh({x} / {s})",
    "Add": "{x} + {y}",
    "Subtract": "{x} - {y}",
    "Multiply": "{x} * {y}",
    "Divide": "ratio({x}, {y})",
    "Maximum": "tl.maximum({x}, {y})",
}


class Values:
    """What a tile or a value is called in the emitted source."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def expression(self, expr: Expr | None) -> str:
        """A TL expression in Triton, parameters as numbers."""
        assert expr is not None
        result = text(expr, {k: str(v) for k, v in self.plan.values.items()}, "//")
        for name, there in (("ceil", "cdiv"), ("min", "minimum"), ("max", "maximum")):
            result = re.sub(rf"(?<![.\w]){name}\(", f"tl.{there}(", result)
        result = re.sub(r"(\w+)\[([^\]]*)\]", r"tl.load(\1 + \2)", result)
        return {"inf": 'float("inf")', "-inf": LOWEST}.get(result, result)

    def padded(self, size: int) -> int:
        """The power of two a tile's dimension is held in; tensor cores want 16."""
        least = 16 if self.plan.gemms else 1
        return 1 if size == 1 else max(least, 1 << (size - 1).bit_length())

    def tile(self, name: str) -> str:
        return f"{name}_r" if name in self.plan.registers else f"{name}_s"

    def dtype(self, name: str) -> str:
        if name in self.plan.registers:
            return self.plan.registers[name][1]
        return next(self.plan.arrays[c.name].dtype for c in self.plan.copies if c.result == name)

    def cast(self, name: str) -> str:
        """The conversion of a result to its tile's type, where that is not fp32."""
        kind = self.dtype(name)
        return "" if kind == "fp32" else f".to({DTYPES[kind]})"

    def counted(self, name: str, other: str) -> str:
        """A tile with its padding columns replaced."""
        columns = self.plan.registers[name][0][1]
        wide = self.padded(columns)
        if wide == columns:
            return self.tile(name)
        return f"tl.where(tl.arange(0, {wide})[None, :] < {columns}, {self.tile(name)}, {other})"

    def value(self, s: Compute, x: str) -> str:
        """The right side of an elementwise statement."""
        if s.operation in ("Mask", "Alibi"):
            return self.positional(s, x)
        y = ""
        if s.operation in BINARY:
            other = s.operands[1].name
            flat = len(self.plan.registers[other][0]) == 1
            wide = len(self.plan.registers[s.operands[0].name][0]) == 2
            y = self.tile(other) + "[:, None]" * (flat and wide)
        scalar = f"({self.expression(s.scalar)})" if s.scalar is not None else ""
        return _VALUES[s.operation].format(x=x, y=y, s=scalar)

    def positional(self, s: Compute, x: str) -> str:
        assert s.origin is not None
        rows, columns = self.plan.registers[s.operands[0].name][0]
        row = f"({self.expression(s.origin[0])} + tl.arange(0, {self.padded(rows)})[:, None])"
        column = f"({self.expression(s.origin[1])} + tl.arange(0, {self.padded(columns)})[None, :])"
        if s.operation == "Alibi":
            return f"{x} + ({self.expression(s.scalar)}) * ({column} - {row})"
        assert s.mask is not None and s.mask.arguments is not None
        a = [f"({self.expression(e)})" for e in s.mask.arguments]
        kinds = {
            "bound": "{column} < {a[0]}",
            "causal": "{column} <= {row} + {a[0]}",
            "anticausal": "{row} <= {column} + {a[0]}",
            "window": "{column} > {row} + {a[0]} - {a[1]}",
            "prefix": "({column} <= {row} + {a[0]}) | ({column} < {a[1]})",
        }
        if s.mask.kind not in kinds:
            raise Unsupported(f"a mask of kind {s.mask.kind}")
        kept = kinds[s.mask.kind].format(row=row, column=column, a=a)
        return f"tl.where({kept}, {x}, {LOWEST})"
