"""Copies between registers and memory, and row-wise statements, gathered into fused runs."""

from __future__ import annotations

from tools.kernels.c.plan import Array, Schedule, Unsupported
from tools.kernels.c.rows import Matrix, RowRun
from tools.kernels.c.storage import Storage
from tools.tl.syntax import BINARY, Compute, Copy, Program


class Runs(Storage):
    """A storage with at most one open run; ``flush`` writes it out."""

    def __init__(self, program: Program, schedule: Schedule) -> None:
        super().__init__(program, schedule)
        self.run: RowRun | None = None

    def load(self, s: Copy) -> None:
        """Global to register: fused into the run when the columns are exact."""
        assert s.dims is not None
        array = self.plan.arrays[s.name]
        dims = self.plan.registers[s.result][0]
        if len(dims) == 1:
            self.flush()
            tile, first, last = self.plan.extent(s, 0)
            self.put(
                f"for (long r_ = 0; r_ < {tile}; r_++) {self.tile(s.result)}[r_] = "
                f"r_ >= {first} && r_ < {last} ? {array.name}[{self.plan.origin(s)} + r_] : 0.0f;"
            )
            return
        rows, columns = (self.plan.extent(s, axis) for axis in (0, 1))
        simple = rows[1] == "0" and columns[2] == str(columns[0]) and self.plan.exists(s) == "1"
        if dims[0] == 1 and simple and self.read_only(s.result) and array.dtype == "fp32":
            pointer = f"{array.name} + {self.plan.origin(s)}"
            self.aliases[s.result] = Matrix(pointer, dims[1], str(dims[1]))
            return
        if dims[0] == 1 or not simple:
            self.flush()
            self.load_tile(s, array, rows, columns)
            return
        self.start(rows[2])
        assert self.run is not None
        self.run.open(str(dims[1]))
        stride = array.strides[-2]
        pointer = f"{array.name} + {self.plan.origin(s)} + r_ * {stride}L"
        self.run.assign(s.result, self.matrix(s.result), "")
        segment = self.run.segment
        assert segment is not None
        segment.body.pop()
        value = self.run.value(f"{s.name}@", Matrix(pointer, stride, str(dims[1]), array.dtype))
        segment.values[s.result] = value

    def read_only(self, name: str) -> bool:
        """A row nobody changes can stay in the global array."""
        return all(c.result != name for c in self.plan.computes)

    def load_tile(
        self, s: Copy, array: Array, rows: tuple[int, str, str], columns: tuple[int, str, str]
    ) -> None:
        """A tile with edges anywhere: existing elements copied, the others zero."""
        if array.dtype != "fp32":
            raise Unsupported(f"{s.name}: a {array.dtype} tile with edges outside a GEMM")
        stride = array.strides[-2] if len(array.shape) > 1 else 0
        matrix = self.matrix(s.result)
        exists = self.plan.exists(s)
        inside = f"r_ >= {rows[1]} && r_ < {rows[2]}" + (f" && {exists}" if exists != "1" else "")
        self.put(
            f"for (long r_ = 0; r_ < {rows[0]}; r_++) {{",
            f"  float *to_ = {matrix.pointer};",
            f"  const float *from_ = {array.name} + {self.plan.origin(s)} + r_ * {stride}L;",
            f"  const int inside_ = {inside};",
            f"  for (long c_ = 0; c_ < {columns[0]}; c_++)",
            f"    to_[c_] = inside_ && c_ >= {columns[1]} && c_ < {columns[2]} ? from_[c_] : 0.0f;",
            "}",
        )

    def store(self, s: Copy) -> None:
        """Register to global, as part of a run."""
        array = self.plan.arrays[s.result]
        dims = self.plan.registers[s.name][0]
        rows = self.plan.extent(s, 0)[2]
        if len(dims) == 1:
            self.flush()
            self.put(
                f"for (long r_ = 0; r_ < {rows}; r_++) "
                f"{array.name}[{self.plan.origin(s)} + r_] = {self.tile(s.name)}[r_];"
            )
            return
        columns = self.plan.extent(s, 1)[2]
        fresh_columns = columns != str(dims[1])
        if fresh_columns:
            self.flush()
        self.start(rows)
        assert self.run is not None
        self.run.open(columns)
        stride = array.strides[-2]
        pointer = f"{array.name} + {self.plan.origin(s)} + r_ * {stride}L"
        value = self.run.value(s.name, self.matrix(s.name))
        segment = self.run.segment
        assert segment is not None
        segment.values[f"{s.result}@"] = value
        segment.dirty[f"{s.result}@"] = Matrix(
            *(pointer, stride, columns, array.dtype), stream=self.schedule.stream
        )
        if fresh_columns:
            self.flush()

    def start(self, rows: str, needs: tuple[str, ...] = ()) -> None:
        """Join the open run, or begin one, for a statement over ``rows`` rows."""
        if self.run is not None and not _same_rows(self.run.rows, rows):
            self.flush()
        if self.run is None:
            self.run = RowRun(rows, self.isa.lanes)
        self.run.rows = _fewer(self.run.rows, rows)
        segment = self.run.segment
        if segment is not None and segment.reduced & set(needs):
            self.run.end_segment(self.stored())

    def stored(self) -> set[str]:
        """Tiles to write back when a segment ends: global ones, and those read elsewhere."""
        assert self.run is not None and self.run.segment is not None
        inside = self.run.segment.statements
        return {
            name
            for name in self.run.segment.dirty
            if name.endswith("@")
            or name in self.plan.in_place
            or self.plan.reads_outside(name, inside)
        }

    def flush(self) -> None:
        run, self.run = self.run, None
        if run is None:
            return
        self.run = run
        stored = self.stored() if run.segment is not None else set()
        self.run = None
        self.put(*run.close(stored))

    def compute(self, s: Compute) -> None:
        if s.operation == "OnlineSoftmax":
            self.online_softmax(s)
        elif s.operation == "Fill" and s.result in self.plan.in_place:
            self.flush()
            self.put(f"{s.result}_keep = 0;")
        else:
            self.row_statement(s)

    def row_statement(self, s: Compute) -> None:
        first = s.operands[0].name
        dims = self.plan.registers[first][0]
        second = s.operands[1].name if s.operation in BINARY else ""
        needs = (first, second)
        self.start(self.row_count(first), needs)
        run = self.run
        assert run is not None
        if len(dims) == 1:
            run.end_segment(self.stored() if run.segment else set())
            run.scalar(s)
            return
        matrix = self.matrix(first)
        segment = run.open(matrix.columns)
        segment.statements.append(s)
        x = "" if s.operation == "Fill" else run.value(first, matrix)
        y = self.second(second, s.operation) if second else ""
        if s.operation in ("RowMax", "RowSum"):
            run.reduce(s, x)
            self.tile(s.result)
        else:
            run.assign(s.result, self.matrix(s.result), run.apply(s, x, y))

    def second(self, name: str, operation: str) -> str:
        """The right operand of a binary statement: a number a row, a row, or a matrix."""
        assert self.run is not None
        if len(self.plan.registers[name][0]) == 1:
            number = f"{self.tile(name)}[r_]"
            inverse = f"({number} != 0 ? 1.0f / {number} : 0.0f)"
            return f"v_set1({inverse if operation == 'Divide' else number})"
        return self.run.value(name, self.matrix(name))

    def online_softmax(self, s: Compute) -> None:
        score, top, total, accumulator = (o.name for o in s.operands)
        self.start(self.row_count(score), (score,))
        run = self.run
        assert run is not None
        matrix = self.matrix(score)
        self.tile(top), self.tile(total)
        segment = run.open(matrix.columns)
        segment.statements.append(s)
        segment.before.append("vf fold = v_set1(-INFINITY);")
        x = run.value(score, matrix)
        segment.body.append(f"fold = v_max(fold, @K{x}, -INFINITY@E);")
        segment.after += [
            f"const float before = {top}_tile[r_], now = MAX(before, v_top(fold));",
            "safe = now == -INFINITY ? 0.0f : now;",
            "shrink = expf(before - safe);",
            f"{top}_tile[r_] = now;",
        ]
        run.end_segment({score} | self.stored())
        run.lines.insert(0, "float safe, shrink;")
        segment = run.open(matrix.columns)
        segment.statements.append(s)
        segment.before.append("vf fold = v_set1(0.0f);")
        x = run.value(score, matrix)
        run.assign(s.result, self.matrix(s.result), f"v_exp({x} - v_set1(safe))")
        weight = segment.values[s.result]
        segment.body.append(f"fold += @K{weight}, 0.0f@E;")
        segment.after.append(f"{total}_tile[r_] = {total}_tile[r_] * shrink + v_sum(fold);")
        run.end_segment({s.result})
        wide = self.matrix(accumulator)
        segment = run.open(wide.columns)
        x = run.value(accumulator, wide)
        run.assign(accumulator, wide, f"{x} * v_set1(shrink)")
        run.end_segment({accumulator})
        self.flush()


def _same_rows(a: str, b: str) -> bool:
    """Whether two row counts may share a run: the same tile height, one perhaps cut short."""
    whole = {x for x in (a, b) if x.isdigit()}
    return a == b or (len(whole) == 1 and any(f"MIN({w}, " in x for w in whole for x in (a, b)))


def _fewer(a: str, b: str) -> str:
    return b if a.isdigit() and not b.isdigit() else a
