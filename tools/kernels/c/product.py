"""One GEMM statement in C: loops over register tiles, and the micro-kernels they call."""

from __future__ import annotations

from dataclasses import dataclass

from tools.kernels.c.micro import Micro, print_micro
from tools.kernels.c.plan import Unsupported
from tools.kernels.c.storage import C_TYPES, Storage, panels
from tools.kernels.c.tiles import pass_steps, print_tiles
from tools.tl.syntax import Compute


@dataclass(frozen=True, slots=True)
class Place:
    """A result: its first element and row stride, whether it holds sums already, how many rows
    and columns exist, and the heights and (vectors, masked) of register tiles that they split into.
    """

    pointer: str
    stride: int
    keep: str
    rows: str
    columns: str
    sizes: set[int]
    spans: list[tuple[int, bool]]


class Product:
    """One GEMM statement: loops over register tiles, and the micro-kernels they call."""

    def __init__(self, storage: Storage, s: Compute) -> None:
        self.e = storage
        self.s = s
        self.kind = storage.gemm_type(s)
        self.dot = storage.isa.dots[self.kind]
        self.step = self.dot.step
        self.wide = storage.schedule.vectors

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

    def place(self, rows: str, sizes: set[int]) -> Place:
        """Where the result goes: its part of a global array, or a buffer of whole panels."""
        s, e = self.s, self.e
        dims, _ = e.plan.registers[s.result]
        if not (store := e.plan.in_place.get(s.result)):
            keep = "1" if s.accumulate else "0"
            spans = [(self.wide, False)]
            return Place(
                e.tile(s.result), e.stride(dims[1]), keep, rows, str(dims[1]), sizes, spans
            )
        array = e.plan.arrays[store.result]
        out = f"{array.name} + {e.plan.origin(store)}"
        columns, rows = (e.plan.extent(store, axis)[2] for axis in (1, 0))
        sizes = {dims[0]} if rows == str(dims[0]) else {dims[0], array.shape[-2] % dims[0]}
        widths = {dims[1]} if columns == str(dims[1]) else {dims[1], array.shape[-1] % dims[1]}
        keep = f"{s.result}_keep" if s.accumulate else "0"
        spans = _spans(widths, e.panel, e.isa.lanes)
        return Place(out, array.strides[-2], keep, rows, columns, sizes, spans)

    def calls(self, c: Place, strides: tuple[int, int, int], steps: str, keep: str) -> list[str]:
        """A micro-kernel's call for each register tile that the result splits into."""
        e, found = self.e, []
        write = print_tiles if self.dot.tile_row else print_micro
        for vectors, masked in c.spans:
            for height in _pieces(c.sizes, e.schedule.rows):
                micro = Micro(
                    *(self.kind, height, vectors, *strides, c.stride, masked),
                    e.schedule.unroll,
                    bool(self.dot.offset),
                    e.schedule.ahead,
                )
                e.micros.setdefault(micro.name, write(micro, e.isa))
                low = (vectors - 1) * e.isa.lanes
                fits = f"m_ == {height} && n_ > {low} && n_ <= {low + e.isa.lanes}"
                exact = f" && n_ == {low + e.isa.lanes}" if not masked else ""
                found.append(
                    f"if ({fits}{exact}) {{ {micro.name}({steps}, left_, right_, out_, {keep}, "
                    f"n_ - {low}); continue; }}"
                )
        return found

    def lines(self) -> list[str]:
        unit, panel = self.e.schedule.rows, self.e.panel
        left, row_stride, left_step, rows, sizes = self.left()
        right, right_step = self.right()
        c = self.place(rows, sizes)
        before, after, steps, keep = [], [], "steps_", c.keep
        if self.dot.tile_row:
            # Over k in passes, so that a panel of the right operand stays in the first cache.
            some = pass_steps(panel)
            before = ["tiles_on();", f"for (long k_ = 0; k_ < steps_; k_ += {some})"]
            after, steps = ["tiles_off();"], f"MIN({some}, steps_ - k_)"
            left, right = f"{left} + k_ * {left_step}L", f"{right} + k_ * {right_step}L"
            keep = "1" if c.keep == "1" else f"{c.keep} || k_"
        n = str(panel) if c.spans == [(self.wide, False)] else f"MIN({panel}, columns_ - j_)"
        result = "int32_t" if self.kind == "int8" else "float"
        return [
            f"const long rows_ = {c.rows}, columns_ = {c.columns}, steps_ = {self.steps()};",
            *before,
            f"for (long j_ = 0; j_ < columns_; j_ += {panel})",
            f"  for (long i_ = 0; i_ < rows_; i_ += {unit}) {{",
            f"    const long m_ = MIN({unit}, rows_ - i_), n_ = {n};",
            f"    const {C_TYPES[self.kind]} *left_ = {left}, *right_ = {right};",
            f"    {result} *out_ = {c.pointer} + i_ * {c.stride}L + j_;",
            *(f"    {x}" for x in self.calls(c, (row_stride, left_step, right_step), steps, keep)),
            "  }",
            *after,
        ]


def _pieces(sizes: set[int], unit: int) -> list[int]:
    """Heights of register tiles that sizes split into."""
    found = {unit} if any(size >= unit for size in sizes) else set()
    return sorted(found | {size % unit for size in sizes} - {0}, reverse=True)


def _spans(widths: set[int], panel: int, lanes: int) -> list[tuple[int, bool]]:
    """(vectors, masked) of the register tiles that widths split into."""
    found = {(panel // lanes, False)} if any(w >= panel for w in widths) else set()
    for rest in {w % panel for w in widths} - {0}:
        found.add((-(-rest // lanes), rest % lanes != 0))
    return sorted(found, reverse=True)
