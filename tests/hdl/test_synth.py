"""Synthesis counts what is there, and its netlist still is the design."""

from importlib.resources import files

import pytest

from tools.hdl.formal import prove
from tools.hdl.interface import extract
from tools.hdl.synth import SynthesisError, synthesize
from tools.hdl.yosys import run_yosys

EVERYTHING = """
module everything (input wire clk, input wire rst, input wire arst, input wire [3:0] a, b,
                   output reg [3:0] sum, output reg [3:0] down, output wire less,
                   output reg [3:0] held);
  assign less = a < b;
  always @(posedge clk) if (rst) sum <= 0; else sum <= sum + (a ^ b);
  always @(negedge clk or posedge arst) if (arst) down <= 4'b0101; else down <= down - a;
  always @* if (rst) held = 0; else if (arst) held = b;
endmodule
"""


@pytest.fixture(scope="module")
def cells(sandbox):
    """Verilog models of the library's cells, made by Yosys from their functions."""
    library = (files("tools.hdl") / "library" / "generic.lib").read_bytes()
    script = "read_liberty generic.lib; write_verilog -noattr cells.v"
    return (
        run_yosys(sandbox, script, {"generic.lib": library}, ("cells.v",)).files["cells.v"].decode()
    )


def test_a_known_design_has_known_figures(sandbox):
    nand = synthesize(
        "module m(input a, b, output y); assign y = ~(a & b); endmodule", "m", sandbox
    )
    assert (nand.cells, nand.area, nand.depth, nand.flops) == (1, 1.0, 1, 0)
    assert nand.by_type == {"NAND2": 1} and nand.area_unit == "NAND2 eq."


def test_depth_ends_at_registers(sandbox):
    body = "r <= ~a; s <= ~(r & b); y <= ~s;"
    staged = f"""
module m(input clk, a, b, output reg y);
  reg r, s;
  always @(posedge clk) begin {body} end
endmodule
"""
    found = synthesize(staged, "m", sandbox)
    assert found.flops == 3 and found.depth == 1
    direct = synthesize(staged.replace("<=", "=").replace("posedge clk", "*"), "m", sandbox)
    assert direct.flops == 0 and direct.depth == 2
    wire = synthesize("module m(input a, output y); assign y = a; endmodule", "m", sandbox)
    assert (wire.cells, wire.area, wire.depth) == (0, 0, 0)


def test_more_logic_is_larger_and_deeper(sandbox):
    adder = "module m(input [{n}:0] a, b, output [{n}:0] y); assign y = a + b; endmodule"
    small, large = (synthesize(adder.format(n=n), "m", sandbox) for n in (1, 15))
    assert large.area > 6 * small.area and large.depth > small.depth


def test_the_netlist_is_equivalent_to_the_design(sandbox, cells):
    found = synthesize(EVERYTHING, "everything", sandbox)
    assert found.flops == 8 and found.by_type["LATCH"] == 4
    contract = extract(EVERYTHING)
    assert prove(EVERYTHING, found.netlist + cells, contract, sandbox).status == "proved"
    mutant = EVERYTHING.replace("down - a", "down + a")
    assert prove(mutant, found.netlist + cells, contract, sandbox).status == "different"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("module m(input a, output y); assign y = ; endmodule", "syntax error"),
        ("module m(input a, output y); missing u(a, y); endmodule", "missing"),
        ("module m(input a, e, output y); assign y = e ? a : 1'bz; endmodule", "no library cell"),
        ("module m(input a, output y); wire z = ~(y & a); assign y = ~z ^ a; endmodule", "loop"),
    ],
)
def test_what_cannot_be_synthesised_is_an_error(source, why, sandbox):
    with pytest.raises(SynthesisError, match=why):
        synthesize(source, "m", sandbox)


def test_running_out_of_time_is_an_error(sandbox):
    source = "module m(input [255:0] a, b, output [511:0] y); assign y = a * b; endmodule"
    with pytest.raises(SynthesisError, match=r"wall limit|cpu limit"):
        synthesize(source, "m", sandbox, wall_seconds=1.0)
