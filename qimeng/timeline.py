"""``qimeng trace``: what happened in a run, event by event, with the texts that went to and fro."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from memory.artifacts import Artifacts
from memory.events import Event
from qimeng.event_words import describe
from qimeng.summary import RunView
from qimeng.wording import amount, clean

_COLOURS = {"good": "green", "bad": "red", "warn": "yellow"}
_HEAD, _TAIL = 6, 4
_WORDS = 2000
_INDENT = " " * 22


def show_trace(run_id: str, full: bool, as_json: bool) -> None:
    """Print the timeline of a run, or its events as one JSON list."""
    view = RunView.read(run_id)
    if as_json:
        click.echo(json.dumps([asdict(event) for event in view.events()], ensure_ascii=False))
        return
    store = Artifacts(view.folder / "artifacts")
    click.echo(f"run {view.id} · {view.folder}")
    for event in view.events():
        line = describe(event)
        stamp = click.style(f"{event.elapsed:9.1f} s", dim=True)
        actor = click.style(f"{event.actor:<9}", fg="cyan")
        text = textwrap.indent(line.text, _INDENT).strip()
        dim = line.tone == "faint" or None
        click.echo(f"{stamp} {actor} {click.style(text, fg=_COLOURS.get(line.tone), dim=dim)}")
        for label, body in texts(event, store):
            _show(label, body, full)
    spend = view.spend
    click.echo(
        f"spent: {spend.tokens_in:,} + {spend.tokens_out:,} tokens (in + out), "
        f"{spend.candidates} candidates, {amount(spend.seconds)} s, ${spend.usd:.4f}"
    )
    if not full:
        click.echo(f"whole texts: qimeng trace {view.id} --full")


def _show(label: str, body: str, full: bool) -> None:
    lines = clean(body).strip("\n").splitlines()
    if not full and len(lines) > _HEAD + _TAIL + 1:
        left_out = len(lines) - _HEAD - _TAIL
        lines = [*lines[:_HEAD], f"… {left_out} lines …", *lines[-_TAIL:]]
    for number, line in enumerate(lines):
        cut = line if full or len(line) <= 160 else f"{line[:159]}…"
        head = click.style(f"{label if number == 0 else '':>9} │ ", dim=True)
        click.echo(f"{_INDENT[:12]}{head}{cut}")


def texts(event: Event, store: Artifacts) -> Iterator[tuple[str, str]]:
    """``(label, text)`` of what belongs to an event; a lost artifact is said to be lost."""
    data = event.data
    try:
        if event.kind == "call.started":
            request = json.loads(store.text(data["request"]))
            if data["type"] == "model":
                yield from _asked(request)
            elif is_command(request):
                yield from _commanded(request)
            else:
                yield "asked", json.dumps(request, ensure_ascii=False)[:_WORDS]
        elif event.kind == "call.finished":
            reply = json.loads(store.text(data["reply"]))
            if data["type"] == "model":
                yield from _answered(reply)
            elif isinstance(reply, dict) and "stdout" in reply:
                yield from _printed(reply, store)
            else:
                yield "result", json.dumps(reply, ensure_ascii=False)[:_WORDS]
        elif event.kind == "verdict.given" and (found := data["verdict"]["counterexample"]):
            yield "differs", store.text(found)
    except (KeyError, ValueError) as error:
        yield "lost", str(error)


def is_command(request: object) -> bool:
    """Whether a tool's request is a command of a sandbox; engines have requests of their own."""
    return isinstance(request, dict) and {"driver", "argv", "files"} <= set(request)


def _asked(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for message in request["messages"]:
        yield message["role"], message["content"]
    constraint = next((n for n in ("json_schema", "grammar", "tools") if request[n]), "free text")
    yield "options", f"temperature {request['temperature']:g}, seed {request['seed']}, {constraint}"


def _answered(reply: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "answer", reply["text"]
    for call in reply["tool_calls"]:
        yield "calls", f"{call['name']}({json.dumps(call['arguments'], ensure_ascii=False)})"
    if reply["finish_reason"] != "stop":
        yield "ended", reply["finish_reason"]


def _commanded(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield request["driver"], " ".join(request["argv"])
    if request["files"]:
        yield "files", ", ".join(request["files"])


def _printed(reply: dict[str, Any], store: Artifacts) -> Iterator[tuple[str, str]]:
    for stream in ("stdout", "stderr"):
        text = store.get(reply[stream]).decode("utf-8", "replace")
        if text.strip():
            yield stream, text
    if reply["files"]:
        yield "made", ", ".join(reply["files"])
