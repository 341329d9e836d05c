"""Every proposed TL program is statically correct and means its operator."""

import numpy as np
import pytest

from tools.kernels import operators
from tools.kernels.attention import Attention, backward, forward
from tools.kernels.operators import Conv2d, Elementwise, Gemm, Gemv, Rows
from tools.kernels.reference import attention_gradients, error, inputs, reference
from tools.tl import Limits, check, execute, parse

BIG = Limits(2**20, 2**20)

PROGRAMS = [
    (Gemm(37, 45, 50), lambda s: operators.gemm_blocked(s, 16, 32, 16)),
    (Gemm(37, 45, 50, transposed=True), lambda s: operators.gemm_blocked(s, 16, 32, 16)),
    (Gemm(37, 45, 50, transposed=True), lambda s: operators.gemm_panel(s, 16, 32, 16)),
    (Gemm(20, 33, 24, batch=3), lambda s: operators.gemm_panel(s, 8, 16, 8)),
    (Gemm(20, 33, 24, "int8"), lambda s: operators.gemm_panel(s, 8, 16, 8)),
    (Gemm(20, 33, 24, "bf16"), lambda s: operators.gemm_blocked(s, 8, 16, 8)),
    (Gemm(9, 17, 40, bias=True, activation="Gelu"), lambda s: operators.gemm_panel(s, 4, 8, 16)),
    (Gemm(9, 17, 40, bias=True, activation="Silu"), lambda s: operators.gemm_blocked(s, 4, 8, 16)),
    *((Rows(kind, 11, 40), lambda s: operators.rows(s, 4)) for kind in
      ("softmax", "layernorm", "rmsnorm", "sum", "max", "mean")),
    *((Elementwise(kind, 7, 33), lambda s: operators.elementwise(s, 2)) for kind in
      ("Relu", "Gelu", "Silu", "Tanh", "Sigmoid", "Exp")),
    (Gemv(19, 44), lambda s: operators.gemv(s, 4)),
    (Conv2d(2, 9, 11, 5, 7, 3, pad=1), lambda s: operators.conv2d(s, 4)),
    (Conv2d(1, 8, 9, 6, 6, 3, depthwise=True), lambda s: operators.conv2d(s, 4)),
    (Conv2d(2, 9, 12, 5, 7, 3, pad=1, stride=2), lambda s: operators.conv2d(s, 4)),
    (Conv2d(1, 14, 12, 3, 4, 7, pad=3, stride=3), lambda s: operators.conv2d(s, 3)),
    (Conv2d(1, 8, 10, 6, 6, 3, depthwise=True, stride=2), lambda s: operators.conv2d(s, 4)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "program"), PROGRAMS, ids=lambda v: "" if callable(v) else str(v)[:60]
)
def test_programs_mean_their_operators(spec, program):
    code = parse(program(spec))
    check(code, BIG)
    arrays = inputs(spec, np.random.default_rng(1))
    execute(code, arrays)
    limit = 0.01 if getattr(spec, "dtype", "") == "bf16" else 2e-6
    for name, want in reference(spec, arrays).items():
        assert error(arrays[name], want) < limit


@pytest.mark.parametrize("spec", [
    Attention(1, 4, 2, 20, 27, 8, 12), Attention(2, 2, 2, 24, 24, 8, 8, causal=True),
    Attention(1, 4, 1, 15, 30, 8, 8, causal=True),
], ids=str)  # fmt: skip
def test_backward_programs_are_the_gradients(spec):
    random = np.random.default_rng(2)
    train = Attention(**{**{k: getattr(spec, k) for k in spec.__slots__}, "statistics": True})
    arrays = inputs(train, random)
    execute(parse(forward(train, 8, 8)), arrays)
    up = random.standard_normal(arrays["O"].shape, dtype=np.float32)
    arrays |= {"dO": up, "E": (up * arrays["O"]).sum(-1)}
    want = attention_gradients(spec, arrays, up)
    arrays |= {k: np.full(v.shape, np.nan, np.float32) for k, v in want.items()}
    for text in backward(spec, 8, 16).values():
        check(parse(text), BIG)
        execute(parse(text), arrays)
    for name, value in want.items():
        assert error(arrays[name], value) < 3e-6


def test_backward_of_a_variant_without_one_is_refused():
    with pytest.raises(ValueError, match="full and causal"):
        backward(Attention(1, 1, 1, 8, 8, 8, 8, window=3))


def test_flops_count_only_visible_keys():
    full = Attention(1, 1, 1, 64, 64, 16, 16)
    assert full.flops == 2 * 64 * 64 * 32
    causal = Attention(1, 1, 1, 64, 64, 16, 16, causal=True)
    assert causal.flops == 2 * (64 * 65 // 2) * 32


def test_error_is_infinite_for_anything_not_finite_or_unwritten():
    want = np.ones(3)
    assert error(np.array([1.0, np.nan, 1.0]), want) == np.inf
    assert error(np.array([1.0, 1.5, 1.0]), want) == 0.5
