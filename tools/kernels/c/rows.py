"""Row-wise statements in C: runs of elementwise work and reductions, fused row by row.

A run is a list of statements over tiles with the same rows. Each row goes through them all
before the next, in segments: one vector loop over the columns for consecutive matrix statements,
scalar code between. Values stay in registers inside a segment; a tile nobody reads later is
never stored.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

from tools.kernels.c.plan import Unsupported, c_text
from tools.tl.syntax import Compute, Expr, Statement

_VECTOR = {
    "Exp": "v_exp({x})",
    "Relu": "v_max({x}, v_set1(0.0f))",
    "Gelu": "v_gelu({x})",
    "Silu": "{x} * v_sigmoid({x})",
    "Tanh": "v_tanh({x})",
    "Sigmoid": "v_sigmoid({x})",
    "Square": "{x} * {x}",
    "Reciprocal": "v_set1(1.0f) / {x}",
    "Cast": "{x}",
    "Scale": "{x} * v_set1({s})",
    "Offset": "{x} + v_set1({s})",
    "Softcap": "v_set1({s}) * v_tanh({x} / v_set1({s}))",
    "Add": "{x} + {y}",
    "Subtract": "{x} - {y}",
    "Multiply": "{x} * {y}",
    "Divide": "{x} * {y}",  # a number a row comes inverted
    "Maximum": "v_max({x}, {y})",
}
_SCALAR = {
    "Exp": "expf({x})",
    "Log": "logf({x})",
    "Square": "{x} * {x}",
    "Rsqrt": "1.0f / sqrtf({x})",
    "Reciprocal": "1.0f / {x}",
    "Cast": "{x}",
    "Fill": "{s}",
    "Scale": "{x} * {s}",
    "Offset": "{x} + {s}",
    "Add": "{x} + {y}",
    "Subtract": "{x} - {y}",
    "Multiply": "{x} * {y}",
    "Divide": "({y} != 0 ? {x} / {y} : 0)",
    "Maximum": "MAX({x}, {y})",
}


SUMS = 4  # vectors that a row's sum goes through


@dataclass(frozen=True, slots=True)
class Matrix:
    """A row-major tile in memory: pointer expression, row stride, valid columns, type.

    ``exact`` promises that whole vectors can be read and written to the end of a row; a
    ``stream`` is not read again soon.
    """

    pointer: str
    stride: int
    columns: str
    dtype: str = "fp32"
    exact: bool = False
    stream: bool = False


@dataclass(slots=True)
class Segment:
    """One vector loop over the columns of a row."""

    columns: str
    before: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    dirty: dict[str, Matrix] = field(default_factory=dict)
    reduced: set[str] = field(default_factory=set)
    statements: list[Statement] = field(default_factory=list)
    count: int = 0


def constant(expr: Expr) -> str:
    """A scalar operand in C, as a float."""
    written = c_text(expr)
    return {"inf": "INFINITY", "-inf": "-INFINITY"}.get(written, f"(float)({written})")


class RowRun:
    """Builds the C of one run. The emitter says where tiles are, this says what to do."""

    def __init__(self, rows: str, lanes: int) -> None:
        self.rows = rows
        self.lanes = lanes
        self.lines: list[str] = []
        self.segment: Segment | None = None

    def close(self, stored: set[str]) -> list[str]:
        """End the run; ``stored`` are the tiles read after it."""
        self.end_segment(stored)
        return [f"for (long r_ = 0; r_ < {self.rows}; r_++) {{", *_indent(self.lines), "}"]

    def end_segment(self, stored: set[str]) -> None:
        segment, self.segment = self.segment, None
        if segment is None:
            return
        for name, matrix in segment.dirty.items():
            if name in stored:
                segment.body.append(_store(matrix, segment.values[name]))
        whole = [_whole(line) for line in segment.body]
        tail = [_tail(line) for line in segment.body]
        loop = [*segment.before, "long c_ = 0;"]
        loop += [f"for (; c_ + VL <= {segment.columns}; c_ += VL) {{", *_indent(whole), "}"]
        if not (segment.columns.isdigit() and int(segment.columns) % self.lanes == 0):
            head = f"if (c_ < {segment.columns}) {{"
            loop += [head, f"  const long n_ = {segment.columns} - c_;", *_indent(tail), "}"]
        self.lines += ["{", *_indent([*loop, *segment.after]), "}"]

    def open(self, columns: str) -> Segment:
        if self.segment is None:
            self.segment = Segment(columns)
        return self.segment

    def value(self, name: str, matrix: Matrix) -> str:
        """The vector of a tile at the current column."""
        segment = self.segment
        assert segment is not None
        if name not in segment.values:
            segment.values[name] = self.fresh(_load(matrix))
        return segment.values[name]

    def fresh(self, expression: str) -> str:
        """A new vector variable."""
        segment = self.segment
        assert segment is not None
        segment.count += 1
        name = f"x{segment.count}"
        segment.body.append(f"const vf {name} = {expression};")
        return name

    def assign(self, name: str, matrix: Matrix, expression: str) -> None:
        segment = self.segment
        assert segment is not None
        segment.values[name] = self.fresh(expression)
        segment.dirty[name] = matrix

    def apply(self, s: Compute, x: str, y: str) -> str:
        """The C vector expression of an elementwise statement."""
        if s.operation == "Mask":
            return _mask(s, x)
        if s.operation == "Alibi":
            assert s.scalar is not None and s.origin is not None
            row, column = (c_text(e) for e in s.origin)
            distance = f"(float)({column} + c_ - ({row} + r_))"
            iota = "__builtin_convertvector(IOTA, vf)"
            return f"{x} + v_set1({constant(s.scalar)}) * (v_set1({distance}) + {iota})"
        scalar = constant(s.scalar) if s.scalar is not None else ""
        if s.operation == "Fill":
            return f"v_set1({scalar})"
        if s.operation not in _VECTOR:
            raise Unsupported(f"{s.operation} of a whole matrix")
        if s.operation == "Divide" and not y.startswith("v_set1"):
            return f"v_if_more(v_abs({y}), v_set1(0.0f), {x} / {y}, v_set1(0.0f))"
        return _VECTOR[s.operation].format(x=x, y=y, s=scalar)

    def reduce(self, s: Compute, x: str) -> None:
        """Fold a row into ``s.result``[r]."""
        segment = self.segment
        assert segment is not None
        top = s.operation == "RowMax"
        name = f"fold_{s.result}"
        # Sums take turns: each waits for itself only every fourth time, and rounds less often.
        parts = [name] if top else [f"{name}{n}" for n in range(SUMS)]
        start = "-INFINITY" if top else "0.0f"
        segment.before += [f"vf {part} = v_set1({start});" for part in parts]
        # Lanes past the last column hold whatever the padding gave.
        value = f"@K{x}, {start}@E"
        if top:
            segment.body.append(f"{name} = v_max({name}, {value});")
        else:
            turns = "".join(f"{a} = {b}; " for a, b in itertools.pairwise(parts))
            segment.body.append(f"const vf {name} = {parts[0]} + {value};")
            segment.body.append(f"{turns}{parts[-1]} = {name};")
        folded = f"v_top({name})" if top else f"v_sum({' + '.join(parts)})"
        if s.accumulate:
            folded = (
                f"MAX({s.result}_tile[r_], {folded})" if top else f"{s.result}_tile[r_] + {folded}"
            )
        segment.after.append(f"{s.result}_tile[r_] = {folded};")
        segment.reduced.add(s.result)

    def scalar(self, s: Compute) -> None:
        """A statement on one number a row."""
        x = f"{s.operands[0].name}_tile[r_]"
        y = f"{s.operands[1].name}_tile[r_]" if len(s.operands) == 2 else ""
        number = constant(s.scalar) if s.scalar is not None else ""
        self.lines.append(
            f"{s.result}_tile[r_] = {_SCALAR[s.operation].format(x=x, y=y, s=number)};"
        )


def _mask(s: Compute, x: str) -> str:
    """Every kind keeps an interval of columns: one bound a row, compared with the lane number."""
    assert s.mask is not None and s.mask.arguments is not None and s.origin is not None
    row, column = (f"({c_text(e)})" for e in s.origin)
    a = [f"({c_text(e)})" for e in s.mask.arguments]
    here = f"({column} + c_)"
    row = f"({row} + r_)"
    match s.mask.kind:
        case "bound":
            return f"v_below({x}, {a[0]} - {here}, -INFINITY)"
        case "causal":
            return f"v_below({x}, {row} + {a[0]} + 1 - {here}, -INFINITY)"
        case "prefix":
            return f"v_below({x}, MAX({row} + {a[0]} + 1, {a[1]}) - {here}, -INFINITY)"
        case "anticausal":
            return f"v_from({x}, {row} - {a[0]} - {here}, -INFINITY)"
        case _:
            return f"v_from({x}, {row} + {a[0]} - {a[1]} + 1 - {here}, -INFINITY)"


def _load(matrix: Matrix) -> str:
    at = f"{matrix.pointer} + c_"
    if matrix.dtype == "bf16":
        return f"h_load({at}, @N)"
    return f"v_load({at})" if matrix.exact else f"v_load@M({at}@L)"


def _store(matrix: Matrix, value: str) -> str:
    at = f"{matrix.pointer} + c_"
    if matrix.dtype == "bf16":
        return f"h_store({at}, {value}, @N);"
    if matrix.stream:
        return f"v_@S({at}, {value}@L);"
    return f"v_store({at}, {value});" if matrix.exact else f"v_store@M({at}, {value}@L);"


def _whole(line: str) -> str:
    """A body line for a vector inside the row: every lane counts."""
    line = re.sub(r"@K(\w+), [^@]*@E", r"\1", line)
    return line.replace("@N", "VL").replace("@M", "").replace("@L", "").replace("@S", "stream")


def _tail(line: str) -> str:
    """A body line for the last n_ columns: masked memory, and @K..@E keeps those lanes only."""
    line = re.sub(r"@K(\w+), ([^@]*)@E", r"v_below(\1, n_, \2)", line)
    line = line.replace("@S", "store@M")
    return line.replace("@N", "n_").replace("@M", "m").replace("@L", ", n_")


def _indent(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]
