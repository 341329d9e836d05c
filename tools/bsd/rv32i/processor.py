"""The assembled processor: a learned execution core, and the registers found around it.

The glue is a program counter, a register file whose ports are where `find_registers` found
them, and memory wires. One instruction a cycle; a trap stops the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from tools.bsd.box import Box, Oracle, Words
from tools.bsd.probes import Prober
from tools.bsd.registers import Field, Registers, find_registers
from tools.bsd.rv32i.iss import REGISTERS
from tools.bsd.rv32i.iss import core as core_box
from tools.bsd.rv32i.iss import whole as whole_box

VECTORS = 4096
OPERANDS = ("rs1", "rs2")


class NoMatch(RuntimeError):
    """No, or more than one, pairing of read fields and operand ports makes core and registers
    behave like the whole machine."""


def assembled(core: str, seed: int = 0) -> str:
    """The processor around the execution core's module of the given name: registers found in the
    whole machine's black box, operands paired, both by queries. Raises NoMatch, NoRegisterFile.
    """
    found = find_registers(whole_box(), REGISTERS, seed)
    return processor(core, found, pair_operands(core_box(), whole_box(), REGISTERS, found, seed))


def pair_operands(
    core: Box, whole: Box, next_port: Mapping[str, str], found: Registers, seed: int = 0
) -> dict[str, Field]:
    """Which read field feeds which operand port of the core, decided by queries to both boxes:
    the only pairing under which core and register file do what the whole machine does.
    """
    vectors = Prober(whole, seed).mixed(VECTORS)
    given = dict(zip((p.name for p in whole.inputs), vectors, strict=True))
    answers = Oracle(whole)(vectors)
    expected = dict(zip((p.name for p in whole.outputs), answers, strict=True))
    fitting = []
    for fields in permutations(found.reads, len(OPERANDS)):
        pairing = dict(zip(OPERANDS, fields, strict=True))
        if _behaves(core, next_port, found, pairing, given, expected):
            fitting.append(pairing)
    if len(fitting) != 1:
        told = "; ".join(", ".join(map(str, p.values())) for p in fitting) or "none"
        raise NoMatch(f"pairings of {OPERANDS} with read fields that fit: {told}")
    return fitting[0]


def _behaves(
    core: Box, next_port: Mapping[str, str], found: Registers, pairing: Mapping[str, Field],
    given: Mapping[str, Words], expected: Mapping[str, Words],
) -> bool:  # fmt: skip
    """Whether the core between registers, wired so, does what the whole machine did."""
    file = np.stack([given[name] for name in next_port])
    file[[list(next_port).index(name) for name in found.zero]] = 0
    each = np.arange(file.shape[1])
    operands = {name: file[_index(field, given), each] for name, field in pairing.items()}
    vectors = np.stack([{**given, **operands}[p.name] for p in core.inputs])
    answers = dict(zip((p.name for p in core.outputs), Oracle(core)(vectors), strict=True))
    writes = answers.pop("we").astype(np.bool_)
    file[_index(found.write, given)[writes], each[writes]] = answers.pop("rd")[writes]
    file[[list(next_port).index(name) for name in found.zero]] = 0
    registers = dict(zip(next_port.values(), file, strict=True))
    return all((expected[name] == row).all() for name, row in (answers | registers).items())


def _index(field: Field, given: Mapping[str, Words]) -> np.ndarray:
    word = given[field.port] >> np.uint64(field.low) & np.uint64((1 << field.width) - 1)
    index: np.ndarray = word.astype(np.int64)
    return index


def processor(core: str, found: Registers, pairing: Mapping[str, Field]) -> str:
    """The Verilog module ``processor`` around an execution core's module of the given name.

    ``load`` is the word at ``addr``, ``instr`` the word at ``pc``, both read in the same cycle;
    ``strb`` enables byte lanes of a store. ``peek`` shows a register.
    """
    zero = " | ".join(f"index == {int(name.lstrip('x'))}" for name in found.zero) or "1'b0"
    return f"""// One instruction a cycle; stops at a trap. Generated around a learned core.
module processor (
  input         clock, reset,
  input  [31:0] instr, load,
  output reg [31:0] pc,
  output [31:0] addr, wdata,
  output [3:0]  strb,
  output        re, trap,
  input  [4:0]  peek,
  output [31:0] peeked
);
  reg [31:0] registers [0:31];

  // The registers that were found to be hard-wired to zero.
  function is_zero(input [4:0] index);
    is_zero = {zero};
  endfunction

  // The fields that were found to name the registers read and written.
  wire [4:0] first = {pairing["rs1"]}, second = {pairing["rs2"]}, target = {found.write};
  wire [31:0] rs1 = is_zero(first) ? 32'd0 : registers[first];
  wire [31:0] rs2 = is_zero(second) ? 32'd0 : registers[second];
  wire [31:0] rd, npc;
  wire we;

  {core} core (
    .instr(instr), .pc(pc), .rs1(rs1), .rs2(rs2), .load(load),
    .rd(rd), .npc(npc), .addr(addr), .wdata(wdata), .we(we), .re(re), .strb(strb), .trap(trap)
  );

  always @(posedge clock)
    if (reset) pc <= 32'd0;
    else if (!trap) begin
      pc <= npc;
      if (we) registers[target] <= rd;
    end

  assign peeked = is_zero(peek) ? 32'd0 : registers[peek];
endmodule
"""
