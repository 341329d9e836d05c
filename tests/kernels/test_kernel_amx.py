"""AMX kernels: the emitted program compiled for real, and run with the tile instructions in C.

No processor that runs these tests is known to have AMX, so what runs here is the emitted text with
``amx_in_c.h`` in place of the instructions: it says that packing, tiles and edges are right
if the instructions do what their reference says, and nothing about speed.
"""

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools.kernels.arena import Arena, Refused, Worker
from tools.kernels.c import ISAS, Schedule, Source, Unsupported, assembly, build, emit
from tools.kernels.card import Card, best_isa
from tools.kernels.judge import check, imports
from tools.kernels.measure import roofline
from tools.kernels.notation import words_of
from tools.kernels.operators import Gemm, gemm_blocked, gemm_panel
from tools.kernels.space import default, kernel, space
from tools.kernels.word_rules import Unclear
from tools.kernels.words import read
from tools.tl import parse

HEADER = Path(__file__).with_name("amx_in_c.h")
CARD = Card("emulated", "amx", frozenset(), 48 << 10, 2 << 20, 1e12, 1e12)


def in_c(source):
    flags = (f for f in source.flags if not f.startswith("-mamx"))
    return replace(source, flags=(*flags, "-O1", "-include", str(HEADER)))


def judge(spec, source, folder):
    """The evaluator's own check, in its own process."""
    library = build(in_c(source), folder)
    imports(library)
    arena = Arena(spec, tuple(a.name for a in source.arguments), 1, folder)
    with Worker(str(library), arena) as worker:
        return check(worker, arena, np.random.default_rng())


def emitted(spec, block, sketch=gemm_blocked, rows=32, vectors=2, **choice):
    schedule = Schedule(isa="amx", rows=rows, vectors=vectors, **choice)
    return emit(parse(sketch(spec, *block)), schedule)


VIEW = {"pack_left": False}
CASES = [
    (Gemm(37, 45, 50, "bf16"), (37, 45, 50), gemm_blocked, {}),
    (Gemm(37, 45, 50, "int8"), (16, 32, 32), gemm_panel, {}),
    (Gemm(1, 129, 70, "bf16"), (1, 64, 70), gemm_blocked, {"rows": 16, "vectors": 6}),
    (Gemm(80, 96, 128, "bf16"), (48, 96, 64), gemm_blocked, VIEW | {"rows": 48, "vectors": 1}),
    (Gemm(96, 72, 192, "int8"), (64, 72, 128), gemm_panel, VIEW),
    (Gemm(33, 40, 128, "bf16", 2, True, True, "Gelu"), (33, 24, 64), gemm_blocked, {}),
    (Gemm(65, 130, 200, "int8", transposed=True), (64, 96, 64), gemm_panel, {"threads": 2}),
    (Gemm(37, 50, 600, "bf16"), (32, 32, 600), gemm_panel, {"ahead": 0}),
    (Gemm(17, 34, 1100, "int8"), (17, 34, 1100), gemm_panel, {}),
]


@pytest.mark.parametrize(
    ("spec", "block", "sketch", "choice"), CASES, ids=[" ".join(words_of(c[0])) for c in CASES]
)
def test_correct_with_the_tiles_in_c(spec, block, sketch, choice, tmp_path):
    found = judge(spec, emitted(spec, block, sketch, **choice), tmp_path)
    assert spec.dtype == "bf16" or found.error == 0


def test_a_left_operand_in_place_is_not_packed():
    text = emitted(Gemm(64, 64, 64, "int8"), (64, 64, 64), **VIEW).text
    assert "A_left" not in text
    assert "A_left" in emitted(Gemm(63, 64, 64, "int8"), (63, 64, 64), **VIEW).text


