"""``qimeng memory``: manuals to look things up in, and what earlier runs have made."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from memory.knowledge.base import Added, Hit
    from memory.knowledge.catalogue import Document
    from memory.library import Item

_SHOWN = 12
"""Lines of a passage that a search prints."""
_OUTCOMES = {"new": "added", "replaced": "replaced", "unchanged": "unchanged", "refused": "REFUSED"}


@click.group()
def memory() -> None:
    """Search manuals, add your own, and see what earlier runs have left.

    \b
    QiMeng comes with primers (RISC-V, x86 and Arm vectors, CUDA, Verilog pitfalls, hardware cards).
    Try:
      qimeng memory search "when is a latch inferred"
      qimeng memory search _mm512_dpbusd_epi32
      qimeng memory add my-core-manual.pdf
    """


@memory.command()
@click.argument("path", type=Path)
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
def add(path: Path, as_json: bool) -> None:
    """Add a document, or all in a folder: PDF, HTML, Markdown, text, C headers.

    Adding a changed file again replaces it. Large manuals take minutes: about a tenth of a second
    a passage. When it is interrupted, the next command goes on.
    """
    from memory.knowledge.base import KnowledgeBase

    with _friendly(), KnowledgeBase() as base:
        added = base.add(path)
    if as_json:
        click.echo(json.dumps([asdict(one) | {"path": str(one.path)} for one in added]))
    else:
        _print_added(added, path)
    if any(one.outcome == "refused" for one in added) or not added:
        sys.exit(2)


@memory.command()
@click.argument("query")
@click.option("-k", "wanted", default=5, show_default=True, type=click.IntRange(1, 50))
@click.option("--json", "as_json", is_flag=True, help="A JSON list, whole passages.")
def search(query: str, wanted: int, as_json: bool) -> None:
    """Find passages for QUERY, a question or the exact name of an instruction or register."""
    from memory.knowledge.base import KnowledgeBase

    with _friendly(), KnowledgeBase() as base:
        hits = base.search(query, wanted)
    if as_json:
        click.echo(json.dumps([asdict(hit) for hit in hits], ensure_ascii=False))
    elif not hits:
        click.echo("nothing was found")
    else:
        _print_hits(hits)


@memory.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON object.")
def list_memory(as_json: bool) -> None:
    """List the documents, and the results of earlier runs."""
    from memory.knowledge.base import KnowledgeBase
    from memory.library import Library

    with _friendly(), KnowledgeBase() as base:
        documents, items = base.documents(), Library().items()
    if as_json:
        results = [asdict(item) | {"evidence": item.evidence.label} for item in items]
        listed = {"documents": [asdict(d) for d in documents], "results": results}
        click.echo(json.dumps(listed, ensure_ascii=False))
    else:
        _print_documents(documents)
        _print_items(items)


@memory.command()
@click.argument("name")
def forget(name: str) -> None:
    """Forget a document by its NAME, or the result of a run by the run's id."""
    from memory.knowledge.base import KnowledgeBase
    from memory.library import Library

    with _friendly():
        if Library().forget(name):
            click.echo(f"forgotten: the result of run {name}")
            return
        with KnowledgeBase() as base:
            base.forget(name)
    click.echo(f"forgotten: {_plain(name)}")


# -- printing ---------------------------------------------------------------------------------


def _print_added(added: list[Added], path: Path) -> None:
    for one in added:
        words = _OUTCOMES[one.outcome]
        told = one.reason if one.outcome == "refused" else f"{one.name} ({one.chunks} passages)"
        where = f"{one.path}: " if one.outcome == "refused" else ""
        click.echo(_plain(f"{words}: {where}{told}"), err=one.outcome == "refused")
    if not added:
        click.echo(f"qimeng: no document that can be read is below {path}", err=True)


def _print_hits(hits: list[Hit]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for number, hit in enumerate(hits, 1):
        console.print(Text(_plain(f"{number}. {hit.citation}"), style="bold"))
        lines = _plain(hit.text).split("\n")
        more = [f"… {len(lines) - _SHOWN} more lines"] if len(lines) > _SHOWN else []
        for line in [*lines[:_SHOWN], *more]:
            console.print(Text(f"   {line}"))
        console.print()


def _print_documents(documents: list[Document]) -> None:
    rows = [
        (d.name, str(d.chunks), str(d.pages or ""), "QiMeng" if d.shipped else d.source)
        for d in documents
    ]
    _table(("DOCUMENT", "PASSAGES", "PAGES", "FROM"), rows)


def _print_items(items: list[Item]) -> None:
    if not items:
        click.echo("\nNo run has concluded yet: results enter here by themselves.")
        return
    click.echo()
    rows = [(i.run, i.kind, i.evidence.label, i.target, " ".join(i.task.split())) for i in items]
    _table(("RUN", "KIND", "EVIDENCE", "TARGET", "TASK"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # a pipe gets whole lines
    table: Any = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(head[0], no_wrap=True)
    for title in head[1:-1]:
        table.add_column(title, overflow="fold")
    table.add_column(head[-1], no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(Text(_plain(cell)) for cell in row))
    console.print(table)


def _plain(text: str) -> str:
    from qimeng.wording import clean

    return clean(text)


@contextmanager
def _friendly() -> Iterator[None]:
    """Turns the errors that a person can mend into one line and an exit code."""
    import sqlite3

    from memory.home import home
    from memory.knowledge.base import KnowledgeError
    from memory.knowledge.embedders import MissingEmbedder

    try:
        yield
    except KnowledgeError as error:
        click.echo(_plain(f"qimeng: {error}"), err=True)
        sys.exit(2)
    except (MissingEmbedder, ImportError) as error:
        click.echo(f"qimeng: {error}", err=True)
        sys.exit(4)
    except BrokenPipeError:
        raise
    except (OSError, sqlite3.Error) as error:
        click.echo(f"qimeng: cannot use the files of {home()}: {error}", err=True)
        sys.exit(4)
