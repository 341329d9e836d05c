"""The waveform picture and the VCD file show what the trace says."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.hdl.contract import Clock, Contract, Port, Reset
from tools.hdl.lanes import interesting, lanes, leading_reset
from tools.hdl.trace import Stimulus, Trace
from tools.hdl.waveform import to_svg, to_vcd

COUNTER = Contract(
    "counter",
    (
        Port("clk", "input", 1),
        Port("rst", "input", 1),
        Port("en", "input", 1),
        Port("q", "output", 4),
        Port("top", "output", 1),
    ),
    clocks=(Clock("clk", "posedge"),),
    resets=(Reset("rst", True, False),),
)


def counted(enables):
    """A counter's run, by hand: two rows of reset, then ``enables``."""
    rows = [(1, 0), (1, 0), *((0, int(e)) for e in enables)]
    before, after, value = [], [], None
    for rst, en in rows:
        before.append(shown(value))
        value = 0 if rst else (value + en) % 16
        after.append(shown(value))
    stimulus = Stimulus(("rst", "en"), tuple(rows))
    return stimulus, Trace(("q", "top"), tuple(before), tuple(after), "by hand")


def shown(value):
    return ("xxxx", "x") if value is None else (f"{value:04b}", str(int(value == 15)))


def texts(svg, kind):
    root = ElementTree.fromstring(svg)
    found = root.iter("{http://www.w3.org/2000/svg}text")
    return [e.text for e in found if kind in e.get("class").split()]


def test_buses_show_their_values_in_hexadecimal():
    stimulus, trace = counted([1] * 14)
    svg = to_svg(COUNTER, stimulus, trace, first=0, cycles=16)
    assert texts(svg, "value") == ["x", *"0123456789abcd", "e"]
    assert texts(svg, "wanted") == []
    assert texts(svg, "tick") == [str(i) for i in range(16)]


def test_mismatches_are_marked_with_the_expected_value():
    stimulus, trace = counted([1] * 14)
    after = list(trace.after)
    after[9] = ("0101", "0")
    svg = to_svg(COUNTER, stimulus, replace(trace, after=tuple(after)), trace, first=0, cycles=16)
    assert texts(svg, "wanted") == ["8"]
    assert texts(svg, "bad") == ["5", "8"]
    assert "red: wrong" in svg


def test_an_unknown_expected_value_marks_nothing():
    stimulus, trace = counted([1] * 14)
    unknown = replace(trace, after=tuple(("xxxx", "x") for _ in trace.after))
    assert texts(to_svg(COUNTER, stimulus, trace, unknown, first=0), "wanted") == []


def test_the_picture_is_well_formed_for_any_port_name():
    odd = replace(COUNTER, ports=(*COUNTER.ports[:4], Port("<&>", "output", 1)))
    stimulus, trace = counted([1])
    svg = to_svg(odd, stimulus, replace(trace, outputs=("q", "<&>")))
    assert "<&>" in texts(svg, "name")


def test_both_colour_schemes_are_in_the_file_and_nothing_is_fetched():
    svg = to_svg(COUNTER, *counted([1]))
    assert "prefers-color-scheme: dark" in svg
    assert "href" not in svg and "@import" not in svg


@pytest.mark.parametrize("row", [3, 40, 199])
def test_the_first_mismatch_is_in_view(row):
    stimulus, trace = counted([1, 0] * 99)
    after = list(trace.after)
    after[row] = ("1111", "0")
    wrong = replace(trace, after=tuple(after))
    first = interesting(COUNTER, stimulus, wrong, trace, 24)
    assert first <= row < first + 24


def test_a_quiet_start_is_passed_over_for_where_the_outputs_move():
    stimulus, trace = counted([0] * 100 + [1] * 60)
    assert interesting(COUNTER, stimulus, trace, None, 24) >= 90
    stimulus, trace = counted([1] * 160)
    assert interesting(COUNTER, stimulus, trace, None, 24) == 0


def test_the_leading_reset_ends_where_one_reset_is_released():
    stimulus, _ = counted([1] * 3)
    assert leading_reset(COUNTER, stimulus) == 2
    assert leading_reset(replace(COUNTER, resets=()), stimulus) == 0


def test_a_combinational_module_has_no_clock_and_one_value_a_row():
    contract = Contract("inv", (Port("a", "input", 1), Port("y", "output", 1)))
    stimulus = Stimulus(("a",), ((0,), (1,), (1,)))
    trace = Trace(("y",), (("1",), ("0",), ("0",)))
    found = lanes(contract, stimulus, trace, None, range(3))
    assert [lane.kind for lane in found] == ["input", "output"]
    assert [(s.start, s.end, s.bits) for s in found[1].segments] == [(0, 1, "1"), (1, 3, "0")]


def read_vcd(text):
    """Every signal's value over time: a small reader of our own, for what to_vcd uses."""
    names, values, time = {}, {}, 0
    for line in text.splitlines():
        words = line.split()
        if words[0] == "$var":
            names[words[3]] = words[4]
        elif line[0] == "#":
            time = int(line[1:])
        elif line[0] == "b":
            values.setdefault(names[words[1]], []).append((time, words[0][1:]))
        elif line[0] in "01xz":
            values.setdefault(names[line[1:]], []).append((time, line[0]))
    return values, time


def at(changes, time):
    return next(v for t, v in reversed(changes) if t <= time)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_vcd_holds_every_sample(enables):
    stimulus, trace = counted(enables)
    values, end = read_vcd(to_vcd(COUNTER, stimulus, trace))
    assert end == 10 * len(stimulus.rows)
    for i, row in enumerate(stimulus.rows):
        assert at(values["rst"], 10 * i + 4) == str(row[0])
        assert (at(values["clk"], 10 * i + 4), at(values["clk"], 10 * i + 5)) == ("0", "1")
        assert at(values["q"], 10 * i + 4) == trace.before[i][0]
        assert at(values["q"], 10 * i + 5) == trace.after[i][0]
