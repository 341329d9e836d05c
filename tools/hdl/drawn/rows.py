"""Truth tables and waveforms in text: a line of port names, then lines of their values.

    a | b | y              time  clk  a  q
    0 | 0 | 1              0ns   0    0  x
    0 | 1 | 0              5ns   1    0  1

Cells are parted by bars, commas or blanks. With a column ``time`` (or the clock among the ports)
the lines follow each other in time; without, each stands for itself. ``x``, ``-`` and ``d`` are
unknown or don't-care.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from tools.hdl.contract import Contract, Port

MAX_INPUT_BITS = 12
FEWEST = 2  # lines of values that make a table
_TIME = {"time", "t", "time(ns)", "cycle", "step"}
_CLOCK = re.compile(r"clk|clock", re.IGNORECASE)
_UNKNOWN = {"x", "d", "-", "z", "?"}
_PARTS = re.compile(
    r"\b(?:sub-?modules?|top-level|instan(?:ces?|tiat\w+)|modules)\b", re.IGNORECASE
)
"""Words by which a drawing may be that of a part, and not of the module."""
_ALTERS = re.compile(
    r"\b(?:but|except|however|instead|rather|invert\w*|opposite|swap\w*|chang\w*|also|make|add"
    r"|additional\w*|extra)\b",
    re.IGNORECASE,
)
"""Words by which a request may want something else than it draws."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line. An input is None where it is not known; outputs are bits, x where not known."""

    label: str
    inputs: tuple[int | None, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """What the words say was seen at a module's ports. ``timed``: in this order."""

    kind: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    rows: tuple[Row, ...]
    timed: bool = False


def stands_alone(text: str) -> bool:
    """Whether a drawing in this text is of the module itself, and no words may alter it."""
    return not _PARTS.search(text) and not _ALTERS.search(text)


def read_rows(text: str, contract: Contract) -> Observation | None:
    """The only truth table or waveform of the module's ports in a text.

    None also where lines that should stand for themselves contradict each other: then their order
    means something.
    """
    ports = {p.name: p for p in contract.ports if p.direction in ("input", "output")}
    found = [o for head, lines in _blocks(text, ports) if (o := _observation(head, lines, ports))]
    if len(found) != 1 or not (found[0].timed or _answers(found[0]) is not None):
        return None
    return found[0]


def _blocks(
    text: str, ports: dict[str, Port]
) -> Iterator[tuple[Sequence[str], list[Sequence[str]]]]:
    """Heads that name ports, each with the lines of as many cells below it."""
    head: Sequence[str] = ()
    lines: list[Sequence[str]] = []
    for line in [*text.splitlines(), ""]:
        cells = cells_of(line)
        if not cells and line.strip():
            continue  # a ruler of dashes
        if head and len(cells) == len(head) and not _is_head(cells, ports):
            lines.append(cells)
            continue
        if len(lines) >= FEWEST:
            yield head, lines
        head, lines = (cells if _is_head(cells, ports) else ()), []


def cells_of(line: str) -> list[str]:
    """The cells of a line; none for one that is only a ruler."""
    if set(line) <= set("|-+:= \t"):
        return []
    parts = line.strip().strip("|").split("|") if "|" in line else re.split(r"[,\s]+", line.strip())
    return [part.strip().strip("`'\"*") for part in parts if part.strip()]


def _is_head(cells: Sequence[str], ports: dict[str, Port]) -> bool:
    names = [c for c in cells if c.lower() not in _TIME or c in ports]
    directions = {ports[n].direction for n in names if n in ports}
    return (
        len(set(cells)) == len(cells)
        and len(cells) - len(names) <= 1
        and all(n in ports for n in names)
        and directions == {"input", "output"}
    )


def _observation(
    head: Sequence[str], lines: list[Sequence[str]], ports: dict[str, Port]
) -> Observation | None:
    timed = [n for n in head if n not in ports]
    columns = {n: [line[k] for line in lines] for k, n in enumerate(head)}
    named = {n: ports[n] for n in head if n in ports}
    bases = _bases(named, columns)
    values = {n: [_value(cell, p.width, bases[n]) for cell in columns[n]] for n, p in named.items()}
    if any(v is None for column in values.values() for v in column):
        return None
    inputs = tuple(p for p in named.values() if p.direction == "input")
    outputs = tuple(p for p in named.values() if p.direction == "output")
    rows = tuple(
        Row(
            columns[timed[0]][k] if timed else f"line {k + 1}",
            tuple(_number(values[p.name][k] or "x") for p in inputs),
            tuple(values[p.name][k] or "x" for p in outputs),
        )
        for k in range(len(lines))
    )
    ordered = bool(timed) or any(_CLOCK.fullmatch(p.name) for p in inputs)
    return Observation("waveform" if ordered else "truth table", inputs, outputs, rows, ordered)


def _bases(ports: dict[str, Port], columns: dict[str, list[str]]) -> dict[str, int]:
    """In which base each column is written: binary if every word has all its bits, and else as
    the others are; 0 where that could be two.
    """
    said = {n: [c.lower() for c in columns[n] if c.lower() not in _UNKNOWN] for n in ports}
    bits = {n: re.compile(f"[01x]{{{p.width}}}") for n, p in ports.items()}
    binary = {n for n, cells in said.items() if all(bits[n].fullmatch(c) for c in cells)}
    rest = [c for n, cells in said.items() if n not in binary for c in cells]
    letters = any(set(c) & set("abcdef") for c in rest)
    base = 16 if letters else 10 if all(len(c) == 1 for c in rest) else 0
    return {n: 2 if n in binary else base for n in ports}


def _value(cell: str, width: int, base: int) -> str | None:
    """The bits of a cell, or None for what is no value of that width."""
    if cell.lower() in _UNKNOWN:
        return "x" * width
    if base == 2:
        return cell.lower()
    try:
        number = int(cell, base) if base else 1 << width
    except ValueError:
        return None
    return format(number, f"0{width}b") if number < 1 << width else None


def _number(bits: str) -> int | None:
    return None if "x" in bits else int(bits, 2)


def whole(seen: Observation, contract: Contract) -> tuple[tuple[int, ...], ...] | None:
    """The outputs for every input, the last input port fastest, where the rows decide them all.

    None for a module with a clock, a row that contradicts another, an input that was not seen.
    Don't-cares become what most of their neighbours (one input bit apart) are.
    """
    inputs = tuple(p for p in contract.ports if p.direction == "input")
    bits = sum(p.width for p in inputs)
    if contract.clocks or _names(inputs) != _names(seen.inputs):
        return None
    if _names(contract.outputs) != _names(seen.outputs):
        return None
    seen = _in_order(seen, inputs, contract.outputs)
    found = _answers(seen)
    if found is None:
        return None
    if len(found) < 1 << bits:
        return None
    filled = [_filled(found, index, bits) for index in range(1 << bits)]
    return tuple(_split(text, contract.outputs) for text in filled)


def _names(ports: Sequence[Port]) -> set[str]:
    return {p.name for p in ports}


def _in_order(
    seen: Observation, inputs: tuple[Port, ...], outputs: tuple[Port, ...]
) -> Observation:
    """The same with its columns as the contract lists the ports."""
    ins = [seen.inputs.index(p) for p in inputs]
    outs = [seen.outputs.index(p) for p in outputs]
    rows = tuple(
        Row(r.label, tuple(r.inputs[k] for k in ins), tuple(r.outputs[k] for k in outs))
        for r in seen.rows
    )
    return Observation(seen.kind, inputs, outputs, rows, seen.timed)


def _answers(seen: Observation) -> dict[int, str] | None:
    """Output bits for each input word; None for too many inputs, or two answers to one word."""
    if sum(p.width for p in seen.inputs) > MAX_INPUT_BITS:
        return None
    found: dict[int, str] = {}
    for row in seen.rows:
        if seen.timed and None in row.inputs:
            continue
        told = "".join(row.outputs)
        if any(found.setdefault(word, told) != told for word in _words(seen.inputs, row)):
            return None
    return found


def _words(inputs: Sequence[Port], row: Row) -> Iterator[int]:
    """Every input word that a row stands for."""
    choices = [
        range(1 << port.width) if value is None else (value,)
        for port, value in zip(inputs, row.inputs, strict=True)
    ]
    for values in product(*choices):
        word = 0
        for port, value in zip(inputs, values, strict=True):
            word = word << port.width | value
        yield word


def _filled(found: dict[int, str], index: int, bits: int) -> str:
    near = [found[index ^ 1 << k] for k in range(bits)]

    def most(at: int) -> str:
        around = [text[at] for text in near]
        return "1" if around.count("1") > around.count("0") else "0"

    return "".join(most(k) if bit == "x" else bit for k, bit in enumerate(found[index]))


def _split(text: str, outputs: Sequence[Port]) -> tuple[int, ...]:
    values, start = [], 0
    for port in outputs:
        values.append(int(text[start : start + port.width], 2))
        start += port.width
    return tuple(values)
