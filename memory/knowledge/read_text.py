"""Plain text and C headers as blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memory.knowledge.blocks import Block

_BLANK = re.compile(r"\n[ \t]*\n")
_QUIET = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.DOTALL)


def text_blocks(text: str) -> Iterator[Block]:
    """Paragraphs. A form feed starts a page; without any there are no page numbers."""
    pages = text.split("\f")
    for number, page in enumerate(pages, 1):
        for paragraph in _BLANK.split(page):
            if paragraph.strip():
                yield Block(paragraph.strip("\n"), page=number if len(pages) > 1 else None)


def header_blocks(text: str) -> Iterator[Block]:
    """Declarations, each whole and with the comment above it; macros that stand together."""
    lines = text.split("\n")
    # Braces in strings and comments do not count; blanking keeps the line numbers.
    bare = _QUIET.sub(lambda quiet: re.sub(r"[^\n]", " ", quiet.group()), text).split("\n")
    start = depth = 0
    for number, line in enumerate(bare):
        if "{" in line and 'extern "C"' in lines[number]:
            line = line.replace("{", " ")
        depth = max(0, depth + line.count("{") - line.count("}"))
        if depth == 0 and _ends(line, bare[number + 1 : number + 2]):
            yield from _declaration(lines[start : number + 1])
            start = number + 1
    yield from _declaration(lines[start:])


def _ends(line: str, following: list[str]) -> bool:
    line = line.strip()
    if line.startswith("#"):
        together = following and following[0].lstrip().startswith("#")
        return not line.endswith("\\") and not together
    return line.endswith((";", "}"))


def _declaration(lines: list[str]) -> Iterator[Block]:
    text = "\n".join(lines).strip("\n")
    if text.strip():
        yield Block(text, "code")
