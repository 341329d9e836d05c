"""Names of hardware are terms of their own."""

import pytest

from memory.knowledge.words import terms

NAMES = [
    *("vfmadd231ps", "mstatus", "cp.async", "_mm512_dpbusd_epi32", "fence.i", "$signed", "v0.t"),
    *("0x300", "vluxei32.v", "__shfl_xor_sync", "sm_90a", "casex", "cp.async.bulk.tensor.2d"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_whole(name):
    assert name in terms(f"Use `{name}`, then ({name.upper()}).")


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_something_else_does_not_contain_it(name):
    assert name not in terms(f"{name}x and x{name.lstrip('$')} and {name}1")


def test_parts_and_prefixes_are_terms_too():
    assert {"mma.sync", "mma.sync.aligned", "m16n8k16"} <= set(terms("mma.sync.aligned.m16n8k16"))
    assert "dpbusd" in terms("_mm512_dpbusd_epi32")
    assert "avx512" in terms("AVX-512")


def test_operators_are_terms():
    assert terms("a === b >>> 2") == ["a", "===", "b", ">>>", "2"]


def test_a_full_stop_is_no_part_of_a_name():
    assert terms("Write mstatus. Then go.") == ["write", "mstatus", "then", "go"]
