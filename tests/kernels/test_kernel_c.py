"""Emitted C, compiled with the real compiler and compared with float64 references."""

import ctypes
import functools
import math
from pathlib import Path

import numpy as np
import pytest

from tools.kernels import operators
from tools.kernels.attention import Attention, forward
from tools.kernels.c import ISAS, CompileError, Schedule, Source, Unsupported, build, emit
from tools.kernels.operators import Conv2d, Elementwise, Gemm, Gemv, Rows
from tools.kernels.reference import error, inputs, ordinary, reference
from tools.tl import parse

FLAGS = frozenset(Path("/proc/cpuinfo").read_text().split())


def needs(isa, dtype="fp32"):
    extra = {"bf16": {"avx512_bf16"}, "int8": {"avx512_vnni"}}.get(dtype, set())
    if not ISAS[isa].needs | extra <= FLAGS:
        pytest.skip(f"this processor has no {isa} for {dtype}")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


def run(source, arrays, folder):
    """Call a kernel on copies of the arrays; bf16 travels as its upper 16 bits."""
    raw = {}
    for a in source.arguments:
        value = arrays[a.name].copy()
        raw[a.name] = (
            (value.view(np.uint32) >> 16).astype(np.uint16) if a.dtype == "bf16" else value
        )
    library = ctypes.CDLL(str(build(source, folder)))
    library.kernel(*(ctypes.c_void_p(raw[a.name].ctypes.data) for a in source.arguments))
    wide = {k: (v.astype(np.uint32) << 16).view(np.float32) if v.dtype == np.uint16 else v
            for k, v in raw.items()}  # fmt: skip
    return {a.name: wide[a.name] for a in source.arguments if a.output}


def check(spec, text, schedule, folder):
    arrays = inputs(spec, np.random.default_rng(3))
    got = run(emit(parse(text), schedule), arrays, folder)
    own = ordinary(spec, arrays)
    for name, want in reference(spec, arrays).items():
        assert error(got[name], want) <= 2 * error(own[name], want) + 1e-7


def panel(spec, *block):
    return operators.gemm_panel(spec, *block)


GEMMS = [
    ("avx512", Gemm(37, 45, 50), (16, 32, 16), {"rows": 6}),
    ("avx512", Gemm(130, 97, 200), (64, 96, 64), {"rows": 14, "pack_left": False}),
    ("avx512", Gemm(33, 97, 60), (64, 96, 64), {"pack_left": False, "pack_right": False}),
    ("avx512", Gemm(64, 160, 64, transposed=True), (16, 160, 64), {}),
    ("avx512", Gemm(20, 33, 24, batch=3), (8, 16, 8), {"threads": 2}),
    ("avx512", Gemm(9, 17, 40, bias=True, activation="Gelu"), (4, 8, 16), {}),
    ("avx512", Gemm(20, 33, 37, "int8"), (8, 16, 8), {}),
    ("avx2", Gemm(37, 45, 50), (16, 32, 16), {"rows": 4}),
    ("avx2", Gemm(40, 45, 50, transposed=True), (16, 32, 16), {"rows": 4}),
    ("avx2", Gemm(20, 33, 37, "int8"), (8, 16, 8), {"rows": 4}),
    ("avx2", Gemm(20, 33, 37, "int8", transposed=True), (8, 16, 8), {"rows": 4}),
]


@pytest.mark.parametrize(("isa", "spec", "block", "choice"), GEMMS, ids=str)
def test_gemm(isa, spec, block, choice, folder):
    needs(isa, spec.dtype)
    check(spec, panel(spec, *block), Schedule(isa=isa, **choice), folder)


@pytest.mark.parametrize("isa", ["avx512", "avx2"])
@pytest.mark.parametrize("transposed", [False, True])
def test_blocked_bf16_gemm(isa, transposed, folder):
    """AVX2 has no bf16: its elements are widened as they are loaded."""
    needs(isa, "bf16" if isa == "avx512" else "fp32")
    spec = Gemm(20, 33, 37, "bf16", transposed=transposed)
    check(spec, operators.gemm_blocked(spec, 8, 16, 16), Schedule(isa=isa, rows=4), folder)


def test_int8_is_exact_at_the_ends_of_its_range(folder):
    """Sums of products of -128 overflow 16 bits, where a sloppy dot product saturates."""
    needs("avx2")
    spec = Gemm(5, 9, 64, "int8")
    arrays = inputs(spec, np.random.default_rng(0))
    arrays["A"][...] = arrays["B"][...] = -128
    got = run(emit(parse(panel(spec, 5, 9, 64)), Schedule(isa="avx2", rows=4)), arrays, folder)
    assert (got["C"] == 64 * 128 * 128).all()


