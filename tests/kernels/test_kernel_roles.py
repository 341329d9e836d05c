"""Persistent TileLang kernels by what they say, and chains of matrix programs by what they do."""

import ast
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest

from tools.kernels.attention import Attention, backward, forward
from tools.kernels.c.plan import Plan
from tools.kernels.gpu import GpuSchedule, emit_tilelang
from tools.kernels.gpu.cases import parameters
from tools.kernels.gpu.matrix import Blocks, chain, product_of
from tools.kernels.gpu.table import SETS, choices, source
from tools.kernels.operators import Gemm, gemm_blocked
from tools.kernels.reference import error, inputs, ordinary, reference
from tools.tl import Limits, check, execute, parse
from tools.tl.executor import NUMPY

CAUSAL = Attention(1, 8, 2, 1024, 1024, 64, 64, "fp16", causal=True, statistics=True)


def emit(text, **schedule):
    module = emit_tilelang(parse(text), GpuSchedule(blocks=132, **schedule))
    ast.parse(module)
    loads, work = module.split("        else:\n", 1)
    return [line.strip() for line in loads.splitlines()], [x.strip() for x in work.splitlines()]


def count(lines, start):
    return sum(line.startswith(start) for line in lines)


def test_the_loader_loads_and_nothing_else():
    loads, work = emit(forward(CAUSAL, 128, 64), threads=256, overlap=True, reverse=True)
    assert count(loads, "T.tma_copy") == 3
    assert [line for line in work if line.startswith("T.tma_copy(") and "Acc_o" not in line] == []
    assert count(loads, "T.wgmma_gemm") == count(loads, "T.copy") == 0
    # Three deliveries: every one awaited as often as it is given back.
    assert count(loads, "T.barrier_wait") == count(loads, "T.barrier_arrive") == 3
    freed = {line.split("[")[0] for line in work if line.startswith("T.barrier_arrive")}
    assert freed == {f"T.barrier_arrive({name}_free" for name in "QKV"}


def test_loads_that_follow_each_other_share_their_barriers():
    loads, work = emit(gemm_blocked(Gemm(512, 512, 512, "bf16"), 128, 128, 64), threads=256)
    assert count(loads, "T.tma_copy") == 2
    assert count(loads, "T.barrier_wait") == count(loads, "T.barrier_arrive") == 1
    assert count(work, "T.barrier_wait") == count(work, "T.barrier_arrive") == 1


class Traced(dict):
    """Names of an emitted block: what is not set is a tile or a barrier, known by name and slot."""

    def __missing__(self, name):
        return Tile(name)


class Tile(str):
    def __getitem__(self, at):
        return (str(self), at if isinstance(at, int) else at[0])


