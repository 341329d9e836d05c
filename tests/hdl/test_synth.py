"""Synthesis figures: known circuits have known gates, and the netlist is the design."""

import pytest

from tools.hdl.cells import AREAS
from tools.hdl.formal import Proof, prove
from tools.hdl.interface import extract
from tools.hdl.rewrite import rewrites
from tools.hdl.synth import SynthesisError, synthesize

CHAIN = """module m(input clk, input rst_n, input [7:0] a, output reg p, output q);
  always @(posedge clk or negedge rst_n) if (!rst_n) p <= 0; else p <= ^a;
  assign q = ~p;
endmodule
"""
DETECTOR = """module m(input clk, input rst, input d, output y);
  reg [2:0] s;
  always @(posedge clk)
    if (rst) s <= 0;
    else case (s)
      0: s <= d ? 1 : 0;
      1: s <= d ? 1 : 2;
      2: s <= d ? 3 : 0;
      3: s <= d ? 1 : 4;
      4: s <= d ? 3 : 0;
      default: s <= 0;
    endcase
  assign y = s == 4;
endmodule
"""


def test_figures_of_known_circuits(sandbox):
    nand = synthesize(
        "module m(input a, input b, output y); assign y = ~(a & b); endmodule", "m", sandbox
    )
    assert (nand.cells, nand.area, nand.depth, nand.flops) == (1, 1.0, 1, 0)
    assert nand.by_type == {"GEN_NAND2": 1}
    wire = synthesize("module m(input a, output y); assign y = a; endmodule", "m", sandbox)
    assert (wire.area, wire.depth) == (0.0, 0)
    chain = synthesize(CHAIN, "m", sandbox)
    assert (chain.flops, chain.depth) == (1, 3)  # eight inputs: a tree of three exclusive ors
    assert chain.area == sum(AREAS[kind] * count for kind, count in chain.by_type.items())
    assert "generic" in chain.area_unit


def test_bigger_designs_cost_more(sandbox):
    def adder(width):
        text = f"module m(input [{width - 1}:0] a, b, output [{width - 1}:0] y);"
        return synthesize(text + " assign y = a + b; endmodule", "m", sandbox)

    small, large = adder(4), adder(16)
    assert small.area < large.area and small.depth < large.depth


def test_netlist_is_proved_equal_and_a_broken_one_is_not(sandbox):
    contract = extract(CHAIN)
    netlist = synthesize(CHAIN, "m", sandbox).netlist
    assert prove(CHAIN, netlist, contract, sandbox).status == "proved"
    broken = netlist.replace("assign Y = A^B", "assign Y = A|B").replace("~(A^B)", "~(A|B)")
    assert prove(CHAIN, broken, contract, sandbox).status == "different"


def test_refused_sources_say_why(sandbox):
    with pytest.raises(SynthesisError, match="ERROR"):
        synthesize("module m(input a, output y); assign y = b +; endmodule", "m", sandbox)


def test_rewrites_are_equivalent_and_differ_in_figures(sandbox):
    contract = extract(DETECTOR)
    base = synthesize(DETECTOR, "m", sandbox)
    found = list(rewrites(DETECTOR, contract, sandbox, prove))
    assert found
    for variant in found:
        assert (variant.synthesis.area, variant.synthesis.depth) != (base.area, base.depth)
        assert prove(DETECTOR, variant.source, contract, sandbox).status == "proved"


def test_a_rewrite_that_is_not_proved_is_dropped(sandbox):
    def doubtful(golden, dut, contract, sandbox, seconds):
        return Proof("unknown", reason="asked to")

    assert not list(rewrites(DETECTOR, extract(DETECTOR), sandbox, doubtful))
