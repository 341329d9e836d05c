"""The repair loop: never worse, always ends, leaves sound code alone, says exactly what is left."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes import Command
from tools.hdl.contract import Contract, Port
from tools.hdl.interface import extract
from tools.hdl.repair import RULES, diagnose, lower_for_icarus, repair
from tools.hdl.repair.diagnose import examine
from tools.hdl.repair.rules import ON_COMPILING, rule_table

ROOT = Path(__file__).resolve().parents[2]
GOLDENS = sorted((ROOT / "evals/rtl_goals/goals").glob("*/golden.sv"))
GATE = Contract("m", (Port("a", "input", 1), Port("b", "input", 1), Port("y", "output", 1)))
FSM = """module m(input clk, input rst, input [3:0] d, output reg [3:0] q, output busy);
  reg [1:0] s;
  // a comment with "quotes' and endmodule
  always @(posedge clk) begin
    if (rst) begin
      s <= 2'd0;
      q <= 4'd0;
    end else begin
      case (s)
        2'd0: if (d != 0) s <= 2'd1;
        2'd1: begin q <= q + d; s <= 2'd2; end
        default: s <= 2'd0;
      endcase
    end
  end
  assign busy = s != 2'd0;
endmodule
"""
FSM_CONTRACT = extract(FSM)
TOKENS = [m.span() for m in re.finditer(r"\w+|[^\w\s]", FSM)]
PIECES = ["end", ";", "begin", ",", "reg", "wire", ")", "{", "0xF", "else", "case", "\n```\n", "=="]


def test_there_are_goldens():
    assert len(GOLDENS) >= 12


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.parent.name)
def test_sound_designs_come_back_byte_for_byte(golden):
    source = golden.read_text()
    result = repair(source, extract(source))
    assert result.source == source and result.applied == ()
    assert result.clean


def test_sound_code_keeps_its_odd_bytes():
    source = "module m(input a,b,output y); // \u03c0 \u2014 tab\t\r\nassign y=a&b;\r\nendmodule"
    assert repair(source, GATE).source == source


@settings(max_examples=60)
@given(st.data())
def test_damaged_code_never_gets_worse_and_a_second_repair_adds_nothing(data):
    text = FSM
    for _ in range(data.draw(st.integers(1, 3))):
        start, end = data.draw(st.sampled_from(TOKENS))
        piece = data.draw(st.sampled_from(["", *PIECES]))
        text = text[:start] + piece + text[end:]
    before = examine(text, FSM_CONTRACT)
    result = repair(text, FSM_CONTRACT)
    after = examine(result.source, FSM_CONTRACT)
    assert after.badness <= before.badness
    assert result.applied == () or after.badness < before.badness
    if not any(before.badness[:3]):
        assert set(result.applied) <= {rule.name for rule in ON_COMPILING}
    assert repair(result.source, FSM_CONTRACT).applied == ()


@settings(max_examples=60)
@given(st.text(max_size=300))
def test_any_text_is_survived(text):
    result = repair(text, GATE)
    assert result.remaining or result.clean


def test_repetitive_answers_end():
    stutter = "module m(input a, input b, output y);\n" + "  assign y = a & b\n" * 200
    assert isinstance(repair(stutter, GATE).applied, tuple)


def test_diagnostics_are_exact():
    source = "module m(input a, input b, output y);\n  assign y = a & nothing;\nendmodule\n"
    (found,) = diagnose(source, GATE)
    assert (found.line, found.column, found.code) == (2, 18, "UndeclaredIdentifier")
    assert "nothing" in found.message
    assert found.text == "  assign y = a & nothing;"
    assert repair(source, GATE).remaining == (found,)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("module m(input a, output y); assign y = a; endmodule", "PortMissing"),
        ("module m(input a, b, output [1:0] y); assign y = a; endmodule", "PortWidth"),
        ("module m(input a, b, output y, input c); assign y = c; endmodule", "PortExtra"),
        ("module m(input a, input y, output b); assign b = a; endmodule", "PortDirection"),
        ("module n(input a, b, output y); assign y = a; endmodule", "TopMissing"),
        ("module m(input a, b, output y); assign y = a; assign y = b; endmodule",
         "MultipleDrivers"),
        ("module m(input a, b, output reg y); always @* if (a) y = b; endmodule", "Latch"),
        ("module m(input a, b, output y); sub s(a, b, y); endmodule", "UnknownModule"),
    ],
)  # fmt: skip
def test_each_kind_of_complaint_is_named(source, code):
    assert code in {d.code for d in diagnose(source, GATE)}


def test_latches_and_drivers_are_reported_and_never_changed():
    source = "module m(input a, b, output reg y); always @* if (a) y = b; endmodule"
    result = repair(source, GATE)
    assert result.source == source and result.clean
    assert [d.severity for d in result.remaining] == ["warning"]


def test_lowering_makes_icarus_accept_what_it_lacks(sandbox):
    source = """module m(input [1:0] a, output logic [3:0] y);
  typedef enum logic [1:0] {A, B, C, D} state;
  state s;
  assign s = state'(a);
  always_comb unique case (s) A: y = 1; B: y = 2; C: y = 4; D: y = 8; endcase
endmodule
"""
    files = {"d.sv": source.encode()}
    argv = ("iverilog", "-g2012", "-o", "o", "d.sv")
    plain = sandbox.run(Command(argv=argv, files=files)).ok
    lowered = lower_for_icarus(source, "m", sandbox)
    assert (lowered == source) == plain
    assert sandbox.run(Command(argv=argv, files={"d.sv": lowered.encode()})).ok
    accepted = "module m(input a, output y); assign y = a; endmodule"
    assert lower_for_icarus(accepted, "m", sandbox) == accepted
    with pytest.raises(ValueError, match="icarus"):
        lower_for_icarus("module m(input a, output y); assign y = ; endmodule", "m", sandbox)


def test_rules_are_documented():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.summary and "→" in rule.example for rule in RULES)
    assert rule_table() in (ROOT / "docs/repair.md").read_text()
