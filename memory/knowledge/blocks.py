"""From blocks, the pieces a reader finds in a document, to chunks, the pieces that are found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

TARGET = 1200
"""Characters a chunk aims at: what fits the window of a small embedding model."""
LIMIT = 6000
"""Characters of a table or a piece of code above which it is cut after all."""
_LINE = 400
"""Characters above which a single line is cut where it must be."""

Kind = Literal["heading", "prose", "table", "code"]


@dataclass(frozen=True, slots=True)
class Block:
    """A heading (with its level, 1 the highest), a paragraph, a table or a piece of code.

    ``page`` counts from 1; None where the document has no pages.
    """

    text: str
    kind: Kind = "prose"
    level: int = 0
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a search returns: text of one section and page. ``headings`` leads to it."""

    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None

    @property
    def heading(self) -> str:
        """The path of headings in one line."""
        return " > ".join(self.headings)


def pack(blocks: Iterable[Block]) -> Iterator[Chunk]:
    """Chunks of about TARGET characters that never cross a heading or a page.

    Tables and code stay whole up to LIMIT; a longer table repeats its head in every part.
    """
    path: list[Block] = []
    body: list[str] = []
    page: int | None = None
    for block in blocks:
        full = sum(map(len, body)) + len(block.text) > TARGET
        if body and (full or block.kind == "heading" or block.page != page):
            yield _chunk(body, path, page)
            body = []
        page = block.page
        if block.kind == "heading":
            path = [above for above in path if above.level < block.level] + [block]
            continue
        *whole, last = _pieces(block)
        for piece in whole:
            yield _chunk([piece], path, page)
        body.append(last)
    if body:
        yield _chunk(body, path, page)


def _chunk(body: list[str], path: list[Block], page: int | None) -> Chunk:
    return Chunk("\n\n".join(body), tuple(heading.text for heading in path), page)


def _pieces(block: Block) -> list[str]:
    if len(block.text) <= (TARGET if block.kind == "prose" else LIMIT):
        return [block.text]
    lines = block.text.split("\n")
    if block.kind == "table" and len(lines) > 2:
        head = "\n".join(lines[:2])
        parts = _gather(lines[2:], LIMIT - len(head), "\n")
        return [f"{head}\n{part}" for part in parts]
    size = LIMIT if block.kind == "code" else TARGET
    return _gather([piece for line in lines for piece in _short(line)], size, "\n")


def _short(line: str) -> list[str]:
    """A line cut between sentences, and where there are none, anywhere."""
    if len(line) <= _LINE:
        return [line]
    sentences = _gather(re.split(r"(?<=[.;!?]) ", line), _LINE, " ")
    return [s[i : i + TARGET] for s in sentences for i in range(0, len(s), TARGET)]


def _gather(parts: list[str], size: int, glue: str) -> list[str]:
    gathered = [parts[0]]
    for part in parts[1:]:
        if len(gathered[-1]) + len(part) < size:
            gathered[-1] += glue + part
        else:
            gathered.append(part)
    return gathered
