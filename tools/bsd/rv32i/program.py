"""Run a whole program on the simulator: what the assembled processor is compared with.

The machine has 32 registers, a program counter that starts at 0, and RAM_BYTES of memory that
addresses wrap around in. It stops at the first trap: ECALL is how a program ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.bsd.jit import compiled
from tools.bsd.netlist import Ints
from tools.bsd.rv32i.iss import _execute

RAM_BYTES = 1 << 18
RESULT = 10
"""The register that a C function returns its value in (a0)."""


@dataclass(frozen=True, slots=True)
class Finish:
    """How a run ended: after ``instructions`` without a trap, at ``pc``; the registers, the
    whole memory, and whether it trapped (if not, it was stopped at the limit)."""

    instructions: int
    pc: int
    registers: tuple[int, ...]
    memory: bytes
    trapped: bool

    @property
    def result(self) -> int:
        """What the program returned."""
        return self.registers[RESULT]


def run_program(image: bytes, most: int = 10_000_000) -> Finish:
    """Run an image loaded at address 0 for at most ``most`` instructions.

    Raises ValueError when the image is larger than the memory.
    """
    if len(image) > RAM_BYTES:
        raise ValueError(f"the image has {len(image)} bytes, the memory {RAM_BYTES}")
    words = np.frombuffer(image.ljust(RAM_BYTES, b"\0"), dtype="<u4").astype(np.int64)
    registers = np.zeros(32, dtype=np.int64)
    count, pc, trapped = _run(words, registers, most)
    memory = words.astype("<u4").tobytes()
    return Finish(count, pc, tuple(int(x) for x in registers), memory, trapped)


@compiled
def _run(memory: Ints, x: Ints, most: int) -> tuple[int, int, bool]:
    out = np.zeros(8, dtype=np.int64)
    pc, ones, last = 0, 0xFFFFFFFF, len(memory) - 1
    for count in range(most):
        i = memory[pc >> 2 & last]
        a, b = x[i >> 15 & 31], x[i >> 20 & 31]
        _execute(i, pc, a, b, 0, out)
        if out[7]:
            return count, pc, True
        place = (out[2] & ones) >> 2 & last
        if out[5]:
            _execute(i, pc, a, b, memory[place], out)
        for lane in range(4):
            if out[6] >> lane & 1:
                byte = 255 << (8 * lane)
                memory[place] = (memory[place] & ~byte) | (out[3] & byte)
        if out[4] and i >> 7 & 31:
            x[i >> 7 & 31] = out[0] & ones
        pc = out[1] & ones
    return most, pc, False
