"""PDF as blocks, by pypdf in a child process: a hostile file can cost no more than its limits.

As a program it reads the PDF from its standard input and prints the blocks as JSON.
"""

from __future__ import annotations

import io
import json
import logging
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.knowledge.blocks import Block

if TYPE_CHECKING:
    from pypdf import PdfReader

SECONDS = 300
MEMORY = 3 << 30


def pdf_blocks(data: bytes) -> list[Block]:
    """Paragraphs with their pages; headings come from the outline. ValueError says why not."""
    command = [sys.executable, "-m", "memory.knowledge.read_pdf"]
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(
            command, input=data, cwd=root, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"reading it takes more than {SECONDS} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(said[-1][:300] if said else f"its reader died ({done.returncode})")
    return [Block(**fields) for fields in json.loads(done.stdout)]


def _main() -> None:
    from pypdf import PdfReader

    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()))
        # Many manuals are encrypted with an empty password: anyone may read them.
        if reader.is_encrypted and not reader.decrypt(""):
            sys.exit("it is encrypted and needs a password")
        blocks = [block for block in _blocks(reader) if block.text]
    except (MemoryError, RecursionError):
        sys.exit("it needs too much memory to read")
    except Exception as error:
        sys.exit(f"it is damaged: {type(error).__name__}: {error}")
    if not any(block.kind == "prose" for block in blocks):
        sys.exit("it holds no text (scanned pages?)")
    fields = [{"text": b.text, "kind": b.kind, "level": b.level, "page": b.page} for b in blocks]
    sys.stdout.write(json.dumps(fields))


def _blocks(reader: PdfReader) -> Iterator[Block]:
    outline: dict[int, list[tuple[str, int]]] = {}
    for title, level, target in _outline(reader, reader.outline, 1):
        outline.setdefault(target, []).append((title, level))
    for number, page in enumerate(reader.pages, 1):
        yield from _page(page.extract_text(), number, outline.get(number, []))


def _outline(reader: PdfReader, items: list[Any], level: int) -> Iterator[tuple[str, int, int]]:
    for item in items:
        if isinstance(item, list):
            yield from _outline(reader, item, level + 1)
        elif (page := reader.get_destination_page_number(item)) is not None:
            yield " ".join(str(item.title).split()), level, page + 1


def _page(text: str, number: int, headings: list[tuple[str, int]]) -> Iterator[Block]:
    """The page's paragraphs, with each heading of the outline where its words stand."""
    # Lone surrogates, which broken fonts give, cannot be stored.
    lines = text.encode(errors="replace").decode().split("\n")
    waiting = list(headings)
    paragraph: list[str] = []
    plain = [" ".join(line.split()).casefold() for line in lines]
    for title, level in [h for h in waiting if not any(p.endswith(h[0].casefold()) for p in plain)]:
        yield Block(title, "heading", level, number)
        waiting.remove((title, level))
    for line, words in zip(lines, plain, strict=True):
        here = [h for h in waiting if words.endswith(h[0].casefold())]
        if (here or not words) and paragraph:
            yield Block("\n".join(paragraph), page=number)
            paragraph = []
        for title, level in here:
            yield Block(title, "heading", level, number)
            waiting.remove((title, level))
        if words and not here:
            paragraph.append(line.rstrip())
    yield Block("\n".join(paragraph), page=number)


if __name__ == "__main__":
    _main()
