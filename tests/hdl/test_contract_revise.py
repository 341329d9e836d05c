"""A change in words must reach the interface that is read from the words afterwards."""

import pytest

from tools.hdl.contract_revise import revise
from tools.hdl.contract_text import read_contract

PORTS = "A counter, module ticker. Inputs clk, rst, en; output n [3:0]. It counts while en is high."
SPECS = {
    "nothing said": PORTS,
    "in brackets": PORTS.replace("rst,", "rst (synchronous, active high),"),
    "an answer on a line of its own": f"{PORTS}\nsynchronous, active high",
    "a sentence": f"{PORTS} The reset is synchronous and active high.",
    "an active-low output beside it": PORTS.replace(
        "[3:0].", "[3:0], done. done is an active-low pulse."
    ),
}


def reset(spec):
    return read_contract(spec).contract.resets[0]


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_resets_change_as_told(spec):
    assert (reset(spec).active_high, reset(spec).asynchronous) == (True, False)
    low = revise(spec, "make the reset active low")
    assert (reset(low).active_high, reset(low).asynchronous) == (False, False)
    both = revise(low, "make the reset asynchronous")
    assert (reset(both).active_high, reset(both).asynchronous) == (False, True)
    back = revise(revise(both, "reset active high please"), "and the reset synchronous")
    assert (reset(back).active_high, reset(back).asynchronous) == (True, False)


def test_a_width_changes_in_place():
    wide = revise(PORTS, "make n 5 bits wide")
    assert {p.name: p.width for p in read_contract(wide).contract.ports}["n"] == 5


def test_what_no_rule_covers_is_added_in_words():
    assert revise(PORTS, "count down instead").endswith("\nCount down instead.")
