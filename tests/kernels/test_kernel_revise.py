"""A request altered by words: what is named changes, what is not stays, contradictions are said."""

import pytest

from tools.kernels.revise import alters, revised
from tools.kernels.word_rules import Unclear
from tools.kernels.words import is_notation, read

GEMM = "fp32 GEMM with bias, 512 x 256 x 128"
CHANGES = {
    (GEMM, "make it bf16 with GELU"): "gemm dtype=bf16 m=512 n=256 k=128 bias=1 activation=Gelu",
    (GEMM, "1024 cubed, without bias"): "gemm dtype=fp32 m=1024 n=1024 k=1024 bias=0",
    (GEMM, "now for Arm SVE"): "gemm dtype=fp32 m=512 n=256 k=128 bias=1 isa=sve256",
    ("gemm m=8 n=8 k=8 isa=rvv512", "for this CPU"): "gemm m=8 n=8 k=8",
    ("gemm m=8 n=8 k=8 isa=rvv512", "k = 16"): "gemm m=8 n=8 k=16 isa=rvv512",
    (
        "softmax of 64 rows of 100",
        "a layer norm instead",
    ): "rows kind=layernorm rows=64 columns=100",
    ("softmax of 64 rows of 100", "gemv 8 x 9"): "gemv m=8 k=9",
    ("causal attention, 8 heads, 1k tokens, d=64", "full, with 2 kv heads"): (
        "attention heads=8 queries=1024 keys=1024 width=64 causal=0 kv_heads=2"
    ),
    ("3x3 conv, 28x28 image, 32 channels", "stride 2"): (
        "conv2d kernel=3 height=28 width=28 ci=32 co=32 stride=2"
    ),
}


@pytest.mark.parametrize("request_and_change", CHANGES, ids=str)
def test_what_is_named_changes_and_the_rest_stays(request_and_change: tuple[str, str]) -> None:
    text, change = request_and_change
    wanted = CHANGES[request_and_change]
    got = revised(text, change)
    assert sorted(got.split()) == sorted(wanted.split())
    assert is_notation(got) and alters(text, change)
    assert read(got).operator() == read(wanted).operator()


def test_what_is_not_understood_is_added_below() -> None:
    assert revised(GEMM, "faster, please") == f"{GEMM}\nfaster, please"
    assert not alters(GEMM, "faster, please")
    assert revised("no kernel at all", "bf16") == "no kernel at all\nbf16"


def test_a_contradictory_change_is_said() -> None:
    with pytest.raises(Unclear, match="types"):
        revised(GEMM, "fp32 and bf16")
    assert alters(GEMM, "fp32 and bf16")


def test_notation_with_strange_fields_is_refused() -> None:
    for text, why in (
        ("gemm m=8 depth=3", "no depth"),
        ("gemm m=8 isa=z80", "no z80"),
        ("gemm m=abc n=2 k=3", "m is a number, not abc"),
        ("gemm m=8 m=9 n=2", "8 and 9"),
    ):
        with pytest.raises(Unclear, match=why):
            read(text)
