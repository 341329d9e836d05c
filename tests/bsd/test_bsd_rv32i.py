"""The instruction-set simulator against vectors worked out by hand."""

import numpy as np
import pytest

from tools.bsd.box import Oracle
from tools.bsd.probes import Prober
from tools.bsd.rv32i import core
from tools.bsd.rv32i.iss import ENCODINGS, OUTPUTS, step

PC = 0x1000


def execute(instr, rs1=0, rs2=0, load=0, pc=PC):
    values = {"instr": instr, "pc": pc, "rs1": rs1, "rs2": rs2, "load": load}
    answer = step({k: np.array([v & 0xFFFFFFFF], dtype=np.uint64) for k, v in values.items()})
    return {name: int(row[0]) for name, row in answer.items()}


def expect(instr, changes, **operands):
    """Everything not named must be zero, and the next instruction follows."""
    quiet = dict.fromkeys((p.name for p in OUTPUTS), 0) | {"npc": PC + 4}
    assert execute(instr, **operands) == quiet | changes


def r_type(funct3, funct7=0):
    return funct7 << 25 | 3 << 20 | 2 << 15 | funct3 << 12 | 1 << 7 | 0x33


def i_type(opcode, funct3, imm):
    return (imm & 0xFFF) << 20 | 2 << 15 | funct3 << 12 | 1 << 7 | opcode


def s_type(funct3, imm):
    return (imm >> 5 & 0x7F) << 25 | 3 << 20 | 2 << 15 | funct3 << 12 | (imm & 31) << 7 | 0x23


def b_type(funct3, imm):
    word = (imm >> 12 & 1) << 31 | (imm >> 5 & 63) << 25 | 3 << 20 | 2 << 15
    return word | funct3 << 12 | (imm >> 1 & 15) << 8 | (imm >> 11 & 1) << 7 | 0x63


def j_type(imm):
    word = (imm >> 20 & 1) << 31 | (imm >> 1 & 1023) << 21 | (imm >> 11 & 1) << 20
    return word | (imm >> 12 & 255) << 12 | 1 << 7 | 0x6F


ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("funct3", "funct7", "a", "b", "result"),
    [
        (0, 0, ONES, 1, 0),
        (0, 32, 0, 1, ONES),
        (1, 0, 0x80000001, 33, 2),
        (2, 0, ONES, 0, 1),
        (2, 0, 0x7FFFFFFF, 0x80000000, 0),
        (3, 0, ONES, 0, 0),
        (3, 0, 0, ONES, 1),
        (4, 0, 0xFF00FF00, 0x0FF00FF0, 0xF0F0F0F0),
        (5, 0, 0x80000000, 31, 1),
        (5, 32, 0x80000000, 31, ONES),
        (5, 32, 0x40000000, 30, 1),
        (6, 0, 0xF0, 0x0F, 0xFF),
        (7, 0, 0xF1, 0x1F, 0x11),
    ],
)
def test_register_operations(funct3, funct7, a, b, result):
    expect(r_type(funct3, funct7), {"rd": result, "we": 1}, rs1=a, rs2=b)


@pytest.mark.parametrize(
    ("funct3", "imm", "a", "result"),
    [
        (0, -1, 0, ONES),
        (2, -2048, 0xFFFFF7FF, 1),
        (2, -2048, 0xFFFFF800, 0),
        (3, -1, 5, 1),
        (4, -1, 0x12345678, 0xEDCBA987),
        (6, 0x7FF, 0x80000000, 0x800007FF),
        (7, -16, 0x1234567F, 0x12345670),
        (1, 31, 3, 0x80000000),
        (5, 4, 0x80000000, 0x08000000),
        (5, 0x404, 0x80000000, 0xF8000000),
    ],
)
def test_immediate_operations(funct3, imm, a, result):
    expect(i_type(0x13, funct3, imm), {"rd": result, "we": 1}, rs1=a, rs2=0xDEAD)


def test_upper_immediates_and_fence():
    expect(0xABCDE0B7, {"rd": 0xABCDE000, "we": 1})
    expect(0xFFFFF097, {"rd": 0, "we": 1})
    expect(0x0FF0000F, {})


