"""A results file: what was run in the first line, then a score a line; runs add to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from evals.verilog.problems import Suite
from evals.verilog.score import Score
from evals.verilog.systems import Setting
from memory.records import Record


class WrongResults(ValueError):
    """The file holds something else than what is to be added or read."""


class Header(Record):
    """What the scores of one file have in common. ``divisor`` is what the benchmark's own script
    divides by, when that is not the number of problems; ``listed`` are the names it counts.
    """

    suite: Suite
    setting: Setting
    simulator: str
    divisor: int | None = None
    listed: tuple[str, ...] = ()


class Results:
    """Scores of one suite under one setting."""

    def __init__(self, header: Header, scores: Sequence[Score]) -> None:
        self.header = header
        self.scores = list(scores)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read a file; a last line cut short by a crash is left out. Raises WrongResults."""
        try:
            first, *lines = path.read_text().splitlines(keepends=True)
            whole = [line for line in lines if line.endswith("\n")]
            header = Header.model_validate_json(first)
            return cls(header, [Score.model_validate_json(line) for line in whole])
        except (OSError, ValueError, ValidationError) as error:
            raise WrongResults(f"{path} is not a results file: {error}") from error

    @classmethod
    def begin(cls, path: Path, header: Header) -> Results:
        """The file's scores so far; a new file gets the header.

        Raises WrongResults when the file was begun under another setting.
        """
        if not path.exists() or path.stat().st_size == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(header.model_dump_json() + "\n")
        found = cls.read(path)
        if found.header != header:
            raise WrongResults(f"{path} was begun under another setting; give another file")
        text = path.read_text()
        if not text.endswith("\n"):
            path.write_text(text[: text.rindex("\n") + 1])
        return found

    def by_problem(self) -> dict[str, list[Score]]:
        """The scores of each problem, by name."""
        found: dict[str, list[Score]] = {}
        for score in sorted(self.scores, key=lambda s: (s.problem, s.seed)):
            found.setdefault(score.problem, []).append(score)
        return found

    @property
    def title(self) -> str:
        """Which system this is; a golden in the loop is never left unsaid."""
        setting = self.header.setting
        off = [name for name, on in setting.parts.model_dump().items() if not on]
        without = f" without {', '.join(off)}" if off else ""
        label = "qimeng, GOLDEN IN THE LOOP" if setting.system == "golden-in-loop" else None
        return f"{label or setting.system}{without}"
