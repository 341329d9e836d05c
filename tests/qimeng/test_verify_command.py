"""``qimeng verify``: verdicts and exit codes, counterexamples in every form, graded testbenches."""

import json
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from qimeng.cli import cli

GOLDEN = """module counter(input clk, input rst, input en, output reg [3:0] q);
  always @(posedge clk)
    if (rst) q <= 4'd0;
    else if (en) q <= q == 4'd5 ? 4'd0 : q + 4'd1;
endmodule
"""
SAME = GOLDEN.replace("q == 4'd5 ? 4'd0 : q + 4'd1", "(q + 4'd1) % 4'd6")
WRONG = GOLDEN.replace("? 4'd0", "? 4'd1")
BENCH = """module tb;
  reg clk = 0, rst = 1, en = 0; wire [3:0] q; integer errors = 0, i;
  counter dut(.clk(clk), .rst(rst), .en(en), .q(q));
  always #5 clk = ~clk;
  initial begin
    @(negedge clk); @(negedge clk); rst = 0; en = 1;
    for (i = 1; i <= 14; i = i + 1) begin
      @(negedge clk); if (q !== i % 6) errors = errors + 1;
    end
    en = 0; @(negedge clk); if (q !== 2) errors = errors + 1;
    @(posedge clk); #1 rst = 1; #1 if (q !== 2) errors = errors + 1;
    if (errors == 0) $display("passed"); else $display("%0d errors", errors);
    $finish;
  end
endmodule
"""


@pytest.fixture
def verify(tmp_path):
    def call(dut, *options, **files):
        paths = {"dut": dut, **files}
        for name, text in paths.items():
            (tmp_path / f"{name}.v").write_text(text)
        named = [str(tmp_path / f"{o[1:]}.v") if o.startswith("@") else o for o in options]
        arguments = ["verify", str(tmp_path / "dut.v"), *named]
        return CliRunner().invoke(cli, arguments, catch_exceptions=False)

    return call


def test_an_equivalent_design_is_proved(verify):
    outcome = verify(SAME, "--against", "@golden", golden=GOLDEN)
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.startswith("equivalent, proved")


def test_a_wrong_design_comes_with_its_counterexample_in_every_form(verify, tmp_path):
    vcd, picture = tmp_path / "wave.vcd", tmp_path / "wave.svg"
    options = ("--json", "--vcd", str(vcd), "--picture", str(picture))
    outcome = verify(WRONG, "--against", "@golden", *options, golden=GOLDEN)
    assert outcome.exit_code == 1
    found = json.loads(outcome.stdout)
    example = found["counterexample"]
    assert (found["verdict"], found["cause"]) == ("different", "behaviour")
    last, where = example["stimulus"]["rows"][-1], example["difference"]
    assert where["cycle"] == len(example["stimulus"]["rows"]) - 1
    assert (where["expected"], where["got"]) == ("0000", "0001")
    assert last == [0, 1]
    assert "q_expected" in vcd.read_text()
    assert ET.parse(picture).getroot().get("class") == "waveform"


def test_the_table_is_aligned_and_ends_in_the_difference(verify):
    outcome = verify(WRONG, "--against", "@golden", golden=GOLDEN)
    lines = outcome.stdout.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("cycle"))
    table = lines[head:-1]
    assert lines[head].split() == ["cycle", "rst", "en", "q", "before", "q", "after"]
    assert len({len(line) for line in table}) == 1
    assert table[-1].endswith("0000/0001")
    assert "expected 0000" in lines[-1]


@pytest.mark.parametrize(
    ("files", "options", "told"),
    [
        ({}, ("--against", "@missing"), "cannot read"),
        ({"golden": "not Verilog"}, ("--against", "@golden"), "golden: "),
        ({"golden": "module m(inout a); endmodule"}, ("--against", "@golden"), "inout"),
        ({}, (), "give either"),
        ({}, ("--score-testbench", "@bench"), "cannot read"),
        ({"bench": "module tb; wrong"}, ("--score-testbench", "@bench"), "do not compile"),
    ],
)
def test_bad_input_is_told_in_one_line(verify, files, options, told):
    outcome = verify(GOLDEN, *options, **files)
    assert outcome.exit_code == 2
    assert told in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert outcome.stdout == ""


def test_a_thorough_testbench_finds_what_a_short_one_misses(verify):
    thorough = verify(GOLDEN, "--score-testbench", "@bench", "--json", bench=BENCH)
    assert thorough.exit_code == 0, thorough.stdout
    assert json.loads(thorough.stdout)["share"] == 1.0
    short = verify(
        GOLDEN, "--score-testbench", "@bench", "--json", bench=BENCH.replace("<= 14", "<= 2")
    )
    found = json.loads(short.stdout)
    assert short.exit_code == 1
    survivors = {(s["line"], s["kind"]) for s in found["survivors"]}
    assert (4, "constant") in survivors
    assert 0.3 < found["share"] < 1


def test_a_testbench_that_accepts_everything_finds_nothing(verify):
    blind = BENCH.replace("errors == 0", "1")
    found = json.loads(verify(GOLDEN, "--score-testbench", "@bench", "--json", bench=blind).stdout)
    assert found["killed"] == 0
    assert found["survivors"]


@pytest.mark.parametrize(
    "spoilt",
    [
        BENCH.replace("% 6", "% 7"),
        BENCH.replace("$finish", "$fatal"),
        BENCH.replace('$display("passed")', '$display("Mismatches: 3 in 14 samples")'),
    ],
)
def test_a_testbench_that_objects_to_the_design_itself_is_bad_input(verify, spoilt):
    outcome = verify(GOLDEN, "--score-testbench", "@bench", bench=spoilt)
    assert outcome.exit_code == 2
    assert "does not pass the design" in outcome.stderr
