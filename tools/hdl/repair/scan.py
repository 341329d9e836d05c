"""Reading broken Verilog as text: what a parser cannot be asked about yet."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SKIPPED = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
_TOKEN = re.compile(
    r"\d*\s*'[sS]?[bodhBODH]\s*[0-9a-fA-FxXzZ_?]+|`\w+|[A-Za-z_$][\w$]*|\d[\d_.]*"
    r"|<<<|>>>|===|!==|<=|>=|==|!=|&&|\|\||<<|>>|\+\+|--|[^\s\w]"
)
_PUNCTUATION = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " ", "；": ";"}
)


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One token of the text and where it stands."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ModuleText:
    """Spans of one module: name, parameter list (or empty), port list, body, all of it."""

    name: str
    start: int
    name_end: int
    ports: tuple[int, int]
    body: tuple[int, int]
    end: int


def to_ascii(source: str) -> str:
    """Typographic quotes and dashes made plain, other non-ASCII characters ``?``, tabs kept.

    After it byte offsets (the parser's) and character offsets are the same.
    """
    return source.translate(_PUNCTUATION).encode("ascii", "replace").decode().replace("\r", "")


def masked(source: str) -> str:
    """Comments and strings blanked, every offset kept."""
    return _SKIPPED.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), source)


def lex(source: str) -> list[Lexeme]:
    """Tokens of the text outside comments and strings."""
    return [Lexeme(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(masked(source))]


def closing(text: str, opening: int) -> int:
    """Offset of the bracket that closes the one at ``opening`` in masked text; -1 if none."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    stack: list[str] = []
    for index in range(opening, len(text)):
        char = text[index]
        if char in pairs:
            stack.append(pairs[char])
        elif char in ")]}":
            if not stack or stack.pop() != char:
                return -1
            if not stack:
                return index
    return -1


def modules(source: str) -> list[ModuleText]:
    """Modules found in the text by their keywords, however broken their insides are."""
    text = masked(source)
    heads = list(re.finditer(r"\bmodule\s+(\w+)", text))
    found = []
    for index, head in enumerate(heads):
        limit = heads[index + 1].start() if index + 1 < len(heads) else len(text)
        ending = re.compile(r"\bendmodule\b").search(text, head.end(), limit)
        stop, body_end = (ending.end(), ending.start()) if ending else (limit, limit)
        ports = _port_list(text, head.end(), body_end)
        semicolon = re.compile(r"\s*;").match(text, ports[1])
        body = (semicolon.end() if semicolon else ports[1], body_end)
        found.append(ModuleText(head[1], head.start(), head.end(), ports, body, stop))
    return found


def _port_list(text: str, start: int, limit: int) -> tuple[int, int]:
    """The span of ``( ... )`` after a module's name and parameters, brackets included."""
    position = re.compile(r"\s*(?:#\s*(?=\())?").match(text, start).end()  # type: ignore[union-attr]
    if text[start:position].strip() == "#":
        position = closing(text, position) + 1 or position
        position = re.compile(r"\s*").match(text, position).end()  # type: ignore[union-attr]
    if text[position : position + 1] != "(":
        return position, position
    end = closing(text, position)
    if 0 <= end < limit:
        return position, end + 1
    semicolon = re.compile(r";\s*\n(?!\s*(?:input|output|inout)\b)").search(text, position, limit)
    return position, semicolon.start() if semicolon else position + 1
