"""Karnaugh maps in text.

          ab
    cd   00  01  11  10
    00 |  1   0   d   1
    ...

The variables of the columns stand above their codes, those of the rows beside or below them. A
variable is a port of one bit or a bit of a port, ``x[2]``; bits may count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.hdl.contract import Contract, Port
from tools.hdl.drawn.rows import Observation, Row, cells_of

Bit = tuple[str, int]  # port and bit
_MENTIONED = re.compile(r"karnaugh|k-?map", re.IGNORECASE)


def read_map(text: str, contract: Contract) -> Observation | None:
    """The only Karnaugh map in a text, for a module of one output of one bit."""
    outputs = contract.outputs
    if not _MENTIONED.search(text) or contract.clocks or [p.width for p in outputs] != [1]:
        return None
    inputs = tuple(p for p in contract.ports if p.direction == "input")
    lines = [line for line in text.splitlines() if line.strip()]
    found = [o for at in range(1, len(lines)) if (o := _map(lines, at, inputs, outputs))]
    return found[0] if len(found) == 1 else None


def _map(
    lines: list[str], at: int, inputs: tuple[Port, ...], outputs: tuple[Port, ...]
) -> Observation | None:
    """The map whose columns' codes are in line ``at``."""
    label, codes = _codes(lines[at])
    above = _variables(lines[at - 1], inputs)
    beside = _variables(label, inputs)
    if not codes or len(above) != len(codes[0]):
        return None
    body = [cells_of(line.replace("|", " ")) for line in lines[at + 1 :]]
    rows: dict[str, list[str]] = {}
    for cells in body:
        if len(cells) != len(codes) + 1 or cells[0] in rows or len(cells[0]) != len(beside):
            break
        rows[cells[0]] = cells[1:]
    values = {v for cells in rows.values() for v in cells}
    if set(rows) != _all_codes(len(beside)) or not values <= {"0", "1", "d", "x", "-", "X"}:
        return None
    names = _based([*beside, *above], inputs)
    if not names:
        return None
    told = [
        Row(
            f"{row} {column}",
            _words(row + column, names, inputs),
            (value if value in "01" else "x",),
        )
        for row, cells in rows.items()
        for column, value in zip(codes, cells, strict=True)
    ]
    return Observation("Karnaugh map", inputs, outputs, tuple(told))


def _codes(line: str) -> tuple[str, list[str]]:
    """What stands before the codes of the columns, and these, when a line holds them all."""
    cells = line.replace("|", " ").split()
    for width in (1, 2):
        codes = cells[-(1 << width) :]
        if set(codes) == _all_codes(width) and len(cells) - len(codes) <= width + 1:
            return " ".join(cells[: -(1 << width)]), codes
    return "", []


def _all_codes(width: int) -> set[str]:
    return {format(n, f"0{width}b") for n in range(1 << width)} if width else set()


def _variables(label: str, inputs: Sequence[Port]) -> list[Bit]:
    """The variables of a label such as ``ab``, ``a, b`` or ``x[1]x[2]``; none if others occur."""
    names = sorted((p.name for p in inputs), key=len, reverse=True)
    one = re.compile(rf"({'|'.join(map(re.escape, names))})(?:\[(\d+)\])?[\s,]*")
    found: list[Bit] = []
    position, label = 0, label.strip().strip("|").strip()
    while position < len(label):
        match = one.match(label, position)
        if not match:
            return []
        found.append((match[1], int(match[2] or 0)))
        position = match.end()
    return found


def _based(names: list[Bit], inputs: Sequence[Port]) -> list[Bit]:
    """The same counted from 0, if they are all bits of all inputs, each once."""
    every = {(p.name, k) for p in inputs for k in range(p.width)}
    if set(names) == every and len(names) == len(every):
        return names
    wide = {p.name for p in inputs if p.width > 1}
    lower = [(n, k - 1) if n in wide else (n, k) for n, k in names]
    return lower if set(lower) == every and len(lower) == len(every) else []


def _words(bits: str, names: list[Bit], inputs: Sequence[Port]) -> tuple[int, ...]:
    value = dict.fromkeys((p.name for p in inputs), 0)
    for bit, (name, at) in zip(bits, names, strict=True):
        value[name] |= int(bit) << at
    return tuple(value[p.name] for p in inputs)