MUTANTS = {
    "the wrong rows of B": ("b + 32,", "b + 64,"),
    "a stride of A": ("a + 0, 64", "a + 0, 128"),
    "a product left out": ("_tile_dpbf16ps(3, 5, 7)", "_tile_zero(3)"),
    "operands the wrong way round": ("_tile_dpbf16ps(1, 4, 7)", "_tile_dpbf16ps(1, 7, 4)"),
    "a tile stored elsewhere": ("_tile_stored(1, c + 16", "_tile_stored(1, c + 17"),
    "a step too few": ("steps_ = CEIL(50, 32)", "steps_ = CEIL(32, 32)"),
    "a row too few": ("r < 5;", "r < 4;"),
    "earlier sums forgotten": ("if (keep) x +=", "if (!keep) x +="),
    "pairs of k the wrong way round": ("<< (q * 32 / 2)", "<< (16 - q * 32 / 2)"),
    "no padding of k": ("k < k1", "k < k1 + 1"),
    "no configuration": ("tiles_on();\n", "\n"),
    "a pass over k too few": ("k_ < steps_;", "k_ < 16;"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_refused(name, tmp_path):
    old, new = MUTANTS[name]
    k = {"earlier sums forgotten": 82, "a pass over k too few": 600}.get(name, 50)
    spec = Gemm(37, 48, k, "bf16")
    source = emitted(spec, (37, 48, k if k == 600 else 50))
    assert old in source.text
    with pytest.raises(Refused, match=r"C has error|process ended|two runs"):
        judge(spec, replace(source, text=source.text.replace(old, new)), tmp_path)


TILES = """
void kernel(const void *a, const void *b, void *c) {
  static const uint8_t shape[64] ALIGNED = {
      1, [16] = 64, [18] = 64, [20] = 64, [48] = 16, [49] = 16, [50] = 16};
  _tile_loadconfig(shape);
  _tile_loadd(0, c, 64);
  _tile_loadd(1, a, 64);
  _tile_loadd(2, b, 64);
  PRODUCT(0, 1, 2);
  _tile_stored(0, c, 64);
  _tile_release();
}
"""


def product(name, a, b, c, folder):
    head = "#define ALIGNED __attribute__((aligned(64)))\n"
    text = head + TILES.replace("PRODUCT", name)
    call = ctypes.CDLL(str(build(in_c(Source(text, (), "gcc", ("-O2", "-mfma"))), folder))).kernel
    call(*(ctypes.c_void_p(x.ctypes.data) for x in (a, b, c)))
    return c


def halves(x):
    return (np.asarray(x, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def test_the_tiles_in_c_round_as_the_reference_says(tmp_path):
    """Even and odd elements are summed apart: 2^24 loses single ones, but not their sum of 3."""
    a = np.zeros((16, 32), np.float32)
    a[0, 0], a[0, 1], a[0, 3], a[0, 5] = 2**24, 1, 1, 1
    a[1, 0] = a[1, 2] = 2.0**-130  # denormal: zero
    a[2, 0] = 2.0**-126
    b = np.ones((16, 32), np.float32)
    b[:, 30:] = 2.0**-1  # column 15
    c = product("_tile_dpbf16ps", halves(a), halves(b), np.ones((16, 16), np.float32), tmp_path)
    assert c[0, 0] == 2**24 + 4 + 0  # 1 more is lost, by rounding to even
    assert (c[1:] == 1).all()
    zero = product("_tile_dpbf16ps", halves(a), halves(b), np.zeros_like(c), tmp_path)
    assert (zero[1], zero[2, 0], zero[2, 15]) == (pytest.approx(0, abs=0), 2.0**-126, 0)


def test_int8_in_c_wraps(tmp_path):
    a, b = np.full((16, 64), -128, np.int8), np.full((16, 64), -128, np.int8)
    c = np.full((16, 16), 2**31 - 1, np.int32)
    assert (product("_tile_dpbssd", a, b, c, tmp_path) == -(2**31) - 1 + 2**20).all()


@pytest.mark.parametrize(("dtype", "name"), [("bf16", "tdpbf16ps"), ("int8", "tdpbssd")])
def test_the_real_instructions_are_in_the_program(dtype, name):
    text = assembly(emitted(Gemm(32, 32, 64, dtype), (32, 32, 64)))
    assert text.count(f"{name}\t%tmm") >= 4
    assert (text.count("syscall"), text.count("ldtilecfg")) == (1, 1)


def test_a_processor_with_amx_uses_it_for_what_it_multiplies():
    features = ISAS["avx512"].needs | {"amx_tile", "amx_bf16", "amx_int8"}
    assert best_isa(features) == "amx"
    assert best_isa(features - {"amx_tile"}) == "avx512"
    for dtype, rate in (("fp32", 1e12), ("bf16", 16e12), ("int8", 32e12)):
        spec = Gemm(64, 64, 64, dtype)
        text = kernel(spec, default(spec, CARD), CARD)[1].text
        assert ("_tile_dp" in text) == (dtype != "fp32")
        assert roofline(spec, CARD).flops == rate


def test_every_tile_of_the_space_fits():
    spec = Gemm(512, 512, 512, "bf16")
    for tile in space(spec, CARD)["tile"]:
        kernel(spec, default(spec, CARD) | {"tile": tile}, CARD)
    with pytest.raises(Unsupported, match="more than 8 tiles"):
        kernel(spec, default(spec, CARD) | {"tile": "32x3"}, CARD)
    with pytest.raises(Unsupported, match="16 rows"):
        kernel(spec, default(spec, CARD) | {"tile": "8x2"}, CARD)


def test_words_may_name_amx():
    assert read("bf16 gemm 64x64x64 with AMX").isa == "amx"
    with pytest.raises(Unclear, match="bf16 and int8"):
        read("gemm 64x64x64 with AMX").operator()
