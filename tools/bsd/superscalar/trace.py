"""What a program did, one entry for each executed instruction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.bsd.jit import compiled
from tools.bsd.netlist import Ints
from tools.bsd.rv32i.iss import BRANCH, JALR, LOAD, OP, OP_IMM, STORE, _execute
from tools.bsd.rv32i.program import RAM_BYTES

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trace:
    """Arrays of one length. ``target`` is the register written, 0 for none, and ``value`` what
    was written; ``first`` and ``second`` are the registers read, 0 for none; ``word`` is the
    number of the memory word used, -1 for none; ``branch`` marks
    conditional branches, ``taken`` every change of control."""

    pc: Ints
    target: Ints
    first: Ints
    second: Ints
    value: Ints
    word: Ints
    load: Bools
    branch: Bools
    taken: Bools

    def __len__(self) -> int:
        return len(self.pc)


def trace(image: bytes, most: int = 1_000_000) -> Trace:
    """Run an image from address 0 to its first trap, or for ``most`` instructions."""
    memory = np.frombuffer(image.ljust(RAM_BYTES, b"\0"), dtype="<u4").astype(np.int64)
    rows = np.zeros((9, most), dtype=np.int64)
    rows = rows[:, : _record(memory, rows)]
    pc, target, first, second, value, word, load, branch, taken = rows
    return Trace(pc, target, first, second, value, word, load == 1, branch == 1, taken == 1)


@compiled
def _record(memory: Ints, rows: Ints) -> int:
    """Fill the rows of a Trace; the number of instructions executed."""
    out = np.zeros(8, dtype=np.int64)
    x = np.zeros(32, dtype=np.int64)
    pc, ones, last = 0, 0xFFFFFFFF, len(memory) - 1
    for n in range(rows.shape[1]):
        i = memory[pc >> 2 & last]
        opcode, a, b = i & 0x7F, x[i >> 15 & 31], x[i >> 20 & 31]
        _execute(i, pc, a, b, 0, out)
        if out[7]:
            return n
        place = (out[2] & ones) >> 2 & last
        if out[5]:
            _execute(i, pc, a, b, memory[place], out)
        for lane in range(4):
            if out[6] >> lane & 1:
                byte = 255 << (8 * lane)
                memory[place] = (memory[place] & ~byte) | (out[3] & byte)
        rows[0, n] = pc
        if out[4] and i >> 7 & 31:
            rows[1, n] = i >> 7 & 31
            rows[4, n] = x[i >> 7 & 31] = out[0] & ones
        if opcode in (JALR, LOAD, OP_IMM, BRANCH, STORE, OP):
            rows[2, n] = i >> 15 & 31
        if opcode in (BRANCH, STORE, OP):
            rows[3, n] = i >> 20 & 31
        rows[5, n] = place if opcode in (LOAD, STORE) else -1
        rows[6, n] = opcode == LOAD
        rows[7, n] = opcode == BRANCH
        rows[8, n] = (out[1] & ones) != pc + 4
        pc = out[1] & ones
    return len(rows[0])
