"""Numbers and gates of a goal that a design knows nothing of."""

from itertools import product

import pytest

from tools.hdl.contract import Contract, Port
from tools.hdl.trace import Stimulus, Trace
from tools.hdl.vacuity import other_gate, unused_number

COUNTER = "always @(posedge clk) q <= q == 10'd999 ? 10'd0 : q + 10'd1;"
DEAF = "// 0 to 999, 1000 in all\nalways @(posedge clk) q <= q + 10'd1;"


@pytest.mark.parametrize("goal", ["It counts from 0 to 999.", "a period of 1000 cycles (1000)"])
def test_a_limit_that_nobody_wrote_down(goal):
    assert unused_number(goal, DEAF) in ("999", "1000")
    assert unused_number(goal, COUNTER) is None


def test_bytes_and_nibbles_have_a_width():
    goal, mirror = "Reverse the byte order.", "for (k = 0; k < 32; k++) out[k] = in[31 - k];"
    assert unused_number(goal, mirror) == "byte"
    assert unused_number(goal, "assign out = {in[7:0], in[15:8]};") is None
    assert unused_number("Swap the two nibbles.", "assign out = {in[0], in[1]};") == "nibble"
    assert unused_number("Swap the two nibbles.", "assign out = {in[3:0], in[7:4]};") is None


@pytest.mark.parametrize("text", ["8'h3c", "8'b0011_1100", "60", "6'o74", "7'sd60"])
def test_bases_of_literals(text):
    assert unused_number("after 60 cycles", f"if (n == {text}) n <= 0;") is None


@pytest.mark.parametrize(
    "goal",
    ["q [11:0]", "a 12-bit counter", "12 bits wide", "after 255 comes 0", "64 of them", "1.25 V",
     "the pattern 1011", "50 %, or 50%, of the time", "3 cycles", "module m12", "12 words"],
)  # fmt: skip
def test_what_needs_no_constant_in_the_text(goal):
    assert unused_number(goal, DEAF) is None


PORTS = (Port("a", "input", 1), Port("b", "input", 1), Port("y", "output", 1))
ROWS = Stimulus(("a", "b"), tuple(product((0, 1), repeat=2)), exhaustive=True)


def behaves(table: str) -> Trace:
    return Trace(("y",), tuple((value,) for value in table))


@pytest.mark.parametrize(
    ("gate", "table"),
    [("AND", "0001"), ("OR", "0111"), ("XOR", "0110"), ("NAND", "1110"), ("nor", "1000"),
     ("XNOR", "1001")],
)  # fmt: skip
def test_a_named_gate_is_that_gate(gate, table):
    goal, contract = f"It implements a two-input {gate} gate.", Contract("m", PORTS)
    assert other_gate(goal, contract, ROWS, behaves(table)) is None
    for other in ("0001", "0111", "0110", "1110", "1000", "1001", "xxxx"):
        expected = None if other == table else f"it is no {gate.upper()} gate"
        assert other_gate(goal, contract, ROWS, behaves(other)) == expected


@pytest.mark.parametrize(
    "goal",
    [
        "y is a and b.",
        "an AND gate and an OR gate",
        "an AND gate with b inverted",
        "not an OR gate",
    ],
)
def test_what_names_no_gate_for_certain_is_left_alone(goal):
    assert other_gate(goal, Contract("m", PORTS), ROWS, behaves("0000")) is None
