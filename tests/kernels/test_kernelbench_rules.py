"""Both rules refuse what is wrong, and the strict one what the benchmark's lets pass."""

import pytest

torch = pytest.importorskip("torch")

from evals.kernelbench.rules import Wrong, official, strict  # noqa: E402


def model(x, y):
    return torch.softmax(x, dim=1) @ y


def draw(seed):
    torch.manual_seed(seed)
    return [torch.rand(64, 96), torch.rand(96, 32)]


def honest(x, y):
    return (torch.softmax(x.double(), dim=1) @ y.double()).float()


def judge(answer, function=model, inputs=draw):
    return strict(function, function, answer, inputs, 99)


def test_an_honest_answer_passes_both():
    official(model, honest, draw)
    assert judge(honest) < 2.4e-7


class Replays:
    """What it was right about once, for ever."""

    def __init__(self):
        self.first = None

    def __call__(self, x, y):
        if self.first is None:
            self.first = honest(x, y)
        return self.first.clone()


def changes(x, y):
    found = honest(x, y)
    x.zero_()
    return found


def leaves_some(x, y):
    found = torch.full((64, 32), float("nan"))
    found[:60] = honest(x, y)[:60]
    return found


def lower(x, y):
    return (torch.softmax(x, dim=1).bfloat16() @ y.bfloat16()).float()


class Moody:
    """Right once, then slightly else."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x, y):
        self.calls += 1
        return honest(x, y) * (1 + 1e-7 * (self.calls % 2))


CHEATS = {
    "zeros": lambda: lambda x, y: torch.zeros(64, 32),
    "constant": lambda: lambda x, y: torch.full((64, 32), 0.5),
    "no input": lambda: lambda x, y: honest(*draw(1)),
    "replay": Replays,
    "changed inputs": lambda: changes,
    "poison left": lambda: leaves_some,
    "bf16": lambda: lower,
    "moody": Moody,
    "shape": lambda: lambda x, y: honest(x, y)[:1],
    "half type": lambda: lambda x, y: honest(x, y).half(),
}


@pytest.mark.parametrize("name", CHEATS)
def test_the_strict_rule_refuses(name):
    with pytest.raises(Wrong):
        judge(CHEATS[name]())


@pytest.mark.parametrize("name", ["zeros", "constant", "no input", "poison left", "shape", "bf16"])
def test_the_official_rule_refuses(name):
    with pytest.raises(Wrong):
        official(model, CHEATS[name](), draw)


def test_zeros_pass_the_official_rule_where_values_are_small_and_not_the_strict_one():
    small = lambda seed: [1e-6 * v for v in draw(seed)]  # noqa: E731
    product = lambda x, y: x @ y  # noqa: E731
    zeros = lambda x, y: torch.zeros(64, 32)  # noqa: E731
    official(product, zeros, small)
    with pytest.raises(Wrong, match="error"):
        judge(zeros, product, small)


def test_the_memory_of_the_references_result_holds_nothing_for_the_answer():
    seen = []

    def reference(x, y):
        found = model(x, y)
        seen.append(found)
        return found

    def copies(x, y):
        return seen[-1].clone() if seen else torch.empty(64, 32)

    with pytest.raises(Wrong):
        strict(reference, model, copies, draw, 3)


def test_a_problem_whose_answer_is_constant_shows_nothing():
    nothing = lambda x, y: (x - x) @ y  # noqa: E731
    with pytest.raises(Wrong, match="void: zero"):
        judge(nothing, nothing)


def test_a_set_outside_the_domain_is_left_out():
    root = lambda x, y: torch.sqrt(x) @ y  # noqa: E731
    judge(lambda x, y: (torch.sqrt(x.double()) @ y.double()).float(), root)
