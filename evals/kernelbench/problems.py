"""The problems of a checkout of KernelBench, and their modules on any device."""

from __future__ import annotations

import importlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NEEDS_TORCH = "KernelBench needs torch: install it with `pip install torch`"


class NoSuchData(ValueError):
    """The folder holds no such problems."""


class NoTorch(RuntimeError):
    """torch is not installed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One file: level, number and name are only how it is listed."""

    level: int
    number: int
    name: str
    path: Path


def torch() -> Any:
    """torch, imported when it is needed. Raises NoTorch."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise NoTorch(NEEDS_TORCH) from None


def listed(data: Path, level: int, numbers: tuple[int, ...] = ()) -> list[Problem]:
    """The problems of a level in order, or those with the ``numbers``. Raises NoSuchData."""
    folder = data / "KernelBench" / f"level{level}"
    found = {}
    for path in folder.glob("*.py"):
        if match := re.fullmatch(r"(\d+)_(.+)", path.stem):
            found[int(match[1])] = Problem(level, int(match[1]), match[2], path)
    if not found:
        raise NoSuchData(f"{folder} holds no problems: --data is a checkout of KernelBench")
    if unknown := set(numbers) - set(found):
        raise NoSuchData(f"level {level} has no problem {min(unknown)}")
    return [found[n] for n in sorted(numbers or found)]


class Loaded:
    """A problem's file, executed. It is foreign code: use it in a process of its own."""

    def __init__(self, path: Path) -> None:
        spec = importlib.util.spec_from_file_location("problem", path)
        assert spec is not None and spec.loader is not None
        self.file = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.file)

    def model(self, device: str, seed: int = 42) -> Any:
        """Its module, with weights drawn from ``seed``, as its own evaluation makes it."""
        t = torch()
        made = "meta" if device == "meta" else "cpu"
        t.manual_seed(seed)
        given = self.file.get_init_inputs()
        t.manual_seed(seed)
        with t.device(made):
            return self.file.Model(*given).to(device)

    def inputs(self, device: str, seed: int) -> list[Any]:
        """Its inputs, drawn from ``seed`` on the device itself."""
        t = torch()
        t.manual_seed(seed)
        with t.device(device):
            given = self.file.get_inputs()
        return [v.to(device) if hasattr(v, "to") else v for v in given]


def numbers_of(tensors: list[Any]) -> int:
    """How many numbers tensors hold altogether; others count nothing."""
    return sum(int(v.numel()) for v in tensors if hasattr(v, "numel"))
