"""Interfaces read from plain words: what is explicit is read, the rest is left to the model."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.hdl.contract import Contract
from tools.hdl.contract_text import Contradiction, read_contract


def ports(contract: Contract) -> list[tuple[str, int, str]]:
    return [(p.direction, p.width, p.name) for p in contract.ports]


def read(text: str) -> Contract:
    contract = read_contract(text).contract
    assert contract is not None
    return contract


def test_verilog_style_list_in_a_sentence():
    contract = read(
        "A FIFO named fifo. Ports: input clk, input rst (synchronous, active high), "
        "input [7:0] din, output full, output reg [7:0] dout. It stores bytes."
    )
    assert contract.top == "fifo"
    assert ports(contract) == [
        ("input", 1, "clk"),
        ("input", 1, "rst"),
        ("input", 8, "din"),
        ("output", 1, "full"),
        ("output", 8, "dout"),
    ]
    assert not contract.resets[0].asynchronous
    assert contract.resets[0].active_high


def test_plural_lists_with_ranges_after_names_and_an_and():
    contract = read("Module alu, inputs a [7:0], b [7:0] and op [2:0], outputs y [7:0] and zero.")
    assert ports(contract) == [
        ("input", 8, "a"),
        ("input", 8, "b"),
        ("input", 3, "op"),
        ("output", 8, "y"),
        ("output", 1, "zero"),
    ]
    assert contract.clocks == ()


def test_bullet_list_with_widths_in_brackets():
    contract = read(
        "I want a module named Top:\n\n - input  clk\n - input  areset\n - input  d   (8 bits)\n"
        " - output q   (8 bits)\n\nThe module is a register with an asynchronous reset."
    )
    assert ports(contract)[2:] == [("input", 8, "d"), ("output", 8, "q")]
    assert contract.resets[0].asynchronous


def test_each_gives_one_width_to_a_whole_list():
    contract = read("Module add16 with inputs a, b (16 bits each) and output sum (17 bits).")
    assert ports(contract)[:2] == [("input", 16, "a"), ("input", 16, "b")]


@pytest.mark.parametrize(
    ("text", "active_high", "asynchronous"),
    [
        ("rst_n (asynchronous reset, active low)", False, True),
        ("rst_n", False, False),
        ("rst (asynchronous, active high)", True, True),
        ("reset (synchronous)", True, False),
        ("rst (active low)", False, False),
    ],
)
def test_reset_kind_and_polarity(text: str, active_high: bool, asynchronous: bool):
    contract = read(f"Module m: inputs clk, {text}, d; output q.")
    reset = contract.resets[0]
    assert (reset.active_high, reset.asynchronous) == (active_high, asynchronous)


def test_falling_edge():
    contract = read("Module m: inputs clk, d; output q. q takes d at each falling edge of clk.")
    assert contract.clocks[0].edge == "negedge"


@pytest.mark.parametrize(
    "text",
    [
        "an 8-deep FIFO with almost-full",
        "the output is inverted when the input is high",
        "each input bit that is 1 counts; the input clock is divided",
        "module m with an input for the data and an output",
        "Module egg: clk, rst, start; outputs running, done.",  # start has no direction
    ],
)
def test_what_is_not_explicit_is_left_out(text: str):
    assert read_contract(text).contract is None


@pytest.mark.parametrize(
    "text",
    [
        "module m with input [7:0] a and output a",
        "module m: input a, input [3:0] a, output y",
    ],
)
def test_contradictions_are_reported(text: str):
    with pytest.raises(Contradiction, match="'a'"):
        read_contract(text)


NAMES = st.lists(
    st.from_regex(r"p[a-z]{1,6}_[0-9]", fullmatch=True), min_size=2, max_size=6, unique=True
)


@given(NAMES, st.lists(st.integers(1, 64), min_size=6, max_size=6))
def test_what_is_written_is_read(names: list[str], widths: list[int]):
    *inputs, output = zip(names, widths, strict=False)
    listed = ", ".join(f"input [{w - 1}:0] {n}" for n, w in inputs)
    contract = read(f"Module m: {listed}, output [{output[1] - 1}:0] {output[0]}. It works.")
    assert ports(contract) == [("input", w, n) for n, w in inputs] + [
        ("output", output[1], output[0])
    ]


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str):
    with contextlib.suppress(Contradiction):
        read_contract(text)


def test_reset_as_a_word_is_no_port():
    contract = read(
        "A module named Top:\n - input clk\n - input ar\n - input d\n - output q\n\n"
        'It is a D flip-flop with an asynchronous reset "ar", triggered on the clock edge.'
    )
    assert [p.name for p in contract.ports] == ["clk", "ar", "d", "q"]
    assert [(r.port, r.asynchronous) for r in contract.resets] == [("ar", True)]


def test_an_input_beside_the_word_reset_is_no_reset():
    contract = read("Module m: inputs clk, rst, en; output q. At reset, en is ignored.")
    assert [r.port for r in contract.resets] == ["rst"]


def test_a_list_of_outputs_alone_is_a_whole_interface():
    contract = read("I want a module named Top with this interface:\n - output tied\n\nIt is 1.")
    assert ports(contract) == [("output", 1, "tied")]


def test_a_list_with_a_bullet_for_each_port_is_complete():
    """Prose after it names no ports and contradicts none, whatever words it uses."""
    text = (
        "I want a module named weigh with this interface.\n\n"
        " - input  in (255  bits),\n - input  load,\n\n - output one\n - output out ( 8 bits)\n\n"
        "It counts the ones of a 255-bit input vector, and splits an input half-word. "
        "The second input of the XOR is the first output flag."
    )
    contract = read_contract(text).contract
    assert contract is not None and contract.top == "weigh"
    assert [(p.name, p.direction, p.width) for p in contract.ports] == [
        ("in", "input", 255),
        ("load", "input", 1),
        ("one", "output", 1),
        ("out", "output", 8),
    ]


def test_a_list_may_still_contradict_itself():
    with pytest.raises(Contradiction):
        read_contract("module m\n- input a\n- input a (4 bits)\n- output y\n")


def test_a_list_of_inputs_alone_leaves_the_outputs_to_the_words():
    reading = read_contract("Module m has these.\n- input a\n- input b\n\nIt has an output y.")
    assert {p.name for p in reading.ports} == {"a", "b", "y"}
