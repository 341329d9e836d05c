"""One GEMM statement in C: loops over register tiles, and the micro-kernels they call."""

from __future__ import annotations

from tools.kernels.c.micro import Micro, print_micro
from tools.kernels.c.plan import Unsupported
from tools.kernels.c.storage import C_TYPES, Storage, panels
from tools.kernels.c.tiles import pass_steps, print_tiles
from tools.tl.syntax import Compute


class Product:
    """One GEMM statement: loops over register tiles, and the micro-kernels they call."""

    def __init__(self, storage: Storage, s: Compute) -> None:
        self.e = storage
        self.s = s
        self.kind = storage.gemm_type(s)
        self.dot = storage.isa.dots[self.kind]
        self.step = self.dot.step

    def left(self) -> tuple[str, int, int, str, set[int]]:
        """Base pointer at row i, row stride, k step, existing rows, extents rows can have."""
        operand, unit = self.s.operands[0], self.e.schedule.rows
        plan = self.e.plan
        if operand.name in plan.registers:
            if self.dot.tile_row:
                raise Unsupported(f"{operand.name}: a tile product of what is in registers")
            dims, _ = plan.registers[operand.name]
            stride = self.e.stride(dims[1])
            base = f"{self.e.tile(operand.name)} + i_ * {stride}L"
            return base, stride, self.step, str(dims[0]), {dims[0]}
        copy = plan.source_of(operand)
        axis = 1 if operand.transposed else 0
        tile, first, last = plan.extent(copy, axis)
        assert copy.dims is not None
        array = plan.arrays[copy.name]
        limit = array.shape[len(array.shape) - len(copy.dims) + axis]
        sizes = {tile} if last == str(tile) or first != "0" else {tile, limit % tile}
        rows = last if first == "0" else str(tile)
        if self.e.view(operand.name, "left", operand.transposed):
            stride = array.strides[-2]
            base = f"{array.name} + {plan.origin(copy)} + i_ * {stride}L"
            return base, stride, self.step, rows, sizes
        name = panels(operand.name, "left", operand.transposed)
        return f"{name} + i_ * {self.depth()}L", self.step, unit * self.step, rows, sizes

    def depth(self) -> int:
        """The tile's k extent, in whole steps."""
        operand = self.s.operands[1]
        rows, columns = self.e.plan.size(self.e.plan.source_of(operand).dims or ())
        return -(-(columns if operand.transposed else rows) // self.step) * self.step

    def right(self) -> tuple[str, int]:
        """Base pointer at column j, k step."""
        operand = self.s.operands[1]
        plan = self.e.plan
        copy = plan.source_of(operand)
        if self.e.view(operand.name, "right", operand.transposed):
            array = plan.arrays[copy.name]
            return f"{array.name} + {plan.origin(copy)} + j_", array.strides[-2]
        per_column = self.depth() + (4 if self.dot.offset else 0)
        name = panels(operand.name, "right", operand.transposed)
        return f"{name} + j_ * {per_column}L", self.e.panel * self.step

    def steps(self) -> str:
        """Existing steps of k: a view must not run past the array."""
        axes = []
        for at, operand in enumerate(self.s.operands):
            if operand.name in self.e.plan.registers:
                continue
            axis = int(operand.transposed == bool(at))
            tile, first, last = self.e.plan.extent(self.e.plan.source_of(operand), axis)
            axes.append(str(tile) if first != "0" else last)
        bound = axes[0]
        for other in axes[1:]:
            bound = bound if other == bound else f"MIN({bound}, {other})"
        return bound if self.step == 1 else f"CEIL({bound}, {self.step})"

    def lines(self) -> list[str]:
        s, e = self.s, self.e
        base, row_stride, left_step, rows, sizes = self.left()
        right, right_step = self.right()
        dims, _ = e.plan.registers[s.result]
        columns, ldc, out = str(dims[1]), e.stride(dims[1]), ""
        widths = {dims[1]}
        if store := e.plan.in_place.get(s.result):
            array = e.plan.arrays[store.result]
            ldc, out = array.strides[-2], f"{array.name} + {e.plan.origin(store)}"
            columns, rows = (e.plan.extent(store, axis)[2] for axis in (1, 0))
            limit = array.shape[-1]
            sizes = {dims[0]} if rows == str(dims[0]) else {dims[0], array.shape[-2] % dims[0]}
            widths = {dims[1]} if columns == str(dims[1]) else {dims[1], limit % dims[1]}
            keep = f"{s.result}_keep" if s.accumulate else "0"
        else:
            out, keep = e.tile(s.result), "1" if s.accumulate else "0"
        heights = _pieces(sizes, e.schedule.rows)
        spans = _spans(widths, e.panel, e.isa.lanes, store is None)
        body, write, steps = [], print_micro, "steps_"
        if self.dot.tile_row:
            write, steps = print_tiles, f"MIN({pass_steps(e.panel)}, steps_ - k_)"
            base, right = f"{base} + k_ * {left_step}L", f"{right} + k_ * {right_step}L"
            keep = "1" if keep == "1" else f"{keep} || k_"
        for vectors, masked in spans:
            for height in heights:
                micro = Micro(
                    *(self.kind, height, vectors, row_stride, left_step, right_step, ldc, masked),
                    e.schedule.unroll,
                    bool(self.dot.offset),
                    e.schedule.ahead,
                )
                e.micros.setdefault(micro.name, write(micro, e.isa))
                low = (vectors - 1) * e.isa.lanes
                fits = f"m_ == {height} && n_ > {low} && n_ <= {low + e.isa.lanes}"
                exact = f" && n_ == {low + e.isa.lanes}" if not masked else ""
                body.append(
                    f"if ({fits}{exact}) {{ {micro.name}({steps}, left_, right_, out_, {keep}, "
                    f"n_ - {low}); continue; }}"
                )
        n = f"MIN({e.panel}, columns_ - j_)"
        if store is None:
            n = str(e.panel)
        result = "int32_t" if self.kind == "int8" else "float"
        unit = e.schedule.rows
        passes = f"for (long k_ = 0; k_ < steps_; k_ += {pass_steps(e.panel)})"
        before, after = (
            (["tiles_on();", passes], ["tiles_off();"]) if self.dot.tile_row else ([], [])
        )
        return [
            f"const long rows_ = {rows}, columns_ = {columns}, steps_ = {self.steps()};",
            *before,
            f"for (long j_ = 0; j_ < columns_; j_ += {e.panel})",
            f"  for (long i_ = 0; i_ < rows_; i_ += {unit}) {{",
            f"    const long m_ = MIN({unit}, rows_ - i_), n_ = {n};",
            f"    const {C_TYPES[self.kind]} *left_ = {base}, *right_ = {right};",
            f"    {result} *out_ = {out} + i_ * {ldc}L + j_;",
            *(f"    {line}" for line in body),
            "  }",
            *after,
        ]


def _pieces(sizes: set[int], unit: int) -> list[int]:
    """Heights of register tiles that sizes split into."""
    found = {unit} if any(size >= unit for size in sizes) else set()
    return sorted(found | {size % unit for size in sizes} - {0}, reverse=True)


def _spans(widths: set[int], panel: int, lanes: int, padded: bool) -> list[tuple[int, bool]]:
    """(vectors, masked) of the register tiles that widths split into."""
    if padded:
        return [(panel // lanes, False)]
    found = {(panel // lanes, False)} if any(w >= panel for w in widths) else set()
    for rest in {w % panel for w in widths} - {0}:
        found.add((-(-rest // lanes), rest % lanes != 0))
    return sorted(found, reverse=True)
