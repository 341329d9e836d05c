"""Words become operators by rule; contradictions and gaps are said, nothing is guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.kernels.attention import Attention
from tools.kernels.notation import BadOperator
from tools.kernels.operators import Conv2d, Elementwise, Gemm, Gemv, Rows
from tools.kernels.word_rules import Unclear
from tools.kernels.words import read

READ = {
    "a fast fp32 GEMM, 512 x 512 x 512, for this CPU": Gemm(512, 512, 512),
    "bf16 matmul m=128, n=4096, k=256 with bias and GELU": Gemm(
        128, 4096, 256, "bf16", bias=True, activation="Gelu"
    ),
    "int8 gemm 1024 cubed with VNNI": Gemm(1024, 1024, 1024, "int8"),
    "batched gemm, batch of 8, 64x64x64, B transposed": Gemm(64, 64, 64, batch=8, transposed=True),
    "multiply a 512x256 matrix by a 256x128 matrix": Gemm(512, 128, 256),
    "matmul of two 1024 x 1024 matrices, accumulate in fp32": Gemm(1024, 1024, 1024),
    "square sgemm of size 1000": Gemm(1000, 1000, 1000),
    "gemm 512 by 256 by 128 without bias": Gemm(512, 256, 128),
    "causal attention forward, 8 heads, 2 KV heads, 1024 tokens, d=64, fp32": Attention(
        1, 8, 2, 1024, 1024, 64, 64, causal=True
    ),
    "decode attention: 1 query, 4096 keys, 32 heads, 8 kv heads, d=128": Attention(
        1, 32, 8, 1, 4096, 128, 128
    ),
    "MQA with softcap 30.0 and ALiBi, 8 heads, sequence length 2k, width 64, batch 2": Attention(
        2, 8, 1, 2048, 2048, 64, 64, softcap=30.0, alibi=True
    ),
    "sliding window attention, window 256, 8 heads, 2048 tokens, head dim 64": Attention(
        1, 8, 8, 2048, 2048, 64, 64, window=256
    ),
    "MLA attention, 16 heads, d=576, value width 512, 128 queries, 1024 keys": Attention(
        1, 16, 1, 128, 1024, 576, 512, latent=True
    ),
    "softmax over 4,096 rows of 1024": Rows("softmax", 4096, 1024),
    "layer norm, hidden size 768, 512 tokens": Rows("layernorm", 512, 768),
    "GELU of 4096 x 1024": Elementwise("Gelu", 4096, 1024),
    "gemv 4096x2048": Gemv(4096, 2048),
    "3x3 convolution, 56x56 image, 64 channels, padding 1": Conv2d(1, 56, 56, 64, 64, 3, 1),
    "3x3 convolution with stride 2, 56x56 image, 64 channels": Conv2d(
        1, 56, 56, 64, 64, 3, stride=2
    ),
    "conv2d 2x56x56x64 with 3x3 kernel, 128 output channels, same padding": Conv2d(
        2, 56, 56, 64, 128, 3, 1
    ),
    "depthwise 3x3 conv on 112 x 112 with 32 channels": Conv2d(
        1, 112, 112, 32, 32, 3, depthwise=True
    ),
}
UNCLEAR = {
    "multiply a 512x256 matrix by a 250x128 matrix": "256 columns",
    "gemm m=512 m=256 n=4 k=4": "512 and 256",
    "gemm 512x512x512, m=256": "m as",
    "fp32 and bf16 gemm 512x512x512": "types",
    "fp64 gemm 3x3x3": "fp64",
    "causal and full attention, 8 heads, 64 tokens, d=64": "causal and for full",
    "GQA attention, 8 heads, 64 tokens, d=64": "how many key heads",
    "MQA attention, 8 heads, 2 kv heads, 64 tokens, d=64": "kv_heads",
    "attention, 7 heads, 2 kv heads, 100 tokens, d=32": "multiple",
    "sliding window attention, 8 heads, 64 tokens, d=64": "how large",
    "gemm 512x512x512 on 4 threads": "one thread",
    "gemm 512x512x512 for AMX": "amx",
    "gemm 512x512x512 for RVV with VLEN 1024": "128, 256, 512 bits",
    "gemm 512x512x512 for NEON and AVX2": "avx2 and neon",
    "gemm 8x8x8 for this CPU and this GPU": "one of them",
    "attention backward, 8 heads, 64 tokens, d=64": "forward",
    "softmax and gemm of 64 x 64": "one operator",
    "a fast kernel for this CPU": "which operator",
    "int8 gemm 64x64x64 with bias": "int8",
    "3x3 convolution with stride 2, 55x55 image, 64 channels": "stride must divide",
    "5x5 conv on a 3x3 image with 4 channels": "exceeds",
    "bf16 softmax of 64 x 64": "fp32",
}


@pytest.mark.parametrize("text", READ)
def test_plain_words_are_read(text):
    reading = read(text)
    assert reading.operator() == READ[text]
    assert reading.numbers == ()


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_cannot_be_is_said(text):
    with pytest.raises(Unclear, match=UNCLEAR[text]):
        read(text).operator()


def test_what_is_missing_is_named_and_left_numbers_are_kept():
    reading = read("an attention kernel with 8 heads over 300 things")
    assert set(reading.missing) == {"queries", "keys", "width", "value_width"}
    assert reading.numbers == (300,)
    with pytest.raises(BadOperator, match="needs"):
        reading.operator()


def test_read_values_win_over_filled_ones():
    reading = read("gemm m=8 n=9")
    assert reading.operator({"m": 1, "k": 7}) == Gemm(8, 9, 7)


def test_machines_are_read():
    assert read("fp16 gemm 64x64x64 on an H100").gpu
    assert read("gemm 64x64x64 with AVX2").isa == "avx2"
    assert (read("gemm 64x64x64").gpu, read("gemm 64x64x64").isa) == (False, "")


@pytest.mark.parametrize(
    ("words", "isa"),
    [
        ("on RISC-V C910", "rvv256"),
        ("for RVV with VLEN 512", "rvv512"),
        ("rvv128", "rvv128"),
        ("in Arm SVE", "sve256"),
        ("for sve 1024", "sve1024"),
        ("for an Arm CPU", "neon"),
    ],
)
def test_other_processors_are_read(words, isa):
    reading = read(f"a 1024x1024x1024 GEMM {words}")
    assert (reading.isa, reading.operator()) == (isa, Gemm(1024, 1024, 1024))


SIZE = st.integers(1, 9999)


@given(SIZE, SIZE, SIZE, st.sampled_from([" x ", "x", "×", " by "]))
def test_any_three_sizes_are_read_in_order(m, n, k, sign):
    assert read(f"gemm {m}{sign}{n}{sign}{k}").operator() == Gemm(m, n, k)


@given(st.integers(1, 64), st.integers(1, 8), SIZE, SIZE, st.permutations(range(4)))
def test_the_order_of_the_words_does_not_matter(kv, group, tokens, width, order):
    parts = [f"{kv * group} heads", f"{kv} KV heads", f"{tokens} tokens", f"d={width}"]
    text = "attention, " + ", ".join(parts[i] for i in order)
    want = Attention(1, kv * group, kv, tokens, tokens, width, width)
    assert read(text).operator() == want
