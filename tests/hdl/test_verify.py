"""The verdicts: goldens equal themselves and their netlists, mutants do not."""

from pathlib import Path

import pytest

from memory.records import Evidence
from tools.hdl.mutate import mutants
from tools.hdl.verify import verify, verify_many
from tools.hdl.yosys import run_yosys

GOLDENS = {path.stem: path.read_text() for path in (Path(__file__).parent / "goldens").glob("*.v")}
UNPROVED = {"fifo"}
"""Goldens whose proof is out of reach: memories with unknown power-up contents."""


def netlist(name, sandbox):
    script = f"read_verilog design.v; synth -flatten -top {name}; write_verilog -noattr netlist.v"
    files = {"design.v": GOLDENS[name].encode()}
    return run_yosys(sandbox, script, files, ("netlist.v",)).files["netlist.v"].decode()


@pytest.mark.parametrize("name", sorted(GOLDENS))
def test_a_golden_equals_its_netlist(name, sandbox):
    found = verify(netlist(name, sandbox), GOLDENS[name], sandbox, seconds=10)
    assert found.verdict == "equivalent", found
    slow = name in UNPROVED  # a proof may or may not come within the seconds
    assert found.evidence == Evidence.PROVED or (slow and found.evidence == Evidence.TESTED), found


@pytest.mark.parametrize("name", sorted(set(GOLDENS) - {"arbiter"}))
def test_no_mutant_passes_unless_it_is_proved_equal(name, sandbox):
    """Every fourth mutant; the whole sweep is ``evals``' business."""
    golden = GOLDENS[name]
    some = list(mutants(golden))[::4]
    quick = verify_many([m.source for m in some], golden, sandbox)
    assert sum(v.verdict == "different" for v in quick) >= len(quick) // 2
    for mutant, found in zip(some, quick, strict=True):
        if found.verdict == "equivalent":
            found = verify(mutant.source, golden, sandbox, seconds=60)
            proved = found.verdict == "equivalent" and found.evidence == Evidence.PROVED
            assert proved or found.verdict == "different", (mutant.name, found)


def test_the_counterexample_is_short_and_tells_what_happened(sandbox):
    golden = GOLDENS["counter"]
    found = verify(golden.replace("4'd0 : q + 4'd1", "4'd1 : q + 4'd1"), golden, sandbox)
    example = found.counterexample
    assert found.verdict == "different"
    assert len(example.stimulus.rows) == example.difference.cycle + 1 <= 15
    assert found.reason == str(example.difference)
    table = str(example).splitlines()
    assert table[0].split()[:4] == ["cycle", "rst", "en", "up"]
    assert len(table) == len(example.stimulus.rows) + 2


def test_a_deep_limit_off_by_one_is_found_late(sandbox):
    golden = GOLDENS["deep"]
    found = verify(golden.replace("? 10'd0", "? 10'd1"), golden, sandbox)
    assert found.verdict == "different"
    assert found.counterexample.difference.cycle > 1990


def test_a_needle_only_a_proof_finds(sandbox):
    golden = GOLDENS["compare"]
    found = verify(golden.replace("32'hC0DE1234", "32'hC0DE1235"), golden, sandbox)
    assert found.verdict == "different"
    assert found.counterexample.difference.signal == "magic"


def test_a_golden_that_never_leaves_x_says_nothing(sandbox):
    golden = """module acc(input clk, input [7:0] d, output reg [7:0] q);
    always @(posedge clk) q <= q + d; endmodule"""
    for dut in (golden, golden.replace("+", "-"), golden.replace("q + d", "8'd0")):
        found = verify(dut, golden, sandbox, seconds=5)
        assert (found.verdict, found.cause) == ("inconclusive", "golden")
        assert "leaves q unknown" in found.reason


@pytest.mark.parametrize(
    ("golden", "reason"),
    [
        ("module m(inout a); endmodule", "inout"),
        ("module m(input a); endmodule", "no outputs"),
        ("module m(input a, output y); assign y = ; endmodule", "expected"),
        ("module m(input a, output y); initial $finish; endmodule", "$finish"),
        ("module m(input a, output y); endmodule module n(input b); endmodule", "name the top"),
    ],
)
def test_goldens_that_cannot_be_references_are_unsupported(golden, reason, sandbox):
    found = verify(golden, golden, sandbox)
    assert (found.verdict, found.cause) == ("unsupported", "golden")
    assert reason in found.reason


