"""Waveforms of a recorded run: a picture (SVG) to look at, and a VCD file for a viewer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from tools.hdl.contract import Contract
from tools.hdl.lanes import Lane, Segment, interesting, lanes
from tools.hdl.trace import Stimulus, Trace

_CHAR = 6.7
"""Width in pixels of one character of a value."""
_NAME_CHAR = 7.3
_MARGIN, _TOP, _BOTTOM = 20, 74, 40
_LEGEND_LINE = 16
_LANE, _SWING, _NOTE, _GAP = 32, 20, 13, 12
"""Heights: a lane, its waveform, the line of expected values under it, between two groups."""
_SLANT = 3.0
_HATCH = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path class="hatch" d="M0 0V6"/></pattern></defs>'
)
_PERIOD_NS = 10


def to_svg(
    contract: Contract,
    stimulus: Stimulus,
    trace: Trace,
    expected: Trace | None = None,
    first: int | None = None,
    cycles: int = 24,
) -> str:
    """Draw ``cycles`` rows from row ``first`` (None: an interesting stretch, chosen by rule).

    The picture is self-contained and follows the viewer's light or dark colours. Where
    ``expected`` says otherwise the value is red, with the expected one under it.
    """
    if first is None:
        first = interesting(contract, stimulus, trace, expected, cycles)
    span = range(first, min(first + cycles, len(stimulus.rows)))
    return _Picture(contract, stimulus, lanes(contract, stimulus, trace, expected, span), span).svg(
        len(stimulus.rows)
    )


def to_vcd(contract: Contract, stimulus: Stimulus, trace: Trace) -> str:
    """The whole run as a Value Change Dump (IEEE 1364), one row each ``_PERIOD_NS`` ns."""
    signals = lanes(contract, stimulus, trace, None, range(len(stimulus.rows)))
    changes: dict[int, list[str]] = {}
    lines = ["$timescale 1ns $end", f"$scope module {contract.top} $end"]
    for i, lane in enumerate(signals):
        kind, code = ("wire" if lane.kind == "output" else "reg"), f"s{i}"
        bits = f" [{lane.width - 1}:0]" if lane.width > 1 else ""
        lines.append(f"$var {kind} {lane.width} {code} {lane.name}{bits} $end")
        for segment in lane.segments:
            value = segment.bits if lane.width == 1 else f"b{segment.bits} "
            changes.setdefault(round(segment.start * _PERIOD_NS), []).append(value + code)
    lines += ["$upscope $end", "$enddefinitions $end"]
    for time in sorted(changes):
        lines += [f"#{time}", *changes[time]]
    return "\n".join([*lines, f"#{len(stimulus.rows) * _PERIOD_NS}", ""])


class _Picture:
    """Positions of everything, and the drawing of it."""

    def __init__(
        self, contract: Contract, stimulus: Stimulus, signals: Sequence[Lane], span: range
    ) -> None:
        self._contract, self._stimulus, self._span = contract, stimulus, span
        self._signals = signals
        self._pulsed = signals[0].kind == "clock"
        longest = max(len(_label(lane.name, lane.width)) for lane in signals)
        self._left = _MARGIN + longest * _NAME_CHAR + 18
        digits = max((lane.width + 3) // 4 for lane in signals)
        self._cycle = min(110.0, max(40.0, digits * _CHAR + 18))
        self._right = self._left + self._cycle * len(span)

    def svg(self, rows: int) -> str:
        """The whole picture of a run of ``rows`` rows."""
        body, y, previous = [], float(_TOP), ""
        for lane in self._signals:
            if previous and (lane.kind == "output") != (previous == "output"):
                line = f"M{_MARGIN} {y + _GAP / 2:.1f}H{self._right:.1f}"
                body.append(f'<path class="rule" d="{line}"/>')
                y += _GAP
            previous = lane.kind
            body += self._lane(lane, y)
            y += _LANE + (_NOTE if _differs(lane) else 0)
        legend = self._legend()
        width, height = self._right + _MARGIN, y + _BOTTOM + _LEGEND_LINE * (len(legend) - 1)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="waveform" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img" '
            f'aria-label="Waveform of {escape(self._contract.top)}">'
        )
        style = (files("tools.hdl") / "templates" / "waveform.css").read_text()
        card = f'<rect class="card" width="{width:.0f}" height="{height:.0f}" rx="10"/>'
        parts = [
            head,
            f"<style>\n{style}</style>",
            _HATCH,
            card,
            *self._header(rows),
            *self._grid(y),
            *body,
        ]
        for number, line in enumerate(legend):
            at = f'x="{self._left:.1f}" y="{y + 24 + _LEGEND_LINE * number:.1f}"'
            parts.append(f'<text class="dim" {at}>{line}</text>')
        return "\n".join([*parts, "</svg>", ""])

    def _header(self, rows: int) -> Iterator[str]:
        yield f'<text class="title" x="{_MARGIN}" y="30">{escape(self._contract.top)}</text>'
        unit = "cycles" if self._pulsed else "rows"
        shown = f"{unit} {self._span.start}–{self._span.stop - 1} of {rows}"
        yield f'<text class="dim" x="{self._right:.1f}" y="30" text-anchor="end">{shown}</text>'
        step = 1 if self._cycle >= 36 and len(self._span) <= 40 else 5
        for t, row in enumerate(self._span):
            if row % step == 0:
                x = self._left + (t + 0.5) * self._cycle
                yield f'<text class="tick" x="{x:.1f}" y="{_TOP - 12}">{row}</text>'

    def _grid(self, bottom: float) -> Iterator[str]:
        """Rows in which a reset is asserted are shaded; active edges are dotted lines."""
        for start, end in self._asserted():
            x, width = self._left + start * self._cycle, (end - start) * self._cycle
            yield (
                f'<rect class="reset" x="{x:.1f}" y="{_TOP - 6}" width="{width:.1f}" '
                f'height="{bottom - _TOP + 8:.1f}" rx="3"><title>reset asserted</title></rect>'
            )
        offset, count = (0.5, len(self._span)) if self._pulsed else (0.0, len(self._span) + 1)
        for t in range(count):
            x = self._left + (t + offset) * self._cycle
            yield f'<path class="grid" d="M{x:.1f} {_TOP - 4}V{bottom:.1f}"/>'

    def _asserted(self) -> Iterator[tuple[int, int]]:
        column = {name: i for i, name in enumerate(self._stimulus.inputs)}
        active = [(column[r.port], int(r.active_high)) for r in self._contract.resets]
        begun: int | None = None
        for t, row in enumerate(self._span):
            held = any(self._stimulus.rows[row][i] == level for i, level in active)
            if held and begun is None:
                begun = t
            if not held and begun is not None:
                yield begun, t
                begun = None
        if begun is not None:
            yield begun, len(self._span)

    def _lane(self, lane: Lane, y: float) -> Iterator[str]:
        name, bits = escape(lane.name), f"[{lane.width - 1}:0]" if lane.width > 1 else ""
        middle = y + _LANE / 2
        yield (
            f'<text class="name" x="{self._left - 14:.1f}" y="{middle + 4:.1f}">{name}'
            f'<tspan class="range">{bits}</tspan></text>'
        )
        yield f'<g class="{lane.kind}">'
        level: str | None = None
        for segment in lane.segments:
            yield from self._bus(segment, y) if lane.width > 1 else self._bit(segment, level, y)
            level = segment.bits
            if segment.wanted is not None:
                yield self._text("wanted", segment, _hex(segment.wanted), y + _LANE + 8)
        yield "</g>"

    def _bit(self, segment: Segment, level: str | None, y: float) -> Iterator[str]:
        """A single bit: a line at its level, with the edge that led to it."""
        start, end = self._ends(segment)
        high, low = y + (_LANE - _SWING) / 2, y + (_LANE + _SWING) / 2
        at = {"1": high, "0": low}
        if segment.bits in "xz":
            yield self._polygon(segment, y, 0.0)
            return
        edge = f"M{start:.1f} {at[segment.bits]:.1f}"
        if level is not None and level in at and level != segment.bits:
            edge = f"M{start:.1f} {at[level]:.1f}L{start:.1f} {at[segment.bits]:.1f}"
        bad = ""
        if segment.wanted is not None:
            bad, box = " bad", f'y="{high:.1f}" width="{end - start:.1f}" height="{_SWING}"'
            yield f'<rect class="under" x="{start:.1f}" {box}/>'
        yield f'<path class="wire{bad}" d="{edge}H{end:.1f}"/>'

    def _bus(self, segment: Segment, y: float) -> Iterator[str]:
        """A vector: a hexagon with its value."""
        yield self._polygon(segment, y, _SLANT)
        yield self._text("value", segment, _hex(segment.bits), y + _LANE / 2 + 4)

    def _polygon(self, segment: Segment, y: float, slant: float) -> str:
        start, end = self._ends(segment)
        high, low = y + (_LANE - _SWING) / 2, y + (_LANE + _SWING) / 2
        middle = (high + low) / 2
        points = [(start, middle), (start + slant, high), (end - slant, high)]
        points += [(end, middle), (end - slant, low), (start + slant, low)]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        kinds = ["bus"]
        kinds += ["unknown"] if set(segment.bits) & set("xz") else []
        kinds += ["bad"] if segment.wanted is not None else []
        title = f"<title>{segment.bits}</title>"
        return f'<polygon class="{" ".join(kinds)}" points="{path}">{title}</polygon>'

    def _text(self, kind: str, segment: Segment, text: str, y: float) -> str:
        """A value in the middle of its segment, cut where there is no room for it."""
        start, end = self._ends(segment)
        room = int((end - start - 6) / _CHAR)
        if len(text) > room:
            text = text[: room - 1] + "…" if room > 1 else ""
        bad = " bad" if segment.wanted is not None else ""
        return f'<text class="{kind}{bad}" x="{(start + end) / 2:.1f}" y="{y:.1f}">{text}</text>'

    def _ends(self, segment: Segment) -> tuple[float, float]:
        return self._left + segment.start * self._cycle, self._left + segment.end * self._cycle

    def _legend(self) -> list[str]:
        """What the marks mean, in lines that fit."""
        notes = ["values in hexadecimal"]
        if self._pulsed:
            notes.append("dotted: active clock edge")
        if any(True for _ in self._asserted()):
            notes.append("shaded: reset asserted")
        if any(set(s.bits) & set("xz") for lane in self._signals for s in lane.segments):
            notes.append("hatched: unknown")
        if any(map(_differs, self._signals)):
            notes.append("red: wrong, the expected value under it")
        room, lines = int((self._right - self._left) / _CHAR), [notes[0]]
        for note in notes[1:]:
            if len(lines[-1]) + 3 + len(note) <= room:
                lines[-1] += f" · {note}"
            else:
                lines.append(note)
        return lines


def _differs(lane: Lane) -> bool:
    return any(segment.wanted is not None for segment in lane.segments)


def _label(name: str, width: int) -> str:
    return f"{name}[{width - 1}:0]" if width > 1 else name


def _hex(bits: str) -> str:
    """Hexadecimal; ``x`` or ``z`` for a digit all of it, ``X`` for one with some unknown bits."""
    if not re.search("[01]", bits):
        return bits[0]
    padded = bits.rjust(-(-len(bits) // 4) * 4, "0")
    nibbles = [padded[i : i + 4] for i in range(0, len(padded), 4)]
    return "".join(_digit(nibble) for nibble in nibbles)


def _digit(nibble: str) -> str:
    if set(nibble) <= {"0", "1"}:
        return f"{int(nibble, 2):x}"
    return nibble[0] if len(set(nibble)) == 1 else "X"
