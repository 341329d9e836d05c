"""Bad black boxes are refused, and the message names the query at fault."""

import itertools
import time

import numpy as np
import pytest

from tools.bsd.box import Box, BoxError, Oracle, Port
from tools.bsd.probes import RESERVE, Prober

A = (Port("a", 8), Port("b", 8))
Y = (Port("y", 8),)


def audit(step, inputs=A, outputs=Y):
    box = Box("bad", inputs, outputs, step)
    Oracle(box).audit(Prober(box, 1).mixed(512))


def test_a_good_box_passes_and_its_queries_are_counted():
    box = Box("good", A, Y, lambda batch: {"y": batch["a"] & batch["b"]})
    oracle = Oracle(box)
    vectors = Prober(box, 1).mixed(512)
    oracle.audit(vectors)
    before = oracle.queries
    oracle(vectors)
    assert oracle.queries == before + 512


@pytest.mark.parametrize("count", [5, RESERVE, RESERVE + 3])
def test_any_number_of_fresh_vectors(count):
    box = Box("good", A, Y, lambda batch: {"y": batch["a"] & batch["b"]})
    vectors = Prober(box, 1).fresh(count)
    assert vectors.shape == (2, count) and vectors.max() <= 255


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda batch: {"z": batch["a"]}, "output y is missing"),
        (lambda batch: {"y": batch["a"][:-1]}, "has shape"),
        (lambda batch: {"y": batch["a"] / 2}, "has type float64"),
        (lambda batch: {"y": batch["a"].astype(np.int64)}, "has type int64"),
        (lambda batch: [batch["a"]], "output y is missing"),
    ],
)
def test_ill_formed_answers(answer, message):
    with pytest.raises(BoxError, match=message):
        audit(answer)


def test_too_wide_an_answer_names_the_query():
    with pytest.raises(BoxError, match=r"wider than 8 bits, for a=0xff b=0x[0-9a-f]*[1-9a-f]"):
        audit(lambda batch: {"y": np.where(batch["a"] == 255, 255 + batch["b"], batch["a"])})


def test_an_exception_names_the_one_query_that_raises():
    def step(batch):
        if ((batch["a"] == 255) & (batch["b"] == 0)).any():
            raise ZeroDivisionError("no")
        return {"y": batch["a"]}

    vectors = np.array([[1, 2, 255, 255, 7], [0, 0, 3, 0, 0]], dtype=np.uint64)
    with pytest.raises(BoxError, match=r"ZeroDivisionError\('no'\) for a=0xff b=0x0$"):
        Oracle(Box("bad", A, Y, step))(vectors)


def test_a_random_box_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(BoxError, match="two answers to the same query for a="):
        audit(lambda batch: {"y": batch["a"] ^ rng.integers(0, 2, len(batch["a"]), np.uint64)})


def test_a_box_with_memory_between_calls_is_refused():
    calls = itertools.count()
    with pytest.raises(BoxError, match="is not a function"):
        audit(lambda batch: {"y": (batch["a"] + np.uint64(next(calls))) & np.uint64(255)})


def test_a_box_with_memory_within_a_batch_is_refused():
    with pytest.raises(BoxError, match="depends on the query's place"):
        audit(lambda batch: {"y": np.maximum.accumulate(batch["a"])})


def test_a_box_that_looks_at_the_batch_size_is_refused():
    with pytest.raises(BoxError, match="depends on the batch"):
        audit(lambda batch: {"y": batch["a"] ^ np.uint64(len(batch["a"]) == 1)})


def test_a_box_that_writes_to_its_input_is_refused():
    def step(batch):
        batch["a"] += np.uint64(1)
        return {"y": batch["a"]}

    with pytest.raises(BoxError, match="read-only"):
        audit(step)


def test_a_slow_box_is_refused():
    def step(batch):
        time.sleep(2e-4 * len(batch["a"]))
        return {"y": batch["a"]}

    with pytest.raises(BoxError, match=r"too slow, \d+ us per query .* starts with a="):
        audit(step)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ((), Y),
        (A, ()),
        ((Port("a", 65),), Y),
        ((Port("a", 0),), Y),
        ((Port("y", 1),), Y),
        ((Port("a b", 1),), Y),
    ],
)
def test_ill_formed_port_lists(inputs, outputs):
    with pytest.raises(BoxError):
        Box("bad", inputs, outputs, lambda batch: batch)


def test_drift_is_caught_while_learning():
    """A box that changes after the audit is still caught by the repeated batches."""
    calls = itertools.count()
    box = Box("bad", A, Y, lambda batch: {"y": batch["a"] ^ np.uint64(next(calls) > 1000)})
    oracle = Oracle(box)
    vectors = Prober(box, 1).mixed(64)
    for _ in range(1022):
        oracle(vectors)
    late = Box("bad", A, Y, lambda batch: {"y": batch["a"] ^ np.uint64(next(calls) & 1)})
    oracle.box = late
    with pytest.raises(BoxError, match="two answers"):
        for _ in range(4):
            oracle(vectors)
