"""One RV32I instruction, executed: the oracle the core is learned from.

The step is combinational: instruction, program counter, both source operands and the aligned
memory word at the effective address in; results and memory request out. From the RISC-V
Unprivileged ISA, RV32I 2.1, with these choices where it leaves one:

* ``trap`` is raised for an illegal instruction, for every SYSTEM instruction, for a misaligned
  load or store and for a taken branch or jump to an address that is not a multiple of 4.
* With ``trap`` nothing is written: ``we``, ``re``, ``strb`` and ``rd`` are 0. ``addr`` still is
  the effective address of a load or store and ``npc`` the target of a jump or branch, which is
  what a trap handler is told. An illegal instruction gives 0 for both.
* ``rd`` is 0 without ``we``; ``addr`` is 0 unless memory is used; ``wdata`` is 0 outside the
  byte lanes that ``strb`` enables. FENCE does nothing; FENCE.I is not RV32I.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tools.bsd.box import Box, Encoding, Port, Words
from tools.bsd.jit import compiled
from tools.bsd.netlist import Ints

INPUTS = (Port("instr", 32), Port("pc", 32), Port("rs1", 32), Port("rs2", 32), Port("load", 32))
OUTPUTS = (
    Port("rd", 32), Port("npc", 32), Port("addr", 32), Port("wdata", 32),
    Port("we", 1), Port("re", 1), Port("strb", 4), Port("trap", 1),
)  # fmt: skip

LUI, AUIPC, JAL, JALR, BRANCH = 0x37, 0x17, 0x6F, 0x67, 0x63
LOAD, STORE, OP_IMM, OP, FENCE = 0x03, 0x23, 0x13, 0x33, 0x0F

_OPCODE, _FUNCT3, _FUNCT7 = 0x7F, 0x707F, 0xFE00707F
ENCODINGS = tuple(
    Encoding("instr", mask, match)
    for mask, match in [
        *((_OPCODE, op) for op in (LUI, AUIPC, JAL)),
        *((_FUNCT3, op | 0 << 12) for op in (JALR, FENCE)),
        *((_FUNCT3, BRANCH | f << 12) for f in (0, 1, 4, 5, 6, 7)),
        *((_FUNCT3, LOAD | f << 12) for f in (0, 1, 2, 4, 5)),
        *((_FUNCT3, STORE | f << 12) for f in (0, 1, 2)),
        *((_FUNCT3, OP_IMM | f << 12) for f in (0, 2, 3, 4, 6, 7)),
        *((_FUNCT7, OP_IMM | f << 12 | top << 25) for f, top in ((1, 0), (5, 0), (5, 32))),
        *((_FUNCT7, OP | f << 12) for f in range(8)),
        *((_FUNCT7, OP | f << 12 | 32 << 25) for f in (0, 5)),
    ]
)
"""The 37 instructions and FENCE as (mask, match): an example source, nothing more."""

_ALL = 0xFFFFFFFF


@compiled
def _signed(value: int, bits: int) -> int:
    """The low ``bits`` of ``value`` as a two's complement number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


@compiled
def _alu(funct3: int, other: bool, a: int, b: int) -> int:
    """The integer operation of OP and OP-IMM; ``other`` picks SUB and SRA. Any integer."""
    if funct3 == 0:
        return a - b if other else a + b
    if funct3 == 1:
        return a << (b & 31)
    if funct3 == 2:
        return 1 if _signed(a, 32) < _signed(b, 32) else 0
    if funct3 == 3:
        return 1 if a < (b & _ALL) else 0
    if funct3 == 4:
        return a ^ b
    if funct3 == 5:
        return (_signed(a, 32) if other else a) >> (b & 31)
    return a | b if funct3 == 6 else a & b


@compiled
def _taken(funct3: int, a: int, b: int) -> bool:
    """Whether a branch is taken."""
    if funct3 < 2:
        return (a == b) == (funct3 == 0)
    less = a < b if funct3 >= 6 else _signed(a, 32) < _signed(b, 32)
    return less == (funct3 & 1 == 0)


@compiled
def _loaded(funct3: int, lane: int, word: int) -> int:
    """What a load puts in its register; ``lane`` is the low two address bits."""
    shifted = word >> (8 * lane)
    if funct3 == 2:
        return shifted
    bits = 8 << (funct3 & 3)
    return shifted & ((1 << bits) - 1) if funct3 & 4 else _signed(shifted, bits)


