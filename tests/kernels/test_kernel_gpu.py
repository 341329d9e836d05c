"""TileLang source from TL: what it says, without a GPU."""

import ast
import json
import re

import pytest

from tools.kernels.attention import Attention, forward
from tools.kernels.c import Unsupported
from tools.kernels.gpu import GpuSchedule, emit_tilelang
from tools.kernels.gpu.picture import attention_svg
from tools.kernels.operators import Gemm, Rows, gemm_blocked, gemm_panel, rows
from tools.tl import parse

CAUSAL = Attention(1, 8, 2, 1024, 1024, 64, 64, "fp16", causal=True)


def emit(text, **schedule):
    module = emit_tilelang(parse(text), GpuSchedule(**schedule))
    ast.parse(module)
    return module


def test_attention_is_one_pipeline_whose_masks_run_only_where_needed():
    module = emit(forward(CAUSAL, 128, 64), threads=256, reverse=True)
    assert module.count("T.Pipelined") == 1
    assert "if j >= " in module
    assert "h // 4" in module  # eight query heads share two key heads
    assert "bound" not in module and "< (1024)" not in module  # 1024 is a multiple of 64
    assert "q = T.ceildiv(1024, 128) - 1 - q_" in module


def test_the_scale_goes_into_the_exponential_unless_something_else_needs_it():
    folded = emit(forward(CAUSAL, 128, 64))
    assert "* 0.125" not in folded and repr(0.125 * 1.4426950408889634) in folded
    capped = emit(forward(Attention(1, 2, 2, 64, 64, 64, 64, "fp16", softcap=5.0), 64, 64))
    assert "S_r[i_, j_] * 0.125" in capped
    kept = emit(forward(Attention(1, 2, 2, 64, 64, 64, 64, "fp16", statistics=True), 64, 64))
    assert "S_r[i_, j_] * 0.125" in kept


def test_overlap_lags_the_value_product_and_holds_its_buffers_until_the_wait():
    module = emit(forward(CAUSAL, 128, 128), overlap=True)
    lines = [line.strip() for line in module.splitlines()]
    products = [at for at, line in enumerate(lines) if line.startswith("T.wgmma_gemm")]
    waits = [at for at, line in enumerate(lines) if line.startswith("T.wait_wgmma")]
    held = [at for at, line in enumerate(lines) if line.startswith("witness[0]")]
    assert len(products) == len(waits) == len(held) == 2
    assert [h - w for h, w in zip(held, waits, strict=True)] == [1, 1]
    assert products[1] < waits[0] < waits[1]
    assert any(line.startswith("T.gemm(P_r, last_s") for line in lines)


def test_gemm_leaves_through_shared_memory():
    module = emit(gemm_blocked(Gemm(512, 512, 512, "bf16"), 128, 128, 64), swizzle=8)
    assert "T.copy(Acc_r, Acc_o)" in module and "T.use_swizzle(8)" in module
    assert "T.annotate_layout({Acc_o: make_swizzled_layout(Acc_o)})" in module
    assert "with T.Kernel(T.ceildiv(512, 128), T.ceildiv(512, 128), 1, threads=128)" in module


def test_a_row_is_divided_once():
    module = emit(forward(CAUSAL, 128, 64))
    assert module.count(" / ") == 1 and "inverse[i_] = T.if_then_else(l_r[i_] != 0" in module


def test_row_operators_are_written_too():
    assert "T.reduce_max(X_r, m_r, dim=1, clear=True)" in emit(rows(Rows("softmax", 64, 256), 4))


def test_a_program_without_a_grid_is_refused():
    with pytest.raises(Unsupported, match="nest of parallel loops"):
        emit("Param N = 4\nfor i = 0 : N\nend\n")
    with pytest.raises(Unsupported, match="bind it first"):
        emit(gemm_panel(Gemm(8, 8, 8), 8, 8, 8).replace("Param BM = 8", "Tune BM in {8}"))


def test_an_attention_table_is_drawn_as_ratios(tmp_path):
    rows = [
        {"spec": {"width": 64, "causal": causal, "keys": keys}, "tflops": {"ours": 2, "cudnn": 2.5}}
        for causal in (False, True)
        for keys in (512, 2048)
    ]
    rows[0]["tflops"]["cudnn"] = 1.0  # 2.0 times as fast, the highest point
    table = tmp_path / "table.json"
    table.write_text(json.dumps({"rows": rows}))
    picture = attention_svg(table)
    assert ">d=64 full<" in picture and ">d=64 causal<" in picture and ">2048<" in picture
    lines = re.findall(r'<polyline points="([^"]+)" fill="none" stroke="#1f6feb"', picture)
    heights = [float(point.split(",")[1]) for line in lines for point in line.split()]
    assert heights[0] < heights[1] == heights[2] == heights[3]  # SVG counts downwards
    assert min(heights) >= 20
