"""Live progress while a run works, and the result in a few lines when it is over."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from memory.budget import add, usage
from memory.events import Event
from memory.records import Budget, Spend
from qimeng.event_words import Line, describe
from qimeng.summary import RunView
from qimeng.wording import amount, clean, headline, interface_line, operator_line

Listener = Callable[[Event], None]

STYLES = {"plain": "", "good": "green", "bad": "red", "warn": "yellow", "faint": "dim"}


@contextmanager
def progress(quiet: bool) -> Iterator[Listener]:
    """A listener that shows a run at work on standard error; it shows nothing when ``quiet``.

    A listener is told every event of a run from the first; those of an earlier process are
    counted but not shown again.
    """
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda event: None
    elif console.is_terminal:
        status = _Status(time.time())
        with Live(status, console=console, transient=True, refresh_per_second=8):
            yield lambda event: _show_live(console, status, event)
    else:
        began = time.time()
        yield lambda event: _show_plain(event, began)


def _show_plain(event: Event, began: float) -> None:
    line = describe(event)
    # A model can take a minute for its first answers: each one is a sign of life.
    alive = event.kind == "call.finished" and event.data["type"] == "model"
    if (line.matters or alive) and event.at >= began:
        text = " ".join(line.text.split())
        print(f"[{event.elapsed:7.1f} s] {event.actor}: {text}", file=sys.stderr, flush=True)


def _show_live(console: Console, status: _Status, event: Event) -> None:
    status.fold(event)
    line = describe(event)
    if line.matters and event.at >= status.began:
        console.print(_row(event, line))


def _row(event: Event, line: Line) -> Table:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=8, justify="right", style="dim", no_wrap=True)
    grid.add_column(width=9, style="cyan", no_wrap=True)
    grid.add_column(ratio=1)
    text = Text(" ".join(line.text.split()), style=STYLES[line.tone])
    grid.add_row(f"{event.elapsed:.1f} s", event.actor, text)
    return grid


class _Status:
    """The last line of the screen: what goes on now, and what was spent of the budget."""

    def __init__(self, began: float) -> None:
        self.began = began
        self._spend, self._budget = Spend(), Budget()
        self._calls: dict[str, tuple[str, float]] = {}
        self._guard = threading.Lock()
        self._seen = time.monotonic()
        self._spinner = Spinner("dots")

    def fold(self, event: Event) -> None:
        """Take in one more event, from any thread."""
        with self._guard:
            self._spend, self._seen = add(self._spend, event), time.monotonic()
            if event.kind == "run.created":
                self._budget = Budget.model_validate(event.data["goal"]["budget"])
            elif event.kind == "budget.set":
                self._budget = Budget.model_validate(event.data["budget"])
            elif event.kind == "call.started":
                doing = f"{event.actor} {describe(event).text}"
                self._calls[event.data["key"]] = (doing, self._seen)
            elif event.kind in ("call.finished", "call.failed"):
                self._calls.pop(event.data["key"], None)

    def __rich__(self) -> Table:
        with self._guard:
            now = time.monotonic()
            working = [f"{doing} {now - since:.0f} s" for doing, since in self._calls.values()]
            spend = self._spend.model_copy(
                update={"seconds": self._spend.seconds + now - self._seen}
            )
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=1)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True, style="dim")
        doing = " · ".join(working) or "working"
        grid.add_row(self._spinner, Text(doing, style="bold"), _spent(spend, self._budget))
        return grid


def _spent(spend: Spend, budget: Budget) -> str:
    limits = {cap: limit for cap, _, limit in usage(budget, spend)}
    parts = []
    for cap, used in (("tokens", spend.tokens_in + spend.tokens_out), ("seconds", spend.seconds)):
        limit = f" of {amount(limits[cap])}" if cap in limits else ""
        parts.append(f"{used:,.0f}{limit} {'s' if cap == 'seconds' else cap}")
    if spend.usd or "usd" in limits:
        limit = f" of ${limits['usd']:.2f}" if "usd" in limits else ""
        parts.append(f"${spend.usd:.3f}{limit}")
    return " · ".join(parts)


def print_summary(view: RunView, files: Sequence[Path]) -> None:
    """The result on standard output: what was made, how well it was checked, what comes next.

    ``files`` are those that were written for the user.
    """
    console = Console(highlight=False)
    tone = {"done": "bold green", "paused": "bold yellow", "interrupted": "bold yellow"}
    one_line = not console.is_terminal
    console.print(Text(headline(view), style=tone.get(view.status, "bold red")), soft_wrap=one_line)
    for reason in view.result.reasons:
        console.print(Text(clean(reason)), soft_wrap=one_line)
    facts = list(_facts(view, files))
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        # Paths and commands stay in one piece, to be copied.
        console.print(Text.assemble((f"{name:<{width}}  ", "cyan"), value), soft_wrap=True)


def _facts(view: RunView, files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    if view.contract:
        yield "interface", interface_line(view.contract)
    if view.kernel:
        yield "operator", operator_line(view.kernel)
    for name, metric in view.result.metrics.items():
        yield name, f"{amount(metric.value)} {metric.unit}".rstrip()
    spend = view.spend
    money = f", ${spend.usd:.4f}" if spend.usd else ""
    tokens = f"{spend.tokens_in:,} + {spend.tokens_out:,} tokens"
    yield "spent", f"{tokens} (in + out), {spend.seconds:,.1f} s{money}"
    for path in files:
        yield "report" if path.name == "report.html" else "file", str(path)
    yield "trace", f"qimeng trace {view.id}"
    if view.status in ("paused", "interrupted"):
        yield "go on", f"qimeng resume {view.id}"
