"""Pictures of a learned circuit: its diagrams' sizes, its rounds of refutation, its area."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, ROW, LEFT, RIGHT = 560, 200, 22, 130, 130
OURS, THEIRS = "#2a6fbb", "#9aa5b1"


def diagrams_svg(nodes: Mapping[str, int]) -> str:
    """A bar for each output port: the decision nodes that its wires reach."""
    return _bars([(port, count, OURS, "nodes") for port, count in nodes.items()], one_scale=True)


def area_svg(rows: Sequence[tuple[str, int, int]]) -> str:
    """Two bars for each quantity, the learned circuit's and the reference's, to one scale."""
    return _bars(
        [
            bar
            for name, ours, theirs in rows
            for bar in ((name, ours, OURS, "learned"), ("", theirs, THEIRS, "reference"))
        ],
        one_scale=False,
    )


def rounds_svg(wrong: Sequence[int]) -> str:
    """Wrong vectors by round on a logarithmic scale; a round without any has no bar."""
    step = WIDTH / max(1, len(wrong))
    most = math.log10(max(wrong, default=0) + 1) or 1.0
    parts = []
    for i, count in enumerate(wrong):
        tall = (HEIGHT - 40) * math.log10(count + 1) / most
        parts.append(_bar(i * step + 2, HEIGHT - 20 - tall, step - 4, tall, OURS))
        parts.append(_text((i + 0.5) * step, HEIGHT - 24 - tall, str(count), "middle"))
    return _svg(HEIGHT, parts)


def _bars(bars: Sequence[tuple[str, int, str, str]], one_scale: bool) -> str:
    """Horizontal bars; to one scale when ``one_scale``, else each pair to a scale of its own."""
    parts = []
    for i, (name, value, colour, unit) in enumerate(bars):
        near = bars if one_scale else bars[i - i % 2 : i - i % 2 + 2]
        most = max(1, *(other[1] for other in near))
        wide, top = (WIDTH - LEFT - RIGHT) * value / most, i * ROW
        parts.append(_text(0, top + 15, name))
        parts.append(_bar(LEFT, top + 3, wide, ROW - 6, colour))
        parts.append(_text(LEFT + wide + 6, top + 15, f"{value:,} {unit}"))
    return _svg(ROW * len(bars), parts)


def _bar(x: float, y: float, wide: float, tall: float, colour: str) -> str:
    size = f'width="{wide:.1f}" height="{tall:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"/>'


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
    return f'{head}role="img" font-family="sans-serif" font-size="12">{"".join(parts)}</svg>\n'
