"""Waveform pictures and dumps say what the trace says."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.hdl.contract import Clock, Contract, Port
from tools.hdl.trace import Stimulus, Trace
from tools.hdl.waveform import differs, text_of, to_vcd, waveform

CONTRACT = Contract(
    "unit<1>",
    (
        Port("clk", "input", 1),
        Port("en", "input", 1),
        Port("d", "input", 8),
        Port("q", "output", 8),
        Port("ok", "output", 1),
    ),
    (Clock("clk", "posedge"),),
)
STIMULUS = Stimulus(("en", "d"), ((0, 0), (1, 0xA5), (1, 0x3C)))
TRACE = Trace(
    ("q", "ok"),
    (("x" * 8, "x"), ("x" * 8, "0"), ("10100101", "1")),
    (("x" * 8, "0"), ("10100101", "1"), ("00111100", "z")),
)
SVG = "{http://www.w3.org/2000/svg}"


def _classes(svg):
    return [e.get("class") for e in ElementTree.fromstring(svg).iter() if e.get("class")]


def test_picture_has_a_row_a_signal_and_the_values_on_it():
    svg = waveform(CONTRACT, STIMULUS, TRACE)
    root = ElementTree.fromstring(svg)
    names = [e.text for e in root.iter(f"{SVG}text") if e.get("class") == "name"]
    assert names == ["clk", "en", "d[7:0]", "q[7:0]", "ok"]
    values = [e.text for e in root.iter(f"{SVG}text") if e.get("class") == "value"]
    assert values == ["00", "A5", "3C", "A5", "3C"]
    assert _classes(svg).count("unknown") == 1
    assert "wrong" not in _classes(svg)
    assert "prefers-color-scheme:dark" in svg


def test_mismatches_are_marked_once_each_and_unknown_expectations_are_not():
    after = (("1" * 8, "0"), ("10100101", "0"), ("xxxxxxxx", "x"))
    expected = Trace(TRACE.outputs, TRACE.before, after)
    svg = waveform(CONTRACT, STIMULUS, TRACE, expected)
    assert _classes(svg).count("wrong") == 2
    assert "≠ FF" in svg and "≠ 0" in svg


def test_window_shows_its_cycles_only():
    svg = waveform(CONTRACT, STIMULUS, TRACE, first=1, cycles=1)
    ticks = [
        e.text for e in ElementTree.fromstring(svg).iter(f"{SVG}text") if e.get("class") == "tick"
    ]
    assert ticks == ["1"]
    with pytest.raises(ValueError, match="no cycle"):
        waveform(CONTRACT, STIMULUS, TRACE, first=3)


@given(st.text(alphabet="01xz", min_size=1, max_size=70))
def test_known_bus_values_read_back(value):
    text = text_of(value)
    assert len(text) == -(-len(value) // 4)
    if set(value) <= {"0", "1"}:
        assert int(text, 16) == int(value, 2)
    else:
        assert set(text) & {"x", "z"}


@given(st.text(alphabet="01xz", min_size=1, max_size=9), st.data())
def test_difference_needs_a_known_bit_that_is_otherwise(expected, data):
    value = data.draw(st.text(alphabet="01xz", min_size=len(expected), max_size=len(expected)))
    wrong = [i for i, e in enumerate(expected) if e in "01" and value[i] != e]
    assert differs(value, expected) == bool(wrong)


def test_vcd_replays_to_the_trace():
    lines = to_vcd(CONTRACT, STIMULUS, TRACE).splitlines()
    codes = {m[2]: m[1] for line in lines if (m := re.match(r"\$var wire \d+ (\S+) (\w+)", line))}
    state, time, seen = {}, 0, {}
    for line in lines[lines.index("$enddefinitions $end") + 1 :]:
        if line.startswith("#"):
            seen[time] = dict(state)
            time = int(line[1:])
        elif line.startswith("b"):
            value, code = line[1:].split()
            state[code] = value
        else:
            state[line[1:]] = line[0]

    def at(moment, name):
        return seen[max(t for t in seen if t <= moment)][codes[name]]

    for cycle, (before, after) in enumerate(zip(TRACE.before, TRACE.after, strict=True)):
        assert [at(10 * cycle + 4, n) for n in TRACE.outputs] == list(before)
        assert [at(10 * cycle + 9, n) for n in TRACE.outputs] == list(after)
        assert at(10 * cycle + 4, "clk") == "0" and at(10 * cycle + 5, "clk") == "1"
        assert int(at(10 * cycle, "d"), 2) == STIMULUS.rows[cycle][1]
