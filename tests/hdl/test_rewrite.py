"""Rewrites are smaller and proved equivalent; where none helps there is none."""

import pytest

from tools.hdl.formal import prove
from tools.hdl.interface import extract
from tools.hdl.rewrite import MOST, rewrites
from tools.hdl.synth import synthesize

TWO_ADDERS = """
module pick (input wire s, input wire [7:0] a, b, c, d, output wire [7:0] y);
  assign y = s ? a + b : c + d;
endmodule
"""
DETECTOR = """
module detect (input wire clk, input wire rst, input wire x, output wire y);
  reg [2:0] s;
  always @(posedge clk)
    if (rst) s <= 0;
    else case (s)
      0: s <= x ? 1 : 0;
      1: s <= x ? 1 : 2;
      2: s <= x ? 3 : 0;
      3: s <= x ? 4 : 2;
      4: s <= x ? 1 : 2;
      default: s <= 0;
    endcase
  assign y = s == 4;
endmodule
"""


@pytest.fixture(scope="module")
def found(sandbox):
    return {s: list(rewrites(s, extract(s).top, sandbox)) for s in (TWO_ADDERS, DETECTOR)}


@pytest.mark.parametrize("source", [TWO_ADDERS, DETECTOR])
def test_every_rewrite_is_smaller_and_proved(source, found, sandbox):
    contract = extract(source)
    before = synthesize(source, contract.top, sandbox)
    assert 0 < len(found[source]) <= MOST
    sizes = []
    for _, text in found[source]:
        after = synthesize(text, contract.top, sandbox)
        sizes.append((after.area, after.depth))
        assert prove(source, text, contract, sandbox, 20).status == "proved"
    assert sizes == sorted(sizes) and sizes[-1] < (before.area, before.depth)


def test_sharing_halves_two_adders_and_keeps_words(found, sandbox):
    name, text = found[TWO_ADDERS][0]
    assert name == "shared-operators"
    before, after = (synthesize(t, "pick", sandbox) for t in (TWO_ADDERS, text))
    assert after.area < 0.8 * before.area
    assert text.count(" + ") == 1 and "[7:0]" in text


def test_a_wrong_rewrite_is_refused_by_the_proof(found, sandbox):
    wrong = found[TWO_ADDERS][0][1].replace(" + ", " - ")
    assert prove(TWO_ADDERS, wrong, extract(TWO_ADDERS), sandbox).status == "different"


@pytest.mark.parametrize(
    "source",
    [
        "module m(input a, b, output y); assign y = ~(a & b); endmodule",
        "module m(input a, output y); assign y = ; endmodule",
    ],
)
def test_none_where_none_helps(source, sandbox):
    assert list(rewrites(source, "m", sandbox)) == []
