"""Markdown as blocks, by the CommonMark parser."""

from __future__ import annotations

from collections.abc import Iterator

from memory.knowledge.blocks import Block, Kind

_KINDS: dict[str, Kind] = {"fence": "code", "code_block": "code", "table_open": "table"}


def markdown_blocks(text: str) -> Iterator[Block]:
    """Headings, paragraphs and lists, code and tables, in their source text."""
    from markdown_it import MarkdownIt

    lines = text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.level or token.map is None or token.nesting < 0:
            continue
        first, last = token.map
        if token.type == "heading_open" and following is not None:
            yield Block(following.content, "heading", int(token.tag[1:]))
        elif content := "\n".join(lines[first:last]).strip("\n"):
            yield Block(content, _KINDS.get(token.type, "prose"))
