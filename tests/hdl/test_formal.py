"""Proofs: what is proved is true, what is false gets a counterexample, doubt stays unknown."""

import pytest

from tools.hdl.formal import prove, stateless
from tools.hdl.interface import extract

GOLDEN = """module m(input clk, rst_n, en, input [3:0] d, output reg [3:0] q, output hit);
  reg [3:0] n;
  assign hit = n == 4'd11;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) begin q <= 0; n <= 0; end
    else if (en) begin q <= d + q; n <= n == 4'd11 ? 0 : n + 1; end
endmodule
"""
EQUAL = {
    "itself": GOLDEN,
    "an unreachable state treated otherwise": GOLDEN.replace("n == 4'd11 ?", "n >= 4'd11 ?"),
    "another encoding": GOLDEN.replace("n == 4'd11", "n == 4'd0")
    .replace("n <= 0", "n <= 5")
    .replace("? 0", "? 5"),
    "X where it cannot get": GOLDEN.replace("hit = n", "hit = n > 12 ? 1'bx : n"),
}
DIFFERENT = {
    "one state late": GOLDEN.replace("n == 4'd11 ?", "n == 4'd12 ?"),
    "synchronous reset": GOLDEN.replace(" or negedge rst_n", ""),
    "the other edge": GOLDEN.replace("posedge clk", "negedge clk"),
    "a wire not driven": GOLDEN.replace("assign hit = n == 4'd11", "wire u; assign hit = u"),
}
UNKNOWN = {
    "a loop, which would prove anything": GOLDEN.replace(
        "assign hit = n", "wire t = ~t; assign hit = t | n"
    ),
    "two drivers": GOLDEN.replace("assign hit", "assign hit = en; assign hit"),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_designs_are_proved(name, sandbox):
    assert prove(GOLDEN, EQUAL[name], extract(GOLDEN), sandbox, 20).status == "proved"


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_designs_are_never_proved(name, sandbox):
    proof = prove(GOLDEN, DIFFERENT[name], extract(GOLDEN), sandbox, 20)
    assert proof.status == ("unknown" if "driven" in name else "different")
    assert (proof.counterexample is not None) == (proof.status == "different")


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_would_make_a_proof_empty_is_unknown(name, sandbox):
    proof = prove(GOLDEN, UNKNOWN[name], extract(GOLDEN), sandbox, 20)
    assert (proof.status, proof.counterexample) == ("unknown", None)
    assert "check" in proof.reason


def test_a_golden_x_is_a_dont_care_when_stateless(sandbox):
    golden = """module c(input [1:0] a, output reg [1:0] y);
    always @* case (a) 0: y = 1; 1: y = 2; default: y = 2'bxx; endcase endmodule"""
    filled = golden.replace("2'bxx", "a")
    contract = extract(golden)
    assert prove(golden, filled, contract, sandbox).status == "proved"
    assert prove(golden, golden, contract, sandbox).status == "proved"
    assert prove(filled, golden, contract, sandbox).status != "proved"


def test_two_unreset_registers_are_not_the_same(sandbox):
    golden = GOLDEN.replace("q <= 0; ", "")
    other = golden.replace("d + q", "d - q")
    assert prove(golden, other, extract(golden), sandbox, 5).status != "proved"


def test_stateless_sees_latches_and_registers(sandbox):
    gate = "module g(input a, input b, output reg y); always @* y = a & b; endmodule"
    latch = gate.replace("y = a & b", "if (a) y = b")
    flop = gate.replace("@*", "@(posedge a)")
    contract = extract(gate)
    assert [stateless(s, contract, sandbox) for s in (gate, latch, flop)] == [True, False, False]


def test_a_latch_in_an_always_comb_is_found(sandbox):
    """Yosys refuses such a block as it stands; an output that keeps its value is a difference."""
    golden = """module m(input [1:0] x, output logic f); always_comb
    case (x) 2'd0: f = 1; 2'd1: f = 1; 2'd2: f = 0; 2'd3: f = 0; endcase endmodule"""
    dut = golden.replace("2'd3", "2'd2")
    assert prove(golden, golden, extract(golden), sandbox).status == "proved"
    assert prove(golden, dut, extract(golden), sandbox).status == "different"


STACK = """module s(input c, r, push, input [2:0] d, output reg [2:0] y);
  reg [2:0] m [0:1]; reg [1:0] n;
  always @(posedge c) if (r) begin n = 0; y = 0; m[0] = 0; m[1] = 0; end
  else begin y = 3'bx;
    if (push && n < 2) begin m[n[0]] = d; n = n + 1; end
    else if (!push && n > 0) begin n = n - 1; y = m[n[0]]; end
  end endmodule"""


def test_a_golden_x_is_a_dont_care_with_state_too(sandbox):
    contract = extract(STACK)
    equal = STACK.replace("m[0] = 0; m[1] = 0; ", "").replace("3'bx", "3'd5")
    assert prove(STACK, equal, contract, sandbox, 20).status == "proved"
    for old, new in (("m[n[0]] = d", "m[0] = d"), ("n < 2", "n < 1"), ("n = 0; y = 0", "y = 0")):
        dut = equal.replace(old, new)
        assert dut != equal
        assert prove(STACK, dut, contract, sandbox, 20).status != "proved"
    assert prove(equal, STACK, contract, sandbox, 20).status != "proved"


def test_the_same_netlist_needs_no_proof_even_when_it_drives_z(sandbox):
    bus = """module b(input e, input [3:0] d, output [3:0] y);
    parameter unused = 1; assign y = e ? d + 4'd1 : 4'bz; endmodule"""
    contract = extract(bus)
    same = "// other lines\n\n" + bus.replace("unused = 1", "unused = 2")
    assert prove(bus, same, contract, sandbox).status == "proved"
    for old, new in (("+", "-"), ("4'd1", "4'd2"), ("4'bz", "4'bx"), ("e ?", "d[0] ?")):
        assert prove(bus, bus.replace(old, new), contract, sandbox).status != "proved"


def test_a_comparison_with_x_is_false_and_a_selection_beyond_the_end_is_x(sandbox):
    golden = "module g(input [1:0] a, input [2:0] d, output y); assign y = PICK; endmodule"
    plain = golden.replace("PICK", "a == 3 ? 1'b0 : d[a]")
    contract = extract(plain)
    compared = plain.replace("y =", "y = a === 2'bxx ? ~d[0] :")
    assert prove(plain, compared, contract, sandbox).status == "proved"
    assert prove(plain, compared.replace("===", "!=="), contract, sandbox).status == "different"
    assert prove(plain, golden.replace("PICK", "d[a]"), contract, sandbox).status != "proved"
    assert prove(golden.replace("PICK", "d[a]"), plain, contract, sandbox).status == "proved"
