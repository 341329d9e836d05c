"""Triton source from TL: what it says, and what it computes in Triton's own interpreter."""

import ast

import numpy as np
import pytest

from tools.kernels.arena import Refused
from tools.kernels.attention import Attention, forward
from tools.kernels.c import Unsupported
from tools.kernels.emulated import NoEmulator
from tools.kernels.gpu import emit_triton
from tools.kernels.gpu import run as gpu_run
from tools.kernels.gpu.run import check_gpu, source
from tools.kernels.notation import operator
from tools.kernels.operators import Gemm, gemm_blocked, gemm_panel
from tools.tl import parse

GEMM = "gemm m=37 n=45 k=50 transposed=1 bias=1 activation=Silu"
CAUSAL = "attention heads=2 kv_heads=1 queries=70 keys=40 width=16 causal=1"


@pytest.fixture
def interpreter(monkeypatch):
    """Triton itself, where it is installed; one draw of inputs, so that no verdict is chance."""
    pytest.importorskip("triton")
    pytest.importorskip("torch")
    make = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda: make(5))


@pytest.mark.parametrize(
    "words", [GEMM, CAUSAL, "rows kind=softmax rows=7 columns=40", "gemm m=20 n=33 k=37 dtype=int8"]
)
def test_correct_in_the_interpreter(words, interpreter, tmp_path):
    spec = operator(words.split())
    found = check_gpu(source(spec), spec, tmp_path)
    assert found.sets >= 3
    assert found.error == 0 or "int8" not in words


def test_a_wrong_module_is_refused(interpreter, tmp_path):
    spec = operator(["rows", "kind=softmax", "rows=7", "columns=40"])
    text = source(spec)
    wrong = text.replace("tl.where(tl.arange(0, 64)[None, :] < 40, X_r, 0.0), 1)", "X_r, 1)")
    assert wrong != text
    with pytest.raises(Refused, match="Y has error"):
        check_gpu(wrong, spec, tmp_path)


def test_padding_never_counts_and_whole_tiles_need_no_mask():
    text = source(operator(["rows", "kind=softmax", "rows=8", "columns=64"]))
    assert "mask" not in text and "tl.where" not in text
    text = source(operator(["rows", "kind=softmax", "rows=8", "columns=40"]))
    assert "tl.arange(0, 64)[None, :] < 40" in text
    ast.parse(text)


def test_fp32_products_are_not_rounded_to_tf32():
    assert 'input_precision="ieee"' in source(Gemm(64, 64, 64))
    assert "ieee" not in source(Gemm(64, 64, 64, "fp16"))


def test_the_grid_is_the_nest_of_parallel_loops():
    text = emit_triton(parse(gemm_blocked(Gemm(512, 256, 64, batch=3), 128, 64, 32)), warps=8)
    assert "kernel[(4, 4, 3,)](A, B, C, num_warps=8, num_stages=2)" in text
    huge = emit_triton(parse(forward(Attention(64, 64, 64, 8192, 8192, 64, 64), 64, 64)))
    assert "tl.program_id(0).to(tl.int64)" in huge


def test_what_cannot_be_is_said(monkeypatch, tmp_path):
    with pytest.raises(Unsupported, match="read and written"):
        emit_triton(parse(gemm_panel(Gemm(64, 64, 64), 32, 32, 32)))
    with pytest.raises(Unsupported, match="nest of parallel loops"):
        emit_triton(parse("Param N = 4\nfor i = 0 : N\nend\n"))
    conv = operator(["conv2d", "height=9", "width=11", "ci=5", "co=7", "kernel=3", "pad=1"])
    with pytest.raises(Unsupported, match="outside"):
        source(conv)
    monkeypatch.setattr(gpu_run.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoEmulator, match="torch and triton"):
        check_gpu("", conv, tmp_path)