class Calls:
    """TileLang's calls, written down."""

    serial = range
    GemmWarpPolicy = SimpleNamespace(FullRow=None)

    def __init__(self):
        self.made = []

    def ceildiv(self, a, b):
        return -(-a // b)

    def __getattr__(self, name):
        return lambda *given, **_: self.made.append((name, *given))


def trace(lines, start, end):
    """Run part of a worker's text, from one line to before another."""
    first = next(n for n, line in enumerate(lines) if line.strip().startswith(start))
    last = next(n for n, line in enumerate(lines) if line.strip().startswith(end))
    calls = Calls()
    names = Traced(turn=[0], last=[0], done=[0], T=calls)
    exec(textwrap.dedent("\n".join(lines[first:last])), {}, names)
    return calls.made


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("stages", [1, 2, 4])
def test_tiles_go_back_in_order_once_the_product_that_reads_them_has_ended(stages, overlap):
    text = gemm_blocked(Gemm(512, 512, 576, "bf16"), 128, 128, 64)
    module = emit_tilelang(parse(text), GpuSchedule(256, stages, blocks=132, overlap=overlap))
    work = module.split("        else:\n", 1)[1].splitlines()
    made = trace(work, "for k in", "T.tma_store_wait(0)")
    came = [given[0] for name, *given in made if name == "barrier_wait"]
    assert came == [("A_full", turn % stages) for turn in range(9)]
    begun = ended = most = 0
    freed = []
    for name, *given in made:
        begun += name in ("gemm", "wgmma_gemm")
        if name == "gemm":  # waits for its own end
            ended = begun
        if name == "wait_wgmma":
            ended = begun - given[0]
        if name == "barrier_arrive":
            freed.append(given[0])
            assert len(freed) <= ended
        most = max(most, begun - len(freed))
    assert freed == [("A_free", turn % stages) for turn in range(9)]
    assert most <= min(stages, 2)  # what has not been given back fits the buffers


def leaving(spec, blocks, threads, stages=2):
    text = forward(spec, *blocks) if isinstance(spec, Attention) else gemm_blocked(spec, *blocks)
    module = emit_tilelang(parse(text), GpuSchedule(threads, stages, blocks=132))
    ast.parse(module)
    return module


def test_each_warpgroup_sends_its_own_rows_in_panels_of_128_bytes():
    module = leaving(CAUSAL, (128, 64), 256)
    assert "OPTIONS = {'tl.disable_thread_storage_sync': True}" in module
    lines = [line.strip() for line in module.splitlines()]
    at = lines.index("T.copy(Acc_r, Acc_o)")
    meet = "T.sync_threads(4 + group_, 128)"
    assert lines[at - 2 : at] == ["T.tma_store_wait(0)", meet]
    assert lines[at + 1 : at + 3] == ["T.fence_proxy_async()", meet]
    rows = "group_ * 64 : group_ * 64 + 64"
    assert lines[at + 3].startswith(f"T.tma_copy(Acc_o[{rows}, 0 : 64], O[b, h, q * 128 + group_")
    assert lines[-1] == "T.tma_store_wait(0)"


def test_what_does_not_fit_leaves_through_two_panels():
    wide = Attention(1, 8, 8, 512, 512, 256, 256, "fp16")
    module = leaving(wide, (128, 64), 256)
    assert "Acc_o = T.alloc_shared([2, 128, 64]" in module
    sent = [line.strip() for line in module.splitlines() if "T.tma_copy(Acc_o" in line]
    assert [line[17] for line in sent] == ["0", "1", "0", "1"]
    assert [line.split("], ")[1].split(", ")[3] for line in sent] == [
        *("0 : 64", "64 : 64 + 64", "128 : 128 + 64", "192 : 192 + 64")
    ]
    # Not even panels fit beside these tiles: results leave from registers.
    assert "Acc_o" not in leaving(wide, (128, 80), 256)


@pytest.mark.parametrize(("width", "stages"), [(192, 9), (256, 7), (320, 6)])
def test_a_slot_is_written_only_when_its_last_sending_has_been_read(width, stages):
    """Over three tiles: sendings are read in order, and a wait leaves that many unread."""
    module = leaving(Gemm(512, 960, 512, "bf16"), (128, width, 32), 256, stages)
    lines = [line.strip() for line in module.splitlines()]
    lines = [x for x in lines if x.startswith(("T.tma_store_wait", "T.copy(Acc", "T.tma_copy(Acc"))]
    assert "alloc_shared([2, 128, 64]" in module
    unread: list[str] = []
    for line in lines[:-1] * 3:
        slot = line.split("Acc_o[")[-1][0]
        if line.startswith("T.tma_store_wait"):
            left = int(line[len("T.tma_store_wait(")])
            unread = unread[len(unread) - left :] if left else []
        elif line.startswith("T.copy"):
            assert slot not in unread
        else:
            unread.append(slot)


@pytest.mark.parametrize(
    ("spec", "blocks", "threads"),
    [
        (Gemm(512, 512, 512, "bf16"), (256, 128, 64), 256),  # 128 rows a warpgroup
        (Gemm(512, 512, 512, "bf16"), (128, 48, 64), 256),  # rows of 96 bytes
        (Gemm(512, 513, 512, "bf16"), (128, 128, 64), 256),  # rows the engine cannot address
    ],
)
def test_other_results_leave_as_the_compiler_does_it(spec, blocks, threads):
    module = leaving(spec, blocks, threads)
    assert "OPTIONS" not in module and "T.tma_store_wait" not in module
    assert "T.copy(Acc_o, C[" in module


def test_register_loads_are_the_workers():
    loads, work = emit(backward(CAUSAL, 64, 64)["keys"])
    assert not any("L_r" in line and line.startswith("T.copy") for line in loads)
    assert any(line.startswith("T.copy(L[") for line in work)


def tiles(lines, variables):
    """The tiles of the grid each block computes, by running the emitted index arithmetic."""
    at = next(n for n, line in enumerate(lines) if line.startswith("for wave"))
    head = lines[at + 1 : at + 6 + len(variables)]
    test = next(n for n, line in enumerate(head) if line.startswith("if "))
    waves = int(lines[at].split("(")[1].rstrip("):"))
    body = [f"    {x}" for x in head[:test]] + [f"    {head[test]}"]
    body += [f"        {x}" for x in head[test + 1 : test + 1 + len(variables)]]
    body.append(f"        found.append(({', '.join(variables)}))")
    code = "\n".join([f"for wave in range({waves}):", *body])
    blocks = []
    for block in range(132):
        found = []
        exec(compile(code, "grid", "exec"), {"block": block, "found": found})
        blocks.append(found)
    return blocks


@pytest.mark.parametrize("keys", [512, 640, 2048])
def test_every_tile_is_computed_once_and_pairs_balance_a_causal_grid(keys):
    spec = Attention(32, 8, 8, keys, keys, 64, 64, "fp16", causal=True)
    _, work = emit(forward(spec, 128, 128), threads=256, reverse=True)
    blocks = tiles(work, ["q", "h", "b"])
    flat = [tile for block in blocks for tile in block]
    assert len(flat) == len(set(flat)) == 32 * 8 * keys // 128
    work_of = [sum(q + 1 for q, _, _ in block) for block in blocks]
    assert max(work_of) - min(work_of) <= keys // 128 + 1  # one pair more or less


def test_bands_cover_a_product_once():
    _, work = emit(gemm_blocked(Gemm(1000, 700, 64, "fp16", batch=2), 128, 128, 64), swizzle=8)
    flat = [tile for block in tiles(work, ["j", "i", "l"]) for tile in block]
    assert sorted(flat) == [(j, i, n) for j in range(6) for i in range(8) for n in range(2)]


def multiply(spec, programs):
    """The chain in the executor, workspaces poisoned; the error and numpy's own."""
    arrays = inputs(spec, np.random.default_rng(3))
    for text in programs:
        program = parse(text)
        check(program, Limits(1 << 30, 1 << 30))
        plan = Plan(program)
        for name, a in plan.arrays.items():
            arrays.setdefault(name, np.full(a.shape, np.nan, NUMPY[a.dtype]))
        execute(program, {name: arrays[name] for name in plan.arrays})
    want = reference(spec, arrays)["C"]
    return error(arrays["C"], want), error(ordinary(spec, arrays)["C"], want)


@pytest.mark.parametrize(
    ("spec", "blocks"),
    [
        (Gemm(20, 24, 50, "bf16"), Blocks(16, 16, 16)),
        (Gemm(17, 21, 51, "fp16"), Blocks(16, 16, 16, 2)),
        (Gemm(20, 24, 64), Blocks(16, 16, 32)),
        (Gemm(17, 19, 100), Blocks(16, 16, 16, 3)),
    ],
)
def test_chains_multiply(spec, blocks):
    mine, own = multiply(spec, chain(spec, blocks))
    assert mine <= max(own, 1.2e-7)


def test_a_plane_left_out_is_no_fp32_product():
    spec = Gemm(20, 24, 64)
    programs = chain(spec, Blocks(16, 16, 32))
    at = product_of(programs)
    for plane in ("A1, B1", "A0, B2", "A2, B0"):
        line = f"Compute GEMM {plane} and accumulate T"
        wrong = (
            programs[at].replace(line, "")
            if plane != "A0, B2"
            else programs[at].replace("Compute GEMM A0, B2 and get T", "Compute Fill T 0")
        )
        assert wrong != programs[at]
        mine, own = multiply(spec, [*programs[:at], wrong, *programs[at + 1 :]])
        assert mine > 2 * own


def test_a_chain_says_what_it_cannot():
    with pytest.raises(ValueError, match="plain matrices"):
        chain(Gemm(8, 8, 8, "int8"), Blocks(16, 16, 16))


def test_every_point_of_the_tables_has_modules():
    for name in ("skinny", "fp32", "variants"):
        for spec in SETS[name]:
            assert all(parameters(m) for c in choices(spec) for m in source(spec, c))
