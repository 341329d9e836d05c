"""Sequential black boxes: their states are found, the circuit is proved and answers as they do."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.bsd.box import BoxError, Port
from tools.bsd.learn import Settings
from tools.bsd.sequential.box import clocked
from tools.bsd.sequential.encode import anneal, coded, nodes, state_bits, table
from tools.bsd.sequential.job import make, simulated
from tools.bsd.sequential.machines import MACHINES, machine
from tools.bsd.sequential.mine import Mined, TooManyStates, mine

QUICK = Settings(seed=1, vectors=1 << 14)
LEAST = {
    "detector": 4, "counter": 10, "remainder": 7, "lights": 20, "vending": 6, "arbiter": 3,
    "quadrature": 4, "debouncer": 10, "lock": 6, "lfsr": 31,
}  # fmt: skip
"""The number of states of the least Mealy machine, known from how each is made."""


@pytest.mark.parametrize("name", LEAST)
def test_the_least_machine_is_found(name):
    found = mine(MACHINES[name], seed=1)
    assert found.states == LEAST[name] == len(np.unique(anneal(found)))
    assert found.moore == (name in ("counter", "lights", "debouncer", "lock", "lfsr"))


def tabled(after, out):
    """A box of a given transition table, on one input of two bits."""

    def move(state, batch):
        at = state.astype(np.int64), batch["a"].astype(np.int64)
        return after[at].astype(np.uint64), {"y": out[at].astype(np.uint64)}

    return machine("tabled", {"a": 2}, {"y": 1}, move)


def _classes(after, out):
    """Reachable states up to equivalence, by partition refinement: Moore's algorithm."""
    reached = {0}
    while True:
        more = reached | {int(t) for s in reached for t in after[s]}
        if more == reached:
            break
        reached = more
    block = dict.fromkeys(range(len(after)), 0)
    for _ in range(len(after) + 1):
        keys = {s: (tuple(out[s]), tuple(block[int(t)] for t in after[s])) for s in block}
        names = {key: i for i, key in enumerate(sorted(set(keys.values())))}
        block = {s: names[keys[s]] for s in block}
    return len({block[s] for s in reached})


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_random_machines_are_found_whole(seed, count):
    rng = np.random.default_rng(seed)
    after, out = rng.integers(0, count, (count, 4)), rng.integers(0, 2, (count, 4))
    found = mine(tabled(after, out), seed=2)
    assert found.states == _classes(after, out)
    assert found.exact_to == found.states + 1
    pairs = {(0, 0)}
    for _ in range(count * count):  # both side by side, through all pairs of states they reach
        for mine_, theirs in list(pairs):
            assert (found.out[mine_] == out[theirs]).all()
            pairs |= {(int(found.after[mine_, a]), int(after[theirs, a])) for a in range(4)}


def test_a_long_lock_is_found_only_by_what_refutes_a_hypothesis():
    code = [3, 1, 0, 2, 2, 1, 3, 0, 1]

    def move(state, batch):
        right = batch["key"] == np.array([*code, 9], dtype=np.uint64)[state.astype(np.int64)]
        after = np.where(right, state + np.uint64(1), np.uint64(0))
        after = np.where(state == len(code), state, after)
        return after, {"open": (state == len(code)).astype(np.uint64), "at": state & np.uint64(1)}

    found = mine(machine("long", {"key": 2}, {"open": 1, "at": 1}, move), seed=1)
    assert (found.states, found.refuted > 0) == (len(code) + 1, True)


def test_more_states_than_asked_for_are_refused():
    with pytest.raises(TooManyStates, match="shift: more than 64 states"):
        mine(MACHINES["shift"])


def test_boxes_that_break_the_contract_are_refused():
    kept = np.zeros(1, dtype=np.uint64)

    def start(count):
        def step(batch):
            kept[0] += 1  # survives a reset
            return {"y": np.full(count, kept[0] // 7 & 1, dtype=np.uint64)}

        return step

    ports = (Port("a", 1),), (Port("y", 1),)
    with pytest.raises(BoxError, match="does not come back to one state at reset"):
        mine(clocked("kept", *ports, start))
    with pytest.raises(BoxError, match="at most 256"):
        machine("wide", {"a": 9}, {"y": 1}, None)
    with pytest.raises(BoxError, match="may be called clk"):
        machine("own", {"clk": 1}, {"y": 1}, None)
    with pytest.raises(BoxError, match="output y is 0x2, wider than 1 bits"):
        mine(machine("two", {"a": 1}, {"y": 1}, lambda s, _: (s, {"y": s + np.uint64(2)})))


def test_encodings_are_compared_by_their_diagrams():
    """A two-bit counter that says its state: s0 and s1, !s0, and s0 ^ s1 over s0 and !s0."""
    states, letters = np.arange(4), np.zeros((1, 2), dtype=np.int64)
    after, out = (states[:, None] + 1 & 3) + letters, (states[:, None] + letters).astype("u8")
    up = Mined(after, out, 4, 0, 0)
    assert nodes(up, states) == 4
    assert nodes(up, np.array([0, 1, 3, 2])) > 4
    found = mine(MACHINES["counter"], seed=1)
    assert nodes(found, anneal(found)) <= nodes(found, np.arange(1 << state_bits(found)))


def test_unused_codes_do_what_reset_does():
    found = mine(MACHINES["arbiter"], seed=1)
    codes = np.array([0, 3, 1])
    after, out = coded(found, codes)
    assert (after[2] == after[0]).all() and (out[2] == out[0]).all()
    rows = table(MACHINES["arbiter"], found, codes).rows
    assert len(rows) == 4 * 8 and rows[3 * 8 + 5] == (after[3, 5], out[3, 5])


@pytest.mark.parametrize("name", ["detector", "vending"])
def test_the_circuit_is_proved_and_answers_as_the_box(name, sandbox):
    made = make(MACHINES[name], sandbox, QUICK)
    assert made.proved
    assert made.summary()["clocks_simulated"] == "8192 of 8192"
    assert not replace(made, simulated=made.simulated - 1).proved
    wrong = made.verilog.replace("rst ? 0 : next", f"rst ? {made.codes[1]} : next")
    assert simulated(made.box, wrong, sandbox) < 8192


def test_words_asked_together_are_answered_as_one_by_one():
    box = MACHINES["lock"]
    words = np.array(list(product(range(4), repeat=3)))
    whole = box.play(words)
    assert whole.shape == words.shape
    for word, answers in zip(words[:5], whole, strict=False):
        assert (box.play(word[None]) == answers).all()
