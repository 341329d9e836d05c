"""The engine's costly verbs, each one command in a sandbox.

The sandbox shows nothing of this project, so the engine's own source travels with the command:
what ran is part of the record. A kernel and the process that judges it share the sandbox; the
judge owns inputs, reference and clock there (``tools.kernels.judge``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from sandboxes import Command, Limits, Sandbox
from tools.kernels.attention import Attention
from tools.kernels.card import Card
from tools.kernels.measure import traffic
from tools.kernels.notation import Operator, words_of
from tools.kernels.space import Point

# Generous: a busy machine is slow, and the clock that counts is the kernel's own.
LIMITS = Limits(
    wall_seconds=600, cpu_seconds=600, memory_mb=6144, processes=256, disk_mb=1024, output_kb=1024
)
_PARTS = ("tl", "kernels", "kernels/c", "kernels/gpu")
MAX_ARRAYS = 400 << 20
MAX_SCORES = 64 << 20
MAX_FLOPS = 3 * 10**11
MAX_EMULATED_FLOPS = 3 * 10**9


class KernelRefused(RuntimeError):
    """A kernel that does not compile, is wrong, or cheats: the message says which."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One kernel: what it computes, its point in the space, and its C."""

    spec: Operator
    point: Point
    code: str


def too_large(spec: Operator, foreign: bool) -> str:
    """Why an operator cannot be checked against float64 within the limits, under an emulator
    when its processor is a ``foreign`` one; empty when it can.
    """
    most = MAX_EMULATED_FLOPS if foreign else MAX_FLOPS
    if traffic(spec) > MAX_ARRAYS:
        return f"its arrays hold more than {MAX_ARRAYS >> 20} MB"
    if isinstance(spec, Attention) and _scores(spec) > MAX_SCORES:
        return f"its float64 reference has more than {MAX_SCORES >> 20} million scores"
    if spec.flops > most:
        return f"it takes more than {most:.0e} operations"
    return ""


def _scores(spec: Attention) -> int:
    return spec.batch * spec.heads * spec.queries * spec.keys


def card(sandbox: Sandbox) -> Card:
    """The hardware card of the machine that the sandbox is on."""
    return Card.read(_run(sandbox, ["card"], {}))


def check(subject: Subject, about: Card, sandbox: Sandbox) -> dict[str, Any]:
    """Compile, and compare with float64: ``error``, ``values``, ``sets``. Raises KernelRefused."""
    return _verb("check", subject, about, sandbox)


def rank(subject: Subject, about: Card, sandbox: Sandbox) -> float:
    """A quick look: checked once, the best of three short timings, seconds. Raises
    KernelRefused.
    """
    return float(_verb("rank", subject, about, sandbox)["seconds"])


def measure(subject: Subject, about: Card, sandbox: Sandbox) -> dict[str, Any]:
    """Checked and timed, interleaved with the baseline: ``seconds`` and ``baseline_seconds``
    (every sample), ``ratio``, ``gflops``, ``baseline``, ``cold``. Raises KernelRefused.
    """
    return _verb("measure", subject, about, sandbox)


def _verb(verb: str, subject: Subject, about: Card, sandbox: Sandbox) -> dict[str, Any]:
    given = {
        "card.json": json.dumps(about.record()).encode(),
        "point.json": json.dumps(subject.point).encode(),
        "kernel.c": subject.code.encode(),
    }
    files = ["--card", "card.json", "--point", "point.json", "--source", "kernel.c"]
    return _run(sandbox, [verb, *words_of(subject.spec), *files], given)


def _run(sandbox: Sandbox, words: list[str], given: dict[str, bytes]) -> dict[str, Any]:
    outcome = sandbox.run(
        Command(
            argv=(sys.executable, "-m", "tools.kernels", *words, "--json"),
            files={**_engine(), **given},
            limits=LIMITS,
        )
    )
    if not outcome.ok:
        why = f"stopped by the {outcome.killed} limit" if outcome.killed else outcome.text()
        raise KernelRefused(why.splitlines()[-1] if why else f"{words[0]} gave no answer")
    record: dict[str, Any] = json.loads(outcome.stdout.splitlines()[-1])
    if "refused" in record:
        raise KernelRefused(record["refused"])
    return record


@cache
def _engine() -> dict[str, bytes]:
    """The source of TL and of this package, by path."""
    root = files("tools")
    found = {"tools/__init__.py": root.joinpath("__init__.py").read_bytes()}
    for part in _PARTS:
        for file in _sources(root.joinpath(part)):
            found[f"tools/{part}/{file.name}"] = file.read_bytes()
    return found


def _sources(folder: Traversable) -> Iterator[Traversable]:
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return (entry for entry in entries if entry.name.endswith(".py"))
