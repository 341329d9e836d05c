"""Differences between traces, and shrinking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.hdl.compare import Difference, first_difference, mask_power_up, shrink, unobserved
from tools.hdl.contract import Clock, Contract, Port, Reset
from tools.hdl.trace import Stimulus, Trace


def trace(*before, after=()):
    return Trace(("y",), tuple((v,) for v in before), tuple((v,) for v in after))


def test_equal_and_dont_care():
    assert first_difference(trace("01", "1x"), trace("01", "10")) is None
    assert first_difference(trace("xx"), trace("zz")) is None


def test_a_wrong_value_weighs_more_than_an_earlier_unknown():
    found = first_difference(trace("00", "00", "11"), trace("00", "0x", "10"))
    assert found == Difference(2, "y", "11", "10", "before")
    weaker = first_difference(trace("00", "00"), trace("00", "0z"))
    assert weaker == Difference(1, "y", "00", "0z", "before", unknown=True)


def test_after_comes_after_before():
    found = first_difference(trace("0", "0", after=("0", "1")), trace("0", "1", after=("1", "1")))
    assert found == Difference(0, "y", "0", "1", "after")


def test_a_golden_z_is_a_value():
    assert first_difference(trace("z"), trace("0")) is not None
    assert first_difference(trace("z"), trace("z")) is None


@given(st.lists(st.tuples(*[st.sampled_from("01xz")] * 2), min_size=1, max_size=80))
def test_values_are_compared_bit_by_bit(bits):
    want, have = ("".join(side) for side in zip(*bits, strict=True))
    cared = [(w, h) for w, h in bits if w not in ("x", h)]
    wrong = any(h in "01" for _, h in cared)
    found = first_difference(trace(want), trace(have))
    assert (found is None, found is not None and not found.unknown) == (not cared, wrong)


def test_traces_of_other_shape_are_refused():
    with pytest.raises(ValueError, match="different outputs or lengths"):
        first_difference(trace("0"), trace("0", "0"))


def test_power_up_is_hidden_until_the_last_leading_reset_row():
    contract = Contract(
        "t", (Port("r_n", "input", 1),), (Clock("c", "posedge"),), (Reset("r_n", False, False),)
    )
    stimulus = Stimulus(("r_n",), ((0,), (0,), (1,), (0,)))
    values = ("1", "1", "1", "1")
    masked = mask_power_up(trace(*values, after=values), contract, stimulus)
    assert masked == trace("x", "1", "1", "1", after=("x", "1", "1", "1"))


def test_outputs_that_stay_unknown_are_named():
    known = Trace(("a", "b"), (("0", "1x"),) * 200)
    assert unobserved(known) == ("b[0]",)
    assert unobserved(Trace(("a",), (("x",),) * 150 + (("0",),) * 50)) == ()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=300), st.integers(0, 2))
def test_shrinking_keeps_the_fault_and_the_reset(values, keep):
    """A machine that fails once it has seen a 1 and later a 2, after ``keep`` reset rows."""

    def fails(stimulus):
        rows = [row[0] for row in stimulus.rows]
        if rows[:keep] != [9] * keep or 1 not in rows:
            return None
        late = [i for i, v in enumerate(rows) if v == 2 and i > rows.index(1)]
        return Difference(late[0], "y", "0", "1", "before") if late else None

    stimulus = Stimulus(("v",), tuple((v,) for v in [9] * keep + values))
    difference = fails(stimulus)
    if difference is None:
        return
    shortest = shrink(stimulus, difference, keep, lambda many: [fails(s) for s in many], rounds=12)
    assert fails(shortest) is not None
    assert len(shortest.rows) == keep + 2


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_idle_rows_of_a_counterexample_go_all_at_once(rows):
    """A counter is wrong at its fifth step: idle cycles between the steps say nothing."""

    def fails(stimulus):
        steps = 0
        for cycle, (step,) in enumerate(stimulus.rows):
            steps += step
            if steps == 5:
                return Difference(cycle, "y", "0", "1", "before")
        return None

    stimulus = Stimulus(("step",), tuple((int(row),) for row in rows))
    difference = fails(stimulus)
    if difference is not None:
        found = shrink(stimulus, difference, 0, lambda many: [fails(s) for s in many], rounds=3)
        assert found.rows == ((1,),) * 5
