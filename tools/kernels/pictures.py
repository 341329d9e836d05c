"""Small pictures: the best-so-far curves of searches, ratios of a table, and the roofline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, EDGE = 640, 360, 60
_COLOURS = ("#1f6feb", "#c2410c", "#15803d", "#7c3aed")


class _Plot:
    """Axes with decades, and marks in data coordinates."""

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], labels: tuple[str, str],
        log_x: bool,
    ) -> None:  # fmt: skip
        self.x, self.y, self.log_x = x, y, log_x
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            f'<path d="M{EDGE} 20V{HEIGHT - EDGE}H{WIDTH - 20}" fill="none" stroke="#555"/>',
        ]
        self.text(WIDTH / 2, HEIGHT - 15, labels[0], "middle")
        self.parts.append(
            f'<text x="16" y="{HEIGHT / 2}" text-anchor="middle" fill="#333" '
            f'transform="rotate(-90 16 {HEIGHT / 2})">{escape(labels[1])}</text>'
        )

    def place(self, x: float, y: float) -> tuple[float, float]:
        across, up = self._share(x, self.x, self.log_x), self._share(y, self.y, self.log_x)
        return EDGE + across * (WIDTH - 20 - EDGE), HEIGHT - EDGE - up * (HEIGHT - EDGE - 20)

    @staticmethod
    def _share(value: float, ends: tuple[float, float], log: bool) -> float:
        low, high, at = (*map(math.log10, ends), math.log10(value)) if log else (*ends, value)
        return (at - low) / (high - low)

    def text(self, x: float, y: float, words: str, anchor: str = "start") -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#333">'
            f"{escape(words)}</text>"
        )

    def tick_x(self, value: float) -> None:
        x, _ = self.place(value, self.y[0])
        self.text(x, HEIGHT - EDGE + 18, f"{value:g}", "middle")

    def tick_y(self, value: float) -> None:
        _, y = self.place(self.x[0], value)
        self.text(EDGE - 6, y + 4, f"{value:.3g}", "end")

    def line(self, points: Sequence[tuple[float, float]], colour: str, dash: str = "") -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place(*p) for p in points))
        style = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{style}/>'
        )

    def dot(self, x: float, y: float, colour: str) -> None:
        px, py = self.place(x, y)
        self.parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="5" fill="{colour}"/>')

    def done(self) -> str:
        return "\n".join([*self.parts, "</svg>", ""])


def search_svg(speeds: Sequence[float], baseline: float | None, baseline_name: str) -> str:
    """Speed of each point tried (GFLOP/s; 0 for one that was refused) and the best so far."""
    top = 1.1 * max([*speeds, baseline or 0.0, 1e-9])
    plot = _Plot((0.0, float(max(len(speeds), 2))), (0.0, top), ("points tried", "GFLOP/s"), False)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        plot.tick_y(share * top)
    for tick in sorted({1, len(speeds) // 2, len(speeds)} - {0}):
        plot.tick_x(tick)
    if baseline:
        plot.line([(0, baseline), (plot.x[1], baseline)], _COLOURS[1], "6 4")
        _, y = plot.place(0, baseline)
        plot.text(EDGE + 8, y - 6, f"{baseline_name}: {baseline:.3g}")
    best, curve = 0.0, []
    for number, speed in enumerate(speeds, 1):
        best = max(best, speed)
        curve.append((float(number), best))
        plot.dot(number, speed, "#9ca3af")
    plot.line(curve, _COLOURS[0])
    return plot.done()


def curves_svg(curves: Mapping[str, Sequence[float]]) -> str:
    """Best GFLOP/s so far after each evaluation, one line a search method."""
    longest = max(len(curve) for curve in curves.values())
    top = 1.1 * max([*(max(curve) for curve in curves.values()), 1e-9])
    axes = ("evaluations", "best GFLOP/s")
    plot = _Plot((1.0, float(max(longest, 2))), (0.0, top), axes, False)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        plot.tick_y(share * top)
    for tick in sorted({1, longest // 2, longest} - {0}):
        plot.tick_x(tick)
    for place, ((name, curve), colour) in enumerate(zip(curves.items(), _COLOURS, strict=False)):
        plot.line([(float(at), speed) for at, speed in enumerate(curve, 1)], colour)
        plot.dot(0.7 * plot.x[1], (0.3 - 0.08 * place) * top, colour)
        px, py = plot.place(0.7 * plot.x[1], (0.3 - 0.08 * place) * top)
        plot.text(px + 12, py + 4, f"{name}: {curve[-1]:.3g}")
    return plot.done()


def ratios_svg(lines: Mapping[str, Sequence[tuple[float, float]]], axes: tuple[str, str]) -> str:
    """Ratios over sizes, both logarithmic, a line each; those named ``causal`` are dashed, and
    every other line has the colour of the one before.
    """
    xs, ys = zip(*(point for points in lines.values() for point in points), strict=True)
    plot = _Plot((min(xs), max(xs)), (min(0.95, *ys) / 1.02, max(1.05, *ys) * 1.05), axes, True)
    for x in sorted(set(xs)):
        plot.tick_x(x)
    for y in (0.8, 0.9, 1.0, 1.1, 1.2, 1.5, 2.0):
        if plot.y[0] <= y <= plot.y[1]:
            plot.tick_y(y)
    plot.line([(plot.x[0], 1.0), (plot.x[1], 1.0)], "#555", "2 4")
    for at, (name, points) in enumerate(lines.items()):
        colour, dash = _COLOURS[at // 2 % len(_COLOURS)], "6 4" * ("causal" in name)
        plot.line(points, colour, dash)
        place = EDGE + 12 + at % 2 * 110, 34 + at // 2 * 16
        plot.parts.append(
            f'<path d="M{place[0]} {place[1] - 4}h24" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dash or "none"}"/>'
        )
        plot.text(place[0] + 30, place[1], name)
    return plot.done()


def roofline_svg(
    peak: float, bandwidth: float, intensity: float, speeds: Mapping[str, float]
) -> str:
    """The measured ceilings of one core, and kernels at ``intensity`` operations a byte.

    ``peak`` and ``speeds`` are GFLOP/s, ``bandwidth`` GB/s.
    """
    corner = peak / bandwidth
    x = (min(intensity, corner) / 8, max(intensity, corner) * 8)
    low = min([*speeds.values(), bandwidth * x[0]]) / 2
    axes = ("operations a byte (every array moved once)", "GFLOP/s")
    plot = _Plot(x, (low, peak * 2), axes, True)
    plot.line([(x[0], bandwidth * x[0]), (corner, peak), (x[1], peak)], "#555")
    _, y = plot.place(x[0], peak)
    plot.text(EDGE + 8, y - 6, f"measured peak {peak:.3g} GFLOP/s, memory {bandwidth:.3g} GB/s")
    for exponent in range(math.ceil(math.log10(x[0])), math.floor(math.log10(x[1])) + 1):
        plot.tick_x(10.0**exponent)
    for exponent in range(math.ceil(math.log10(low)), math.floor(math.log10(peak * 2)) + 1):
        plot.tick_y(10.0**exponent)
    for (name, speed), colour in zip(speeds.items(), _COLOURS, strict=False):
        plot.dot(intensity, speed, colour)
        px, py = plot.place(intensity, speed)
        left = px > WIDTH / 2
        anchor = "end" if left else "start"
        plot.text(px - 10 if left else px + 10, py + 4, f"{name}: {speed:.3g}", anchor)
    return plot.done()
