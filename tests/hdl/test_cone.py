"""Fan-in cones: exactly the signals an output depends on, by either engine."""

import pytest

from tools.hdl.cone import ConeError, cone, textual_slice

DESIGN = """module m(input clk, input rst, input [3:0] d, input e, input z,
         output reg [3:0] q, output y, output w);
reg [3:0] t;
wire c;
always @(posedge clk) begin
  if (rst) t <= 0;
  else t <= t + d;
end
assign c = e & t[0];
always @(*) begin
  q = t;
  if (c) q = ~t;
end
assign y = z;
sub u(.a(z), .b(e), .o(w));
endmodule
module sub(input a, input b, output o);
assign o = a ^ b;
endmodule
"""
# A package keeps pyverilog from reading the same design.
SYSTEM = "package p; typedef logic [3:0] nibble; endpackage\n" + DESIGN.replace(
    "reg [3:0] t;", "p::nibble t;"
)
INPUTS = {"clk", "rst", "d", "e", "z"}


@pytest.mark.parametrize(("source", "engine"), [(DESIGN, "pyverilog"), (SYSTEM, "yosys")])
def test_cone_holds_what_the_output_depends_on_and_nothing_else(source, engine, sandbox):
    expected = {"q": {"clk", "rst", "d", "e"}, "y": {"z"}, "w": {"e", "z"}}
    for output, inputs in expected.items():
        found = cone(source, "m", output, sandbox)
        assert found.engine == engine
        assert set(found.graph) & INPUTS == inputs, output
    graph = cone(source, "m", "q", sandbox).graph
    assert graph.edges["d", "t"]["clocked"] and not graph.edges["t", "c"]["clocked"]
    assert not any(node.startswith(("_rn", "cell:", "bit ")) for node in graph)


def test_slice_shows_the_writing_lines_and_leaves_the_others_out(sandbox):
    found = cone(DESIGN, "m", "q", sandbox)
    text = textual_slice(DESIGN, found)
    assert {6, 7, 9, 11, 12} <= set(found.lines)
    assert "t <= t + d" in text and "if (c) q = ~t" in text
    assert "y = z" not in text
    assert len(textual_slice(DESIGN, found, limit=3).splitlines()) <= 6


def test_unknown_output_and_broken_source_are_refused(sandbox):
    with pytest.raises(ConeError):
        cone(DESIGN, "m", "nothing", sandbox)
    with pytest.raises(ConeError):
        cone("module m(input a, output y); assign y = ; endmodule", "m", "y", sandbox)
