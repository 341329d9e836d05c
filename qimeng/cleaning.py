"""``qimeng runs gc``: remove old runs, by age or until the rest fits a size."""

from __future__ import annotations

import json
import time

import click

from memory.storage import Kept, bytes_of, remove, stored
from qimeng.goals import BadInput

DAY = 86_400


def clean_up(days: float, size: str | None, open_too: bool, dry: bool, as_json: bool) -> None:
    """Remove runs that ended more than ``days`` ago, and the oldest until the rest fits ``size``.

    Raises BadInput for a size that is none.
    """
    try:
        room = bytes_of(size) if size else None
    except ValueError as error:
        raise BadInput(str(error)) from error
    runs = stored()
    chosen = _chosen([r for r in runs if open_too or not r.open], days, room, sum(map(_size, runs)))
    for run in chosen:
        if not dry:
            remove(run.id)
    freed = sum(map(_size, chosen))
    if as_json:
        ids = [run.id for run in chosen]
        click.echo(json.dumps({"removed": ids, "bytes": freed, "dry_run": dry}))
        return
    for run in chosen:
        click.echo(f"{run.id}  {run.size / 1e6:8.1f} MB")
    verb = "would free" if dry else "freed"
    click.echo(f"{len(chosen)} of {len(runs)} runs, {verb} {freed / 1e6:.1f} MB")


def _chosen(runs: list[Kept], days: float, room: int | None, total: int) -> list[Kept]:
    oldest, chosen = time.time() - days * DAY, []
    for run in runs:
        too_old = run.updated < oldest
        too_much = room is not None and total > room
        if too_old or too_much:
            chosen.append(run)
            total -= run.size
    return chosen


def _size(run: Kept) -> int:
    return run.size
