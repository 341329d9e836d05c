"""Finding and spelling the declarations of a signal in the text of a module."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.hdl.repair.diagnose import View
from tools.hdl.repair.scan import ModuleText, modules
from tools.hdl.syntax import Edit, apply

_RANGE = r"(?:\s*\[[^\]]*\])*"
_KINDS = r"(?:wire|reg|logic|tri|integer)"


@dataclass(frozen=True)
class Declaration:
    """One declaration statement or header entry that names a signal: its parts and spans."""

    start: int
    end: int
    direction: str
    kind: str
    range: str
    members: tuple[str, ...]


def module_at(view: View, offset: int) -> ModuleText | None:
    """The module whose text holds ``offset``."""
    return next((m for m in modules(view.source) if m.start <= offset < m.end), None)


def declarations(text: str, name: str, module: ModuleText) -> list[Declaration]:
    """Declarations of ``name`` in a module, header first."""
    found = []
    pattern = re.compile(
        rf"\b(?:(input|output|inout)\b\s*)?({_KINDS}\b)?\s*((?:(?:un)?signed\b)?{_RANGE})\s*"
        r"((?:\w+(?:\s*\[[^\]]*\])*(?:\s*=[^,;)]*)?\s*,\s*"
        r"(?!(?:input|output|inout|wire|reg|logic)\b))*"
        r"\w+(?:\s*\[[^\]]*\])*(?:\s*=[^,;)]*)?)\s*(?=[;,)])"
    )
    for m in pattern.finditer(text, module.name_end, module.end):
        if not (m[1] or m[2]):
            continue
        members = tuple(part.strip() for part in m[4].split(","))
        if name in (re.split(r"[\s=\[]", part)[0] for part in members):
            found.append(
                Declaration(m.start(), m.end(), m[1] or "", m[2] or "", m[3].strip(), members)
            )
    return found


def spell(direction: str, kind: str, extent: str, members: list[str] | tuple[str, ...]) -> str:
    return " ".join(part for part in (direction, kind, extent, ", ".join(members)) if part)


def redeclared(source: str, declaration: Declaration, name: str, kind: str) -> str:
    """The source with ``name`` of kind ``kind``; other members of its declaration stay."""
    d = declaration
    own = [m for m in d.members if re.split(r"[\s=\[]", m)[0] == name]
    rest = [m for m in d.members if m not in own]
    text = spell(d.direction, kind, d.range, own)
    if rest:
        other = spell(d.direction, d.kind or ("wire" if d.direction else ""), d.range, rest)
        separator = ", " if source[d.end : d.end + 1] in (",", ")") else "; "
        text = f"{other}{separator}{text}"
    return apply(source, [Edit(d.start, d.end, text)])
