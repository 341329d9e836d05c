"""Machines that people bring as a Python class: played in a sandbox, or refused with the inputs."""

import numpy as np
import pytest

from tools.bsd.box import BoxError
from tools.bsd.sequential import python
from tools.bsd.sequential.mine import mine
from tools.bsd.sequential.python import looks_like_machine, read_machine

COUNTER = """
class Other:
    pass

class Counter:
    def __init__(self):
        self.n = 0

    def step(self, enable: 1, by: 2) -> {"digit": 3, "last": 1}:
        digit = self.n
        self.n = (digit + by) % 5 if enable else digit
        return digit, digit == 4
"""


def counted(word):
    """What COUNTER answers, packed, to one word."""
    n, answers = 0, []
    for letter in word:
        answers.append(n | (n == 4) << 3)
        n = (n + (letter >> 1)) % 5 if letter & 1 else n
    return answers


def test_words_are_played_from_reset_in_parts(sandbox, monkeypatch):
    monkeypatch.setattr(python, "CLOCKS", 40)  # five words a call
    box = read_machine(COUNTER, sandbox)
    assert (box.name, box.letters) == ("Counter", 8)
    words = np.random.default_rng(1).integers(0, 8, (12, 8))
    assert box.play(words).tolist() == [counted(word) for word in words.tolist()]


def test_its_states_are_mined(sandbox):
    found = mine(read_machine(COUNTER, sandbox), seed=1)
    assert (found.states, found.moore, found.exact_to) == (5, True, 6)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "digit == 4\n",
            "digit > 2 and 1 // 0\n",
            r"ZeroDivisionError: .* for the inputs .* after \[",
        ),
        ("return digit, digit == 4", "return digit", "ValueError: zip"),
        ("return digit, ", "return digit + 4, ", "gave .8, True., which does not fit"),
        ("return digit, ", "return digit / 2, ", "TypeError: 'float'"),
        ("self.n = 0", "self.m = 0", "AttributeError: .* after nothing"),
        ("__init__(self)", "__init__(self, n)", "TypeError: .*, when made"),
        (
            "return digit, ",
            "return __import__('random').randrange(8), ",
            "does not come back to one state",
        ),
        ("        digit = self.n", "        while True: digit = 0", "stopped by the limit of"),
    ],
)
def test_a_bad_one_is_refused_with_the_inputs(old, new, why, sandbox, monkeypatch):
    monkeypatch.setattr(python, "SECONDS", 1.0)
    assert old in COUNTER
    with pytest.raises(BoxError, match=why):
        mine(read_machine(COUNTER.replace(old, new), sandbox), seed=1)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("by: 2", "by: 'two'", "must be widths"),
        ("by: 2", "by: 12", "8192 input values; at most 256"),
        ("by: 2", "next: 2", "may be called next"),
        ("by: 2", "digit: 2", "share a name"),
        (", enable: 1, by: 2", "", "at least one input"),
    ],
)
def test_ports_that_cannot_be_used_are_refused(old, new, why, sandbox):
    with pytest.raises(BoxError, match=why):
        read_machine(COUNTER.replace(old, new), sandbox)


def test_memory_that_outlives_a_reset_is_refused(sandbox):
    kept = COUNTER.replace("self.n = 0", "Other.n = self.n = getattr(Other, 'n', -1) + 1 & 3")
    with pytest.raises(BoxError, match="does not come back to one state at reset"):
        mine(read_machine(kept, sandbox), seed=1)


@pytest.mark.parametrize(
    "text",
    ["class A:\n    def step(self, a): pass", 'def step(a: 1) -> {"y": 1}: return a', "module m"],
)
def test_other_texts_are_no_machines(text, sandbox):
    assert not looks_like_machine(text)
    assert read_machine(text, sandbox) is None
