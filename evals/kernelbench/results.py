"""A results file: a header line, then an outcome a line; what it has is not run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evals.kernelbench.score import Outcome

KEPT = ("benchmark", "device", "torch")  # what outcomes of one file have in common


class WrongResults(ValueError):
    """The file holds something else than what is to be added or read."""


def read(path: Path) -> tuple[dict[str, Any], list[Outcome]]:
    """Header and outcomes; a last line cut short by a crash is left out. Raises WrongResults."""
    try:
        lines = [text for text in path.read_text().splitlines(keepends=True) if text[-1] == "\n"]
        header, *rest = (json.loads(line) for line in lines)
        return header, [Outcome.read(record) for record in rest]
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise WrongResults(f"{path} is not a results file: {problem}") from problem


def begin(path: Path, header: dict[str, Any]) -> list[Outcome]:
    """The outcomes so far; a new file gets the header. Raises WrongResults when the file was
    begun with another benchmark, device or torch.
    """
    if not path.exists() or path.stat().st_size == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(header) + "\n")
    found, outcomes = read(path)
    if other := [key for key in KEPT if found.get(key) != header.get(key)]:
        raise WrongResults(f"{path} was begun with another {other[0]}; give another file")
    text = path.read_text()
    if not text.endswith("\n"):
        path.write_text(text[: text.rindex("\n") + 1])
    return outcomes


def add(path: Path, outcome: Outcome) -> None:
    """One more line."""
    with path.open("a") as file:
        file.write(json.dumps(outcome.record()) + "\n")
