"""``python -m evals.retrieval [--out FILE]``: recall@5 and MRR of every way to search.

The questions name the sections that answer them. Every third question is held out: the fusion's
weights are chosen on the others.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from memory.knowledge.base import KnowledgeBase
from memory.knowledge.embedders import EMBEDDERS
from memory.knowledge.fusion import fuse

Weights = tuple[float, float, float]
EQUAL: Weights = (1.0, 1.0, 1.0)
STEPS = (0.0, 0.5, 1.0)
GRID: list[Weights] = [w for w in itertools.product(STEPS, STEPS, STEPS) if max(w) == 1.0]
ALONE: dict[str, Weights] = {"names": (1, 0, 0), "words": (0, 1, 0), "names + words": (1, 1, 0)}


@dataclass(frozen=True)
class Asked:
    """One question: the three rankings it got, and which chunks answer it."""

    kind: str
    held_out: bool
    rankings: tuple[list[int], list[int], list[int]]
    right: frozenset[int]

    def rank(self, weights: Weights) -> int | None:
        """The place of the first right chunk, from 1; None when it is not found."""
        ranked = fuse([(w, r) for w, r in zip(weights, self.rankings, strict=True) if w])
        places = (place for place, (id_, _) in enumerate(ranked, 1) if id_ in self.right)
        return next(places, None)


@dataclass(frozen=True)
class Row:
    """One line of the table. Figures over all questions, the held-out ones, and exact names."""

    engine: str
    weights: Weights
    recall_at_5: float
    mrr: float
    held_out_recall_at_5: float
    held_out_mrr: float
    exact_recall_at_5: float
    exact_mrr: float


def ask_all(embedder: str, folder: Path) -> tuple[list[Asked], dict[str, float]]:
    """Every question put to a fresh knowledge base with this embedder, and what that took."""
    questions = json.loads(files("evals.retrieval").joinpath("questions.json").read_text())
    started = time.perf_counter()
    with KnowledgeBase(folder, EMBEDDERS[embedder]()) as base:
        base.search("first use")
        first = time.perf_counter() - started
        chunks = base.chunks(range(1, 10_000))
        started = time.perf_counter()
        asked = []
        for number, question in enumerate(questions):
            right = {
                chunk.id
                for chunk in chunks
                for place in question["right"]
                if chunk.document == place["document"]
                and chunk.heading.split(" > ")[-1] == place["heading"]
            }
            assert right, question
            rankings = base.rankings(question["question"])
            asked.append(Asked(question["kind"], number % 3 == 2, rankings, frozenset(right)))
        each = (time.perf_counter() - started) / len(questions)
    return asked, {"chunks": len(chunks), "first_search_s": first, "search_s": each}


def row(engine: str, weights: Weights, asked: Sequence[Asked]) -> Row:
    """The figures of one engine."""
    parts = (
        asked,
        [a for a in asked if a.held_out],
        [a for a in asked if a.kind == "exact"],
    )
    figures = [figure for part in parts for figure in _figures(part, weights)]
    return Row(engine, weights, *figures)


def _figures(asked: Sequence[Asked], weights: Weights) -> tuple[float, float]:
    ranks = [a.rank(weights) for a in asked]
    recall = sum(rank is not None and rank <= 5 for rank in ranks) / len(ranks)
    return round(recall, 3), round(sum(1 / rank for rank in ranks if rank) / len(ranks), 3)


def best_weights(asked: Sequence[Asked]) -> Weights:
    """The weights with the best mean of recall@5 and MRR on the questions not held out."""
    tuning = [a for a in asked if not a.held_out]
    return max(GRID, key=lambda weights: sum(_figures(tuning, weights)))


def table() -> tuple[list[Row], dict[str, Any]]:
    """All rows, and the times of each embedder."""
    rows: list[Row] = []
    times: dict[str, Any] = {}
    for embedder in EMBEDDERS:
        with tempfile.TemporaryDirectory() as folder:
            asked, times[embedder] = ask_all(embedder, Path(folder))
        if not rows:
            rows = [row(f"full text: {name}", weights, asked) for name, weights in ALONE.items()]
        rows.append(row(f"{embedder} alone", (0, 0, 1), asked))
        rows.append(row(f"fusion, {embedder}, equal", EQUAL, asked))
        rows.append(row(f"fusion, {embedder}, chosen", best_weights(asked), asked))
    return rows, times


def main() -> None:
    """Print the table; with ``--out``, write it as JSON too."""
    parser = argparse.ArgumentParser(prog="python -m evals.retrieval", description=main.__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    rows, times = table()
    print("| engine | weights | recall@5 | MRR | held out | | exact names | |")
    print("|---|---|---|---|---|---|---|---|")
    for line in rows:
        engine, weights, *figures = asdict(line).values()
        cells = [f"{figure:.3f}" for figure in figures]
        shown = " : ".join(f"{w:g}" for w in weights)
        print(f"| {engine} | {shown} | {' | '.join(cells)} |")
    print(json.dumps(times, indent=1))
    if out:
        data = {"rows": [asdict(line) for line in rows], "times": times}
        out.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
