"""Reads one file into blocks, or says why it cannot be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from memory.knowledge.blocks import Block
from memory.knowledge.read_html import html_blocks
from memory.knowledge.read_markdown import markdown_blocks
from memory.knowledge.read_pdf import pdf_blocks
from memory.knowledge.read_text import header_blocks, text_blocks

MAX_BYTES = 256 << 20
MAX_TEXT = 32 << 20
_TEXT: dict[str, Callable[[str], Iterable[Block]]] = {
    ".md": markdown_blocks,
    ".markdown": markdown_blocks,
    ".html": html_blocks,
    ".htm": html_blocks,
    ".txt": text_blocks,
    ".rst": text_blocks,
    ".h": header_blocks,
    ".hpp": header_blocks,
    ".cuh": header_blocks,
}
SUFFIXES = frozenset({".pdf", *_TEXT})
"""What is taken from a folder. A single file of another kind is read as plain text."""


class Unreadable(ValueError):
    """The file cannot be read as a document; the message says why."""


def load(path: Path) -> bytes:
    """The bytes of a regular file of a permitted size. Unreadable when it is anything else."""
    try:
        # O_NONBLOCK: opening a pipe nobody writes to must not wait for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreadable(reason or "it cannot be opened") from None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("it is not a regular file")
        limit = MAX_BYTES if path.suffix.lower() == ".pdf" else MAX_TEXT
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Unreadable(f"it is larger than {limit >> 20} MiB")
    if not data.strip():
        raise Unreadable("it is empty")
    return data


def read_blocks(path: Path, data: bytes) -> list[Block]:
    """The blocks of a file whose bytes are ``data``. Unreadable when there is no text in it."""
    if data.startswith(b"%PDF-") or path.suffix.lower() == ".pdf":
        try:
            return pdf_blocks(data)
        except ValueError as error:
            raise Unreadable(str(error)) from None
    reader = _TEXT.get(path.suffix.lower(), text_blocks)
    try:
        blocks = list(reader(_decoded(data)))
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    if not blocks:
        raise Unreadable("it holds no text")
    return blocks


def _decoded(data: bytes) -> str:
    if b"\0" in data:
        raise Unreadable("it is binary, not text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    odd = sum(not (c.isprintable() or c in "\n\r\t\f") for c in text[:20_000])
    if odd > len(text[:20_000]) // 50:
        raise Unreadable("it is binary, not text")
    return text.replace("\r\n", "\n").replace("\r", "\n")
