"""How the results of a persistent block leave it: by the copy engine, beside the next tile's start.

Each warpgroup that owns 64 rows of a tile writes them to shared memory and starts their copy by
itself, so that one's softmax runs beside another's end. It meets only its own four warps; the
compiler's own barriers, which stop all of a block's, are turned off (``OPTIONS`` of a module).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.kernels.gpu.emitter import LINE, Emitter, GpuSchedule
from tools.tl.checker import BYTES
from tools.tl.syntax import Copy, Program

ROWS = 64  # of a tile that one warpgroup owns: those of one tensor core instruction
FIRST_BARRIER = 4  # of the hardware's sixteen; the compiler names those below
ENGINE = 16  # bytes: rows of a global array that the copy engine can address are multiples


@dataclass(frozen=True, slots=True)
class Leaving:
    """Columns that are written together, and where: a slot of the shared tile, or all of it."""

    left: int
    width: int
    slot: int | None


class Stores(Emitter):
    """Results leave through a shared tile of their size, or else through two panels in turn."""

    def __init__(self, program: Program, schedule: GpuSchedule) -> None:
        super().__init__(program, schedule)
        self.groups = schedule.threads // 128
        self.apart = self._apart()

    def _apart(self) -> bool:
        """Whether every result can leave so, and no thread writes shared memory for another end."""
        rows_in_one_warp = any(c.operation == "OnlineSoftmax" for c in self.plan.computes)
        written = any((c.source, c.destination) == ("register", "shared") for c in self.plan.copies)
        whole = all(
            dims[0] == ROWS * self.groups and dims[1] * BYTES[dtype] % LINE == 0
            for dims, dtype in self.outgoing.values()
        )
        addressable = all(
            self.plan.arrays[c.result].shape[-1] * BYTES[self.plan.arrays[c.result].dtype] % ENGINE
            == 0
            for c in self.plan.copies
            if c.name in self.outgoing and c.destination == "global"
        )
        return rows_in_one_warp and not written and whole and addressable

    def options(self) -> dict[str, bool]:
        return {"tl.disable_thread_storage_sync": True} if self.apart and self.outgoing else {}

    def shrink(self) -> None:
        """Results through less shared memory: through two panels of 128 bytes, or none."""
        panels = {
            name: ((2, dims[0], LINE // BYTES[dtype]), dtype)
            for name, (dims, dtype) in self.outgoing.items()
            if len(dims) == 2
        }
        self.outgoing = panels if self.apart else {}

    def store(self, s: Copy) -> None:
        if s.name not in self.outgoing or not self.apart:
            super().store(s)
            return
        dims, dtype = self.outgoing[s.name]
        meet = f"T.sync_threads({FIRST_BARRIER} + group_, 128)"
        rows, panel, there = f"group_ * {ROWS}", LINE // BYTES[dtype], f"{s.name}_o"
        for part in self.parts(s):
            # What the engine took from here before must have been read.
            self.put(f"T.tma_store_wait({int(part.slot is not None)})")
            self.put(meet)
            if part.slot is None:
                self.put(f"T.copy({s.name}_r, {there})")
            else:
                columns = f"{part.left} : {part.left + panel}"
                self.put(f"T.copy({s.name}_r[0:{dims[1]}, {columns}], {there}[{part.slot}, :, :])")
            self.put("T.fence_proxy_async()")
            self.put(meet)
            for left in range(part.left, part.left + part.width, panel):
                at = f"0 : {panel}" if part.slot is not None else f"{left} : {left + panel}"
                slot = f"{part.slot}, " * (part.slot is not None)
                tile = f"{there}[{slot}{rows} : {rows} + {ROWS}, {at}]"
                region = self.region(s, s.result, {-2: (rows, ROWS), -1: (str(left), panel)})
                self.put(f"T.tma_copy({tile}, {region}, leader_scope_threads=128)")

    def parts(self, s: Copy) -> Iterator[Leaving]:
        dims, dtype = self.outgoing[s.name]
        if len(dims) == 2:
            yield Leaving(0, dims[1], None)
            return
        for at, left in enumerate(range(0, self.plan.registers[s.name][0][1], dims[2])):
            yield Leaving(left, dims[2], at % 2)

    def stored(self) -> None:
        """Shared memory must outlive its last copy."""
        if self.apart and self.outgoing:
            self.put("T.tma_store_wait(0)")
