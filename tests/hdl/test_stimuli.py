"""Stimuli reach what they promise."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tools.hdl.contract import Clock, Contract, Port, Reset
from tools.hdl.stimuli import mine, stimuli

ports = st.lists(st.integers(1, 70), min_size=1, max_size=5)


def contract(widths, clocked, resets=(), clocks=("clk",)):
    inputs = [Port(f"i{n}", "input", width) for n, width in enumerate(widths)]
    inputs += [Port(r.port, "input", 1) for r in resets]
    if clocked:
        inputs += [Port(name, "input", 1) for name in clocks]
    used = tuple(Clock(name, "posedge") for name in clocks) if clocked else ()
    return Contract("top", (*inputs, Port("o", "output", 1)), used, tuple(resets))


@settings(max_examples=40)
@given(widths=ports, clocked=st.booleans(), seed=st.integers(0, 9), cycles=st.integers(1, 400))
def test_rows_fit_their_ports_and_repeat_with_the_seed(widths, clocked, seed, cycles):
    rst = Reset("rst", True, False)
    c = contract(widths, clocked, (rst,) if clocked else ())
    found = stimuli(c, seed, (), cycles)
    assert found == stimuli(c, seed, (), cycles)
    assert found.inputs == tuple(p.name for p in c.driven)
    assert all(
        0 <= v < 1 << p.width for row in found.rows for v, p in zip(row, c.driven, strict=True)
    )


def test_a_small_combinational_space_is_covered_whole():
    found = stimuli(contract([5, 7], clocked=False))
    assert found.exhaustive
    assert len(set(found.rows)) == 1 << 12
    assert not stimuli(contract([5, 8], clocked=False)).exhaustive
    assert not stimuli(contract([2], clocked=True)).exhaustive


def test_every_reset_is_asserted_first_then_released_then_pulsed_alone():
    low, high = Reset("r_n", False, True), Reset("clr", True, False)
    found = stimuli(contract([4], True, (low, high)))
    levels = [(row[1], row[2]) for row in found.rows]
    assert levels[:2] == [(0, 1), (0, 1)]
    assert {(1, 0), (0, 0), (1, 1), (0, 1)} <= set(levels[2:])


def test_mined_constants_and_their_neighbours_are_tried():
    source = """module top(input [31:0] i0, output o); parameter P = 77;
    assign o = i0 == 32'hDEAD_BEEF; endmodule"""
    assert {0xDEADBEEF, 77} <= mine([source])
    seen = {row[0] for row in stimuli(contract([32], False), 0, [source]).rows}
    assert {0xDEADBEEF, 0xDEADBEEE, 0xDEADBEF0, 77} <= seen


def test_wide_operands_are_equal_and_differ_in_one_bit():
    rows = stimuli(contract([64, 64], False)).rows
    assert any(a == b and a for a, b in rows)
    assert any((a ^ b).bit_count() == 1 and a and b for a, b in rows)


def test_quiet_runs_outlast_the_counters_the_source_names():
    source = "module top(input e, output reg [15:0] n); always @* n = n == 5000; endmodule"
    rows = stimuli(contract([1, 8], True), 0, [source]).rows
    longest = run = 0
    for before, now in pairwise(rows):
        run = run + 1 if now == before and now[0] == 1 else 0
        longest = max(longest, run)
    assert longest >= 10_000


def test_several_clocks_move_one_at_a_time_and_never_with_a_reset():
    rst = Reset("rst", True, True)
    found = stimuli(contract([4], True, (rst,), clocks=("a", "b")))
    index = {name: i for i, name in enumerate(found.inputs)}
    edges = {"a": 0, "b": 0}
    for before, now in pairwise(found.rows):
        moved = [name for name in ("a", "b") if before[index[name]] != now[index[name]]]
        assert len(moved) <= 1
        assert not (moved and before[index["rst"]] != now[index["rst"]])
        for name in moved:
            edges[name] += 1
    assert min(edges.values()) > 300
    start = found.rows[:14]
    assert all(row[index["rst"]] for row in start)
    assert {row[index["a"]] for row in start} == {row[index["b"]] for row in start} == {0, 1}
