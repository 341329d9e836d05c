"""Contracts read from elaborated code."""

from pathlib import Path

import pytest

from tools.hdl.contract import Clock, Port, Reset, Unsupported
from tools.hdl.interface import extract
from tools.hdl.syntax import SourceError

GOLDENS = Path(__file__).parent / "goldens"
POS = "posedge"
ROLES = {
    "alu": ([], []),
    "arbiter": ([("clk", POS)], [("rst", True, False)]),
    "compare": ([], []),
    "counter": ([("clk", POS)], [("rst", True, False)]),
    "deep": ([("clk", POS)], [("rst", True, False)]),
    "detector": ([("clk", POS)], [("rst", True, True)]),
    "divider": ([("clk", POS)], [("rst", True, False)]),
    "dual": ([("clk_a", POS), ("clk_b", POS)], [("rst", True, True)]),
    "falling": ([("clk", "negedge")], [("clear", True, False)]),
    "fifo": ([("clk", POS)], [("rst_n", False, True)]),
    "flop": ([("clk", POS)], [("arst_n", False, True)]),
    "hierarchy": ([("clock", POS)], [("reset", True, True)]),
    "saturate": ([], []),
    "shifter": ([("clk", POS)], []),
}


def roles(source):
    contract = extract(source)
    return list(contract.clocks), list(contract.resets)


@pytest.mark.parametrize("name", ROLES)
def test_clocks_and_resets_of_the_goldens(name):
    clocks, resets = ROLES[name]
    expected = [Clock(*c) for c in clocks], [Reset(*r) for r in resets]
    assert roles((GOLDENS / f"{name}.v").read_text()) == expected


def test_widths_come_with_parameters_applied():
    source = """
    package sizes; localparam N = 5; endpackage
    module top import sizes::*; #(parameter W = N + 1, localparam D = $clog2(W))
      (input signed [W-1:0] a, input [D:0] b, output logic [2*W-1:0] y, output z);
    endmodule"""
    assert extract(source).ports == (
        Port("a", "input", 6, signed=True),
        Port("b", "input", 4),
        Port("y", "output", 12),
        Port("z", "output", 1),
    )


@pytest.mark.parametrize(
    ("body", "reset"),
    [
        ("if (!r) q <= 0; else q <= d;", Reset("r", False, False)),
        ("if (r == 1'b1) q <= 3; else q <= d;", Reset("r", True, False)),
        ("if (r == 0) q <= 3; else q <= d;", Reset("r", False, False)),
        ("begin q <= d; if (r) q <= 0; end", Reset("r", True, False)),
        ("if (d == 0) q <= 1; else if (r) q <= 0; else q <= d;", Reset("r", True, False)),
    ],
)
def test_synchronous_reset_styles(body, reset):
    source = f"""module top(input c, input r, input [3:0] d, output reg [3:0] q);
    always @(posedge c) {body} endmodule"""
    assert roles(source) == ([Clock("c", POS)], [reset])


LOOP = "for (i = 0; i < 4; i = i + 1)"


@pytest.mark.parametrize(
    ("body", "resets"),
    [
        (f"if (r) {LOOP} m[i] <= 0; else m[d] <= d;", [Reset("r", True, False)]),
        (f"if (!r) begin {LOOP} m[i] <= i; end else m[d] <= d;", [Reset("r", False, False)]),
        (
            "if (r) for (int j = 0; j < 4; j++) m[j] <= 0; else m[d] <= d;",
            [Reset("r", True, False)],
        ),
        (f"if (r) {LOOP} m[i] <= d; else m[d] <= d;", []),
        (f"if (r) {LOOP} m[i] <= m[i] + i; else m[d] <= d;", []),
    ],
)
def test_a_reset_may_clear_a_memory_in_a_loop(body, resets):
    source = f"""module top(input c, input r, input [1:0] d, output [1:0] q);
    reg [1:0] m [0:3]; integer i; assign q = m[d]; always @(posedge c) {body} endmodule"""
    assert roles(source) == ([Clock("c", POS)], resets)


def test_an_enable_is_not_a_reset():
    source = """module top(input c, input e, input [3:0] d, output reg [3:0] q);
    always @(posedge c) if (e) q <= d; else q <= q + 1; endmodule"""
    assert roles(source) == ([Clock("c", POS)], [])


def test_both_edges_and_gated_and_inverted_clocks():
    both = "module top(input c, input d, output reg q, p);"
    both += "always @(posedge c) q <= d; always @(negedge c) p <= d; endmodule"
    assert roles(both)[0] == [Clock("c", "both")]
    inverted = "module top(input c, input d, output reg q); wire k = ~c;"
    inverted += "always @(posedge k) q <= d; endmodule"
    assert roles(inverted)[0] == [Clock("c", "negedge")]
    gated = "module top(input c, input e, input d, output reg q); wire k; assign k = c & e;"
    gated += "always @(posedge k) q <= d; endmodule"
    assert roles(gated)[0] == [Clock("c", POS), Clock("e", POS)]


def test_comments_and_strings_do_not_mislead():
    source = """// always @(posedge fake) if (rst)
    module top(input a, output y); /* inout z */ assign y = a; endmodule"""
    contract = extract(source)
    assert [p.name for p in contract.ports] == ["a", "y"]
    assert contract.clocks == ()


@pytest.mark.parametrize(
    ("port", "reason"),
    [
        ("inout z", "inout"),
        ("input real z", "real"),
        ("input logic [3:0] z [2]", "unpacked|not a vector"),
        ("bus z", "interface"),
    ],
)
def test_ports_that_cannot_be_driven_are_named(port, reason):
    source = f"interface bus; logic a; endinterface\nmodule top(input a, {port}); endmodule"
    with pytest.raises(Unsupported, match=f"port z.*({reason})"):
        extract(source, "top")


def test_the_top_is_the_module_nobody_instantiates():
    leaf = "module leaf(input a, output b); assign b = a; endmodule\n"
    root = "module root(input a, output b); leaf l(.a(a), .b(b)); endmodule\n"
    assert extract(leaf + root).top == "root"
    assert extract(leaf + root, "leaf").top == "leaf"
    with pytest.raises(SourceError, match="name the top module: leaf, other"):
        extract(leaf + leaf.replace("leaf", "other"))


def test_syntax_errors_name_their_line():
    with pytest.raises(SourceError) as caught:
        extract("module top(input a);\nassign = ;\nendmodule")
    assert caught.value.line == 2