def test_many_and_one_agree(sandbox):
    golden = GOLDENS["counter"]
    duts = [golden, golden.replace("4'd11", "4'd10"), "module counter; endmodule", "nonsense"]
    verdicts = [v.verdict for v in verify_many(duts, golden, sandbox)]
    assert verdicts == [verify(d, golden, sandbox).verdict for d in duts]
    assert verdicts == ["equivalent", "different", "different", "different"]


def test_twins_in_a_batch_share_their_answer_and_keep_their_places(sandbox):
    golden = GOLDENS["counter"]
    wrong = golden.replace("4'd11", "4'd10")
    duts = [wrong, golden, f"{wrong}// the same\n", golden.replace(" = ", "  =  "), "nonsense"]
    found = verify_many(duts, golden, sandbox)
    assert [v.verdict == "equivalent" for v in found] == [False, True, False, True, False]
    assert found[0] == found[2]


def test_a_batch_finds_what_only_the_second_stimulus_shows(sandbox):
    """The wrong edge, seen when data change in both halves of the clock."""
    golden = "module m(input c, input d, output reg q); always @(posedge c) q <= d; endmodule"
    latch = golden.replace("@(posedge c) q <= d", "@* if (c) q = d")
    found = verify_many([golden, latch, latch + "\n"], golden, sandbox)
    assert [v.verdict for v in found] == ["equivalent", "different", "different"]


def test_how_a_batch_is_cut_changes_no_answer(sandbox, monkeypatch):
    golden = GOLDENS["deep"]
    some = [m.source for m in mutants(golden)][::5]
    whole = verify_many([*some, golden, "nonsense"], golden, sandbox)
    monkeypatch.setattr("tools.hdl.golden.EARLY_BITS", 400)
    monkeypatch.setattr("tools.hdl.golden.LEAST_EARLY_ROWS", 40)
    monkeypatch.setattr("tools.hdl.golden.BATCH_BYTES", 2_000_000)
    assert verify_many([*some, golden, "nonsense"], golden, sandbox) == whole
    assert {v.verdict for v in whole} == {"different", "equivalent"}


def test_a_counter_behind_an_address_is_driven_to_its_end(sandbox):
    """Saturation shows only when one of 128 places is counted up three times and then read."""
    golden = """module m(input c, r, up, input [6:0] a, b, output [1:0] y);
    reg [1:0] t [0:127]; integer i; assign y = t[b];
    always @(posedge c) if (r) for (i = 0; i < 128; i = i + 1) t[i] <= 1;
    else if (up && t[a] < 3) t[a] <= t[a] + 1; endmodule"""
    wraps = golden.replace("t[a] < 3", "t[a] < 4")
    assert [v.verdict for v in verify_many([wraps, golden], golden, sandbox)] == [
        "different",
        "equivalent",
    ]


def test_an_output_that_keeps_its_value_in_one_case_is_found(sandbox):
    """It is right whenever the value before happens to be the same."""
    cases = " ".join(f"4'd{x}: f = {x % 5 < 3:d};" for x in range(16))
    golden = (
        f"module m(input [3:0] x, output logic f); always @* case (x) {cases} endcase endmodule"
    )
    duts = [golden.replace(f"4'd{x}:", f"4'd{(x + 15) % 16}:") for x in range(16)]
    assert {v.verdict for v in verify_many(duts, golden, sandbox)} == {"different"}


def test_power_up_is_no_edge(sandbox):
    golden = """module m(input c, input d, output reg q); initial q = 0;
    always @(posedge c) q <= d ^ q; endmodule"""
    found = verify(golden.replace("posedge", "negedge"), golden, sandbox)
    assert (found.verdict, found.counterexample.difference.unknown) == ("different", False)


def test_x_that_hardware_could_show_is_different_and_netlist_pessimism_is_not(sandbox):
    golden = GOLDENS["fifo"]
    forgets = golden.replace("      count <= 3'd0;\n", "")
    assert verify(forgets, golden, sandbox).verdict == "different"
    two = """module two(input clk, input d, output y); reg q = 0;
    always @(posedge clk) q <= d; assign y = 1'b0; endmodule"""
    pessimist = two.replace("reg q = 0", "reg q").replace("1'b0;", "q & ~q & (q ^ q);")
    assert verify(pessimist, two, sandbox).verdict == "equivalent"
