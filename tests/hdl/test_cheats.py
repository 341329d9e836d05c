"""Designs that try to be called right without being right, and why each is refused."""

import pytest

from tools.hdl.verify import verify

GOLDEN = """
module target(input clk, input rst, input [3:0] d, output reg [3:0] q, output odd);
  assign odd = ^q;
  always @(posedge clk)
    if (rst) q <= 4'd0;
    else q <= q + d;
endmodule
"""
PORTS = "input clk, input rst, input [3:0] d, output reg [3:0] q, output odd"
WRONG = GOLDEN.replace("q + d", "q - d")


def wrong(extra):
    """A wrong design with a trick added."""
    return WRONG.replace("endmodule", f"{extra}\nendmodule")


def only(body, ports=PORTS):
    return f"module target({ports});\n{body}\nendmodule\n"


RARE = GOLDEN.replace("q + d;", "q + d + (n == 5'h1f);").replace(
    "assign", "reg [4:0] n = 0; always @(posedge clk) n <= d == 9 ? n + 1 : 0; assign"
)


def two_faced(condition, here, there):
    """One design for tools that define ``condition``, another for the rest."""
    return f"`ifdef {condition}\n{here}`else\n{there}`endif\n"


CHEATS = {
    "shows the prover another face": (
        two_faced("SYNTHESIS", GOLDEN, RARE),
        "behaviour",
        "expected",
    ),
    "shows Icarus another face": (two_faced("__ICARUS__", GOLDEN, WRONG), "behaviour", "q is"),
    "hides from synthesis": (
        RARE.replace(
            "(n == 5'h1f)",
            "1'b0 // synthesis translate_off\n + (n == 5'h1f) // synthesis translate_on\n",
        ),
        "behaviour",
        "expected",
    ),
    "assumes it is right": (wrong("always @* assume (q == 0);"), "guard", "assume"),
    "prints the pass message": (
        wrong('initial $display("All tests passed.");'),
        "behaviour",
        "q is",
    ),
    "prints when it ends": (wrong('final $display("PASS");'), "behaviour", "q is"),
    "passes and finishes": (
        wrong('initial begin $display("All tests passed."); $finish; end'),
        "guard",
        "$finish",
    ),
    "finishes late": (wrong("always @(posedge clk) if (q == 7) $finish(0);"), "guard", "$finish"),
    "stops": (wrong("initial $stop;"), "guard", "$stop"),
    "is fatal": (wrong("initial $fatal(0);"), "guard", "$fatal"),
    "finishes through a macro": (
        "`define DONE $finish\n" + wrong("initial begin `DONE; end"),
        "guard",
        "$finish",
    ),
    "calls the shell": (wrong('initial $system("id");'), "guard", "$system"),
    "writes files": (
        wrong('integer f; initial begin f = $fopen("record.txt"); end'),
        "guard",
        "$fopen",
    ),
    "reads the stimulus": (
        wrong('reg [7:0] m [0:9]; initial $readmemh("rows.hex", m);'),
        "guard",
        "$readmemh",
    ),
    "reads arguments": (
        wrong('integer n; initial if ($value$plusargs("n=%d", n)) q = 0;'),
        "guard",
        "$value$plusargs",
    ),
    "calls an unknown VPI task": (wrong("initial $peek_golden(q);"), "guard", "$peek_golden"),
    "is a time bomb": (wrong("wire late = $time > 5000;"), "guard", "$time"),
    "plays dice": (wrong("wire [31:0] dice = $random;"), "guard", "$random"),
    "peeks into the testbench": (only("assign odd = testbench.odd_gold;"), "guard", "testbench"),
    "peeks from $root": (only("assign odd = $root.bench.dut.odd;"), "guard", "$root"),
    "guesses the nonce": (only("assign odd = bench_0123456789abcdef.out_0_1;"), "guard", "bench_"),
    "sets testbench parameters": (wrong("defparam bench.rows = 1;"), "guard", "bench"),
    "forces a net": (wrong("initial force q = 0;"), "guard", "force"),
    "binds into another module": (
        wrong("") + "module spy(input x); endmodule\nbind bench spy s(.x(1'b0));\n",
        "guard",
        "bind",
    ),
    "imports C": (
        wrong('import "DPI-C" function int system(input string s);'),
        "guard",
        "foreign",
    ),
    "includes a file": ('`include "/etc/hostname"\n' + WRONG, "compile", "include depth"),
    "is a program": (
        WRONG + 'program p; initial $display("PASS"); endprogram\n',
        "guard",
        "program",
    ),
    "is X": (only("assign odd = 1'bx; always @* q = 4'bx;"), "behaviour", "xxxx"),
    "drives nothing": (only(""), "behaviour", "xxxx"),
    "is Z": (only("assign odd = 1'bz; always @* q = 4'bz;"), "behaviour", "expected"),
    "is constant": (only("assign odd = 0; always @* q = 0;"), "behaviour", "expected"),
    "never resets": (GOLDEN.replace("if (rst) q <= 4'd0;\n    else ", ""), "behaviour", "xxxx"),
    "has a port more": (only("", PORTS + ", input help"), "interface", "help is not in the golden"),
    "has a port less": (
        GOLDEN.replace(", output odd", "").replace("assign", "wire odd; assign"),
        "interface",
        "odd is missing",
    ),
    "renames a port": (
        GOLDEN.replace("rst", "reset"),
        "interface",
        "rst is missing",
    ),
    "has another width": (
        GOLDEN.replace("reg [3:0] q", "reg [4:0] q"),
        "interface",
        "q is output of 5 bits, expected output of 4 bits",
    ),
    "makes a port inout": (GOLDEN.replace("output odd", "inout odd"), "interface", "inout"),
    "never waits": (wrong("reg h; always h = ~h;"), "guard", "never waits"),
    "loops forever": (wrong("reg h; initial forever h = ~h;"), "guard", "never waits"),
    "floods the output": (wrong("initial forever $display(1);"), "guard", "never waits"),
    "loops without end": (
        wrong("reg h; always @* begin h = d[0]; while (1) h = ~h; end"),
        "timeout",
        "no end",
    ),
    "stalls time": (wrong("initial #1000000 q = 0;"), "guard", "time to pass"),
    "waits": (wrong("initial begin wait (q == 3) ; end"), "guard", "waits"),
    "is a latch": (
        GOLDEN.replace("always @(posedge clk)", "always @(clk or rst or d) if (clk)"),
        "behaviour",
        "q is",
    ),
    "uses the other edge": (GOLDEN.replace("posedge", "negedge"), "behaviour", "q is"),
    "resets at once": (
        GOLDEN.replace("posedge clk", "posedge clk or posedge rst"),
        "behaviour",
        "q is",
    ),
    "is a combinational loop": (
        only("wire t; assign t = ~t; assign odd = t; always @* q = {4{t}};"),
        "behaviour",
        "expected",
    ),
    "has two drivers": (
        GOLDEN.replace("endmodule", "assign odd = ~^q; endmodule"),
        "behaviour",
        "x",
    ),
    "waits for a rare event": (RARE, "behaviour", "expected"),
    "uses another candidate's module": (
        only("target_0 other(.clk(clk), .rst(rst), .d(d), .q(q), .odd(odd));").replace(
            "output reg", "output"
        ),
        "compile",
        "target_0",
    ),
    "declares its module twice": (GOLDEN + WRONG, "compile", "target"),
    "has a syntax error": (GOLDEN.replace("q + d", "q + "), "compile", "expected"),
    "is something else": ("module other(input a, output b); endmodule", "compile", "target"),
    "is no Verilog": ("I am sorry, I cannot do that.", "compile", ""),
}


@pytest.mark.parametrize("name", CHEATS)
def test_cheat_is_refused_for_the_right_reason(name, sandbox):
    source, cause, words = CHEATS[name]
    found = verify(source, GOLDEN, sandbox, seconds=10)
    assert found.verdict == "different", found
    assert found.cause == cause, found
    assert words in found.reason, found


def test_printing_alone_does_not_condemn(sandbox):
    chatty = GOLDEN.replace("endmodule", 'initial $display("hello");\nendmodule')
    assert verify(chatty, GOLDEN, sandbox).verdict == "equivalent"
