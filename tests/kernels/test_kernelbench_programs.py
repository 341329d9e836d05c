"""The TL that stages become, executed in numpy: for both targets, every road of them."""

import math

import numpy as np
import pytest

from evals.kernelbench import programs
from evals.kernelbench.pointwise import NoFunction, function
from evals.kernelbench.programs import NotHere, Sizes, for_cpu, for_gpu, rows
from evals.kernelbench.stages import Convolution, Line, Product, Ref, Stage
from tools.kernels.c.plan import Plan
from tools.tl import execute, parse

SOURCE = Ref("input", "0")
RANDOM = np.random.default_rng(5)


def draw(*shape):
    return RANDOM.standard_normal(shape, np.float32)


def run(texts, arrays):
    """Programs in order on arrays by name; what is missing is workspace."""
    for text in texts:
        program = parse(text)
        for array in Plan(program).arrays.values():
            arrays.setdefault(array.name, np.full(array.shape, np.nan, np.float32))
        execute(program, {a.name: arrays[a.name] for a in Plan(program).arrays.values()}, 3)
    return arrays["Y"]


def matrix(rows_, columns):
    stage = Stage(rows_, columns, None, {"X": SOURCE}, {"X": (rows_, columns)})
    stage.lines.append(Line("load", "X"))
    stage.result = "X"
    return stage


FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "gelu": lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "abs": abs,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_written_in_tl_is_the_function(name):
    stage = matrix(3, 41)
    stage.do(*function(name, "X", stage.tile, {}))
    x = 6 * draw(3, 41)
    got = run([rows(stage, programs.CPU)], {"X": x.copy()})
    want = FUNCTIONS[name](x.astype(np.float64))
    assert np.abs(got - want).max() < 2e-6 * np.abs(want).max()


def test_mish_does_not_overflow():
    stage = matrix(1, 2)
    stage.do(*function("mish", "X", stage.tile, {}))
    got = run([rows(stage, programs.CPU)], {"X": np.float32([[300, -300]])})
    assert got[0] == pytest.approx([300, 0], rel=1e-6)


def test_clamps_with_one_bound_and_unknown_functions():
    stage = matrix(1, 3)
    stage.do(*function("clamp", "X", stage.tile, {"min": None, "max": 1.0}))
    got = run([rows(stage, programs.CPU)], {"X": np.float32([[-9, 1, 9]])})
    assert got.tolist() == [[-9, 1, 1]]
    with pytest.raises(NoFunction, match="digamma"):
        function("digamma", "X", stage.tile, {})


@pytest.mark.parametrize(
    "target", [Sizes(512, 512, 1), Sizes(128, 512, 2)], ids=["whole", "passes"]
)
def test_softmax_of_whole_rows_and_of_rows_in_blocks(target):
    stage = matrix(5, 384)
    top = stage.reduce("RowMax", "X")
    stage.do(f"Compute Subtract X, {top}", "Compute Exp X")
    total = stage.reduce("RowSum", "X")
    stage.count(f"Compute Reciprocal {total}")
    stage.do(f"Compute Multiply X, {total}")
    x = draw(5, 384)
    text = rows(stage, target)
    assert text.count("for j") == (3 if target.row < 384 else 0)
    want = np.exp(x.astype(np.float64))
    want /= want.sum(1, keepdims=True)
    assert np.abs(run([text], {"X": x.copy()}) - want).max() < 1e-7


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_products_of_transposed_matrices_with_an_epilogue(left, right, target):
    m, n, k = 70, 38, 44
    a, b, bias = draw(*((k, m) if left else (m, k))), draw(*((n, k) if right else (k, n))), draw(n)
    stage = Stage(m, n, Product(m, n, k, 1, left, right), {"A": SOURCE, "B": SOURCE})
    stage.shapes |= {"A": (1, *a.shape), "B": (1, *b.shape)}
    name = stage.read(SOURCE, (n,), "row")
    stage.do(f"Compute Add Acc, {name}", "Compute Relu Acc")
    stage.result = "Acc"
    choices = [for_cpu(stage)] if target == "cpu" else for_gpu(stage)
    exact = (a.T if left else a).astype(np.float64) @ (b.T if right else b)
    want = np.maximum(exact + bias, 0)
    for texts in choices:
        got = run([t.code for t in texts], {"A": a[None], "B": b[None], name: bias})
        assert np.abs(got[0] - want).max() < 1e-5


def convolved(x, f, dilation):
    """The definition, tap by tap: x (n, ci, h, w), f (r, s, co, ci)."""
    (dy, dx), (r, s) = dilation, f.shape[:2]
    h, w = x.shape[2] - (r - 1) * dy, x.shape[3] - (s - 1) * dx
    total = 0.0
    for y in range(r):
        for c in range(s):
            part = x[:, :, y * dy : y * dy + h, c * dx : c * dx + w].astype(np.float64)
            total = total + np.einsum("oi,nihw->nohw", f[y, c].astype(np.float64), part)
    return total


@pytest.mark.parametrize("depthwise", [False, True])
def test_convolutions_of_any_kernel_and_dilation(depthwise):
    c = Convolution(2, 6, 6 if depthwise else 10, 9, 13, (3, 2), (2, 3), depthwise)
    x = draw(2, 6, 9, 13)
    f = draw(6, c.co) if depthwise else draw(6, c.co, 6)
    stage = Stage(2 * c.co, math.prod(c.out), c, {"A": SOURCE, "B": SOURCE})
    stage.shapes |= {"A": (2, 6, 9 * 13), "B": f.shape}
    name = stage.read(SOURCE, (c.co,), "column")
    stage.do(f"Compute Add Acc, {name}")
    stage.result = "Acc"
    bias = draw(c.co)
    full = (f[:, :, None] * np.eye(6, dtype=np.float32)) if depthwise else f
    want = convolved(x, full.reshape(3, 2, c.co, 6), c.dilation) + bias[:, None, None]
    choices = [for_cpu(stage), *(for_gpu(stage) if depthwise else [])]
    for texts in choices:
        got = run([t.code for t in texts], {"A": x.reshape(2, 6, -1), "B": f, name: bias})
        assert np.abs(got.reshape(want.shape) - want).max() < 1e-5


def test_roads_known_wrong_on_a_gpu_are_not_taken():
    plain = Stage(20, 9, Convolution(2, 3, 10, 5, 5, (3, 3)))
    batched = Stage(20, 9, Product(10, 9, 8, 2))
    for stage in (plain, batched):
        with pytest.raises(NotHere):
            for_gpu(stage)
