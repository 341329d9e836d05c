"""The list of runs, read from the index alone: nothing heavy is imported here."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, replace

import click

from memory.home import home
from memory.index import Row, open_index
from memory.lock import is_running

_HEAD = ("RUN", "WHEN", "STATUS", "EVIDENCE", "TOKENS", "TIME", "GOAL")


def list_runs(as_json: bool) -> None:
    """Print every run, newest first."""
    rows = listed_runs()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
    elif not rows:
        click.echo('There are no runs yet. Start one: qimeng run "an 8-bit counter with enable"')
    else:
        columns = shutil.get_terminal_size((10_000, 24)).columns  # a pipe gets whole lines
        for line in _table(rows, max(80, columns)):
            click.echo(line)


def newest() -> str:
    """The id of the newest run; ``LAST`` when there is none, which no run is called."""
    rows = listed_runs()
    return rows[0].id if rows else "LAST"


def listed_runs() -> list[Row]:
    """Every run that is still there, newest first, as it stands now."""
    root = home()
    if not (root / "runs").is_dir():
        return []
    index = open_index(root)
    try:
        return [_as_it_is(row) for row in index.rows() if (root / "runs" / row.id).is_dir()]
    finally:
        index.close()


def _as_it_is(row: Row) -> Row:
    """A run that no process works on any more was interrupted, whatever it last said."""
    if row.status in ("created", "running") and not is_running(home() / "runs" / row.id):
        return replace(row, status="interrupted")
    return row


def _table(rows: list[Row], width: int) -> list[str]:
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEAD) - 1)]
    lines = []
    for *fields, goal in cells:
        start = "  ".join(f.ljust(w) for f, w in zip(fields, widths, strict=True))
        room = max(width - len(start) - 2, 8)
        lines.append(f"{start}  {goal if len(goal) <= room else goal[: room - 1] + '…'}")
    return lines


def _cells(row: Row) -> tuple[str, ...]:
    goal = "".join(c for c in " ".join(row.goal.split()) if c.isprintable())
    status = row.status.replace("_", " ")
    tokens = f"{row.tokens / 1000:.1f}k" if row.tokens >= 1000 else str(row.tokens)
    return row.id, _ago(row.updated), status, row.evidence, tokens, _time(row.seconds), goal


def _ago(at: float) -> str:
    return f"{_time(max(0.0, time.time() - at))} ago"


def _time(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"
