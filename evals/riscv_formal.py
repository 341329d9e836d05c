"""An execution core against the RV32I instruction checks of riscv-formal, decided formally.

riscv-formal (YosysHQ, ISC licence) describes each instruction as a module of its own. Their sum
is a second reference, written by others. A miter says where a core differs from it; that the
miter is 0 for all inputs is decided as any other equivalence is.

Not compared: a program counter that is no multiple of 4, which no program reaches, and what
riscv-formal leaves open, namely what an instruction that traps writes, and words that are no
RV32I instruction. Of these the miter claims one thing more: they trap, except FENCE.
"""

from __future__ import annotations

from pathlib import Path

from sandboxes import Sandbox
from tools.bsd.box import Box, Port
from tools.bsd.prove import Proof, prove
from tools.bsd.rv32i.iss import INPUTS, step

_DEFINES = """
`define RISCV_FORMAL_ILEN 32
`define RISCV_FORMAL_XLEN 32
`define RISCV_FORMAL_ALIGNED_MEM
"""

_MITER = """
module miter (input [31:0] instr, pc, rs1, rs2, load, output [9:0] wrong);
  wire valid, s_trap, trap, we, re;
  wire [4:0] s_rs1, s_rs2, s_rd;
  wire [31:0] s_value, s_npc, s_addr, s_wdata, rd, npc, addr, wdata;
  wire [3:0] s_read, s_write, strb;
  rvfi_isa_rv32i specified (
    .rvfi_valid(1'b1), .rvfi_insn(instr), .rvfi_pc_rdata(pc), .rvfi_rs1_rdata(rs1),
    .rvfi_rs2_rdata(rs2), .rvfi_mem_rdata(load), .spec_valid(valid), .spec_trap(s_trap),
    .spec_rs1_addr(s_rs1), .spec_rs2_addr(s_rs2), .spec_rd_addr(s_rd), .spec_rd_wdata(s_value),
    .spec_pc_wdata(s_npc), .spec_mem_addr(s_addr), .spec_mem_rmask(s_read),
    .spec_mem_wmask(s_write), .spec_mem_wdata(s_wdata)
  );
  %s core (
    .instr(instr), .pc(pc), .rs1(rs1), .rs2(rs2), .load(load), .rd(rd), .npc(npc), .addr(addr),
    .wdata(wdata), .we(we), .re(re), .strb(strb), .trap(trap)
  );
  wire checked = valid & pc[1:0] == 0, runs = checked & !s_trap;
  wire fence = instr[6:0] == 7'h0f & instr[14:12] == 0;
  wire [31:0] lanes = {{8{s_write[3]}}, {8{s_write[2]}}, {8{s_write[1]}}, {8{s_write[0]}}};
  assign wrong[0] = checked & trap != s_trap;
  assign wrong[1] = runs & (we ? instr[11:7] : 5'd0) != s_rd;
  assign wrong[2] = runs & |s_rd & rd != s_value;
  assign wrong[3] = runs & npc != s_npc;
  assign wrong[4] = runs & re != |s_read;
  assign wrong[5] = runs & strb != s_write;
  assign wrong[6] = runs & |{s_read, s_write} & addr[31:2] != s_addr[31:2];
  assign wrong[7] = runs & |((wdata ^ s_wdata) & lanes);
  assign wrong[8] = runs & (|s_rs1 & s_rs1 != instr[19:15] | |s_rs2 & s_rs2 != instr[24:20]);
  assign wrong[9] = !valid & !fence & !trap;
endmodule
"""
_NEVER = """
module never (input [31:0] instr, pc, rs1, rs2, load, output [9:0] wrong);
  assign wrong = 0;
endmodule
"""
_BOX = Box("miter", INPUTS, (Port("wrong", 10),), step)


def check(verilog: str, module: str, checkout: Path, sandbox: Sandbox) -> Proof:
    """Whether the execution core ``module`` of a Verilog text does what riscv-formal, a local
    checkout, says of all 37 instructions; a counterexample is an instruction with operands.

    Raises FileNotFoundError when the checkout lacks the checks, AigError.
    """
    names = (checkout / "insns" / "isa_rv32i.txt").read_text().split()
    parts = [(checkout / "insns" / f"insn_{name}.v").read_text() for name in names]
    whole = (checkout / "insns" / "isa_rv32i.v").read_text()
    text = "\n".join([_DEFINES, *parts, whole, verilog, _MITER % module])
    return prove(_BOX, text, _NEVER, sandbox)
