"""Instructions per cycle as bars, one panel for each machine, the perfect-value bound as a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, ROW, BAR, LEFT, RIGHT = 640, 20, 14, 170, 60
_COLOURS = {"State-BSD": "#1f6feb", "none": "#6b7280"}
_OTHER = "#9ca3af"
BOUND = "perfect"


def ipc_svg(tables: Sequence[Mapping[str, Any]]) -> str:
    """``tables`` have a ``level``, a ``width``, ``ports`` and ``ipc``: name to a record with
    ``ipc``; the one named BOUND is the line, which no bar may pass."""
    parts, top = [], 10
    for table in tables:
        panel, top = _panel(table, top)
        parts += panel
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" '
            f'width="{WIDTH}" height="{top}" font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _panel(table: Mapping[str, Any], top: int) -> tuple[list[str], int]:
    """The marks of one panel, and where the next begins."""
    rows = {name: row["ipc"] for name, row in table["ipc"].items()}
    bound = rows.pop(BOUND)
    scale = (WIDTH - LEFT - RIGHT) / bound
    parts = [
        f'<text x="10" y="{top + 14}" font-weight="bold">{escape(table["level"])}, '
        f"{table['width']} wide, memory ports: {table['ports']}; instructions per cycle, "
        f"bound {bound:.2f}</text>"
    ]
    first = top + 24
    for k, (name, value) in enumerate(rows.items()):
        y = first + ROW * k
        colour = next((c for key, c in _COLOURS.items() if name.startswith(key)), _OTHER)
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" height="{BAR}" '
            f'fill="{colour}"/>',
            f'<text x="{LEFT + value * scale - 4:.1f}" y="{y + 11}" text-anchor="end" '
            f'fill="#ffffff">{value:.3f}</text>',
        ]
    bottom, x = first + ROW * len(rows), LEFT + bound * scale
    parts.append(f'<path d="M{x:.1f} {first - 4}V{bottom}" stroke="#c2410c" stroke-width="2"/>')
    return parts, bottom + 12
