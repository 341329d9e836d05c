"""The static checker: every fault is planted in a correct program and must be found by name."""

import pytest

from tools.kernels.attention import Attention, forward
from tools.tl import Limits, TLError, check, parse

LIMITS = Limits(shared_bytes=227 * 1024, register_bytes=256 * 1024)
TEXT = forward(Attention(2, 8, 2, 256, 256, 64, 64, dtype="fp16", causal=True), 64, 64)


def faults(text, limits=LIMITS):
    with pytest.raises(TLError) as caught:
        check(parse(text), limits)
    return caught.value.diagnostics


def test_attention_is_correct_and_its_memory_is_counted():
    usage = check(parse(TEXT), LIMITS)
    assert usage.shared_bytes == 3 * 64 * 64 * 2
    assert usage.register_bytes == 2 * 64 * 64 * 4 + 64 * 64 * 2 + 2 * 64 * 4
    staged = TEXT.replace(
        "from global to shared\nCompute GEMM Q",
        "from global to shared async stages 3\nCompute GEMM Q",
    )
    assert check(parse(staged), LIMITS).shared_bytes == usage.shared_bytes + 2 * 64 * 64 * 2


@pytest.mark.parametrize(
    ("old", "new", "code", "hint"),
    [
        ("Reshape P from mma_C to mma_A\n", "", "missing-reshape", "Reshape P from mma_C to mma_A"),
        ("GEMM Q, K.T and", "GEMM Q, K and", "transpose-layout", "write K.T"),
        ("GEMM P, V and", "GEMM P, V.T and", "transpose-layout", "write V."),
        ("Compute Fill Acc 0\n", "", "uninitialised", "Acc is read before"),
        ("Compute Fill l 0\n", "", "uninitialised", "l is read before"),
        ("Param BN = 64", "Param BX = 64", "undefined", "BN is no parameter"),
        ("Allocate m in register (BM) as fp32\n", "", "undefined", "m is nowhere"),
        ("Allocate V in global (B, HK, NK, DV) as fp16\n", "", "undefined", "V is not in global"),
        ("Copy Q (BM, D) in coordinate [b, h, q * BM, 0] from global to shared",
         "Copy Q (BM, D) in coordinate [b, h, q * BM, 0] from global to register",
         "level", "skips shared memory"),
        ("Copy Q (BM, D) in coordinate [b, h, q * BM, 0]", "Copy Q (BM, D) in coordinate [b, q]",
         "shape", "4 dimensions"),
        ("Allocate S in register (BM, BN)", "Allocate S in register (BN, BM)", "shape",
         "S is (BN, BM), the product (BM, BN)"),
        ("Allocate Acc in register (BM, DV) as fp32", "Allocate Acc in register (BM, DV) as fp16",
         "dtype", "accumulate in fp32"),
        ("Allocate S in register (BM, BN) as fp32 layout mma_C",
         "Allocate S in register (BM, BN) as fp32 layout row", "layout", "layout mma_C"),
        ("Allocate K in global (B, HK, NK, D) as fp16", "Allocate K in global (B, HK, NK, D) as "
         "bf16", "dtype", "GEMM of fp16 with bf16"),
        ("[b, h, q * BM, 0] from register", "[b, 0, q * BM, 0] from register", "race",
         "parallel iterations of h"),
        ("Reshape P from mma_C to mma_A", "Reshape P from row to col", "layout", "not row"),
        ("for parallel h", "for h", "race", "inside a sequential one"),
        ("h / G", "head / G", "undefined", "head is no parameter"),
    ],
)  # fmt: skip
def test_each_planted_fault_is_found_by_name(old, new, code, hint):
    assert old in TEXT
    text = TEXT.replace(old, new)
    found = [f for f in faults(text) if f.code == code and hint in f.message]
    assert found, [str(f) for f in faults(text)]
    assert all(0 < f.line <= len(text.splitlines()) for f in found)


def test_square_tiles_do_not_hide_a_wrong_transposition():
    """Here BN = D = DV = 64, so only the names tell the dimensions apart."""
    codes = {f.code for f in faults(TEXT.replace("Q, K.T and", "Q, K and"))}
    assert "transpose-layout" in codes


def test_too_much_memory_is_refused_with_both_numbers():
    (fault,) = faults(TEXT, Limits(shared_bytes=1000, register_bytes=256 * 1024))
    assert fault.code == "memory"
    assert "24576 bytes of shared memory, 1000 are there" in fault.message


def test_all_faults_are_reported_at_once_in_order():
    text = TEXT.replace("Compute Fill l 0\n", "").replace("Reshape P from mma_C to mma_A\n", "")
    lines = [f.line for f in faults(text)]
    assert len(lines) >= 3
    assert lines == sorted(lines)


def test_unbound_tunables_are_refused():
    assert "bind it" in faults(TEXT.replace("Param BM = 64", "Tune BM in {64}"))[0].message
