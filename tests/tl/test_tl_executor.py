"""The numpy executor against float64 attention, and the faults only running can find."""

import numpy as np
import pytest

from tools.kernels.attention import Attention, forward
from tools.kernels.reference import attention, inputs
from tools.tl import execute, parse, round_bf16

VARIANTS = [
    {},
    {"causal": True},
    {"window": 17},
    {"prefix": 9},
    {"causal": True, "softcap": 5.0},
    {"causal": True, "alibi": True},
    {"ragged": True},
    {"causal": True, "statistics": True},
]


def run(spec, text, seed=0):
    arrays = inputs(spec, np.random.default_rng(seed))
    execute(parse(text), arrays, seed)
    return arrays


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize(("queries", "keys"), [(32, 32), (25, 44), (44, 25)])
def test_every_variant_means_attention(variant, queries, keys):
    spec = Attention(2, 4, 2, queries, keys, 16, 24, **variant)
    arrays = run(spec, forward(spec, 16, 32))
    for name, want in attention(spec, arrays).items():
        np.testing.assert_allclose(arrays[name], want, atol=5e-6, rtol=0)


def test_latent_attention_reads_values_from_the_keys():
    spec = Attention(1, 4, 1, 20, 33, 24, 16, latent=True)
    arrays = run(spec, forward(spec, 16, 16))
    np.testing.assert_allclose(arrays["O"], attention(spec, arrays)["O"], atol=5e-6)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Compute Mask S bound(NK) [q * BM, j * BN]\n", ""),
        ("Compute Fill l 0\n", ""),
        ("Compute Divide Acc, l\n", ""),
        ("h / G", "h % HK"),
        ("causal(0)", "causal(1)"),
        ("Compute Scale S 0.25", "Compute Scale S 0.5"),
    ],
)
def test_a_changed_program_no_longer_means_attention(old, new):
    spec = Attention(1, 4, 2, 40, 40, 16, 16, causal=True)
    text = forward(spec, 16, 32)
    if "bound" in old:  # the causal mask hides the padding, so look without it
        spec = Attention(1, 4, 2, 40, 40, 16, 16)
        text = forward(spec, 16, 32)
    assert old in text
    arrays = run(spec, text.replace(old, new))
    assert not np.allclose(arrays["O"], attention(spec, arrays)["O"], atol=1e-3)


def test_the_order_of_parallel_iterations_does_not_matter_unless_they_race():
    spec = Attention(1, 2, 2, 48, 48, 16, 16)
    text = forward(spec, 16, 16)
    a, b = run(spec, text), inputs(spec, np.random.default_rng(0))
    execute(parse(text), b, seed=9)
    np.testing.assert_array_equal(a["O"], b["O"])
    racing = text.replace("[b, h, q * BM, 0] from register", "[b, h, 0, 0] from register")
    c, d = inputs(spec, np.random.default_rng(0)), inputs(spec, np.random.default_rng(0))
    execute(parse(racing), c, seed=0)
    execute(parse(racing), d, seed=5)
    assert not np.array_equal(c["O"], d["O"], equal_nan=True)


def test_bf16_rounds_to_nearest_even_and_keeps_specials():
    values = np.array([1.0, 1.00390625, 1.01171875, np.inf, -0.0, 3.14159], np.float32)
    want = np.array([1.0, 1.0, 1.015625, np.inf, -0.0, 3.140625], np.float32)
    np.testing.assert_array_equal(round_bf16(values), want)
    assert np.isnan(round_bf16(np.array([np.nan], np.float32)))[0]
