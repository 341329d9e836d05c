"""Whole programs: the simulator by hand, the assembled processor against the simulator."""

import pytest

from tools.bsd.registers import Field, find_registers
from tools.bsd.rv32i import core, rv32i
from tools.bsd.rv32i.iss import REGISTERS, whole
from tools.bsd.rv32i.processor import NoMatch, pair_operands, processor
from tools.bsd.rv32i.program import RAM_BYTES, run_program
from tools.bsd.rv32i.simulate import SimulationError, simulate_programs

# a0 = sum of 1..10, kept byte by byte in memory; then stop.
PROGRAM = (
    0x00A00093,  # 00 addi x1, x0, 10
    0x00000513,  # 04 addi x10, x0, 0
    0x00150533,  # 08 add  x10, x10, x1
    0x10A08023,  # 0c sb   x10, 256(x1)
    0x1000C183,  # 10 lbu  x3, 256(x1)
    0xFFF08093,  # 14 addi x1, x1, -1
    0xFE0098E3,  # 18 bne  x1, x0, -16
    0x00300023,  # 1c sb   x3, 0(x0)
    0x00000073,  # 20 ecall
)


def image(words):
    return b"".join(word.to_bytes(4, "little") for word in words)


def test_a_program_worked_out_by_hand():
    done = run_program(image(PROGRAM))
    assert (done.result, done.pc, done.trapped) == (55, 0x20, True)
    assert done.instructions == 2 + 10 * 5 + 1
    assert done.memory[257:267] == bytes([55, 54, 52, 49, 45, 40, 34, 27, 19, 10])
    assert done.memory[0] == 55
    assert done.registers[0] == 0


def test_a_program_that_does_not_end_is_stopped():
    done = run_program(image([0x0000006F]), most=1000)
    assert (done.instructions, done.trapped) == (1000, False)


def test_an_image_must_fit():
    with pytest.raises(ValueError, match="the image has"):
        run_program(bytes(RAM_BYTES + 4))


@pytest.fixture(scope="module")
def found():
    return find_registers(whole(), REGISTERS, seed=1)


def test_the_operands_are_paired_by_queries(found):
    pairing = pair_operands(core(), whole(), REGISTERS, found)
    assert pairing == {"rs1": Field("instr", 15, 5), "rs2": Field("instr", 20, 5)}


def test_a_wrong_register_file_has_no_pairing(found):
    wrong = type(found)(Field("instr", 8, 5), found.reads, found.zero, 1, 1, 1)
    with pytest.raises(NoMatch, match="none"):
        pair_operands(core(), whole(), REGISTERS, wrong)


def test_the_processor_ends_as_the_simulator_does_and_a_wrong_one_does_not(found, sandbox):
    pairing = pair_operands(core(), whole(), REGISTERS, found)
    good = rv32i().reference + processor("rv32i_reference", found, pairing)
    images = {"sum": image(PROGRAM), "endless": image([0x0000006F])}
    done = simulate_programs(good, images, sandbox, most=1000)
    assert done == {name: run_program(data, 1000) for name, data in images.items()}
    swapped = {"rs1": pairing["rs2"], "rs2": pairing["rs1"]}
    bad = rv32i().reference + processor("rv32i_reference", found, swapped)
    wrong = simulate_programs(bad, {"sum": images["sum"]}, sandbox, most=1000)
    assert wrong["sum"] != done["sum"]


def test_text_that_is_not_verilog_is_refused(sandbox):
    with pytest.raises(SimulationError):
        simulate_programs("module processor(; endmodule", {"sum": image(PROGRAM)}, sandbox)
