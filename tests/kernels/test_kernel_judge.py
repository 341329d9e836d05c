"""Right kernels pass whatever the draw; an error that few draws show is found."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools.kernels.arena import Arena, Refused, Worker
from tools.kernels.c import build
from tools.kernels.card import Card, best_isa, processor_features
from tools.kernels.judge import Checked, check
from tools.kernels.notation import operator
from tools.kernels.space import default, kernel

CARD = Card("this", best_isa(processor_features()), frozenset(), 32768, 1 << 20, 1e12, 1e12)
SMALL = [
    "rows kind=sum rows=8 columns=32",
    "gemm m=1 n=1 k=64",
    "gemm m=1 n=50 k=500 transposed=1",
    "gemv m=4 k=16",
]
RARE = """
void kernel(const float *x, float *y) {
  whole(x, y);
  if (x[31] > 0 && x[31] < 0.05f) y[0] -= x[31];
}
"""


def judged(
    words: str, seeds: range, folder: Path, change: Callable[[str], str] = lambda text: text
) -> list[Checked]:
    spec = operator(words.split())
    _, source = kernel(spec, default(spec, CARD), CARD)
    library = build(replace(source, text=change(source.text)), folder)
    arena = Arena(spec, tuple(a.name for a in source.arguments), 1, folder)
    with Worker(str(library), arena) as worker:
        return [check(worker, arena, np.random.default_rng(seed)) for seed in seeds]


@pytest.mark.parametrize("words", SMALL)
def test_a_right_kernel_of_few_outputs_passes_whatever_the_draw(words, tmp_path):
    """Judged one set at a time, every second check of the dot product failed."""
    for found in judged(words, range(8), tmp_path):
        assert found.values >= 3 * 256
        assert found.error > 0


def test_an_error_that_only_some_draws_show_is_found(tmp_path):
    """A value is left out where it is small and positive: one draw in fifty."""
    with pytest.raises(Refused, match="has error"):
        judged(
            "rows kind=sum rows=1 columns=32",
            range(1),
            tmp_path,
            lambda text: text.replace("void kernel(", "static void whole(") + RARE,
        )
