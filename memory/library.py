"""Prior results: designs, kernels and translations that were checked, and lessons from failures.

A result enters by itself when its run concludes. What reached ``agreed`` or more may be shown as
an example for a similar task; anything less is a lesson (why it failed), never an example.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from memory.home import home
from memory.records import Evidence, Goal, Result
from memory.write_ahead import write_ahead

if TYPE_CHECKING:
    from memory.artifacts import Artifacts
    from memory.knowledge.embedders import Embedder, Vectors

_TABLE = """
CREATE TABLE IF NOT EXISTS items (
    run TEXT PRIMARY KEY, task TEXT, target TEXT, kind TEXT, evidence TEXT, detail TEXT,
    reasons TEXT, metrics TEXT, files TEXT, added REAL, vector BLOB, embedder TEXT)
"""
_COLUMNS = "run, task, target, kind, evidence, detail, reasons, metrics, files, added"
_TARGETS = {"rtl": "verilog"}
"""What each workflow writes, where it is not the workflow's own name."""
MAX_FILE = 1 << 20
"""Bytes above which a result's file is not copied: pictures and wave forms stay with the run."""


@dataclass(frozen=True, slots=True)
class Item:
    """One prior result. ``kind`` is ``example`` or ``lesson``; ``files`` maps names to texts."""

    run: str
    task: str
    target: str
    kind: str
    evidence: Evidence
    detail: str = ""
    reasons: tuple[str, ...] = ()
    metrics: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    added: float = 0.0


def item_of(run_id: str, goal: Goal, result: Result, artifacts: Artifacts) -> Item:
    """What is worth remembering of a concluded run. Only an example keeps its files."""
    good = result.status == "done" and result.evidence >= Evidence.AGREED
    return Item(
        run=run_id,
        task=goal.text,
        target=_TARGETS.get(result.workflow, result.workflow),
        kind="example" if good else "lesson",
        evidence=result.evidence,
        detail=result.detail,
        reasons=result.reasons,
        metrics={name: f"{m.value:g} {m.unit}" for name, m in result.metrics.items()},
        files=_texts(result, artifacts) if good else {},
        added=time.time(),
    )


def _texts(result: Result, artifacts: Artifacts) -> dict[str, str]:
    texts = {}
    for artifact in result.artifacts:
        data = artifacts.get(artifact.sha256)
        if len(data) <= MAX_FILE and not artifact.name.endswith((".svg", ".png", ".html")):
            texts[artifact.name] = data.decode(errors="replace")
    return texts


class Library:
    """The prior results in ``path`` (by default in QiMeng's home). Safe between processes."""

    def __init__(self, path: Path | None = None, embedder: Embedder | None = None) -> None:
        self.path = path or home() / "library.db"
        self._embedder = embedder

    def enter(self, item: Item) -> None:
        """Keep an item, in the place of an earlier one of the same run."""
        values = (
            *(item.run, item.task, item.target, item.kind, item.evidence.label, item.detail),
            *(json.dumps(part) for part in (item.reasons, item.metrics, item.files)),
            item.added,
        )
        with self._open() as db, db:
            marks = ",".join("?" * len(values))
            db.execute(f"INSERT OR REPLACE INTO items ({_COLUMNS}) VALUES ({marks})", values)

    def items(self) -> list[Item]:
        """Everything kept, newest first."""
        with self._open() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM items ORDER BY added DESC, run").fetchall()
        return [_item(*row) for row in rows]

    def forget(self, run_id: str) -> bool:
        """Remove what is kept of a run; False when there was nothing."""
        with self._open() as db, db:
            return db.execute("DELETE FROM items WHERE run = ?", (run_id,)).rowcount > 0

    def examples_for(self, task: str, target: str, k: int) -> list[Item]:
        """At most ``k`` checked results of the target, the most similar task first.

        Never one of the same words: whoever copies an answer adds no evidence for it.
        """
        return self._similar(task, lambda item: item.kind == "example" and item.target == target, k)

    def lessons_for(self, task: str, target: str, k: int) -> list[Item]:
        """At most ``k`` failures at other tasks of the target, the most similar first."""
        return self._similar(task, lambda item: item.kind == "lesson" and item.target == target, k)

    def _similar(self, task: str, fits: Callable[[Item], bool], k: int) -> list[Item]:
        items = [i for i in self.items() if fits(i) and _words(i.task) != _words(task)]
        if not items:
            return []
        from memory.knowledge.base import DEFAULT_EMBEDDER
        from memory.knowledge.embedders import EMBEDDERS

        embedder = self._embedder or EMBEDDERS[DEFAULT_EMBEDDER]()
        (asked,) = embedder.embed([task])
        scores = self._vectors(items, embedder) @ asked
        order = sorted(range(len(items)), key=lambda n: (-scores[n], items[n].run))
        return [items[n] for n in order[:k]]

    def _vectors(self, items: Sequence[Item], embedder: Embedder) -> Vectors:
        """The tasks' vectors; each is computed once and kept."""
        import numpy as np

        mark = f"{embedder.id} {embedder.digest}"
        with self._open() as db, db:
            rows = db.execute("SELECT run, vector FROM items WHERE embedder = ?", (mark,))
            known = {run: np.frombuffer(vector, np.float32) for run, vector in rows}
            new = [item for item in items if item.run not in known]
            made = embedder.embed([item.task for item in new])
            for item, vector in zip(new, made, strict=True):
                known[item.run] = vector
                entry = (vector.tobytes(), mark, item.run)
                db.execute("UPDATE items SET vector = ?, embedder = ? WHERE run = ?", entry)
        return np.stack([known[item.run] for item in items])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=30)) as db:
            write_ahead(db)
            db.execute(_TABLE)
            yield db


def _words(task: str) -> list[str]:
    return task.casefold().split()


def _item(
    run: str, task: str, target: str, kind: str, evidence: str, detail: str,
    reasons: str, metrics: str, files: str, added: float,
) -> Item:  # fmt: skip
    level = Evidence[evidence.upper()]
    parts = tuple(json.loads(reasons)), json.loads(metrics), json.loads(files)
    return Item(run, task, target, kind, level, detail, *parts, added)
