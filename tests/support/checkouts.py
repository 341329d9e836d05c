"""Tiny benchmarks of our own writing: words, goldens and tests; files from a mapping."""

from pathlib import Path

INVERTER = "module RefModule (input a, output y);\n  assign y = ~a;\nendmodule\n"
COUNTER = """module RefModule (input clk, input rst, output reg [1:0] q);
  always @(posedge clk) q <= rst ? 2'd0 : q + 2'd1;
endmodule
"""
V2_TEST = """module tb;
  reg clk = 0, {inputs}; wire [1:0] want, got; integer wrong = 0, i;
  RefModule one ({pins}, .{out}(want)); TopModule two ({pins}, .{out}(got));
  initial begin
    for (i = 0; i < 20; i = i + 1) begin
      {drive} #5 clk = 1; #4 if (got !== want) wrong = wrong + 1; #1 clk = 0;
    end
    $display("Mismatches: %0d in 20 samples", wrong);
    $finish;
  end
endmodule
"""
INVERTER_TEST = V2_TEST.replace("[1:0] ", "").format(
    inputs="a = 0", pins=".a(a)", out="y", drive="a = i;"
)
COUNTER_TEST = V2_TEST.format(
    inputs="rst = 1", pins=".clk(clk), .rst(rst)", out="q", drive="rst = i < 2;"
)
V2 = {
    "Prob001_invert": ("Module TopModule, input a, output y: y is not a.", INVERTER, INVERTER_TEST),
    "Prob002_count": (
        "Module TopModule counts. Inputs clk, rst (synchronous, active high); output q (2 bits).",
        COUNTER,
        COUNTER_TEST,
    ),
}
GENERATOR = """
prompts = {}
prompts['spec-to-rtl'] = {'system_msg': "Be exact.", 'prompt_prefix': ""}
prompts['code-complete-iccad2023'] = {
    'system_msg': "Only the rest.", 'prompt_prefix': "// Go on.\\n"
}
prompt_no_explain_suffix = "Between [BEGIN] and [DONE]."
"""
WRAP_TEST = """module tb;
  reg clk = 0, rst = 1, en = 1; wire [3:0] n; wire last; integer wrong = 0, i;
  wrap dut (.clk(clk), .rst(rst), .en(en), .n(n), .last(last));
  always #5 clk = ~clk;
  initial begin
    @(negedge clk) rst = 0;
    for (i = 1; i < 30; i = i + 1) @(negedge clk) if (n !== i % 12) wrong = wrong + 1;
    if (wrong) $display("Failed"); else $display("Passed");
    $finish;
  end
endmodule
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
