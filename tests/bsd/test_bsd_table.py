"""Black boxes that people bring: read whole, or refused with the input at fault."""

import numpy as np
import pytest

from tools.bsd.box import BoxError, Oracle
from tools.bsd.learn import Settings, learn
from tools.bsd.prove import prove
from tools.bsd.table import looks_like_black_box, read_black_box
from tools.bsd.verilog import to_verilog

STEP = [(a, up, (a + 1 if up else a - 1) & 3) for a in range(4) for up in range(2)]
TEXT = "a[2], up -> y[2]\n" + "\n".join(f"{a}, {up} -> {y:#b}" for a, up, y in reversed(STEP))
FUNCTION = """
def step(a: 2, up: 1) -> {"y": 2, "zero": 1}:
    y = a + 1 if up else a - 1
    return y & 3, y & 3 == 0
"""


def test_a_table_and_a_function_say_the_same(sandbox):
    told = read_black_box(TEXT, sandbox)
    run = read_black_box(FUNCTION, sandbox)
    assert [row[0] for row in run.rows] == [row[0] for row in told.rows] == [y for *_, y in STEP]
    vectors = np.array([[a, up] for a, up, _ in STEP], dtype=np.uint64).T
    assert Oracle(run.box())(vectors).T.tolist() == [list(row) for row in run.rows]


def test_what_is_learned_of_it_is_proved_against_its_verilog(sandbox):
    table = read_black_box(FUNCTION, sandbox)
    found = learn(table.box(), Settings(vectors=1 << 12))
    text = to_verilog(found.box, found.netlist, found.literals)
    assert prove(found.box, text, table.verilog(), sandbox).status == "proved"
    other = read_black_box(FUNCTION.replace("a - 1", "a - 2"), sandbox)
    assert prove(found.box, text, other.verilog(), sandbox).status == "different"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TEXT.replace("2, 1 -> 0b11\n", ""), r"\(2, 1\) is missing"),
        (TEXT + "\n0 0 -> 3", "given before"),
        (TEXT.replace("2, 1 -> 0b11", "2, 1 -> 4"), r"\(2, 1\) gave \(4,\)"),
        (TEXT.replace("2, 1 ->", "2, 7 ->"), r"line 4: \(2, 7\) is no input"),
        ("a[20] -> y\n", "20 input bits"),
        ("a[2 -> y\n", "is no port"),
        (FUNCTION.replace("y & 3, y", "1 // a, y"), r"step\(0, 0\): ZeroDivisionError"),
        (FUNCTION.replace("y & 3, y", "y, y"), r"step\(0, 0\) gave \(-1, "),
        (FUNCTION.replace("a: 2", "a: 'two'"), "must be widths"),
        (FUNCTION.replace("y = a", "while True: y = a"), "stopped by"),
    ],
)
def test_a_bad_one_is_refused_with_the_input_at_fault(text, why, sandbox, monkeypatch):
    monkeypatch.setattr("tools.bsd.table.SECONDS", 1.0)
    with pytest.raises(BoxError, match=why):
        read_black_box(text, sandbox)


@pytest.mark.parametrize(
    "text",
    ["module m(input a, output y); assign y = a; // a -> y\nendmodule", "def f(a): pass", ""],
)
def test_other_texts_are_no_black_boxes(text, sandbox):
    assert not looks_like_black_box(text)
    assert read_black_box(text, sandbox) is None
