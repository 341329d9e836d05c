"""Where C code finds tiles: buffers, views of global arrays, and places inside them."""

from __future__ import annotations

from tools.kernels.c.isa import ISAS, Isa
from tools.kernels.c.plan import Plan, Schedule
from tools.kernels.c.rows import Matrix
from tools.tl.syntax import Compute, Operand, Program

C_TYPES = {"fp32": "float", "bf16": "uint16_t", "int8": "int8_t", "int32": "int32_t"}


class Storage:
    """Buffers asked for so far, and the lines written so far."""

    def __init__(self, program: Program, schedule: Schedule) -> None:
        self.plan = Plan(program)
        self.schedule = schedule
        self.isa: Isa = ISAS[schedule.isa]
        self.panel = schedule.vectors * self.isa.lanes
        self.micros: dict[str, str] = {}
        self.buffers: dict[str, str] = {}
        self.aliases: dict[str, Matrix] = {}
        self.lines: list[str] = []
        self.depth = 1

    def put(self, *lines: str) -> None:
        self.lines += [f"{'  ' * self.depth}{line}" for line in lines]

    def stride(self, columns: int) -> int:
        """Row stride of a local tile: whole vectors, and whole panels where a GEMM writes it."""
        unit = self.panel
        return -(-columns // unit) * unit

    def buffer(self, name: str, ctype: str, size: int) -> str:
        self.buffers.setdefault(name, f"{ctype} {name}[{size}] ALIGNED")
        return name

    def matrix(self, name: str) -> Matrix:
        """Where a register tile of rank two is, at row r."""
        if name in self.aliases:
            return self.aliases[name]
        if store := self.plan.in_place.get(name):
            array = self.plan.arrays[store.result]
            stride = array.strides[-2]
            _, _, columns = self.plan.extent(store, 1)
            pointer = f"{array.name} + {self.plan.origin(store)} + r_ * {stride}L"
            return Matrix(pointer, stride, columns, array.dtype)
        dims, dtype = self.plan.registers[name]
        stride = self.stride(dims[1])
        tile = self.tile(name)
        row = f" + r_ * {stride}L" if dims[0] > 1 else ""
        return Matrix(f"{tile}{row}", stride, str(dims[1]), dtype, exact=True)

    def tile(self, name: str) -> str:
        """The buffer of a register tile that is not in place."""
        dims, dtype = self.plan.registers[name]
        if len(dims) == 1:
            return self.buffer(f"{name}_tile", "float", dims[0])
        return self.buffer(f"{name}_tile", C_TYPES[dtype], dims[0] * self.stride(dims[1]))

    def row_count(self, name: str) -> str:
        """How many rows of a tile a run works on."""
        if store := self.plan.in_place.get(name):
            return self.plan.extent(store, 0)[2]
        return str(self.plan.registers[name][0][0])

    def gemm_type(self, s: Compute) -> str:
        name = s.operands[0].name
        if name in self.plan.registers:
            return self.plan.registers[name][1]
        return self.plan.arrays[self.plan.source_of(s.operands[0]).name].dtype

    def view(self, name: str, side: str, transposed: bool) -> bool:
        """Whether a GEMM reads this tile straight from the global array."""
        wanted = self.schedule.pack_left if side == "left" else self.schedule.pack_right
        copy = self.plan.source_of(Operand(name))
        array = self.plan.arrays[copy.name]
        dot = self.isa.dots[array.dtype]
        as_bytes = array.dtype == "int8" and not dot.tile_row
        if wanted or as_bytes or (side == "right" and array.dtype != "fp32"):
            return False
        if transposed or self.plan.exists(copy) != "1":
            return False
        rows, columns = (self.plan.extent(copy, axis) for axis in (0, 1))
        if rows[1] != "0" or columns[1] != "0":
            return False
        if side == "left":
            # A matrix tile is read whole.
            rest = rows[0] % 16 + array.shape[-2] % 16 if dot.tile_row else 0
            return not (array.shape[-1] % dot.step + columns[0] % dot.step + rest)
        out = next(s for s in self.plan.gemms if s.operands[1].name == name).result
        return out in self.plan.in_place or columns[2] == str(columns[0])


def panels(name: str, side: str, transposed: bool) -> str:
    """The buffer of a shared tile packed for one side of a GEMM."""
    return f"{name}_{side}{'_t' * transposed}"
