"""Issue groups worked out by hand, what a speculator may know, and the selector."""

from xml.etree import ElementTree

import numpy as np
import pytest

from tools.bsd.rv32i.program import run_program
from tools.bsd.superscalar.issue import FOUR, PENALTY, TWO, Selection, predicted, reuse, selected
from tools.bsd.superscalar.pictures import ipc_svg
from tools.bsd.superscalar.predictors import BASELINES, last_value, none, perfect, stride
from tools.bsd.superscalar.select import Blockers, Gain, anneal, greedy, random, select
from tools.bsd.superscalar.trace import trace


def i_type(rd, rs1, imm, funct3=0, opcode=0x13):
    return (imm & 0xFFF) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def load(rd, rs1, imm):
    return i_type(rd, rs1, imm, funct3=2, opcode=0x03)


def traced(*words):
    return trace(b"".join(w.to_bytes(4, "little") for w in (*words, 0x00000073)))


def cycles(run, machine=TWO, registers=(), words=0, early=False):
    return selected(run, machine, Selection(frozenset(registers), words), early).cycles


CHAIN = traced(*(i_type(5, 5, 1) for _ in range(8)))
PAIR = traced(i_type(5, 6, 1), i_type(7, 5, 1), i_type(0, 0, 0), i_type(0, 0, 0))


def test_a_trace_agrees_with_the_simulator():
    words = [i_type(5, 0, 3), i_type(6, 5, -1), load(7, 0, 0), 0x00602023, 0x00628663]
    image = b"".join(w.to_bytes(4, "little") for w in (*words, 0x00000073))
    run = trace(image)
    assert len(run) == run_program(image).instructions == 5
    assert run.target.tolist() == [5, 6, 7, 0, 0]
    assert run.value.tolist()[:2] == [3, 2]
    assert run.first.tolist() == [0, 5, 0, 0, 5]
    assert run.second.tolist() == [0, 0, 0, 6, 6]
    assert run.word.tolist() == [-1, -1, 0, 0, -1]
    assert run.branch.tolist() == [False] * 4 + [True]
    assert not run.taken.any()


def test_dependences_cost_cycles_and_known_values_save_them():
    assert predicted(CHAIN, TWO, none(CHAIN)).cycles == 8
    assert predicted(CHAIN, TWO, perfect(CHAIN)).cycles == 4
    assert predicted(CHAIN, FOUR, perfect(CHAIN)).cycles == 2
    assert predicted(PAIR, TWO, none(PAIR)).cycles == 3


def test_a_wrong_value_that_is_used_costs_the_penalty():
    wrong = np.full(len(PAIR), 2, dtype=np.int8)
    done = predicted(PAIR, TWO, wrong)
    assert (done.mispredictions, done.cycles) == (1, 2 + PENALTY)


def test_state_bsd_knows_only_what_is_computed_from_selected_words():
    assert cycles(PAIR) == 3
    assert cycles(PAIR, registers=[5]) == 3
    assert cycles(PAIR, registers=[6]) == 2
    assert cycles(CHAIN, FOUR, registers=[5]) == 2


def test_early_knowledge_must_be_older_than_the_group_before():
    nothing = [i_type(0, 0, 0)] * 2
    pair = [i_type(5, 6, 1), i_type(7, 5, 1)]
    assert cycles(traced(*nothing, *pair), registers=[6], early=True) == 2
    assert cycles(traced(i_type(6, 0, 1), *nothing[1:], *pair), registers=[6], early=True) == 3
    assert cycles(PAIR, registers=[6], early=True) == 3, "nothing was said before the first group"
    assert cycles(CHAIN, registers=[5], early=True) == len(CHAIN)


def test_early_knowledge_ends_at_a_taken_branch():
    jump = traced(i_type(6, 0, 1), 0x0080006F, 0, i_type(5, 6, 1), i_type(7, 5, 1))
    assert cycles(jump, registers=[6]) == 2
    assert cycles(jump, registers=[6], early=True) == 3


def test_a_word_that_was_stored_to_is_known_again_a_group_later():
    store, nothing = 0x00602023, i_type(0, 0, 0)  # sw x6, 0(x0)
    uses = [load(5, 0, 0), i_type(7, 5, 1)]
    at_once = traced(load(5, 0, 0), nothing, store, nothing, *uses)
    later = traced(load(5, 0, 0), nothing, store, nothing, nothing, nothing, *uses)
    assert (cycles(at_once, words=1), cycles(at_once, words=1, early=True)) == (3, 4)
    assert (cycles(later, words=1), cycles(later, words=1, early=True)) == (4, 4)


