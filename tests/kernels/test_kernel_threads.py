"""Kernels of several threads: the wall's clock, the cores they had, and threads not given."""

import numpy as np
import pytest

from tools.kernels.arena import Arena, Refused, Worker
from tools.kernels.c import ISAS, build
from tools.kernels.card import Card, best_isa, processor_features
from tools.kernels.judge import imports
from tools.kernels.measure import Roofline, Timing, evaluate, roofline, stolen_seconds
from tools.kernels.operators import Gemm
from tools.kernels.space import default, kernel, space

CARD = Card("this", best_isa(processor_features()), frozenset(), 32768, 1 << 20, 1e12, 1e12)
SPEC = Gemm(96, 192, 64)
GENEROUS = Roofline(1e15, 1e15)
BASELINE = "tools.kernels.baselines:gemm_numpy"


def source(threads):
    """A kernel whose parallel loop has four turns."""
    point = default(SPEC, CARD) | {"sketch": "blocked", "bm": 48, "bn": 96, "threads": threads}
    return kernel(SPEC, point, CARD)[1]


def timed(threads, given, folder):
    made = source(threads)
    return evaluate(
        *(SPEC, build(made, folder), made.arguments, BASELINE, GENEROUS),
        rounds=3,
        seconds=0.002,
        threads=given,
    )


def test_two_threads_are_checked_and_timed_by_the_wall(tmp_path):
    timing = timed(2, 2, tmp_path)
    assert (timing.threads, len(timing.cores), len(timing.kernel)) == (2, 3, 3)
    assert all(0 < used <= 2.2 for pair in timing.cores for used in pair)
    record = timing.record()
    assert record["starved"] == timing.starved
    assert record["cores"] == timing.cores


def test_threads_that_were_not_given_are_refused(tmp_path):
    with pytest.raises(Refused, match=r"made 4 threads of 2|cores worked where 2"):
        timed(4, 2, tmp_path)


def test_more_cores_than_given_are_seen(tmp_path):
    made = source(1)
    arena = Arena(SPEC, tuple(a.name for a in made.arguments), 1, tmp_path)
    arena.fill(np.random.default_rng(0))
    with Worker(str(build(made, tmp_path)), arena, True, 2) as worker:
        worker.given = 0.01  # as if one thread were far too many
        with pytest.raises(Refused, match="cores worked where"):
            worker.run(0, 20000)


def test_a_run_without_its_cores_is_marked():
    def had(kernel, baseline):
        cores = tuple((kernel, baseline) for _ in range(3))
        return Timing((1.0,) * 3, (1.0,) * 3, 2, cores)

    assert not had(1.95, 1.99).starved
    assert had(1.95, 1.1).starved
    assert had(1.1, 1.95).starved
    assert not Timing((1.0,), (2.0,)).starved
    assert "cores" not in Timing((1.0,), (2.0,)).record()
    assert stolen_seconds() >= 0


def test_ceilings_and_blocks_are_for_all_threads(tmp_path):
    assert roofline(SPEC, CARD, 2) == Roofline(2e12, 2e12)
    axes = space(Gemm(1024, 1024, 1024), CARD, 2)
    assert (axes["threads"], axes["bn"][0]) == ((2,), 512)
    assert "threads" not in space(SPEC, CARD)
    made = source(2)
    assert "num_threads(2)" in made.text
    imports(build(made, tmp_path))
    assert ISAS[CARD.isa].name == CARD.isa
