"""What makes growth reliable: trials of orders, telling vectors, forgetting what is wrong."""

import numpy as np
import pytest

from tools.bsd.align import aligned
from tools.bsd.box import Box, Oracle, Port
from tools.bsd.boxes import example
from tools.bsd.diagram import Diagrams, OverBudget, Site
from tools.bsd.learn import Settings, learn
from tools.bsd.orders import TELLING, scan
from tools.bsd.path import Path
from tools.bsd.probes import Prober
from tools.bsd.prove import prove
from tools.bsd.trial import Trial
from tools.bsd.verilog import to_verilog

WIDTH = 16


def branch():
    """y = a == b ? c + d : c: the adder shows only where two operands are equal."""

    def step(batch):
        a, b, c, d = (batch[name] for name in "abcd")
        return {"y": np.where(a == b, c + d, c) & np.uint64((1 << WIDTH) - 1)}

    reference = f"""module r(input [{WIDTH - 1}:0] a, b, c, d, output [{WIDTH - 1}:0] y);
  assign y = a == b ? c + d : c;
endmodule"""
    return Box(
        "branch", tuple(Port(n, WIDTH) for n in "abcd"), (Port("y", WIDTH),), step
    ), reference


def started(box):
    prober = Prober(box, 1)
    diagrams = Diagrams(Oracle(box), prober)
    path = Path.free(box)
    [found] = scan(diagrams.oracle, prober, path, diagrams.probes)
    return diagrams, Site(path, found.telling)


def test_telling_vectors_show_what_random_ones_seldom_do():
    box, _ = branch()
    diagrams, site = started(box)
    equal = (site.telling[0] == site.telling[1]).mean()
    assert site.telling.shape == (4, TELLING)
    assert (diagrams.probes[0] == diagrams.probes[1]).mean() < 0.05
    assert equal > 0.2


def test_a_rare_branch_is_learned_and_proved(sandbox):
    box, reference = branch()
    learned = learn(box, Settings(seed=3, vectors=1 << 16))
    verilog = to_verilog(box, learned.netlist, learned.literals)
    assert prove(box, verilog, reference, sandbox).status == "proved"


def test_a_trial_tells_a_good_order_from_a_bad_one():
    """An adder is linear with its operands interleaved, exponential with one first."""
    diagrams, site = started(example("adder16").box)
    good = [w for bit in range(15, -1, -1) for w in (bit, 16 + bit)]
    bad = list(range(32))
    assert Trial(diagrams, site).sizes([15], good, 200)[-1] < 100
    with pytest.raises(OverBudget):
        Trial(diagrams, site).sizes([15], bad, 200)


def test_a_trial_leaves_no_trace():
    diagrams, site = started(example("adder16").box)
    Trial(diagrams, site).sizes([15], [w for bit in range(16) for w in (bit, 16 + bit)], 200)
    assert len(diagrams.netlist) == 0
    assert not diagrams.known


def test_what_is_already_known_is_free_in_a_trial():
    diagrams, site = started(example("adder16").box)
    order = [w for bit in range(15, -1, -1) for w in (bit, 16 + bit)]
    diagrams.grow(site, 15, order, 1000)
    assert Trial(diagrams, site).sizes([15], order, 200) == [0]


def test_only_wrong_subfunctions_are_forgotten():
    diagrams, site = started(example("adder8").box)
    order = [w for bit in range(7, -1, -1) for w in (bit, 8 + bit)]
    diagrams.grow(site, 7, order, 1000)
    vectors = diagrams.prober.mixed(128)
    before = dict(diagrams.known)
    diagrams.forget(vectors)
    assert diagrams.known == before
    key = next(iter(before))
    before[key].literal ^= 1
    diagrams.forget(vectors)
    assert set(before) - set(diagrams.known) == {key}


def test_crossed_vectors_inherit_equal_words():
    box, _ = branch()
    prober = Prober(box, 5)
    parents = prober.mixed(8)
    parents[1] = parents[0]
    children = prober.cross(parents, 4096)
    assert (children[0] == children[1]).mean() > 0.4
    assert len(np.unique(children, axis=1).T) > 1500


def test_crossed_vectors_may_inherit_from_two_parents():
    box, _ = branch()
    prober = Prober(box, 5)
    parents = prober.uniform(2)
    parents[:, 0] = [1, 1, 2, 3]  # two equal words
    parents[2:, 1] = 7  # two others
    children = prober.cross(parents, 4096)
    assert ((children[0] == children[1]) & (children[2] == children[3])).mean() > 0.01


def test_runs_are_broken_now_and_then():
    """A single zero inside a run of ones: 1.1 % of the words; 0.6 % if shapes were left whole."""
    words = Prober(example("adder32").box, 5).mixed(1 << 16)[0]
    zeros = ~words & np.uint64(0xFFFFFFFF)
    inside = (zeros > 1) & (zeros < 1 << 31)
    assert ((np.bitwise_count(zeros) == 1) & inside).mean() > 0.0085


def test_crossed_vectors_have_runs_that_end_elsewhere():
    """A carry of one length is a hint at those of other lengths."""
    box, _ = branch()
    prober = Prober(box, 5)
    parent = np.array([[0x0FF0], [1], [2], [3]], dtype=np.uint64)
    words = set(prober.cross(parent, 4096)[0].tolist())
    assert sum((1 << high) - (1 << 4) in words for high in range(5, WIDTH + 1)) > 6
    assert sum((1 << 12) - (1 << low) in words for low in range(12)) > 6


def test_aligned_vectors_are_alike_by_weight():
    """The wires of c lie in reverse: bit k of a has the weight of bit WIDTH - 1 - k of c."""
    box, _ = branch()
    prober = Prober(box, 5)
    backwards = range(WIDTH - 1, -1, -1)
    weights = dict(enumerate(range(WIDTH))) | {2 * WIDTH + k: w for k, w in enumerate(backwards)}
    parents = prober.uniform(512)
    children = aligned(prober, weights, parents, 4096)
    bits = children >> np.arange(WIDTH, dtype=np.uint64)[:, None, None] & np.uint64(1)
    same = bits[:, 0] == bits[::-1, 2]
    assert (same.all(axis=0) | ~same.any(axis=0)).mean() > 0.01
    runs = (np.diff(same, axis=0) == 0).sum(axis=0)
    assert runs.mean() > 0.65 * (WIDTH - 1)
    assert np.isin(children[1], parents[1]).all()
    one = {wire: weight for wire, weight in weights.items() if wire < WIDTH}
    assert np.isin(aligned(prober, one, parents, 64)[2], parents[2]).all()