def test_a_chain_goes_through_results_that_were_said_before_it():
    through = traced(i_type(5, 6, 1), i_type(7, 5, 1), i_type(8, 7, 1), i_type(9, 8, 1))
    assert cycles(through, FOUR, registers=[6]) == 1
    assert cycles(through, FOUR, registers=[5, 7, 8]) == 2
    assert cycles(through, FOUR) == 4


def test_a_load_is_known_when_its_word_is_buffered():
    pair, nothing = [load(5, 0, 64), i_type(6, 5, 1)], i_type(0, 0, 0)
    run = traced(*pair, nothing, *pair * 3)
    assert reuse(run).tolist() == [64, 64, 64, 0, 64, 0, 64, 0, 64]
    assert cycles(run) == 6  # ld | addi nop | ld | addi ld | addi ld | addi
    assert cycles(run, words=1) == 5  # ld | addi nop | ld addi | ld addi | ld addi


def test_memory_ports_and_taken_branches_end_groups():
    loads = traced(*(load(r, 0, 4 * r) for r in range(5, 9)))
    assert predicted(loads, TWO, none(loads)).cycles == 4
    assert predicted(loads, FOUR, none(loads)).cycles == 2
    jump = traced(0x0080006F, i_type(5, 0, 1), i_type(6, 0, 1))
    assert len(jump) == 2
    assert predicted(jump, TWO, none(jump)).cycles == 2


def test_predictors_learn_their_patterns():
    steady = traced(*(i_type(5, 0, 7) for _ in range(3)))
    assert not last_value(steady).any(), "three different instructions, each seen once"
    loop = traced(i_type(6, 0, 40), i_type(5, 5, 3), i_type(7, 0, 9), i_type(6, 6, -1), 0xFE031AE3)
    assert len(loop) > 150
    add = loop.pc == 4
    assert (stride(loop)[add] == 1).sum() > 25
    assert (last_value(loop)[add] == 1).sum() == 0
    assert (last_value(loop)[loop.pc == 8] == 1).sum() > 25


@pytest.mark.parametrize("name", BASELINES)
def test_no_predictor_says_anything_of_an_instruction_without_a_result(name):
    if name != "perfect":
        stores = traced(*[0x00602023] * 20)
        assert not BASELINES[name](stores).any()


def test_the_selector_covers_at_least_what_greedy_does_within_its_budget():
    rng = np.random.default_rng(1)
    words = [
        i_type(int(rng.integers(5, 12)), int(rng.integers(5, 12)), int(rng.integers(99)))
        for _ in range(300)
    ]
    run = traced(*words)
    blockers, gain = Blockers([run], 4), Gain([run], FOUR)
    for budget in (1, 3, 5):
        best, simple = anneal(blockers, budget), greedy(blockers, budget)
        assert best.cost <= budget
        assert blockers.covered(best) >= blockers.covered(simple)
        assert gain(select([run], FOUR, budget, early=False)) >= gain(simple) > 0
        assert random(budget, seed=2).cost <= budget
    everything = Selection(frozenset(range(1, 32)), 0)
    assert blockers.covered(everything) == pytest.approx(1)
    assert blockers.covered(Selection(frozenset(), 0)) == 0


def test_the_picture_has_a_bar_for_each_way_and_none_passes_the_bound():
    ipc = {"none": {"ipc": 1.5}, "stride": {"ipc": 1.6}, "perfect": {"ipc": 2.0}}
    root = ElementTree.fromstring(ipc_svg([{"level": "-O0", "width": 2, "ports": 1, "ipc": ipc}]))
    space = "{http://www.w3.org/2000/svg}"
    _, *bars = root.findall(f"{space}rect")
    (line,) = root.findall(f"{space}path")
    ends = [float(bar.get("x")) + float(bar.get("width")) for bar in bars]
    bound = float(line.get("d").split()[0].removeprefix("M"))
    start = float(bars[0].get("x"))
    assert [round((e - start) / (bound - start), 2) for e in ends] == [0.75, 0.8]
