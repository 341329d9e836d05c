"""Search methods on a space whose best point is known; the operator words of the command line."""

import math

import pytest

from tools.kernels import search_table
from tools.kernels.attention import Attention
from tools.kernels.card import Card, best_isa
from tools.kernels.notation import OPERATORS, BadOperator, operator, words_of
from tools.kernels.operators import Gemm
from tools.kernels.pictures import curves_svg
from tools.kernels.search import METHODS, Trace, mcts
from tools.kernels.space import default, kernel, program, space
from tools.kernels.tune import finalists
from tools.tl import check, parse

SPACE = {"a": tuple(range(6)), "b": tuple(range(6)), "c": ("x", "y"), "d": tuple(range(4))}
CARD = Card("test", "avx512", frozenset(), 32768, 1 << 20, 1e11, 1e10)


def bowl(point):
    """One minimum, 1.0, at a=4, b=1, c=y, d=2; points with a = 5 do not exist."""
    if point["a"] == 5:
        return math.inf
    return 1 + abs(point["a"] - 4) + abs(point["b"] - 1) + (point["c"] == "x") + abs(point["d"] - 2)


@pytest.mark.parametrize("method", METHODS)
def test_methods_keep_to_the_budget_and_repeat_with_a_seed(method):
    run = METHODS[method]
    trace = run(SPACE, bowl, 40, 3)
    assert len(trace.tried) == 40
    assert len({tuple(p.values()) for p, _ in trace.tried}) == 40
    assert trace.curve == sorted(trace.curve, reverse=True)
    assert trace.tried == run(SPACE, bowl, 40, 3).tried
    assert trace.best[1] <= trace.tried[0][1]


def test_guided_methods_find_the_minimum_of_a_bowl():
    for seed in range(5):
        assert METHODS["hill"](SPACE, bowl, 80, seed).best[1] == 1


def test_a_good_prior_helps_tree_search():
    best = {"a": 4, "b": 1, "c": "y", "d": 2}

    def prior(point, axis, choices):
        return [10.0 if choice == best[axis] else 0.1 for choice in choices]

    with_prior = sum(mcts(SPACE, bowl, 12, seed, prior).best[1] for seed in range(8))
    without = sum(mcts(SPACE, bowl, 12, seed).best[1] for seed in range(8))
    assert with_prior < without


def test_a_space_smaller_than_the_budget_ends():
    assert len(METHODS["random"]({"a": (1, 2)}, lambda p: 1.0, 50, 0).tried) == 2


def test_every_point_of_the_defaults_is_a_correct_program():
    for spec in (Gemm(100, 300, 70), Attention(1, 2, 2, 200, 200, 64, 64, causal=True)):
        check(parse(program(spec, default(spec, CARD))), CARD.limits)
        _, source = kernel(spec, default(spec, CARD), CARD)
        assert "void kernel(" in source.text
        assert all(len(choices) >= 1 for choices in space(spec, CARD).values())


def test_operators_are_read_from_words():
    assert operator(["gemm", "m=3", "n=4", "k=5", "bias=1"]) == Gemm(3, 4, 5, bias=True)
    words = ["attention", "heads=8", "queries=16", "keys=16", "width=64", "causal=1"]
    assert operator(words) == Attention(1, 8, 8, 16, 16, 64, 64, causal=True)
    for wrong, message in (
        (["gemmm"], "unknown operator"),
        (["gemm", "m=3"], "needs n, k"),
        (["gemm", "z=3"], "has no z"),
    ):
        with pytest.raises(BadOperator, match=message):
            operator(wrong)
    assert set(OPERATORS) >= {"gemm", "attention"}


@pytest.mark.parametrize(
    "spec",
    [
        Gemm(3, 4, 5, "bf16", transposed=True, bias=True, activation="Gelu"),
        Attention(2, 8, 2, 16, 32, 64, 48, window=7, softcap=30.0, alibi=True),
    ],
    ids=str,
)
def test_the_notation_reads_back_what_it_writes(spec):
    assert operator(words_of(spec)) == spec


def test_the_widest_instruction_set_present_is_taken():
    assert best_isa(frozenset(["avx2", "fma"])) == "avx2"
    with pytest.raises(ValueError, match="no instruction set"):
        best_isa(frozenset())


def test_the_methods_are_compared_on_one_measured_landscape(monkeypatch, tmp_path):
    """Each point is timed once; every method gets the budget; a refused point is no speed."""
    timed = []

    def fake_time(spec, point, card, folder):
        timed.append(point)
        return math.inf if point["sketch"] == "panel" else 1e-3 * (1 + int(point["bk"]) / 512)

    monkeypatch.setattr(search_table, "_timed", fake_time)
    spec = Gemm(64, 64, 600)
    card = Card("this", "avx2", frozenset(), 32768, 1 << 20, 1e12, 1e12)
    weights = {"sketch": {"blocked": 1e6}, "bk": {"16": 1e6}}
    row = search_table.compare(spec, card, tmp_path, 12, 2, weights)
    assert len(timed) == row["points"] == len({str(p) for p in timed})
    assert all(len(curve) == 12 for curves in row["curves"].values() for curve in curves)
    assert row["curves"]["hill"][0][0] == 0
    best = spec.flops / (1e-3 * (1 + 16 / 512)) / 1e9
    assert row["curves"]["mcts, prior"][0][1] == best, "the first look after the default obeys"
    assert search_table.medians([[1.0, 3.0], [2.0], [4.0, 5.0]]) == [2.0, 3.0]
    picture = curves_svg({"hill": [1.0, 2.0], "mcts": [1.0, 3.0]})
    assert picture.count("<polyline") == 2 and "mcts: 3" in picture


def test_a_lucky_time_does_not_decide():
    true = {name: 1.0 + at / 10 for at, name in enumerate("abcdef")}
    tried = [({"x": name}, value) for name, value in true.items()]
    tried[2] = ({"x": "c"}, 0.5)  # once, by luck
    tried[0] = ({"x": "a"}, 9.0)  # once, by mishap: too slow to be looked at again
    asked = []

    def seconds(point):
        asked.append(point["x"])
        return true[point["x"]]

    found = finalists(Trace([*tried, ({"x": "broken"}, math.inf)]), seconds)
    assert [point["x"] for point in found] == ["b", "c", "d", "e"]
    assert sorted(asked) == sorted("bcde" * 3)
    assert finalists(Trace([({"x": "broken"}, math.inf)]), seconds) == []
