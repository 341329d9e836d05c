"""Simulation: the documented timing, one by one and in batches, and its refusals."""

import pytest

from tools.hdl.batch import simulate_many
from tools.hdl.compare import first_difference
from tools.hdl.contract import Contract, Port
from tools.hdl.interface import extract
from tools.hdl.simulate import SimulationError, simulate, simulate_under
from tools.hdl.stimuli import stimuli
from tools.hdl.trace import Stimulus, Trace

FLOP = """module flop(input clk, input arst, input [1:0] d, output reg [1:0] q, output [1:0] n);
  assign n = q ^ d;
  always @(posedge clk or posedge arst) if (arst) q <= 2'd3; else q <= d;
endmodule
"""


def rows(*values):
    return Stimulus(("arst", "d"), values)


def test_before_shows_the_old_state_with_new_inputs_and_after_the_new_state(sandbox):
    trace = simulate(FLOP, extract(FLOP), rows((0, 1), (0, 2), (1, 0), (0, 0)), sandbox)
    assert trace.outputs == ("q", "n")
    assert trace.before == (("xx", "xx"), ("01", "11"), ("11", "11"), ("11", "11"))
    assert trace.after == (("01", "00"), ("10", "00"), ("11", "11"), ("00", "00"))
    assert trace.simulator == "icarus"


def test_a_column_for_the_clock_drives_it_by_level(sandbox):
    stimulus = Stimulus(
        ("clk", "arst", "d"), ((0, 1, 0), (0, 0, 1), (1, 0, 2), (1, 0, 1), (0, 0, 1))
    )
    trace = simulate(FLOP, extract(FLOP), stimulus, sandbox)
    assert [q for q, _ in trace.before] == ["11", "11", "10", "10", "10"]
    assert trace.after == ()


def test_a_falling_clock_and_a_combinational_module(sandbox):
    falling = FLOP.replace("posedge clk", "negedge clk")
    trace = simulate(falling, extract(falling), rows((0, 1), (0, 2)), sandbox)
    assert trace.after[0] == ("01", "00")
    gate = "module gate(input a, input [7:0] b, output [8:0] y); assign y = {a, ~b}; endmodule"
    trace = simulate(gate, extract(gate), Stimulus(("a", "b"), ((1, 15),)), sandbox)
    assert (trace.before, trace.after) == ((("111110000",),), ())


def test_many_give_what_each_gives_alone_whatever_its_neighbours(sandbox):
    contract = extract(FLOP)
    stimulus = stimuli(contract, cycles=60)
    sources = [
        FLOP,
        FLOP.replace("q ^ d", "q & d"),
        FLOP.replace("q ^ d", "q ^"),
        FLOP.replace("endmodule", "initial $finish; endmodule"),
        "`define FLOP flop\n" + FLOP.replace("flop", "`FLOP"),
        FLOP.replace("q ^ d", "nowhere ^ d").replace("assign", "assign q = 0; assign"),
        FLOP + "module helper(input a); endmodule",
    ]
    alone = [outcome(source, contract, stimulus, sandbox) for source in sources]
    together = simulate_many(sources, contract, stimulus, sandbox)
    kinds = [a.kind if isinstance(a, SimulationError) else "trace" for a in together]
    assert kinds == ["trace", "trace", "compile", "guard", "trace", "compile", "trace"]
    for one, many in zip(alone, together, strict=True):
        assert (str(one) == str(many)) if isinstance(one, SimulationError) else (one == many)


def outcome(source, contract, stimulus, sandbox):
    try:
        return simulate(source, contract, stimulus, sandbox)
    except SimulationError as error:
        return error


