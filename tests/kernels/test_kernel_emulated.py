"""Kernels for RISC-V and Arm, compiled for real and checked under QEMU user mode.

There is no skip: a machine without the cross compilers fails here, with the packages' names.
"""

from dataclasses import replace

import pytest

from sandboxes.probe import open_sandbox
from tools.kernels import __main__ as verbs
from tools.kernels import emulated, sandboxed
from tools.kernels.arena import Refused
from tools.kernels.c import ISAS, assembly, build_object
from tools.kernels.emulated import NoEmulator, card_of, cards, check_emulated
from tools.kernels.judge import imported_symbols
from tools.kernels.notation import operator
from tools.kernels.sandboxed import KernelRefused, Subject
from tools.kernels.space import default, kernel

GEMM = "gemm m=21 n=37 k=19"
INT8 = "gemm m=20 n=33 k=37 dtype=int8"
ATTENTION = "attention heads=4 kv_heads=2 queries=37 keys=29 width=16 causal=1 statistics=1"
SOFTMAX = "rows kind=softmax rows=64 columns=41"
CASES = [
    *(("rvv256", words) for words in (GEMM, INT8, ATTENTION, SOFTMAX, "gemv m=19 k=44")),
    *((isa, words) for isa in ("neon", "sve512") for words in (GEMM, INT8, ATTENTION, SOFTMAX)),
    *((isa, INT8) for isa in ("sve256", "sve1024", "rvv128", "rvv512")),
    *((isa, ATTENTION) for isa in ("sve256", "sve1024", "rvv128", "rvv512")),
    *(("rvv256", f"rows kind={kind} rows=64 columns=43") for kind in ("layernorm", "rmsnorm")),
    *((isa, "elementwise kind=Gelu rows=7 columns=33") for isa in ("neon", "rvv512")),
    *((isa, f"{GEMM} dtype=bf16") for isa in ("neon", "rvv512")),
]


def emitted(isa, words):
    spec, card = operator(words.split()), card_of(isa)
    return spec, card, kernel(spec, default(spec, card), card)[1]


@pytest.mark.parametrize(("isa", "words"), CASES, ids=str)
def test_correct_under_emulation(isa, words, tmp_path):
    spec, card, source = emitted(isa, words)
    found = check_emulated(spec, source, card, tmp_path)
    assert found.sets >= 3
    if "int8" in words:
        assert found.error == 0


@pytest.mark.parametrize(
    ("old", "new"), [("c0_0 += a0 * b0", "c0_0 -= a0 * b0"), ("steps_ = 19", "steps_ = 18")]
)
def test_a_wrong_kernel_is_refused(old, new, tmp_path):
    spec, card, source = emitted("rvv256", GEMM)
    assert old in source.text
    with pytest.raises(Refused, match="C has error"):
        wrong = replace(source, text=source.text.replace(old, new, 1))
        check_emulated(spec, wrong, card, tmp_path)


def test_a_kernel_that_asks_the_system_is_refused(tmp_path):
    spec, card, source = emitted("neon", GEMM)
    spy = source.text.replace("static void micro", "long time(long *);\nstatic void micro", 1)
    spy = spy.replace("  enum {", "  if (time(0) < 0) return;\n  enum {", 1)
    with pytest.raises(Refused, match="calls time"):
        check_emulated(spec, replace(source, text=spy), card, tmp_path)


def test_the_length_a_kernel_is_written_for_matters(tmp_path):
    """A program for one register length is wrong at another, and the check sees it."""
    spec, _, source = emitted("sve512", GEMM)
    with pytest.raises(Refused):
        check_emulated(spec, source, card_of("sve256"), tmp_path)


@pytest.mark.parametrize(
    ("isa", "product"), [("rvv256", "vfmacc.vf"), ("sve512", "fmla\tz"), ("neon", "fmla\tv")]
)
def test_products_are_vector_instructions(isa, product):
    assert assembly(emitted(isa, GEMM)[2]).count(product) > 20


def test_the_sandbox_runs_the_same_check():
    spec, card, source = emitted("rvv512", INT8)
    point = default(spec, card)
    sandbox = open_sandbox("auto")
    found = sandboxed.check(Subject(spec, point, source.text), card, sandbox)
    assert found["error"] == 0
    wrong = source.text.replace("c0_0 += a0 * b0", "c0_0 += a0 + b0")
    with pytest.raises(KernelRefused, match="C has error"):
        sandboxed.check(Subject(spec, point, wrong), card, sandbox)
    with pytest.raises(KernelRefused, match="a time would say nothing"):
        sandboxed.rank(Subject(spec, point, source.text), card, sandbox)


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    spec, card, source = emitted("rvv128", GEMM)
    monkeypatch.setattr(emulated.shutil, "which", lambda word: None)
    with pytest.raises(NoEmulator, match=r"clang-19 and qemu-riscv64: install .*qemu-user"):
        check_emulated(spec, source, card, tmp_path)


def test_a_family_has_a_card_for_each_length(monkeypatch, capsys):
    assert [c.isa for c in cards("rvv")] == ["rvv128", "rvv256", "rvv512"]
    assert all(ISAS[c.isa].packages for family in ("neon", "sve", "rvv") for c in cards(family))
    monkeypatch.setattr(verbs.sys, "argv", ["kernels", "check", *INT8.split(), "--target", "neon"])
    verbs.main()
    assert "correct on neon (emulated), largest error 0" in capsys.readouterr().out


def test_an_object_names_what_it_takes_from_outside(tmp_path):
    _, _, source = emitted("rvv256", ATTENTION)
    assert "expf" in imported_symbols(build_object(source, tmp_path))
