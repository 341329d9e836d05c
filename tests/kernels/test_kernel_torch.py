"""The torch operator beside a kernel: torch's own checks, and values."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.kernels.card import Card, best_isa, processor_features
from tools.kernels.notation import operator
from tools.kernels.package import c_file, python_module
from tools.kernels.space import default, kernel
from tools.kernels.torch_module import torch_module

CARD = Card("this", best_isa(processor_features()), frozenset(), 32768, 1 << 20, 1e12, 1e12)
VALUES = """
import kernel_torch, torch
given = [torch.randn(s).to(k) if k.is_floating_point else torch.randint(-9, 9, s, dtype=k)
         for s, k in kernel_torch.INPUTS]
got = kernel_torch.{name}(*given)
want = {want}
assert torch.allclose(got.float(), want.float(), rtol={rtol}, atol={rtol}), (got - want).abs().max()
assert torch.equal(torch.compile(kernel_torch.{name}, backend="eager")(*given), got)
"""
CASES = {
    "gemm m=9 n=20 k=31": "given[0] @ given[1]",
    "gemm m=9 n=20 k=31 dtype=int8": "given[0].int() @ given[1].int()",
    "gemm m=9 n=20 k=31 dtype=bf16": "given[0].float() @ given[1].float()",
    "rows kind=softmax rows=7 columns=33": "given[0].softmax(1)",
}


@pytest.mark.parametrize("words", CASES)
def test_torch_accepts_the_operator_and_its_values(words: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="pip install torch")
    spec = operator(words.split())
    _, source = kernel(spec, default(spec, CARD), CARD)
    for name, text in {
        "kernel.c": c_file(spec, source),
        "kernel.py": python_module(spec, source),
        "kernel_torch.py": torch_module(spec),
        "values.py": VALUES.format(
            name=words.split()[0], want=CASES[words], rtol=2e-2 if "bf16" in words else 1e-4
        ),
    }.items():
        (tmp_path / name).write_text(text)
    for script in ("kernel_torch.py", "values.py"):
        done = subprocess.run(
            [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", CASES)
def test_the_module_is_python(words: str) -> None:
    compile(torch_module(operator(words.split())), "kernel_torch.py", "exec")
