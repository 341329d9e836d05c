"""Waveforms of a stimulus and what it gave: a picture (SVG) and a value change dump (VCD).

A row of the stimulus is one clock cycle. Its outputs are shown as sampled after the active
edge; those of a combinational module as sampled before the row ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from tools.hdl.contract import Contract
from tools.hdl.trace import Stimulus, Trace

_ROW, _HIGH, _CYCLE, _TOP = 34, 20, 46, 34
_SLANT = 4
_STYLE = """
.bg{fill:#fff}.grid{stroke:#e3e7ec}
.name,.value,.tick{font:12px ui-monospace,Menlo,Consolas,monospace}
.name{fill:#1f2933}.value{fill:#1f2933;text-anchor:middle;font-size:11px}.tick{fill:#7b8794;text-anchor:middle;
font-size:10px}.wave{fill:none;stroke-width:1.6;stroke-linejoin:round}.clock{stroke:#7b8794}
.input{stroke:#2563c9}.output{stroke:#12805c}.bus.input{fill:#eaf1fd}.bus.output{fill:#e6f6f0}
.bus{stroke-width:1.4}.unknown{fill:url(#hatch);stroke:#b7791f;stroke-width:1.4}
.wrong{fill:#e02424;fill-opacity:.13}.wrongmark{fill:#c81e1e;font:700 11px ui-monospace,monospace;
text-anchor:middle}.hatchline{stroke:#b7791f}
@media(prefers-color-scheme:dark){.bg{fill:#12161c}.grid{stroke:#252c36}.name,.value{fill:#e4e8ee}
.tick{fill:#8b97a6}.clock{stroke:#8b97a6}.input{stroke:#6ea8fe}.output{stroke:#4fd1a5}
.bus.input{fill:#1a2740}.bus.output{fill:#12302a}.unknown{stroke:#e0a84a}.hatchline{stroke:#e0a84a}
.wrong{fill:#ff5a5a;fill-opacity:.2}.wrongmark{fill:#ff8a8a}}
""".replace("\n", "")


@dataclass(frozen=True)
class _Signal:
    """One drawn row: its values a cycle each as bit strings, and the values it should have."""

    name: str
    kind: str
    values: tuple[str, ...]
    expected: tuple[str, ...] | None = None


def waveform(
    contract: Contract,
    stimulus: Stimulus,
    trace: Trace,
    expected: Trace | None = None,
    first: int = 0,
    cycles: int = 24,
) -> str:
    """An SVG of ``cycles`` cycles from cycle ``first``, at most those there are.

    Where a known bit of ``expected`` differs, the cell is red and the expected value stands
    below it. Colours follow the reader's light or dark mode. Raises ValueError when nothing is
    in the window.
    """
    last = min(first + cycles, len(stimulus.rows))
    if not 0 <= first < last:
        raise ValueError(f"no cycle between {first} and {first + cycles}")
    signals = list(_signals(contract, stimulus, trace, expected, first, last))
    margin = 24 + 7.4 * max(len(_label(s)) for s in signals)
    width = margin + (last - first) * _CYCLE + 16
    heights = [_ROW + (12 if _has_mismatch(s) else 0) for s in signals]
    height = _TOP + sum(heights) + 10
    body, y = [_ruler(first, last, margin, height)], float(_TOP)
    for signal, tall in zip(signals, heights, strict=True):
        body.append(_row(signal, margin, y))
        y += tall
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img">'
        f"<title>Waveform of {escape(contract.top)}, cycles {first} to {last - 1}</title>"
        f'<style>{_STYLE}</style><defs><pattern id="hatch" width="6" height="6" '
        'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line class="hatchline" x1="0" y1="0" x2="0" y2="6" stroke-width="1.6"/></pattern></defs>'
        f'<rect class="bg" width="100%" height="100%" rx="8"/>{"".join(body)}</svg>'
    )


def _signals(
    contract: Contract,
    stimulus: Stimulus,
    trace: Trace,
    expected: Trace | None,
    first: int,
    last: int,
) -> Iterator[_Signal]:
    ports = {port.name: port for port in contract.ports}
    if contract.pulsed is not None and contract.pulsed.port not in stimulus.inputs:
        yield _Signal(contract.pulsed.port, "clock", ("1",) * (last - first))
    for index, name in enumerate(stimulus.inputs):
        form = f"0{ports[name].width}b"
        values = tuple(format(row[index], form) for row in stimulus.rows[first:last])
        yield _Signal(name, "input", values)
    shown = _shown(trace)
    wanted = _shown(expected) if expected is not None else None
    for index, name in enumerate(trace.outputs):
        values = tuple(row[index] for row in shown[first:last])
        should = tuple(row[index] for row in wanted[first:last]) if wanted else None
        yield _Signal(name, "output", values, should)


def _shown(trace: Trace) -> tuple[tuple[str, ...], ...]:
    return trace.after or trace.before


def _label(signal: _Signal) -> str:
    bits = len(signal.values[0])
    return signal.name if bits == 1 else f"{signal.name}[{bits - 1}:0]"


def differs(value: str, expected: str) -> bool:
    """A bit the expectation knows is otherwise."""
    return any(e in "01" and v != e for v, e in zip(value, expected, strict=True))


def _has_mismatch(signal: _Signal) -> bool:
    pairs = zip(signal.values, signal.expected or (), strict=False)
    return any(differs(value, expected) for value, expected in pairs)


def text_of(value: str) -> str:
    """A bus value for a reader: hexadecimal when known, else with x in unknown digits."""
    padded = value.rjust(-(-len(value) // 4) * 4, value[0] if value[0] in "xz" else "0")
    digits = []
    for start in range(0, len(padded), 4):
        nibble = padded[start : start + 4]
        known = set(nibble) <= {"0", "1"}
        digits.append(f"{int(nibble, 2):X}" if known else ("z" if set(nibble) == {"z"} else "x"))
    return "".join(digits)


def _ruler(first: int, last: int, margin: float, height: float) -> str:
    parts = []
    for index in range(last - first + 1):
        x = margin + index * _CYCLE
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height - 8:.0f}"/>'
        )
        if index < last - first:
            parts.append(
                f'<text class="tick" x="{x + _CYCLE / 2:.1f}" y="18">{first + index}</text>'
            )
    return "".join(parts)


def _row(signal: _Signal, x0: float, y: float) -> str:
    middle = y + _HIGH / 2 + 4
    name = f'<text class="name" x="14" y="{middle + 1:.1f}">{escape(_label(signal))}</text>'
    if signal.kind == "clock":
        drawing = _clock(len(signal.values), x0, y)
    elif len(signal.values[0]) == 1:
        drawing = _levels(signal, x0, y)
    else:
        drawing = _bus(signal, x0, y)
    return _mismatches(signal, x0, y) + name + drawing


def _mismatches(signal: _Signal, x0: float, y: float) -> str:
    parts = []
    for index, expected in enumerate(signal.expected or ()):
        if differs(signal.values[index], expected):
            x = x0 + index * _CYCLE
            parts.append(
                f'<rect class="wrong" x="{x:.1f}" y="{y - 4:.1f}" width="{_CYCLE}" '
                f'height="{_HIGH + 22}" rx="3"/><text class="wrongmark" x="{x + _CYCLE / 2:.1f}" '
                f'y="{y + _HIGH + 13:.1f}">≠ {text_of(expected)}</text>'
            )
    return "".join(parts)


def _clock(count: int, x0: float, y: float) -> str:
    """One pulse a cycle: the active edge lies in its middle."""
    low, high, half = y + _HIGH, y, _CYCLE / 2
    path = [f"M{x0:.1f} {low:.1f}"]
    for index in range(count):
        x = x0 + index * _CYCLE
        path.append(f"H{x + half:.1f}V{high:.1f}H{x + _CYCLE:.1f}V{low:.1f}")
    return f'<path class="wave clock" d="{"".join(path)}"/>'


def _runs(values: tuple[str, ...]) -> Iterator[tuple[int, int, str]]:
    """Start, end and value of each stretch of equal values."""
    start = 0
    for index in range(1, len(values) + 1):
        if index == len(values) or values[index] != values[start]:
            yield start, index, values[start]
            start = index


def _levels(signal: _Signal, x0: float, y: float) -> str:
    levels = {"1": y, "0": y + _HIGH, "z": y + _HIGH / 2}
    parts: list[str] = []
    path, pen = "", False
    for start, end, value in _runs(signal.values):
        left, right = x0 + start * _CYCLE, x0 + end * _CYCLE
        if value == "x":
            parts.append(_box(left, right, y, "unknown"))
            pen = False
            continue
        at = levels[value]
        path += f"V{at:.1f}H{right:.1f}" if pen else f"M{left:.1f} {at:.1f}H{right:.1f}"
        pen = True
    parts.append(f'<path class="wave {signal.kind}" d="{path}"/>' if path else "")
    return "".join(parts)


def _bus(signal: _Signal, x0: float, y: float) -> str:
    parts = []
    for start, end, value in _runs(signal.values):
        left, right = x0 + start * _CYCLE, x0 + end * _CYCLE
        unknown = set(value) <= {"x", "z"}
        parts.append(_box(left, right, y, "unknown" if unknown else f"bus {signal.kind}"))
        if not unknown:
            parts.append(_value(text_of(value), left, right, y))
    return "".join(parts)


def _value(text: str, left: float, right: float, y: float) -> str:
    room = max(1, int((right - left - 8) / 6.7))
    shown = text if len(text) <= room else text[: max(1, room - 1)] + "…"
    middle = (left + right) / 2
    return (
        f'<text class="value" x="{middle:.1f}" y="{y + _HIGH / 2 + 4:.1f}">{shown}'
        f"<title>{text}</title></text>"
    )


def _box(left: float, right: float, y: float, classes: str) -> str:
    """A hexagon over one stretch of a value."""
    middle, low = y + _HIGH / 2, y + _HIGH
    inner_left, inner_right = left + _SLANT, right - _SLANT
    points = (
        f"{left:.1f},{middle:.1f} {inner_left:.1f},{y:.1f} {inner_right:.1f},{y:.1f} "
        f"{right:.1f},{middle:.1f} {inner_right:.1f},{low:.1f} {inner_left:.1f},{low:.1f}"
    )
    return f'<polygon class="{classes}" points="{points}"/>'


def to_vcd(contract: Contract, stimulus: Stimulus, trace: Trace) -> str:
    """The run as a value change dump, 10 ns a cycle: inputs change at 0, outputs show the state
    before the edge from 2, the edge is at 5, outputs the state after it from 6."""
    ports = {port.name: port for port in contract.ports}
    clock = contract.pulsed.port if contract.pulsed else None
    names = [*([clock] if clock else []), *stimulus.inputs, *trace.outputs]
    codes = {name: _code(index) for index, name in enumerate(names)}
    lines = ["$timescale 1ns $end", f"$scope module {contract.top} $end"]
    lines += [f"$var wire {ports[n].width} {codes[n]} {n} $end" for n in names]
    lines += ["$upscope $end", "$enddefinitions $end"]
    idle = "1" if contract.pulsed and contract.pulsed.edge == "negedge" else "0"
    active = "0" if idle == "1" else "1"
    last: dict[str, str] = {}
    for cycle, row in enumerate(stimulus.rows):
        inputs = {
            name: format(value, f"0{ports[name].width}b")
            for name, value in zip(stimulus.inputs, row, strict=True)
        }
        before = dict(zip(trace.outputs, trace.before[cycle], strict=True))
        steps = [(0, {**({clock: idle} if clock else {}), **inputs}), (2, before)]
        if clock:
            after = trace.after[cycle] if trace.after else ()
            steps += [(5, {clock: active}), (6, dict(zip(trace.outputs, after, strict=False)))]
        for offset, values in steps:
            lines += _changes(10 * cycle + offset, values, last, codes)
    lines.append(f"#{10 * len(stimulus.rows)}")
    return "\n".join(lines) + "\n"


def _changes(
    time: int, values: dict[str, str], last: dict[str, str], codes: dict[str, str]
) -> list[str]:
    """The lines for what changes at ``time``; ``last`` is brought up to date."""
    lines = [
        f"{value}{codes[name]}" if len(value) == 1 else f"b{value} {codes[name]}"
        for name, value in values.items()
        if last.get(name) != value
    ]
    last.update(values)
    return [f"#{time}", *lines] if lines else []


def _code(index: int) -> str:
    """The identifier code of variable ``index``: printable characters, as short as can be."""
    code = ""
    while True:
        code += chr(33 + index % 94)
        index = index // 94 - 1
        if index < 0:
            return code
