"""``qimeng run --goals FILE.jsonl``: many goals one after the other, with a summary.

Each line is ``{"goal": "…"}`` with any of the options of ``qimeng run`` beside it: file, golden,
workflow, model, budget, candidates, seed, sandbox. With ``--out DIR`` each result has a folder
there and ``DIR/batch.jsonl`` notes which run belongs to which line, so the same command goes on
after a crash: what is finished is not done again, what was paused goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from memory.budget import parse_budget
from memory.records import Goal
from memory.runs import NoSuchRun, new_id
from qimeng import runner
from qimeng.console import progress
from qimeng.goals import BadInput, make_goal
from qimeng.summary import RunView
from qimeng.wording import headline

_OPTIONS = frozenset(
    ("goal", "file", "golden", "workflow", "model", "budget", "candidates", "seed", "sandbox")
)


@dataclass(frozen=True)
class Item:
    """One line of the file: its number (from 1), the goal, and its files' bytes by digest."""

    line: int
    goal: Goal
    files: dict[str, bytes]


def run_batch(path: Path, defaults: dict[str, Any], out: Path | None, as_json: bool) -> int:
    """Work on every goal and print a summary; the exit code: the worst of the runs'."""

    def announce(item: Item) -> None:
        click.echo(f"goal {item.line}: {' '.join(item.goal.text.split())[:100]}", err=True)

    items = load(path, defaults)
    with progress(as_json) as listener:
        ended = list(work(items, out, listener, announce))
    if as_json:
        told = [{"line": item.line} | view.as_json() for item, view in ended]
        click.echo(json.dumps({"runs": told, "left": len(items) - len(ended)}))
    else:
        for item, view in ended:
            why = "; ".join(view.result.reasons)
            click.echo(f"{item.line:4}  {view.id}  {headline(view)}{f'  ({why})' if why else ''}")
        done = sum(view.status == "done" for _, view in ended)
        tokens = sum(v.spend.tokens_in + v.spend.tokens_out for _, v in ended)
        seconds = sum(v.spend.seconds for _, v in ended)
        click.echo(f"{done} of {len(items)} done, {tokens:,} tokens, {seconds:,.0f} s")
    return max((view.exit_code for _, view in ended), default=0)


def load(path: Path, defaults: dict[str, Any]) -> list[Item]:
    """All goals of a file. Raises BadInput that names every bad line before anything runs."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    items, bad = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            items.append(_item(number, line, defaults, path.parent))
        except BadInput as error:
            bad.append(f"{path}, line {number}: {error}")
    if bad or not items:
        raise BadInput("\n".join(bad) or f"{path} holds no goals")
    return items


def _item(number: int, line: str, defaults: dict[str, Any], folder: Path) -> Item:
    said = _object(line)
    options = defaults | {k: v for k, v in said.items() if k not in ("goal", "file")}
    try:
        if isinstance(options.get("budget"), str):
            options["budget"] = parse_budget(options["budget"])
        if isinstance(options.get("golden"), str):
            options["golden"] = folder / options["golden"]
        files = tuple(folder / name for name in _listed(said.get("file")))
        goal, contents = make_goal(said["goal"], files=files, **options)
    except (TypeError, ValueError) as error:
        raise BadInput(str(error)) from error
    return Item(number, goal, contents)


def _object(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("goal"), str):
        raise BadInput('write {"goal": "…"}')
    if unknown := said.keys() - _OPTIONS:
        raise BadInput(f"unknown: {', '.join(sorted(unknown))}")
    return said


def _listed(value: str | Sequence[str] | None) -> Sequence[str]:
    return [value] if isinstance(value, str) else value or ()


def work(
    items: list[Item],
    out: Path | None,
    listener: runner.Listener | None = None,
    on_begin: Callable[[Item], None] = lambda item: None,
) -> Iterator[tuple[Item, RunView]]:
    """Work on the goals in order; yields each as it ends, whatever came of it."""
    known = _known(out)
    for item in items:
        run_id = known.get(item.line) or _noted(out, item.line)
        on_begin(item)
        view = _worked(item, run_id, listener)
        view.save()
        if out:
            view.write_to(out / f"{item.line:04}-{run_id}")
        yield item, view
        if view.cause == "stopped":
            return


def _worked(item: Item, run_id: str, listener: runner.Listener | None) -> RunView:
    try:
        view = RunView.read(run_id)
    except NoSuchRun:
        runner.start(item.goal, item.files, listener, run_id).close()
        return RunView.read(run_id)
    if view.status in ("paused", "interrupted"):
        runner.resume(run_id, None, listener).close()
        return RunView.read(run_id)
    return view


def _known(out: Path | None) -> dict[int, str]:
    log = out / "batch.jsonl" if out else None
    if not log or not log.exists():
        return {}
    whole = [line for line in log.read_text().splitlines() if line.endswith("}")]
    return {entry["line"]: entry["run_id"] for entry in map(json.loads, whole)}


def _noted(out: Path | None, line: int) -> str:
    """A new run's id, on disk before the run is."""
    run_id = new_id()
    if out:
        out.mkdir(parents=True, exist_ok=True)
        with (out / "batch.jsonl").open("a") as file:
            file.write(json.dumps({"line": line, "run_id": run_id}) + "\n")
    return run_id
