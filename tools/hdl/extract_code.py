"""Take the Verilog out of a language model's answer."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([\w+-]*)[^\n]*$", re.MULTILINE)
_MODULE = re.compile(r"^[ \t]*(?:\(\*.*?\*\)\s*)?(?:macro)?module\b(?!\s+is\b)", re.MULTILINE)
_LEAD = re.compile(r"(?:[ \t]*(?:`\w+[^\n]*|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/|)\n)*\Z")
_END = re.compile(r"\bendmodule\b(?:[ \t]*:[ \t]*\w+)?")
_PROSE = re.compile(
    r"^[ \t]*(?:[-*] |\d+\. |#{1,6} |\*\*|> )[^\n]*$"
    r"|^[ \t]*[A-Z][a-z']+(?:[ ,]+[A-Za-z`'_-]+){3,}[^\n;]*[.:!]?[ \t]*$",
    re.MULTILINE,
)


def extract_code(answer: str) -> str:
    """The Verilog in ``answer``; the answer itself when nothing in it looks like a module.

    Takes the last fenced block that holds a module (the last fence may be unclosed), else the
    bare text; drops what stands before the first module (but for directives and comments right
    above it) and after the last ``endmodule``, and lines of prose in between.
    """
    code = _fenced(answer)
    first = _MODULE.search(code)
    if not first:
        return code
    lead = _LEAD.search(code[: first.start()])
    start = lead.start() if lead else first.start()
    ends = list(_END.finditer(code, first.start()))
    tail = code[ends[-1].end() :] if ends else ""
    stop = ends[-1].end() if ends and not _MODULE.search(tail) else len(code)
    return _without_prose(code[start:stop]).strip() + "\n"


def _fenced(answer: str) -> str:
    marks = list(_FENCE.finditer(answer))
    blocks = []
    index = 0
    while index < len(marks):
        closing = marks[index + 1].start() if index + 1 < len(marks) else len(answer)
        blocks.append(answer[marks[index].end() : closing])
        # A fence that names a language opens a block even where a closing one was forgotten.
        forgotten = index + 1 < len(marks) and bool(marks[index + 1].group(1))
        index += 1 if forgotten else 2
    holding = [block for block in blocks if _MODULE.search(block)]
    if holding:
        return holding[-1]
    before = answer[: marks[0].start()] if marks else answer
    return before if _MODULE.search(before) else answer


def _without_prose(code: str) -> str:
    """Blank out lines of prose, never inside a block comment."""
    comments = [m.span() for m in re.finditer(r"/\*.*?\*/", code, re.DOTALL)]

    def blank(match: re.Match[str]) -> str:
        inside = any(start <= match.start() < end for start, end in comments)
        return match.group() if inside else ""

    return _PROSE.sub(blank, code)
