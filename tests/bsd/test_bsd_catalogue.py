"""Words to boxes, and a box's files."""

import json
from xml.etree import ElementTree

import pytest

from agents.routing import route
from tools.bsd.boxes import FAMILIES
from tools.bsd.catalogue import Unclear, asks_to_learn, boxes_of, find, machine_of, named
from tools.bsd.package import make
from tools.bsd.sequential.machines import MACHINES

WORDS = {
    "design an RV32I core from this simulator": "rv32i",
    "learn a RISC-V core from its black box": "rv32i",
    "learn a 16-bit adder from examples": "adder16",
    "learn shifter32": "shifter32",
    "a 32 bit comparator from input-output examples": "less32",
    "learn a 16-bit priority encoder": "priority16",
    "a single-issue RV32I core from its simulator": "rv32i",
}
CORES = {
    "design a two-wide RV32I core from this simulator": "rv32i_wide2",
    "a superscalar core from the ISA simulator alone": "rv32i_wide2",
    "learn a dual-issue, superscalar RISC-V core": "rv32i_wide2",
    "a 4-way superscalar RV32I processor, learned": "rv32i_wide4",
    "learn rv32i_wide4": "rv32i_wide4",
}


@pytest.mark.parametrize("text", WORDS)
def test_words_name_a_box(text):
    assert asks_to_learn(text) and route(text) == "learn"
    assert find(text) == WORDS[text]
    assert named(find(text)).box.name == WORDS[text]


@pytest.mark.parametrize("text", CORES)
def test_words_name_a_core_that_issues_several(text):
    assert route(text) == "learn"
    assert find(text) == CORES[text]
    assert [b.box.name for b in boxes_of(find(text))] == ["rv32i", "rv32i_needs"]


MACHINE_WORDS = {
    "learn the 1011 detector": "detector",
    "learn a decimal up/down counter from examples": "counter",
    "a machine for numbers divisible by seven, learned from examples": "remainder",
    "learn the traffic lights from their black box": "lights",
    "a vending machine, from its simulator": "vending",
    "learn a round-robin arbiter": "arbiter",
    "learn a quadrature decoder": "quadrature",
    "a debouncer learned from queries": "debouncer",
    "learn a combination lock": "lock",
    "learn the 5-bit LFSR": "lfsr",
    "learn an 8-bit shift register": "shift",
}


def test_words_name_a_machine():
    for text, name in MACHINE_WORDS.items():
        assert route(text) == "machine" and machine_of(text) == name
    assert sorted(MACHINE_WORDS.values()) == sorted(MACHINES)


@pytest.mark.parametrize("text", ["learn a 4-bit counter", "learn a 16-bit shifter", "a debouncer"])
def test_other_words_name_no_machine(text):
    """The collection's machines are particular ones: a counter of another kind is none."""
    assert route(text) != "machine"


@pytest.mark.parametrize(
    "text",
    [
        "a 16-bit adder",
        "a FIFO with 8 entries, learned from examples",
        "an RV32I decoder module in Verilog",
        "a learning accelerator",
    ],
)
def test_other_words_do_not(text):
    assert not asks_to_learn(text)
    assert route(text) != "learn"


def test_what_is_not_clear_or_not_made_is_said():
    with pytest.raises(Unclear) as told:
        find("learn an adder from examples")
    assert all(f"{kind}N" in str(told.value) for kind in FAMILIES)
    for text in ("an eight-wide RV32I core", "an RV32I core, 3-issue", "a 2-wide, four-way rv32i"):
        with pytest.raises(Unclear, match="one, two and four instructions wide"):
            find(text + " from this simulator")


def test_a_package_holds_the_module_figures_and_pictures(sandbox):
    made = make("decoder3", sandbox)
    assert made.proved
    assert "module decoder3" in made.files["decoder3.v"]
    assert json.loads(made.files["figures.json"]) == made.figures
    assert made.figures["nodes_by_output"]["y"] == made.figures["nodes"]
    bars = {n: t.count("<rect") for n, t in made.files.items() if n.endswith(".svg")}
    rounds = sum(1 for _ in made.figures["wrong_vectors_by_round"])
    assert bars == {"diagrams.svg": 1, "rounds.svg": rounds, "area.svg": 8}
    for name in bars:
        ElementTree.fromstring(made.files[name])
    for spoiled in ({"proof": "unknown"}, {"mutants_refused": "2 of 3"}):
        assert not type(made)(made.figures | spoiled, made.files).proved
