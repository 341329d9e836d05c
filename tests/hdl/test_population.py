"""Agreement: what is believed, what is not, and what is too empty to count."""

import pytest

from sandboxes.bubblewrap import BubblewrapSandbox
from tools.hdl.contract import Clock, Contract, Port, Reset
from tools.hdl.population import Language, Member, agree
from tools.hdl.simulate import simulate
from tools.hdl.stimuli import stimuli
from tools.hdl.trace import Trace
from tools.hdl.vacuity import emptiness

CONTRACT = Contract(
    "m",
    (
        Port("clk", "input", 1),
        Port("rst", "input", 1),
        Port("en", "input", 1),
        Port("q", "output", 1),
    ),
    (Clock("clk", "posedge"),),
    (Reset("rst", active_high=True, asynchronous=False),),
)


def member(number: int, language: Language, behaviour: str, votes: bool = True) -> Member:
    samples = tuple((bit,) for bit in behaviour)
    return Member(f"{language}-{number}", language, Trace(("q",), samples, samples), votes)


def population(verilog: str, python: str) -> list[Member]:
    """One member a letter: its behaviour (A is right, others differ in their own ways)."""
    shapes = {"A": "0110", "B": "0111", "C": "0000", "D": "0101"}
    return [
        member(number, language, shapes[letter])
        for language, letters in (("verilog", verilog), ("python", python))
        for number, letter in enumerate(letters)
    ]


@pytest.mark.parametrize(
    ("verilog", "python", "settled"),
    [
        ("AA", "AA", True),
        ("AAB", "AAC", True),  # lone dissenters do not matter
        ("AAAA", "BBBB", False),  # one language each: somebody misread
        ("AAA", "A", True),
        ("AA", "A", False),  # too few
        ("AAAAAA", "", False),  # however many, of one language
        ("AABB", "AABB", False),  # the goal can be read two ways
        ("AABB", "AACC", False),
        ("A", "A", False),
        ("", "AAAA", False),
        ("", "", False),
    ],
)
def test_when_a_behaviour_is_believed(verilog: str, python: str, settled: bool):
    assert agree(population(verilog, python), CONTRACT).settled is settled


def test_derived_members_have_no_vote():
    derived = [member(9, "verilog", "0110", votes=False), member(8, "verilog", "0110", votes=False)]
    agreement = agree([*population("", "AA"), *derived], CONTRACT)
    assert not agreement.settled
    assert agreement.voters == 2


def test_the_statement_counts_votes_not_members():
    agreement = agree(
        [*population("AAB", "AA"), member(9, "verilog", "0110", votes=False)], CONTRACT
    )
    assert agreement.detail.startswith("4 of 5")


def test_without_reset_an_unknown_value_is_no_disagreement():
    free = Contract("m", CONTRACT.ports, CONTRACT.clocks)
    unknown = member(1, "verilog", "xx10")
    known = member(1, "python", "0110")
    assert len(agree([unknown, known], free).clusters) == 1
    assert len(agree([unknown, known], CONTRACT).clusters) == 2


TOGGLE = """module m(input clk, input rst, input en, output reg q);
    always @(posedge clk) if (rst) q <= 1'b0; else if (en) q <= ~q;
endmodule
"""
EMPTY = {
    "output q never changes": TOGGLE.replace("~q", "q"),
    "input en has no effect": TOGGLE.replace("if (en) ", ""),
    "input rst has no effect": TOGGLE.replace("if (rst) q <= 1'b0; else", "").replace(
        "output reg q", "output reg q = 0"
    ),
}


def empty_because(source: str) -> str | None:
    sandbox = BubblewrapSandbox()
    stimulus = stimuli(CONTRACT, 0, [source], cycles=200)
    trace = simulate(source, CONTRACT, stimulus, sandbox)
    return emptiness(source, CONTRACT, stimulus, trace, sandbox)


def test_a_full_behaviour_is_not_empty():
    assert empty_because(TOGGLE) is None


@pytest.mark.parametrize("reason", EMPTY)
def test_empty_behaviours_are_named(reason: str):
    assert empty_because(EMPTY[reason]) == reason
