"""The recogniser on modules of our own, and its kernels beside torch (skipped without torch)."""

import copy

import pytest

torch = pytest.importorskip("torch")

from evals.kernelbench.answer import Answer, native  # noqa: E402
from evals.kernelbench.builder import Unsupported  # noqa: E402
from evals.kernelbench.recognise import recognise  # noqa: E402
from evals.kernelbench.rules import strict  # noqa: E402
from evals.kernelbench.worker import look, run  # noqa: E402

nn, F = torch.nn, torch.nn.functional


class Of(nn.Module):
    """A module whose forward is a function of its layers and its inputs."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)
        self.scale = nn.Parameter(torch.tensor([0.7]))

    def forward(self, *inputs):
        return self.function(self, *inputs)


def one(function, *layers):
    return lambda: Of(function, *layers)


def traced(module, shapes):
    """fx traces a forward with named inputs only."""
    names = ", ".join(f"x{i}" for i in range(len(shapes)))
    code = f"def forward(self, {names}):\n    return self.function(self, {names})"
    space = {}
    exec(code, space)
    kind = type("Named", (Of,), {"forward": space["forward"]})
    module.__class__ = kind
    return module


def chain_of(module, shapes):
    meta = [torch.empty(s, device="meta") for s in shapes]
    return recognise(copy.deepcopy(module).to("meta"), meta)


CASES = {
    "matmul": (lambda m, a, b: a @ b, [(33, 20), (20, 17)], 1),
    "transposed": (lambda m, a, b: torch.matmul(a.T, b.T), [(20, 33), (17, 20)], 1),
    "bmm": (lambda m, a, b: torch.bmm(a, b), [(3, 9, 8), (3, 8, 7)], 1),
    "stack": (lambda m, a, b: torch.matmul(a, b), [(3, 9, 8), (8, 7)], 1),
    "einsum": (lambda m, a, b: torch.einsum("abk,kn->abn", a, b), [(2, 5, 6), (6, 7)], 1),
    "gemv": (lambda m, a, b: torch.matmul(a, b), [(40, 64), (64, 1)], 1),
    "scalar": (lambda m, a: 2 - a / 4, [(3, 50)], 1),
    "diagonal": (lambda m, a, b: a.unsqueeze(1) * b, [(40,), (40, 36)], 1),
    "swish": (lambda m, a: a * torch.sigmoid(a), [(7, 90)], 1),
    "residual": (lambda m, a: torch.sigmoid(a) * 3 + a, [(7, 90)], 1),
    "both sides": (lambda m, a: 0.5 * a * (1 + torch.tanh(a + torch.pow(a, 3.0))), [(7, 90)], 1),
    "clamp": (lambda m, a: torch.clamp(a, -0.3, 0.4), [(7, 90)], 1),
    "softmax": (lambda m, a: torch.softmax(a, dim=1), [(5, 333)], 1),
    "log softmax": (lambda m, a: F.log_softmax(a, dim=-1), [(5, 333)], 1),
    "logsumexp": (lambda m, a: torch.logsumexp(a, dim=1, keepdim=True), [(5, 40)], 1),
    "max": (lambda m, a: torch.max(a, dim=1)[0], [(5, 40)], 1),
    "min": (lambda m, a: torch.min(a, dim=1, keepdim=True).values, [(5, 40)], 1),
    "l1": (lambda m, a: a / torch.mean(torch.abs(a), dim=1, keepdim=True), [(6, 77)], 2),
    "l2": (lambda m, a: a / torch.norm(a, p=2, dim=1, keepdim=True), [(6, 77)], 2),
    "mse": (lambda m, a, b: torch.mean((a - b) ** 2), [(8, 64), (8, 64)], 2),
    "scaled": (lambda m, a: torch.tanh(a) * m.scale, [(6, 44)], 1),
    "attention": (
        lambda m, q, k, v: F.scaled_dot_product_attention(q, k, v),
        [(2, 3, 40, 16)] * 3,
        1,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_is_recognised_and_its_kernel_is_right(name, tmp_path):
    function, shapes, stages = CASES[name]
    _right(traced(Of(function), shapes), shapes, stages, tmp_path)


LAYERS = {
    "linear": ([nn.Linear(24, 40)], lambda m, a: F.gelu(m.layers[0](a)), [(30, 24)], 1),
    "mish": (
        [nn.Linear(24, 40), nn.Mish(), nn.Hardtanh(-0.5, 2)],
        lambda m, a: m.layers[2](m.layers[1](m.layers[0](a)) - 0.25),
        [(30, 24)],
        1,
    ),
    "two": (
        [nn.Linear(24, 40), nn.Linear(40, 33)],
        lambda m, a: torch.logsumexp(m.layers[1](torch.relu(m.layers[0](a))), dim=1),
        [(30, 24)],
        3,
    ),
    "group norm": (
        [nn.Linear(24, 64), nn.GroupNorm(4, 64)],
        lambda m, a: F.leaky_relu(m.layers[1](m.layers[0](a)), 0.1),
        [(30, 24)],
        2,
    ),
    "layer norm": ([nn.LayerNorm((6, 50))], lambda m, a: m.layers[0](a), [(4, 6, 50)], 1),
    "instance norm": ([nn.InstanceNorm2d(3)], lambda m, a: m.layers[0](a), [(2, 3, 8, 9)], 1),
    "convolution": (
        [nn.Conv2d(5, 12, (3, 2))],
        lambda m, a: F.hardswish(m.layers[0](a)) * m.scale,
        [(2, 5, 9, 37)],
        1,
    ),
    "depthwise": (
        [nn.Conv2d(6, 6, 3, groups=6, bias=False)],
        lambda m, a: m.layers[0](a),
        [(2, 6, 9, 37)],
        1,
    ),
    "conv1d": ([nn.Conv1d(4, 7, 3, dilation=2)], lambda m, a: m.layers[0](a), [(2, 4, 50)], 1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_what_follows_them_share_kernels(name, tmp_path):
    layers, function, shapes, stages = LAYERS[name]
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.normal_(parameter)
    _right(traced(Of(function, *layers), shapes), shapes, stages, tmp_path)


def _right(module, shapes, stages, folder):
    chain = chain_of(module, shapes)
    assert len(chain.stages) == stages
    answer = Answer(chain, module, [native(stage, folder) for stage in chain.stages])

    def draw(seed):
        torch.manual_seed(seed)
        return [torch.rand(s) for s in shapes]

    with torch.no_grad():
        strict(module, copy.deepcopy(module).double(), answer, draw, 11)


REFUSED = {
    "cumsum": (lambda m, a: torch.cumsum(a, 1), [(4, 40)], [], "cumsum"),
    "columns": (lambda m, a: torch.sum(a, dim=0), [(4, 40)], [], "other dimensions"),
    "batch norm": (lambda m, a: m.layers[0](a), [(4, 8)], [nn.BatchNorm1d(8)], "BatchNorm1d"),
    "dropout": (lambda m, a: m.layers[0](a), [(4, 8)], [nn.Dropout()], "Dropout"),
    "stride": (lambda m, a: m.layers[0](a), [(1, 3, 9, 9)], [nn.Conv2d(3, 4, 3, 2)], "stride"),
    "slope": (lambda m, a: F.leaky_relu(a, 2.0), [(4, 40)], [], "slope"),
    "branch": (lambda m, a: a if a.sum() > 0 else -a, [(4, 40)], [], "traced"),
    "two answers": (lambda m, a: (a, a + 1), [(4, 40)], [], "one tensor"),
    "copy": (lambda m, a: a, [(4, 40)], [], "computed last"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_engine_lacks_is_refused_with_the_reason(name):
    function, shapes, layers, word = REFUSED[name]
    with pytest.raises(Unsupported, match=word):
        chain_of(traced(Of(function, *layers), shapes), shapes)


PROBLEM = """
import torch
import torch.nn as nn

class Model(nn.Module):
    def __init__(self, width, by):
        super().__init__()
        self.linear = nn.Linear(width, 48)
        self.by = by

    def forward(self, x):
        return torch.relu(self.linear(x)) / self.by

def get_inputs():
    return [torch.rand(64, 40)]

def get_init_inputs():
    return [40, 2.0]
"""


def test_a_problem_file_is_looked_at_and_run(tmp_path):
    path = tmp_path / "1_nothing_in_its_name.py"
    path.write_text(PROBLEM)
    job = {"path": str(path), "device": "cpu", "bytes": 1 << 20, "flops": 1e9}
    assert look(job)["status"] == "ran"
    assert look(job | {"flops": 1e3})["status"] == "too large here"
    assert look(job | {"bytes": 1e3})["status"] == "too large here"
    found = run(job | {"seed": 5, "seconds": 0.01, "sources": []})
    assert (found["status"], found["official"], found["strict"]) == ("ran", "", "")
    assert found["pairs"] >= 3
