"""Cores in Verilog that issue several instructions: the simulator's results, the model's cycles."""

from dataclasses import replace

import numpy as np
import pytest

from tools.bsd.job import MUTANTS, run
from tools.bsd.learn import Settings
from tools.bsd.registers import Field, Registers
from tools.bsd.rv32i import core as execution
from tools.bsd.rv32i import rv32i
from tools.bsd.rv32i.program import run_program
from tools.bsd.superscalar.core import core
from tools.bsd.superscalar.issue import FOUR, TWO, Machine, Selection, selected
from tools.bsd.superscalar.needs import needs
from tools.bsd.superscalar.simulate import simulate_core
from tools.bsd.superscalar.speculator import Design, Parts
from tools.bsd.superscalar.trace import trace

READS = {"rs1": Field("instr", 15, 5), "rs2": Field("instr", 20, 5)}
FOUND = Registers(Field("instr", 7, 5), tuple(READS.values()), ("x0",), 1, 1, 1)
PARTS = Parts("rv32i_reference", "rv32i_reference", "rv32i_needs_reference", FOUND, READS)
CHOSEN = Selection(frozenset([5, 6, 7, 9, 31]), 3)
REFERENCE = rv32i().reference
MODULES = REFERENCE + needs(execution()).reference
MEMORY = 0x400


def _random_program(seed):
    """A loop of five registers, a few words of memory, and branches over the next instruction."""
    rng = np.random.default_rng(seed)
    body = [*(_random_instruction(rng) for _ in range(60)), 0x13]
    times, less = 8 << 20 | 31 << 7 | 0x13, 0xFFF << 20 | 31 << 15 | 31 << 7 | 0x13
    again = _branch(1, 31, 0, -4 * (len(body) + 1))
    words = [MEMORY << 20 | 9 << 7 | 0x13, times, *body, less, again, 0x00000073]
    return b"".join(word.to_bytes(4, "little") for word in words)


def _branch(f3, a, b, offset):
    high = (offset >> 12 & 1) << 31 | (offset >> 5 & 63) << 25
    low = (offset >> 1 & 15) << 8 | (offset >> 11 & 1) << 7
    return high | b << 20 | a << 15 | f3 << 12 | low | 0x63


def _random_instruction(rng):
    a, b, d = (int(x) for x in rng.integers(5, 9, 3))
    imm, lane, f3 = int(rng.integers(0, 2048)), int(rng.integers(0, 5)), int(rng.integers(8))
    match rng.integers(6):
        case 0:
            return (4 * lane) << 20 | 9 << 15 | 2 << 12 | d << 7 | 0x03
        case 1:
            return (lane & 3) << 20 | 9 << 15 | 4 << 12 | d << 7 | 0x03
        case 2:
            size = int(rng.integers(3))
            return b << 20 | 9 << 15 | size << 12 | (lane << size) << 7 | 0x23
        case 3:
            return _branch(f3 | 4, a, b, 8)
        case 4:
            return b << 20 | a << 15 | f3 << 12 | d << 7 | 0x33
    return (imm & 31 if f3 in (1, 5) else imm) << 20 | a << 15 | f3 << 12 | d << 7 | 0x13


IMAGES = {str(seed): _random_program(seed) for seed in range(12)}


@pytest.mark.parametrize(
    ("machine", "kind"), [(TWO, "early"), (Machine(2, 2), "chain"), (FOUR, "chain")], ids=str
)
def test_a_core_ends_as_the_simulator_does_after_the_cycles_of_the_model(machine, kind, sandbox):
    design = Design(PARTS, machine, CHOSEN, kind)
    done = simulate_core(MODULES + core(design), design, IMAGES, sandbox)
    for name, image in IMAGES.items():
        ran = trace(image)
        expected = selected(ran, machine, CHOSEN, kind == "early")
        assert len(ran) > 300
        assert done[name].finish == run_program(image)
        assert done[name].cycles == expected.cycles
        assert done[name].wrong == 0
    assert sum(d.used for d in done.values()) > 100


WRONG = REFERENCE.replace("rv32i_reference", "wrong").replace("rs1 ^ operand", "rs1 | operand")
CHAIN = Design(PARTS, TWO, CHOSEN)
WRONG_CORES = {
    "another function": WRONG + core(replace(CHAIN, parts=replace(PARTS, speculator="wrong"))),
    "a stale memory word": core(CHAIN).replace("stored(served0, wdata0, strb0)", "served0"),
}


@pytest.mark.parametrize("fault", WRONG_CORES)
def test_the_comparison_fires_when_the_speculator_is_wrong(fault, sandbox):
    done = simulate_core(MODULES + WRONG_CORES[fault], CHAIN, IMAGES, sandbox, most=5000)
    assert sum(d.wrong for d in done.values()) > 0


def test_which_operands_are_needed_is_learned_and_proved(sandbox):
    example = needs(execution())
    report = run(example.box, example.reference, sandbox, Settings(seed=1, vectors=1 << 14))
    assert (report.proof.status, report.mutants_refused) == ("proved", MUTANTS)