@compiled
def _execute(i: int, pc: int, a: int, b: int, word: int, out: Ints) -> None:
    """Fill ``out`` = rd, npc, addr, wdata, we, re, strb, trap (not yet reduced to widths)."""
    opcode, funct3, funct7 = i & 0x7F, i >> 12 & 7, i >> 25
    imm = _signed(i >> 20, 12)
    out[:] = 0
    out[1] = pc + 4
    if opcode in (LUI, AUIPC):
        out[0] = (i & 0xFFFFF000) + (pc if opcode == AUIPC else 0)
        out[4] = 1
    elif opcode == JAL or (opcode == JALR and funct3 == 0):
        offset = (
            (i >> 31 << 20) | (i >> 12 & 0xFF) << 12 | (i >> 20 & 1) << 11 | (i >> 21 & 1023) << 1
        )
        target = pc + _signed(offset, 21) if opcode == JAL else (a + imm) & ~1
        _jump(target, pc + 4, out)
    elif opcode == BRANCH and funct3 != 2 and funct3 != 3:
        offset = (i >> 31 << 12) | (i >> 7 & 1) << 11 | (i >> 25 & 63) << 5 | (i >> 8 & 15) << 1
        if _taken(funct3, a, b):
            _jump(pc + _signed(offset, 13), 0, out)
            out[0] = out[4] = 0
    elif opcode == LOAD and funct3 != 3 and funct3 < 6:
        out[2] = a + imm
        if out[2] & ((1 << (funct3 & 3)) - 1):
            out[7] = 1
        else:
            out[0] = _loaded(funct3, out[2] & 3, word)
            out[4] = out[5] = 1
    elif opcode == STORE and funct3 < 3:
        out[2] = a + _signed(i >> 25 << 5 | (i >> 7 & 31), 12)
        size = 1 << funct3
        if out[2] & (size - 1):
            out[7] = 1
        else:
            lane = out[2] & 3
            out[3] = (b & ((1 << (8 * size)) - 1)) << (8 * lane)
            out[6] = ((1 << size) - 1) << lane
    elif opcode == OP_IMM and (funct3 & 3 != 1 or funct7 == 0 or (funct7 == 32 and funct3 == 5)):
        out[0] = _alu(funct3, funct3 == 5 and funct7 == 32, a, imm)
        out[4] = 1
    elif opcode == OP and (funct7 == 0 or (funct7 == 32 and (funct3 == 0 or funct3 == 5))):
        out[0] = _alu(funct3, funct7 == 32, a, b)
        out[4] = 1
    elif not (opcode == FENCE and funct3 == 0):
        out[1] = 0
        out[7] = 1


@compiled
def _jump(target: int, link: int, out: Ints) -> None:
    """Go to ``target``, or trap there when it is misaligned."""
    out[1] = target
    if target & 3:
        out[7] = 1
    else:
        out[0] = link
        out[4] = 1


@compiled
def _execute_all(instr: Words, pc: Words, rs1: Words, rs2: Words, load: Words) -> Words:
    """Execute one instruction per column; shape (outputs, queries)."""
    masks = np.array([_ALL, _ALL, _ALL, _ALL, 1, 1, 15, 1], dtype=np.int64)
    result = np.empty((8, len(instr)), dtype=np.uint64)
    out = np.zeros(8, dtype=np.int64)
    for n in range(len(instr)):
        _execute(
            int(np.int64(instr[n])), int(np.int64(pc[n])), int(np.int64(rs1[n])),
            int(np.int64(rs2[n])), int(np.int64(load[n])), out,
        )  # fmt: skip
        for k in range(8):
            result[k, n] = np.uint64(out[k] & masks[k])
    return result


def step(batch: Mapping[str, Words]) -> dict[str, Words]:
    """The black box: execute a batch of instructions."""
    rows = _execute_all(*(batch[port.name] for port in INPUTS))
    return {port.name: rows[k] for k, port in enumerate(OUTPUTS)}


def core(examples: bool = True) -> Box:
    """The RV32I execution core as a black box, with or without the list of encodings."""
    return Box("rv32i", INPUTS, OUTPUTS, step, ENCODINGS if examples else ())


REGISTERS = {f"x{i}": f"x{i}_next" for i in range(32)}
"""Each register's input port and the output port with its next value, in `whole`."""


def step_whole(batch: Mapping[str, Words]) -> dict[str, Words]:
    """One instruction over the whole state: 32 registers, pc, instruction, memory word."""
    registers = np.stack([batch[name] for name in REGISTERS])
    registers[0] = 0
    instr = batch["instr"]
    each = np.arange(len(instr))
    field = {low: (instr >> np.uint64(low) & np.uint64(31)).astype(np.int64) for low in (7, 15, 20)}
    operands = {"rs1": registers[field[15], each], "rs2": registers[field[20], each]}
    answer = step({**operands, **{name: batch[name] for name in ("instr", "pc", "load")}})
    rd, we = answer.pop("rd"), answer.pop("we").astype(np.bool_)
    registers[field[7][we], each[we]] = rd[we]
    registers[0] = 0
    return answer | {name: registers[i] for i, name in enumerate(REGISTERS.values())}


def whole() -> Box:
    """RV32I as a black box from full state to full state; no operand is named."""
    inputs = tuple(Port(name, 32) for name in REGISTERS)
    outputs = tuple(Port(name, 32) for name in REGISTERS.values())
    free = tuple(p for p in INPUTS if p.name in ("instr", "pc", "load"))
    seen = tuple(p for p in OUTPUTS if p.name not in ("rd", "we"))
    return Box("rv32i_whole", inputs + free, outputs + seen, step_whole, ENCODINGS)
