"""One report, as Markdown, JSON and a self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from evals.verilog import figures
from evals.verilog.results import Results
from evals.verilog.score import Score

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.2rem .7rem;border-bottom:1px solid #8886;text-align:left}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}"
)


@dataclass(frozen=True)
class Table:
    """A titled table of texts."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write(results: Sequence[Results], folder: Path) -> None:
    """``report.md``, ``report.json`` and ``report.html`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(markdown(results))
    (folder / "report.json").write_text(json.dumps([as_json(r) for r in results], indent=1) + "\n")
    (folder / "report.html").write_text(html(results))


def tables(results: Sequence[Results]) -> Iterator[Table]:
    """All tables: the summary of every result, then the details of each."""
    yield _summary(results)
    for result in results:
        yield _failures(result)
        if excluded := _excluded(result):
            yield excluded
        yield _problems(result)


def _summary(results: Sequence[Results]) -> Table:
    ks = sorted({k for r in results for k in figures.official(r)})
    head = ["suite", "system", "model", "problems × seeds"]
    head += [f"{score} pass@{k}" for score in ("official", "corrected") for k in ks]
    head += ["claims right, official", "claims right, corrected", "tokens out", "seconds"]
    return Table("Summary", tuple(head), tuple(_line(r, ks) for r in results))


def _line(result: Results, ks: Sequence[int]) -> tuple[str, ...]:
    scores, setting = result.scores, result.header.setting
    cells = [result.header.suite, result.title, setting.model]
    cells.append(f"{len(result.by_problem())} × {setting.seeds}")
    for rates in (figures.official(result), figures.corrected(result)):
        cells += [str(rates[k]) if k in rates else "" for k in ks]
    claims = figures.precision(scores)
    cells.append(f"{claims.official} of {claims.claimed}")
    cells.append(f"{claims.correct} of {claims.comparable}")
    cells.append(f"{figures.mean([s.tokens_out for s in scores]):.0f}")
    cells.append(f"{figures.mean([s.seconds for s in scores]):.1f}")
    return tuple(cells)


def _failures(result: Results) -> Table:
    found = figures.failures(result.scores)
    rows = tuple((str(count), kind) for kind, count in found)
    return Table(f"Most frequent failures: {_named(result)}", ("answers", "kind"), rows)


def _excluded(result: Results) -> Table | None:
    """What the corrected score leaves out, and why."""
    left_out = {s.problem: s.reason for s in result.scores if not s.comparable}
    if not left_out:
        return None
    title = f"Not in the corrected score: {_named(result)}"
    return Table(title, ("problem", "why"), tuple(left_out.items()))


def _problems(result: Results) -> Table:
    rows = []
    for name, scores in result.by_problem().items():
        rows.append(
            (
                name,
                f"{sum(s.official for s in scores)}/{len(scores)}",
                f"{sum(s.correct for s in scores)}/{len(scores)}",
                " ".join(s.code for s in scores),
                " ".join(s.claimed for s in scores),
                f"{figures.mean([s.tokens_out for s in scores]):.0f}",
                f"{figures.mean([s.seconds for s in scores]):.1f}",
            )
        )
    head = ("problem", "official", "corrected", "outcome", "claimed", "tokens out", "seconds")
    return Table(f"Problems: {_named(result)}", head, tuple(rows))


def _named(result: Results) -> str:
    return f"{result.header.suite}, {result.title}"


def markdown(results: Sequence[Results]) -> str:
    """The report in Markdown."""
    parts = [f"# Verilog benchmarks\n\n{_notes(results)}\n"]
    return "\n".join([*parts, *map(in_markdown, tables(results))])


def in_markdown(table: Table) -> str:
    """One table in Markdown."""
    lines = [
        f"## {table.title}",
        "",
        f"| {' | '.join(table.head)} |",
        "|---" * len(table.head) + "|",
    ]
    lines += [f"| {' | '.join(c.replace('|', '/') for c in row)} |" for row in table.rows]
    return "\n".join([*lines, ""])


def html(results: Sequence[Results]) -> str:
    """The report as one HTML page."""
    parts = ["<!doctype html><meta charset=utf-8><title>Verilog benchmarks</title>"]
    parts.append(f"<style>{_STYLE}</style><h1>Verilog benchmarks</h1><p>{escape(_notes(results))}")
    for table in tables(results):
        head = "".join(f"<th>{escape(cell)}" for cell in table.head)
        rows = "".join(f"<tr>{''.join(f'<td>{escape(c)}' for c in row)}" for row in table.rows)
        parts.append(f"<h2>{escape(table.title)}</h2><table><tr>{head}{rows}</table>")
    return "\n".join([*parts, ""])


def as_json(result: Results) -> dict[str, Any]:
    """Header, figures and scores (without the designs) of one result."""
    rates = {"official": figures.official(result), "corrected": figures.corrected(result)}
    return {
        "title": result.title,
        "header": result.header.model_dump(mode="json"),
        "pass": {
            name: {f"pass@{k}": vars(rate) for k, rate in found.items()}
            for name, found in rates.items()
        },
        "claims": vars(figures.precision(result.scores)),
        "failures": dict(figures.failures(result.scores)),
        "scores": [_score(s) for s in result.scores],
    }


def _score(score: Score) -> dict[str, Any]:
    return score.model_dump(mode="json", exclude={"design"})


def _notes(results: Sequence[Results]) -> str:
    notes = [
        "official: the benchmark's own test and rule. corrected: equivalent to the golden module, "
        "over the problems whose golden can be a reference. 95 % intervals over problems in "
        "brackets. claims: answers that the system itself calls agreed or better. tokens and "
        "seconds: mean of an answer."
    ]
    if any(r.header.setting.system == "golden-in-loop" for r in results):
        notes.append("GOLDEN IN THE LOOP: that system was shown the golden; it is no score.")
    return " ".join(notes)
