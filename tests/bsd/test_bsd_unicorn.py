"""The simulator against Unicorn, an emulator that others wrote, on random instructions.

State is carried from one instruction to the next. What the two define differently is left out:
Unicorn's machine also has compressed instructions and allows misaligned data, so it has no
alignment traps, and it knows more instructions than RV32I.
"""

import numpy as np
import pytest

from tools.bsd.rv32i.iss import BRANCH, ENCODINGS, JALR, LOAD, OP, OP_IMM, STORE, step_whole

unicorn = pytest.importorskip("unicorn")
from unicorn import riscv_const as rv  # noqa: E402

CODE, DATA, SIZE = 0x100000, 0x400000, 0x1000
ONES = 0xFFFFFFFF
EDGES = (0, 1, 2, 0x7FFFFFFF, 0x80000000, ONES)


class Machine:
    """One Unicorn machine; `step` runs one instruction from a full state."""

    def __init__(self):
        self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        self.uc.mem_map(0, 1 << 32)

    def step(self, registers, pc, instr):
        """The next registers and pc; None when the machine refuses the instruction."""
        for i in range(1, 32):
            self.uc.reg_write(rv.UC_RISCV_REG_X0 + i, registers[i])
        self.uc.mem_write(pc, instr.to_bytes(4, "little"))
        self.uc.ctl_remove_cache(pc, pc + 4)
        try:
            self.uc.emu_start(pc, -1, count=1)
        except unicorn.UcError:
            return None
        after = [self.uc.reg_read(rv.UC_RISCV_REG_X0 + i) & ONES for i in range(32)]
        return after, self.uc.reg_read(rv.UC_RISCV_REG_PC) & ONES


def simulated(registers, pc, instr, load):
    state = {f"x{i}": value for i, value in enumerate(registers)}
    state |= {"pc": pc, "instr": instr, "load": load}
    answer = step_whole({k: np.array([v], dtype=np.uint64) for k, v in state.items()})
    return {name: int(row[0]) for name, row in answer.items()}


def signed12(word):
    return (word ^ 0x800) - 0x800


def aimed(registers, instr, rng):
    """Point the base register of a load or store at the data page."""
    if instr & 0x7F in (LOAD, STORE):
        store = instr >> 25 << 5 | instr >> 7 & 31
        imm = signed12(store if instr & 0x7F == STORE else instr >> 20)
        size = 1 << (instr >> 12 & 3)
        base = instr >> 15 & 31
        registers[base] = (DATA + size * int(rng.integers(64)) - imm) & ONES
    return registers


def random_instruction(rng):
    code = ENCODINGS[rng.integers(len(ENCODINGS))]
    return int(rng.integers(1 << 32)) & ~code.mask & ONES | code.match


def test_random_legal_instructions():
    rng = np.random.default_rng(7)
    machine, pc, compared, moved = Machine(), CODE, 0, 0
    registers = [0] + [int(rng.integers(1 << 32)) for _ in range(31)]
    machine.uc.mem_write(DATA, rng.bytes(SIZE))
    for _ in range(3000):
        registers[rng.integers(1, 32)] = EDGES[rng.integers(len(EDGES))]
        instr = random_instruction(rng)
        registers = aimed(registers, instr, rng)
        registers[0] = 0
        ours = simulated(registers, pc, instr, 0)
        place = ours["addr"] & ~3 & ONES
        if instr & 0x7F in (LOAD, STORE) and not DATA <= place < DATA + SIZE:
            continue  # the base register was x0
        if ours["trap"]:
            continue  # an alignment trap
        load = int.from_bytes(machine.uc.mem_read(place, 4), "little")
        ours = simulated(registers, pc, instr, load)
        theirs = machine.step(registers, pc, instr)
        where = f"{instr:#010x} at {pc:#x}"
        assert theirs is not None, where
        assert theirs == ([ours[f"x{i}_next"] for i in range(32)], ours["npc"]), where
        after = int.from_bytes(machine.uc.mem_read(place, 4), "little")
        lanes = sum(255 << 8 * k for k in range(4) if ours["strb"] >> k & 1)
        assert after == load & ~lanes | ours["wdata"] & lanes, where
        compared += 1
        moved += ours["npc"] != pc + 4
        registers, pc = theirs[0], theirs[1] if CODE <= theirs[1] < CODE + SIZE else CODE
    assert compared > 2500
    assert moved > 150


@pytest.mark.parametrize("opcode", [JALR, BRANCH, LOAD, STORE, OP_IMM, OP])
def test_what_is_reserved_is_refused_by_both(opcode):
    """Within RV32I's own opcodes; funct7 = 1 is the multiplication extension."""
    rng, machine, refused = np.random.default_rng(opcode), Machine(), 0
    for _ in range(300):
        instr = int(rng.integers(1 << 32)) & ~0x7F | opcode
        if opcode == OP and instr >> 25 == 1:
            continue
        registers = aimed([DATA] * 32, instr, rng)
        registers[0] = 0
        legal = any(instr & e.mask == e.match for e in ENCODINGS)
        theirs = machine.step(registers, CODE, instr)
        if legal and instr >> 15 & 31 == 0:
            continue  # the base register is x0
        assert (theirs is None) == (not legal), hex(instr)
        refused += not legal
    assert refused > 20
