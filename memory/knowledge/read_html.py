"""HTML as blocks, by the parser of the standard library (it takes any broken page)."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from memory.knowledge.blocks import Block, Kind

_HEADINGS = {f"h{level}" for level in range(1, 7)}
_BREAKS = {"p", "div", "li", "ul", "ol", "dl", "dt", "dd", "section", "article", "blockquote"}
_IGNORED = {"script", "style", "template", "noscript", "svg", "nav"}
_MAIN = {"pre": "code", "table": "table"}


def html_blocks(text: str) -> list[Block]:
    """Headings, paragraphs, preformatted code, and tables as rows of ``a | b | c``."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.flush()
    return reader.blocks


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._text: list[str] = []
        self._kind: Kind = "prose"
        self._level = 0
        self._inside: str | None = None
        """The pre or table being read, or the element being passed over."""
        self._depth = 0

    def flush(self) -> None:
        """End the block being read."""
        text = "".join(self._text)
        if self._kind == "table":
            rows = (re.sub(r"\s+", " ", row).strip(" |") for row in text.split("\x1e"))
            text = "\n".join(row for row in rows if row)
        elif self._kind != "code":
            text = re.sub(r"\s+", " ", text)
        if text.strip():
            self.blocks.append(Block(text.strip("\n "), self._kind, self._level))
        self._text, self._kind, self._level = [], "prose", 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if self._inside:
            self._depth += tag == self._inside
            if self._inside == "table" and tag in ("tr", "td", "th"):
                self._text.append("\x1e" if tag == "tr" else " | ")
        elif tag in _IGNORED or tag in _MAIN:
            self.flush()
            self._inside, self._depth = tag, 1
            self._kind = "code" if tag == "pre" else "table" if tag == "table" else "prose"
        elif tag in _HEADINGS:
            self.flush()
            self._kind, self._level = "heading", int(tag[1])
        elif tag in _BREAKS:
            self.flush()
        elif tag == "br":
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._inside:
            self._depth -= tag == self._inside
            if not self._depth:
                self._inside = None
                self.flush()
        elif tag in _HEADINGS or tag in _BREAKS:
            self.flush()

    def handle_data(self, data: str) -> None:
        if self._inside not in _IGNORED:
            self._text.append(data)
