"""The second reference and the public programs: what passes, and what must not."""

import pytest
from checkouts import write

from evals import riscv_formal
from evals.bsd_public import coremark_passed, dhrystone_passed
from tools.bsd.rv32i import rv32i

# A checkout of our own writing: the reference core behind riscv-formal's ports.
SPECIFIED = """
module rvfi_isa_rv32i (
  input rvfi_valid,
  input [31:0] rvfi_insn, rvfi_pc_rdata, rvfi_rs1_rdata, rvfi_rs2_rdata, rvfi_mem_rdata,
  output spec_valid, spec_trap,
  output [4:0] spec_rs1_addr, spec_rs2_addr, spec_rd_addr,
  output [31:0] spec_rd_wdata, spec_pc_wdata, spec_mem_addr, spec_mem_wdata,
  output [3:0] spec_mem_rmask, spec_mem_wmask
);
  wire [31:0] rd, addr;
  wire we, re;
  specified core (
    .instr(rvfi_insn), .pc(rvfi_pc_rdata), .rs1(rvfi_rs1_rdata), .rs2(rvfi_rs2_rdata),
    .load(rvfi_mem_rdata), .rd(rd), .npc(spec_pc_wdata), .addr(addr), .wdata(spec_mem_wdata),
    .we(we), .re(re), .strb(spec_mem_wmask), .trap(spec_trap)
  );
  assign spec_valid = !spec_trap | |spec_pc_wdata;
  assign spec_rs1_addr = rvfi_insn[19:15], spec_rs2_addr = 0;
  assign spec_rd_addr = we ? rvfi_insn[11:7] : 0, spec_rd_wdata = |spec_rd_addr ? rd : 0;
  assign spec_mem_addr = addr & ~3, spec_mem_rmask = {4{re}};
endmodule
"""


@pytest.fixture
def checkout(tmp_path):
    reference = rv32i().reference.replace("module rv32i_reference", "module specified")
    whole = SPECIFIED + reference
    return write(tmp_path, {"insns/isa_rv32i.txt": "", "insns/isa_rv32i.v": whole})


@pytest.mark.parametrize(
    ("right", "wrong", "status"),
    [
        ("", "", "proved"),
        ("f3[1] ? ltu : lt", "f3[1] ? lt : lt", "different"),
        ("pc + imm_u", "pc - imm_u", "different"),
        ("instr[31:25] == 7'b0000000", "instr[30:25] == 6'b000000", "different"),
    ],
)
def test_a_core_is_held_against_the_specification(right, wrong, status, checkout, sandbox):
    core = rv32i().reference
    assert right in core
    found = riscv_formal.check(
        core.replace(right, wrong) if right else core, "rv32i_reference", checkout, sandbox
    )
    assert found.status == status


VALUES = "".join(f"Value_{n}:     {n}\n     should be:   {n}\n" for n in range(18))
DHRYSTONE = (
    f"{VALUES}Ptr_Comp:   99\n   should be:   (implementation-dependent)\n"
    "Arr_2_Glob[8][7]:    510\n    should be:   Number_Of_Runs + 10\n"
    "Str_2_Loc:   A B'C\n    should be:   A B'C\n"
)
COREMARK = (
    "2K performance run parameters for coremark.\n"
    "ERROR! Must execute for at least 10 secs for a valid result!\n[0]crcfinal      : 0xe714\n"
)


def test_what_the_benchmarks_say_of_themselves():
    assert dhrystone_passed(DHRYSTONE)
    assert coremark_passed(COREMARK)


@pytest.mark.parametrize(
    "text",
    [
        "",
        DHRYSTONE.replace("510", "500"),
        DHRYSTONE.replace("A B'C\n ", "A B\n "),
        DHRYSTONE.replace("Value_7:     7", "Value_7:     8"),
        DHRYSTONE.replace("Value_7:     7\n     should be:   7\n", ""),
    ],
)
def test_dhrystone_that_went_wrong(text):
    assert not dhrystone_passed(text)


@pytest.mark.parametrize(
    "text",
    ["", COREMARK.replace("2K", "3K"), COREMARK + "[0]ERROR! list crc 0x1 - should be 0x2\n"],
)
def test_coremark_that_went_wrong(text):
    assert not coremark_passed(text)
