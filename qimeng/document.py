"""A small document: blocks once written, rendered as Markdown and as one self-contained page.

Every string of a block is plain text; the renderers escape it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

from pygments import formatters, highlight, lexers, util  # type: ignore[import-untyped]


@dataclass(frozen=True)
class Heading:
    """A section title."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text; ``tone`` is plain, good, bad, warn or faint."""

    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head. Columns in ``numbers`` are aligned right."""

    head: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Code:
    """A text with line numbers; the file name's ending chooses the colouring."""

    name: str
    text: str


@dataclass(frozen=True)
class Picture:
    """An SVG file: by name in Markdown, inside the page in HTML."""

    name: str
    svg: str


Block = Heading | Paragraph | Table | Code | Picture


def to_markdown(title: str, blocks: Sequence[Block]) -> str:
    """The document as Markdown (CommonMark with tables)."""
    parts = [f"# {_md(title)}", *(_block_md(block) for block in blocks)]
    return "\n\n".join(parts) + "\n"


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """The document as one page without any outside address."""
    page = Template(files("qimeng").joinpath("report_page.html").read_text())
    body = "\n".join(_block_html(block) for block in blocks)
    return page.substitute(title=escape(title), body=body)


def _block_md(block: Block) -> str:
    match block:
        case Heading():
            return f"## {_md(block.text)}"
        case Paragraph():
            return _md(block.text)
        case Table():
            rule = ["--:" if i in block.numbers else "---" for i in range(len(block.head))]
            rows = [[_md(cell) for cell in row] for row in (block.head, *block.rows)]
            lines = [rows[0], rule, *rows[1:]]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case Code():
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
            return f"{fence}{block.name.rpartition('.')[2]}\n{block.text.rstrip()}\n{fence}"
        case Picture():
            return f"![{_md(block.name)}]({block.name})"


def _md(text: str) -> str:
    """One line of text in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>|#&~])", r"\\\1", " ".join(text.split()))


def _block_html(block: Block) -> str:
    match block:
        case Heading():
            return f"<h2>{escape(block.text)}</h2>"
        case Paragraph():
            return f'<p class="{block.tone}">{escape(block.text)}</p>'
        case Table():
            return _table_html(block)
        case Code():
            return _code_html(block)
        case Picture():
            data = base64.b64encode(block.svg.encode()).decode()
            name = escape(block.name)
            return f'<figure><img alt="{name}" src="data:image/svg+xml;base64,{data}"></figure>'


def _table_html(table: Table) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        kinds = [' class="number"' if i in table.numbers else "" for i in range(len(row))]
        return "".join(
            f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, row, strict=True)
        )

    head = f"<thead><tr>{cells('th', table.head)}</tr></thead>" if any(table.head) else ""
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def _code_html(code: Code) -> str:
    try:
        lexer = lexers.get_lexer_for_filename(code.name)
    except util.ClassNotFound:
        lexer = lexers.TextLexer()
    coloured = highlight(code.text.rstrip(), lexer, formatters.HtmlFormatter(nowrap=True)).rstrip(
        "\n"
    )
    lines = "".join(f"<span class=line>{line}\n</span>" for line in coloured.split("\n"))
    return f'<div class="wide"><pre class="code">{lines}</pre></div>'
