"""``qimeng models``: what can be asked here, fetching the embedded model, a first question."""

from __future__ import annotations

import json
import os
import sys

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from lpcm.gateway import Gateway
from lpcm.messages import Message, ModelError, ModelRequest
from lpcm.models import default_model, open_model
from lpcm.pull import EMBEDDED, located, pull
from qimeng.wording import clean


def list_models(as_json: bool) -> None:
    """Print the models that can be used here, the default first."""
    rows = [_embedded_row(), *_server_rows()]
    rows.sort(key=lambda row: row["name"] != default_model())
    if as_json:
        click.echo(json.dumps(rows))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        mark = "*" if row["name"] == default_model() else " "
        click.echo(f"{mark} {row['name']:<{width}}  {row['state']}")
    click.echo("* is the default. Others: any model of your server, by its name there.")


def _embedded_row() -> dict[str, str]:
    try:
        state = f"ready ({located()})"
    except ModelError as error:
        state = str(error)
    return {"name": EMBEDDED.name, "state": state}


def _server_rows() -> list[dict[str, str]]:
    """The default model, when it is not the embedded one, and the server that is configured."""
    named = default_model()
    if named != EMBEDDED.name:
        try:
            open_model(named)
            return [{"name": named, "state": "configured"}]
        except ModelError as error:
            return [{"name": named, "state": str(error)}]
    for prefix in ("QIMENG", "OPENAI"):
        if url := os.environ.get(f"{prefix}_BASE_URL"):
            return [{"name": "endpoint:NAME", "state": f"any model of {url}"}]
    return []


def pull_embedded() -> None:
    """Fetch the embedded model unless it is here, showing how far it is. Raises ModelError."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress("{task.description}", *columns, console=console) as bar:
            task = bar.add_task("embedded model", total=EMBEDDED.size)
            path = pull(progress=lambda done, total: bar.update(task, completed=done, total=total))
    else:
        path = pull(progress=_Percent().show)
    click.echo(f"ready: {path}")


class _Percent:
    """Plain lines, one for every tenth."""

    def __init__(self) -> None:
        self._shown = -1

    def show(self, done: int, total: int) -> None:
        """Print a line when another tenth is done."""
        tenth = 10 * done // total
        if tenth > self._shown:
            self._shown = tenth
            mb = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
            print(f"embedded model: {10 * tenth} % ({mb})", file=sys.stderr, flush=True)


def try_model(name: str, prompt: str) -> None:
    """Ask one question and print the answer as it comes. Raises ModelError."""
    request = ModelRequest(
        model=name, messages=(Message(role="user", content=prompt),), max_tokens=400
    )
    reply = Gateway(open_model).complete(request, on_text=lambda t: click.echo(clean(t), nl=False))
    speed = reply.usage.tokens_out / reply.seconds if reply.seconds else 0.0
    click.echo()
    click.echo(
        f"{reply.usage.tokens_in} + {reply.usage.tokens_out} tokens (in + out), "
        f"{reply.seconds:.1f} s, {speed:.1f} tokens/s",
        err=True,
    )