OTHERS = [
    *((Rows(kind, 11, 40), lambda s: operators.rows(s, 4))
      for kind in ("softmax", "layernorm", "rmsnorm", "max")),
    *((Elementwise(kind, 7, 33), lambda s: operators.elementwise(s, 2))
      for kind in ("Gelu", "Silu", "Tanh", "Exp")),
    (Gemv(19, 44), lambda s: operators.gemv(s, 4)),
    (Conv2d(2, 9, 11, 5, 7, 3, pad=1), lambda s: operators.conv2d(s, 4)),
    (Conv2d(1, 8, 9, 6, 6, 3, depthwise=True), lambda s: operators.conv2d(s, 4)),
    (Conv2d(2, 9, 12, 5, 7, 3, pad=1, stride=2), lambda s: operators.conv2d(s, 4)),
    (Conv2d(1, 14, 12, 3, 4, 7, pad=3, stride=3), lambda s: operators.conv2d(s, 3)),
    (Conv2d(1, 8, 10, 6, 6, 3, depthwise=True, stride=2), lambda s: operators.conv2d(s, 4)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "program"), OTHERS, ids=lambda v: "" if callable(v) else str(v)[:40]
)
def test_other_operators(spec, program, folder):
    needs("avx2")
    check(spec, program(spec), Schedule(isa="avx2", rows=4), folder)


VARIANTS = [
    {},
    {"causal": True, "statistics": True},
    {"window": 17},
    {"prefix": 9, "softcap": 5.0},
    {"causal": True, "alibi": True},
    {"ragged": True},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_attention(variant, folder):
    """More queries than keys, so that some causal rows see no key and must give zero."""
    needs("avx512")
    spec = Attention(2, 4, 2, 77, 50, 16, 24, **variant)
    views = {"pack_left": "window" in variant, "pack_right": "window" in variant}
    check(spec, forward(spec, 16, 32), Schedule(rows=6, **views), folder)


@functools.cache
def small():
    spec = Gemm(24, 40, 16)
    return spec, emit(parse(panel(spec, 8, 16, 8)), Schedule(isa="avx2", rows=4))


@pytest.mark.parametrize(("old", "new"), [
    ("a += 4;", "a += 5;"), ("steps_ = MIN", "steps_ = -1 + MIN"), ("if (k > 0)", "if (k > 1)"),
    ("c0_0 += a0 * b0", "c0_0 -= a0 * b0"), ("steps_ = 8", "steps_ = 7"),
])  # fmt: skip
def test_wrong_kernels_are_told_from_right_ones(old, new, folder):
    needs("avx2")
    spec, source = small()
    if old not in source.text:
        pytest.skip("this shape has no such text")
    wrong = Source(source.text.replace(old, new), source.arguments, source.compiler, source.flags)
    arrays = inputs(spec, np.random.default_rng(0))
    want = reference(spec, arrays)["C"]
    assert error(run(source, arrays, folder)["C"], want) < 1e-6
    assert error(run(wrong, arrays, folder)["C"], want) > 1e-3


def test_what_a_target_lacks_is_said(folder):
    spec = Gemm(8, 8, 8, "bf16")
    with pytest.raises(Unsupported, match="sve256 has no bf16"):
        emit(parse(panel(spec, 8, 8, 8)), Schedule(isa="sve256"))
    with pytest.raises(CompileError, match="error"):
        build(Source("void kernel( {", (), "gcc", ()), folder)


@pytest.mark.parametrize("isa", ["avx512", "avx2"])
def test_gelu_at_its_ends_and_in_its_tail(isa, folder):
    needs(isa)
    spec = Elementwise("Gelu", 1, 64)
    x = np.concatenate([np.linspace(-6, 6, 56), [np.inf, -np.inf, np.nan, 1e30, -1e30, 0, 25, -25]])
    source = emit(parse(operators.elementwise(spec, 1)), Schedule(isa))
    arrays = {"X": x[None].astype(np.float32), "Y": np.zeros((1, 64), np.float32)}
    got = run(source, arrays, folder)["Y"][0].astype(np.float64)
    assert got[56] == np.inf and np.isnan(got[57]) and np.isnan(got[58])
    assert got[59] == np.float32(1e30) and got[60] == got[61] == 0 and got[62] == 25
    assert abs(got[63]) < 1e-30
    for value, result in zip(arrays["X"][0, :56].astype(np.float64), got, strict=False):
        want = value * math.erfc(-value / math.sqrt(2)) / 2
        # In the left tail x + |x| is exactly 0: what is left keeps digits of its own.
        assert abs(result - want) <= min(2e-4 * abs(want), 2.4e-7 * max(1, abs(value)))
