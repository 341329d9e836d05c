"""The guard: findings from the tree, and stripping that changes nothing else."""

import pytest

from tools.hdl import guard
from tools.hdl.guard import strip
from tools.hdl.plain import plain
from tools.hdl.syntax import elaborate, rename


def inspect(source, top=None):
    return guard.inspect(elaborate(source, top))


@pytest.mark.parametrize(
    "body",
    [
        'wire [63:0] s = "$finish"; // $finish',
        "/* initial $system(1); */ reg [$clog2(9)-1:0] n;",
        "reg force_it; always @* force_it = $signed(a) > 0;",
        "sub s(.a(a)); wire inner = s.q; endmodule module sub(input a); wire q = a;",
        "genvar i; for (i = 0; i < 2; i = i + 1) begin : g wire w = a; end wire k = g[1].w;",
    ],
)
def test_what_a_design_may_do(body):
    source = f"module top(input a, output reg y);\n{body}\nendmodule"
    assert inspect(source, "top") == ()


def test_findings_name_their_line():
    finding = inspect("module top(input a);\n\ninitial $finish;\nendmodule")[0]
    assert (finding.name, finding.line, finding.strippable) == ("$finish", 3, False)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("always @* y = tb.x;", "hierarchy"),
        ("always @* y = $root.tb.x;", "hierarchy"),
        ("always @* y = $unit::x;", "hierarchy"),
        ("always begin y = a; end", "loop"),
        ("always @* y = $urandom_range(1);", "$urandom_range"),
        ("always @* y = $fgetc(1);", "$fgetc"),
        ("initial y = $display(1);", "$display"),
        ("initial begin #1; end", "delay"),
        ("`define Q $finish\ninitial `Q;", "$finish"),
    ],
)
def test_what_a_design_may_not_do(body, name):
    source = f"module top(input a, output reg y);\n{body}\nendmodule"
    assert name in {f.name for f in inspect(source) if not f.strippable}


def test_strip_removes_printing_and_assignment_delays_only():
    source = """module top(input clk, input d, output reg q, output w);
  // $display stays in a comment
  assign #3 w = q;
  always @(posedge clk) begin
    if (d) $display("d is %b", d);
    q <= #1 d;
  end
  final begin $display("bye"); end
endmodule
"""
    assert all(f.strippable for f in inspect(source))
    stripped = strip(source)
    assert inspect(stripped) == ()
    assert "if (d) ;" in stripped and "q <=  d;" in stripped and "assign  w = q;" in stripped
    assert "// $display stays" in stripped and "bye" not in stripped


def test_strip_leaves_a_clean_design_byte_for_byte():
    source = "module top(input a, output y);\r\n\tassign y = a; // é\nendmodule"
    assert strip(source) == source


def test_rename_follows_every_use():
    source = """package pk; localparam K = 1; endpackage
module leaf(input a, output y); assign y = a & pk::K; endmodule : leaf
module top import pk::*; (input leaf, output y); leaf u(.a(leaf), .y(y)); endmodule"""
    renamed = rename(source, {"leaf": "leaf_7", "pk": "pk_7", "top": "top_7"})
    assert "package \\pk_7 ;" in renamed and "\\pk_7 ::K" in renamed
    assert "import \\pk_7 ::*" in renamed and "endmodule : \\leaf_7" in renamed
    assert "\\leaf_7  u(.a(leaf), .y(y))" in renamed and "(input leaf" in renamed


def test_plain_leaves_one_reading_on_the_same_lines():
    source = """`define W 8
`ifdef SYNTHESIS
module hidden; endmodule
`endif
module top #(parameter N = `W) (input clk, /* two
lines */ (* keep *) input [N-1:0] \\a$ , output reg [7:0] y); // synthesis translate_off
  (* full_case, parallel_case *)
  always @(clk) case (\\a$ ) 8'h1: y <= {`W{1'b1}}; default: y <= "a//b"; endcase
endmodule
"""
    assert plain(source).split("\n") == [
        "",
        "",
        "",
        "",
        "module top #(parameter N = 8 ) (input clk,",
        "input [N-1:0] \\a$ , output reg [7:0] y);",
        "",
        "always @(clk) case (\\a$ ) 8'h1: y <= { 8 {1'b1}}; default: y <= \"a//b\"; endcase",
        "endmodule",
        "",
    ]