@pytest.mark.parametrize(
    ("funct3", "taken", "not_taken"),
    [
        (0, (7, 7), (7, 8)),
        (1, (7, 8), (7, 7)),
        (4, (ONES, 0), (0, ONES)),
        (5, (0, ONES), (ONES, 0)),
        (6, (0, ONES), (ONES, 0)),
        (7, (ONES, 0), (0, ONES)),
    ],
)
def test_branches(funct3, taken, not_taken):
    instr = b_type(funct3, -4096)
    expect(instr, {"npc": PC - 4096}, rs1=taken[0], rs2=taken[1])
    expect(instr, {}, rs1=not_taken[0], rs2=not_taken[1])
    skewed = b_type(funct3, 2)
    expect(skewed, {"npc": PC + 2, "trap": 1}, rs1=taken[0], rs2=taken[1])
    expect(skewed, {}, rs1=not_taken[0], rs2=not_taken[1])


def test_jumps():
    expect(j_type(-4), {"npc": PC - 4, "rd": PC + 4, "we": 1})
    expect(j_type(0x7FFFC), {"npc": PC + 0x7FFFC, "rd": PC + 4, "we": 1})
    expect(j_type(0x802), {"npc": PC + 0x802, "trap": 1})
    jalr = i_type(0x67, 0, 1)
    expect(jalr, {"npc": 0x2000, "rd": PC + 4, "we": 1}, rs1=0x2000)
    expect(jalr, {"npc": 0x2002, "trap": 1}, rs1=0x2001)


@pytest.mark.parametrize(
    ("funct3", "offset", "result"),
    [
        (0, 0, 0xFFFFFF81),
        (0, 1, 0x02),
        (0, 3, 0x7F),
        (4, 0, 0x81),
        (1, 0, 0x0281),
        (1, 2, 0x7FF3),
        (5, 2, 0x7FF3),
        (2, 0, 0x7FF30281),
    ],
)
def test_loads_pick_their_lanes(funct3, offset, result):
    changes = {"rd": result, "we": 1, "re": 1, "addr": 0x100 + offset}
    expect(i_type(0x03, funct3, offset - 4), changes, rs1=0x104, load=0x7FF30281)


@pytest.mark.parametrize(
    ("funct3", "offset", "wdata", "strb"),
    [
        (0, 0, 0x78, 1),
        (0, 3, 0x78000000, 8),
        (1, 2, 0x56780000, 12),
        (2, 0, 0x12345678, 15),
    ],
)
def test_stores_drive_their_lanes(funct3, offset, wdata, strb):
    changes = {"wdata": wdata, "strb": strb, "addr": 0x100 + offset}
    expect(s_type(funct3, offset - 2048), changes, rs1=0x100 + 2048, rs2=0x12345678)


@pytest.mark.parametrize(
    "instr",
    [i_type(0x03, 1, 1), i_type(0x03, 5, 3), i_type(0x03, 2, 2), s_type(1, 1), s_type(2, 3)],
)
def test_misaligned_accesses_trap_and_tell_the_address(instr):
    offset = execute(instr, rs1=0)["addr"]
    assert offset & 3
    expect(instr, {"trap": 1, "addr": offset}, rs2=ONES, load=ONES)


@pytest.mark.parametrize(
    "instr",
    [
        0,
        ONES,
        0x00000073,
        0x00100073,
        0x0000100F,
        r_type(0, 1),
        r_type(1, 32),
        i_type(0x13, 1, 0x400),
        i_type(0x03, 3, 0),
        i_type(0x67, 1, 0),
        s_type(3, 0),
        b_type(2, 0),
        r_type(0) ^ 1,
    ],
)
def test_illegal_and_system_instructions_trap(instr):
    expect(instr, {"trap": 1, "npc": 0}, rs1=ONES, rs2=ONES, load=ONES)


def test_the_encodings_are_the_37_instructions_and_fence():
    assert len(ENCODINGS) == 38
    box = core()
    prober = Prober(box, 1)
    traps = []
    for code in ENCODINGS:
        vectors = prober.uniform(64)
        vectors[0] = (vectors[0] & np.uint64(~code.mask & ONES)) | np.uint64(code.match)
        traps.append(int(Oracle(box)(vectors)[7].min()))
    assert not any(traps), "each encoding must be legal for some operands"
