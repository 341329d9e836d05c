"""Kinds of failure: each fault put into a golden is called by its name."""

import pytest

from evals.verilog.failures import kind
from evals.verilog.problems import Problem
from evals.verilog.score import Score
from tools.hdl.verify import verify

COUNTER = """module TopModule(input c, input r, input [3:0] d, output reg [3:0] q);
  reg [3:0] p;
  always @(posedge c or posedge r) if (r) q <= 0; else q <= d;
endmodule"""
GATE = "module TopModule(input a, input b, output y); assign y = a ^ b; endmodule"
ASYNC = " or posedge r) if (r) q <= 0; else"
REG, WIRE = "output reg y); always", "output y); assign y = a ^ b"
FAULTS = {
    "no clocked process where one belongs": (COUNTER, f"@(posedge c{ASYNC}", "@*"),
    "wrong clock or clock edge": (COUNTER, "posedge c", "negedge c"),
    "a reset is missing": (COUNTER, ASYNC, ")"),
    "wrong reset kind: asynchronous wanted": (COUNTER, " or posedge r", ""),
    "wrong reset polarity": (COUNTER, "posedge r) if (r)", "negedge r) if (!r)"),
    "clocked: one cycle late": (
        COUNTER,
        "else q <= d;",
        "else q <= p; always @(posedge c) p <= d;",
    ),
    "clocked: an output never changes": (COUNTER, "q <= d", "q <= 0"),
    "clocked: wrong in many cycles": (COUNTER, "<= d", "<= d + 1"),
    "a clock where none belongs": (GATE, WIRE, f"{REG} @(posedge a) y <= a ^ b"),
    "combinational: a latch or a loop": (GATE, WIRE, f"{REG} @* if (a) y = ~b"),
    "combinational: wrong": (GATE, "^", "&"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_called_by_its_name(name, sandbox):
    golden, old, new = FAULTS[name]
    design = golden.replace(old, new)
    found = verify(design, golden, sandbox)
    assert found.verdict == "different"
    assert kind(_score(design, found), _problem(golden), sandbox) == name


def _problem(golden):
    return Problem("p", "v2-spec", "TopModule", "", "", "", golden)


def _score(design, found):
    return Score(
        problem="p", seed=0, official=False, code="R", verdict=found.verdict, cause=found.cause,
        reason=found.reason, claimed="none", tokens_in=0, tokens_out=0, seconds=0, run_id="",
        design=design,
    )  # fmt: skip
