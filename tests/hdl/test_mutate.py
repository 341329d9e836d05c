"""Mutants: named, compilable for the most part, and of every kind the engine promises."""

from pathlib import Path

import pytest

from tools.hdl.mutate import mutants
from tools.hdl.syntax import SourceError, parse

GOLDENS = Path(__file__).parent / "goldens"


def kinds(name):
    found = {}
    for mutant in mutants((GOLDENS / f"{name}.v").read_text()):
        found.setdefault(mutant.kind, []).append(mutant)
    return found


@pytest.mark.parametrize("path", sorted(GOLDENS.glob("*.v")), ids=lambda p: p.stem)
def test_every_mutant_differs_parses_and_points_at_its_line(path):
    source = path.read_text()
    found = list(mutants(source))
    assert len({m.source for m in found}) == len(found) >= 5
    for mutant in found:
        assert mutant.source != source
        parse(mutant.source)
        changed = [
            n
            for n, (a, b) in enumerate(
                zip(source.split("\n"), mutant.source.split("\n"), strict=True), start=1
            )
            if a != b
        ]
        assert changed and min(changed) <= mutant.line + 3 and mutant.line <= max(changed)


def test_reset_mutants_change_polarity_and_kind():
    asynchronous = kinds("flop")
    assert ["negedge arst_n" not in m.source for m in asynchronous["reset kind"]] == [True]
    polarity = asynchronous["reset polarity"][0].source
    assert "posedge arst_n" in polarity and "!(!arst_n)" in polarity
    synchronous = kinds("deep")
    assert "posedge clk or posedge rst" in synchronous["reset kind"][0].source


def test_every_kind_appears_somewhere():
    found = {kind for path in GOLDENS.glob("*.v") for kind in kinds(path.stem)}
    assert found == {
        "operator",
        "constant",
        "limit",
        "condition",
        "edge",
        "reset polarity",
        "reset kind",
        "width",
        "transition",
        "signedness",
        "dropped",
    }


def test_deep_limits_and_transitions_are_named():
    assert {"999 became 1000", "999 became 998"} <= {
        m.name.split(": ")[1] for m in kinds("deep")["limit"]
    }
    assert any("S1 became S11" in m.name for m in kinds("detector")["transition"])


def test_ranges_and_macros_are_left_alone():
    source = (
        "`define INC + 1\nmodule m(input [7:0] a, output [7:0] y); assign y = a `INC; endmodule"
    )
    assert [m.kind for m in mutants(source)] == []
    with pytest.raises(SourceError):
        list(mutants("module m(; endmodule"))


def test_an_unknown_literal_is_no_constant_to_change():
    """Any value is one that X stands for, so putting it there is no fault."""
    source = "module m(input a, output y);\n  assign y = a ? 1'bx : 1'b1;\nendmodule\n"
    constants = [m.name for m in mutants(source) if m.kind == "constant"]
    assert constants == ["line 2: 1 became 0"]