def test_what_icarus_lacks_is_lowered_together_and_each_gets_what_it_gets_alone(sandbox):
    """The last one drives the same bit twice; lowered, it drives its own input: no trace."""
    source = """module m(input a, input [1:0] s, output reg [3:0] n);
    parameter A=0, B=1; typedef enum logic [1:0] {P, Q} t; t u; assign u = t'(s);
    assign n[A] = u == Q & a; assign n[B] = s[1] & ~a; assign n[3:2] = 2'd2; endmodule"""
    bad = source.replace("u == Q & a", "a").replace("n[B]", "n[A]").replace("s[1] & ~a", "s[0]")
    sources = [source.replace("2'd2", f"2'd{i}") for i in range(4)] + [bad]
    contract = extract(source)
    stimulus = stimuli(contract)
    alone = [outcome(each, contract, stimulus, sandbox) for each in sources]
    for one, many in zip(alone, simulate_many(sources, contract, stimulus, sandbox), strict=True):
        assert (str(one) == str(many)) if isinstance(one, SimulationError) else (one == many)
    assert [getattr(a, "simulator", "none") for a in alone] == ["icarus after yosys"] * 4 + ["none"]


def test_one_endless_design_does_not_hurt_a_batch(sandbox):
    contract = extract(FLOP)
    stuck = FLOP.replace(
        "endmodule", "reg h; always @* begin h = d[0]; while (1) h = ~h; end endmodule"
    )
    found = simulate_many([FLOP, stuck, FLOP], contract, rows((0, 1)), sandbox, 2.0, 2.0)
    assert [type(a) for a in found] == [Trace, SimulationError, Trace]
    assert found[1].kind in ("timeout", "starved")  # by how busy the machine is


def test_many_stimuli_in_one_run(sandbox):
    contract = extract(FLOP)
    several = [rows((0, 1), (0, 2), (0, 3)), rows((1, 0)), rows((0, 3), (1, 1))]
    together = simulate_under(FLOP, contract, several, sandbox)
    assert together == [simulate(FLOP, contract, s, sandbox) for s in several]


def test_a_compile_error_names_the_line_of_the_design(sandbox):
    with pytest.raises(SimulationError) as caught:
        simulate(FLOP.replace("q <= d", "q <= nothing"), extract(FLOP), rows((0, 1)), sandbox)
    assert (caught.value.kind, caught.value.line) == ("compile", 3)


def test_language_icarus_lacks_is_lowered_and_said_so(sandbox):
    source = """module cast(input [1:0] a, output logic [1:0] y);
    typedef enum logic [1:0] {A, B, C, D} t; t s;
    assign s = t'(a); always_comb y = (s == D) ? A : t'(s + 2'd1); endmodule"""
    trace = simulate(source, extract(source), Stimulus(("a",), ((0,), (3,))), sandbox)
    assert trace.before == (("01",), ("00",))
    assert trace.simulator == "icarus after yosys"


def test_a_design_no_tool_may_forgive_stays_refused(sandbox):
    source = "module top(input a, output y); always @* y = a; endmodule"
    with pytest.raises(SimulationError, match="y is not a valid l-value"):
        simulate(source, extract(source), Stimulus(("a",), ((0,),)), sandbox)


def test_verilator_agrees_with_icarus_by_edge_and_by_level(sandbox):
    wide = FLOP.replace("endmodule", "endmodule").replace("output [1:0] n", "output [69:0] n")
    wide = wide.replace("assign n = q ^ d", "assign n = {68'd5, q ^ d}")
    contract = extract(wide)
    for view in (contract, contract.unpulsed()):
        stimulus = stimuli(view, cycles=50)
        icarus = simulate(wide, contract, stimulus, sandbox)
        verilator = simulate(wide, contract, stimulus, sandbox, "verilator", 120)
        assert verilator.simulator == "verilator"
        assert first_difference(icarus, verilator) is None
    wrong = simulate(wide.replace("2'd3", "2'd2"), contract, stimulus, sandbox, "verilator", 120)
    assert first_difference(icarus, wrong) is not None


def test_a_design_of_too_many_instances_is_refused_like_any_other(sandbox):
    source = (
        "module leaf(input a, output y); assign y = a; endmodule\n"
        "module m(input a, output [29999:0] y);\n"
        "  genvar i;\n  generate for (i = 0; i < 30000; i = i + 1) begin : g\n"
        "    leaf u(.a(a), .y(y[i]));\n  end endgenerate\nendmodule\n"
    )
    contract = Contract("m", (Port("a", "input", 1), Port("y", "output", 30000)))
    with pytest.raises(SimulationError, match="more than 20000 instances"):
        simulate(source, contract, Stimulus(("a",), ((0,), (1,))), sandbox)
