"""How the results of a persistent block leave it: by the copy engine, beside the next tile's start.

Each warpgroup that owns 64 rows of a tile writes them to shared memory and starts their copy by
itself, so that one's softmax runs beside another's end. It meets only its own four warps; the
compiler's own barriers, which stop all of a block's, are turned off (``OPTIONS`` of a module).
"""

from __future__ import annotations

from tools.kernels.gpu.emitter import LINE, Emitter, GpuSchedule
from tools.tl.checker import BYTES
from tools.tl.syntax import Copy, Program

ROWS = 64  # of a tile that one warpgroup owns: those of one tensor core instruction
MINE = f"group_ * {ROWS} : group_ * {ROWS} + {ROWS}"
FIRST_BARRIER = 4  # of the hardware's sixteen; the compiler names those below
ENGINE = 16  # bytes: rows of a global array that the copy engine can address are multiples


class Stores(Emitter):
    """Results leave through a shared tile of their size, or else through two panels in turn."""

    def __init__(self, program: Program, schedule: GpuSchedule) -> None:
        super().__init__(program, schedule)
        self.groups = schedule.threads // 128
        self.apart = self._apart()

    @property
    def whole_rows(self) -> bool:
        """A warpgroup's rows of a tile are one piece, which it can store alone."""
        return True

    def _apart(self) -> bool:
        """Whether all results can leave so, and threads write nothing else to shared memory."""
        copies = self.plan.copies
        for copy in copies:
            if copy.destination == "global" and copy.name in self.outgoing:
                (rows, columns), dtype = self.outgoing[copy.name]
                length = self.plan.arrays[copy.result].shape[-1] * BYTES[dtype]
                if rows != ROWS * self.groups or columns * BYTES[dtype] % LINE or length % ENGINE:
                    return False
        return not any((c.source, c.destination) == ("register", "shared") for c in copies)

    @property
    def sends(self) -> bool:
        """Whether warpgroups store alone; not so where even panels did not fit."""
        return self.apart and bool(self.outgoing)

    def options(self) -> dict[str, bool]:
        """Barriers of the compiler's are off where warpgroups store alone."""
        return {"tl.disable_thread_storage_sync": True} if self.sends else {}

    def shrink(self) -> None:
        """Results through less shared memory: through two panels of 128 bytes, or none."""
        panels: dict[str, tuple[tuple[int, ...], str]] = {
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
        panel, there, whole = LINE // BYTES[dtype], f"{s.name}_o", len(dims) == 2
        panels = range(0, self.plan.registers[s.name][0][1], panel)
        if whole:
            self.write(0, f"T.copy({s.name}_r, {there})")
        for at, left in enumerate(panels):
            columns, slot = f"{left} : {left + panel}", at % 2
            if whole:
                self.send(s, left, f"{there}[{MINE}, {columns}]")
                continue
            # An odd number of panels ends in the slot that the next tile begins with.
            unread = int(at > 0 or len(panels) % 2 == 0)
            line = f"T.copy({s.name}_r[0:{dims[1]}, {columns}], {there}[{slot}, :, :])"
            self.write(unread, line)
            self.send(s, left, f"{there}[{slot}, {MINE}, 0 : {panel}]")

    def write(self, unread: int, line: str) -> None:
        """To shared memory, once all but the last ``unread`` sendings have been read from it."""
        meet = f"T.sync_threads({FIRST_BARRIER} + group_, 128)"
        for step in (f"T.tma_store_wait({unread})", meet, line, "T.fence_proxy_async()", meet):
            self.put(step)

    def send(self, s: Copy, left: int, tile: str) -> None:
        """This warpgroup's rows of one panel to global memory."""
        width = LINE // BYTES[self.outgoing[s.name][1]]
        region = self.region(s, s.result, {-2: (f"group_ * {ROWS}", ROWS), -1: (str(left), width)})
        self.put(f"T.tma_copy({tile}, {region}, leader_scope_threads=128)")

    def stored(self) -> None:
        """Shared memory must outlive its last copy."""
        if self.sends:
            self.put("T.tma_store_wait(0)")
