"""The fan-in cone of an output holds what the output depends on, and nothing else."""

import pytest

from sandboxes.base import Outcome
from tools.hdl.cone import ConeError, cone, slice_text
from tools.hdl.syntax import SourceError

PLAIN = """
module plus_one(input [3:0] a, output [3:0] b);
  assign b = a + 1;
endmodule

module inverter(input c, output d);
  assign d = ~c;
endmodule

module m(
  input clk, input rst, input [3:0] x, input en, input side,
  output reg [3:0] q,
  output y,
  output z,
  output one);

  reg [3:0] t;
  reg [3:0] count;
  wire [3:0] n;
  plus_one u (.a(t), .b(n));
  inverter v (.c(side), .d(y));

  always @(posedge clk) begin
    if (rst) begin
      t <= 0;
      count <= 0;
      q <= 0;
    end else if (en) begin
      t <= x;
      count <= count + side;
      q <= n;
    end
  end
  assign z = &count;
  assign one = 1'b1;
endmodule
"""
SYSTEM = PLAIN.replace("always @(posedge", "always_ff @(posedge").replace("reg", "logic")
CONES = {
    "q": {"clk", "rst", "en", "x", "t", "u.a", "u.b", "n", "q"},
    "y": {"side", "v.c", "v.d", "y"},
    "z": {"clk", "rst", "en", "side", "count", "z"},
    "one": {"one"},
}


@pytest.fixture(scope="module")
def cones(sandbox):
    return {output: cone(SYSTEM, "m", output, sandbox) for output in ("q", "z", "one")}


@pytest.mark.parametrize("output", ["q", "y"])
def test_pyverilog_reads_verilog(output, sandbox):
    assert set(cone(PLAIN, "m", output, sandbox).graph) == CONES[output]


@pytest.mark.parametrize("output", ["q", "z", "one"])
def test_yosys_reads_what_pyverilog_cannot(output, cones):
    aliases = {"v.c"} if "side" in CONES[output] else set()
    assert set(cones[output].graph) == CONES[output] | aliases


def test_the_slice_leaves_out_what_does_not_matter(cones):
    text = slice_text(SYSTEM, cones["q"])
    for line in ("plus_one u", "t <= x;", "q <= n;", "if (rst) begin", "assign b = a + 1"):
        assert line in text
    for word in ("count <=", "inverter", "assign z", "logic [3:0] count;"):
        assert word not in text
    assert "// ..." in text


def test_lines_are_lines_of_the_source(cones):
    lines = SYSTEM.splitlines()
    shown = [lines[n - 1].strip() for n in cones["z"].lines]
    assert "count <= count + side;" in shown and "assign z = &count;" in shown
    assert "q <= n;" not in shown and "plus_one u (.a(t), .b(n));" not in shown


def test_paths_go_through_state(cones):
    graph = cones["q"].graph
    assert graph.has_edge("x", "t") and not graph.has_edge("x", "q")


def test_no_such_output_is_an_error(sandbox):
    with pytest.raises(ConeError, match="no output side"):
        cone(PLAIN, "m", "side", sandbox)
    with pytest.raises(SourceError):
        cone("module m(", "m", "q", sandbox)


class Broken:
    name = "broken"

    def run(self, command):
        return Outcome(1, b"", b"no such tool", {}, 0.0, self.name)


def test_a_failing_engine_is_an_error_not_an_empty_cone():
    with pytest.raises(ConeError, match="no such tool"):
        cone(PLAIN, "m", "q", Broken())
