"""And-inverter graphs with registers of unknown power-up value, made known to a prover.

In a binary AIGER 1.9 file a latch may reset to itself, which means to any value. Provers differ
in what they make of it, so each such latch gets an input that it shows in the first step.

A golden's latch shares the input of the DUT's latch of the same name. That loses nothing: what
the golden shows for some power-up value only is X, a don't-care, so the golden may start as any
function of how the DUT starts; the DUT starts in every way. And it lets equal registers be seen
to be equal. A second copy of the golden starts like the first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

_LATCH = re.compile(r"^latch (?P<number>\d+) (?P<bit>\d+) (?P<name>[^#\n]*)", re.MULTILINE)
_SLICE = re.compile(r"^(?P<wire>.*)\[(?P<high>\d+)(?::(?P<low>\d+))?\]$")


@dataclass(frozen=True)
class _Graph:
    """Literals as in the format: twice the variable, plus one when inverted."""

    inputs: int
    latches: list[tuple[int, int]]
    """(next, reset) of each."""
    outputs: list[int]
    ands: list[tuple[int, int]]
    """The two right sides of each, in variable order."""
    symbols: bytes

    def latch_literal(self, number: int) -> int:
        return 2 * (self.inputs + 1 + number)


def power_up(data: bytes, names: str, goldens: Sequence[str], dut: str) -> bytes:
    """The graph with an input for each latch of unknown reset.

    ``names`` is Yosys' verbose map of the file; ``goldens`` (one or two copies) and ``dut`` are
    the instance names that latch names hold. Raises ValueError on a graph with constraints or
    properties.
    """
    graph = _read(data)
    unknown = [n for n, (_, r) in enumerate(graph.latches) if r == graph.latch_literal(n)]
    source = _share(unknown, _named(names), goldens, dut)
    return _write(graph, unknown, source)


def has_latches(data: bytes) -> bool:
    """True when the graph is sequential."""
    return data.split(b"\n", 1)[0].split()[3] != b"0"


def _named(names: str) -> dict[int, tuple[str, ...]]:
    """The names of each latch."""
    named: dict[int, tuple[str, ...]] = {}
    for match in _LATCH.finditer(names):
        named.setdefault(int(match["number"]), _keys(match["name"], int(match["bit"])))
    return named


def _share(
    unknown: Sequence[int], named: dict[int, tuple[str, ...]], goldens: Sequence[str], dut: str
) -> dict[int, int]:
    """For each unknown latch the number of the added input it starts from."""
    first, *copies = [
        [n for n in unknown if golden in named.get(n, ("",))[0]] for golden in goldens
    ]
    others = sorted(set(unknown).difference(first, *copies))
    source = {latch: number for number, latch in enumerate(others)}
    queues: dict[str, list[int]] = {}
    for latch, number in source.items():
        for key in named.get(latch, ()):
            queues.setdefault(key, []).append(number)
    count = len(source)
    for latch in first:
        twins = [queues.get(key.replace(goldens[0], dut)) for key in named[latch]]
        queue = next((twin for twin in twins if twin), None)
        source[latch] = queue.pop(0) if queue else count
        count += queue is None
    same = {key: source[latch] for latch in first for key in named[latch]}
    for golden, latches in zip(goldens[1:], copies, strict=True):
        for latch in latches:
            twin = same.get(named[latch][0].replace(golden, goldens[0]))
            source[latch] = count if twin is None else twin
            count += twin is None
    return source


def _keys(name: str, bit: int) -> tuple[str, ...]:
    """Names of one bit: ``q[3]`` may be bit 3 of ``q`` as well as bit 0 of a slice ``q[3]``."""
    whole = f"{name}[{bit}]"
    match = _SLICE.match(name)
    if match is None:
        return (whole,)
    return whole, f"{match['wire']}[{int(match['low'] or match['high']) + bit}]"


def _read(data: bytes) -> _Graph:
    stream = BytesIO(data)
    header = [int(field) for field in stream.readline().split()[1:]]
    if any(header[5:]):
        raise ValueError("the graph has constraints or properties")
    _, inputs, latches, outputs, ands = header[:5]
    resets: list[tuple[int, int]] = []
    for _ in range(latches):
        fields = [int(field) for field in stream.readline().split()]
        resets.append((fields[0], fields[1] if len(fields) > 1 else 0))
    outs = [int(stream.readline()) for _ in range(outputs)]
    gates = []
    for number in range(ands):
        first = 2 * (inputs + latches + 1 + number) - _decode(stream)
        gates.append((first, first - _decode(stream)))
    return _Graph(inputs, resets, outs, gates, stream.read())


def _write(graph: _Graph, unknown: Sequence[int], source: dict[int, int]) -> bytes:
    """Number anew: inputs, added inputs, latches, one that says the first step is over, gates."""
    added = max(source.values(), default=-1) + 1
    first_latch = graph.inputs + added + 1
    started = 2 * (first_latch + len(graph.latches))
    gates: list[tuple[int, int]] = []
    shown: dict[int, int] = {}

    def gate(a: int, b: int) -> int:
        gates.append((max(a, b), min(a, b)))
        return started + 2 * len(gates)

    for latch in unknown:
        later = gate(started, 2 * (first_latch + latch))
        at_first = gate(started ^ 1, 2 * (graph.inputs + 1 + source[latch]))
        shown[latch] = gate(later ^ 1, at_first ^ 1) ^ 1
    first_gate = started // 2 + 1 + len(gates)

    def moved(literal: int) -> int:
        variable, inverted = literal >> 1, literal & 1
        if variable <= graph.inputs:
            return literal
        latch = variable - graph.inputs - 1
        if latch in shown:
            return shown[latch] ^ inverted
        if latch < len(graph.latches):
            return 2 * (first_latch + latch) | inverted
        return 2 * (first_gate + latch - len(graph.latches)) | inverted

    gates += [(max(moved(a), moved(b)), min(moved(a), moved(b))) for a, b in graph.ands]
    inputs, latches = graph.inputs + added, len(graph.latches) + 1
    lines = [f"aig {inputs + latches + len(gates)} {inputs} {latches}"]
    lines[0] += f" {len(graph.outputs)} {len(gates)}"
    for number, (following, reset) in enumerate(graph.latches):
        lines.append(f"{moved(following)} {0 if number in shown else reset}")
    lines += ["1 0", *(str(moved(output)) for output in graph.outputs)]
    out = bytearray("\n".join([*lines, ""]).encode())
    for number, (a, b) in enumerate(gates):
        out += _encode(started + 2 + 2 * number - a) + _encode(a - b)
    symbols = [line for line in graph.symbols.splitlines() if line[:1] in (b"i", b"o")]
    return bytes(out) + b"\n".join([*symbols, b""])


def _decode(stream: BytesIO) -> int:
    value = shift = 0
    while True:
        byte = stream.read(1)[0]
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value
        shift += 7


def _encode(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
