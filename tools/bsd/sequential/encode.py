"""Numbers for the states of a mined machine, annealed until its diagrams are small.

The cost of an encoding is the number of decision nodes, shared, of all next-state and output
bits with the state's bits first, as in the state encoding of a circuit learned from behaviour.
"""

from __future__ import annotations

import math

import numpy as np

from tools.bsd.box import Box, Port
from tools.bsd.netlist import Ints
from tools.bsd.sequential.box import SequentialBox
from tools.bsd.sequential.mine import Mined
from tools.bsd.table import Table

STEPS = 1500
HOT, COLD = 3.0, 0.1


def state_bits(mined: Mined) -> int:
    """How many bits number the states; at least one."""
    return max(1, (mined.states - 1).bit_length())


def anneal(mined: Mined, seed: int = 0) -> Ints:
    """The code of each state: the best met by simulated annealing from the order in which the
    states were found. A move exchanges two codes, used or not; reset's is 0, always."""
    rng, bits = np.random.default_rng(seed), state_bits(mined)
    place = np.arange(1 << bits)  # place[state]; states beyond the real ones are unused codes
    now = best = (nodes(mined, place), place)
    if mined.states < 3:
        return place[: mined.states]
    for step in range(STEPS):
        heat = HOT * (COLD / HOT) ** (step / STEPS)
        a, b = rng.integers(1, mined.states), rng.integers(1, 1 << bits)
        near = now[1].copy()
        near[[a, b]] = near[[b, a]]
        cost = nodes(mined, near)
        if cost < now[0] or rng.random() < math.exp((now[0] - cost) / heat):
            now = (cost, near)
        if now[0] < best[0]:
            best = now
    return best[1][: mined.states]


def nodes(mined: Mined, codes: Ints) -> int:
    """Decision nodes of all next-state and output bits under an encoding."""
    after, out = coded(mined, codes)
    bits = [after >> k & 1 for k in range(state_bits(mined))]
    wide = int(out.max()).bit_length()
    bits += [(out >> np.uint64(k) & np.uint64(1)).astype(np.int64) for k in range(wide)]
    return _shared(np.stack([row.reshape(-1) for row in bits]))


def coded(mined: Mined, codes: Ints) -> tuple[Ints, np.ndarray]:
    """Next code and outputs by code and letter; an unused code does what reset's does."""
    every = 1 << state_bits(mined)
    after, out = np.tile(codes[mined.after[0]], (every, 1)), np.tile(mined.out[0], (every, 1))
    used = codes[: mined.states]
    after[used], out[used] = codes[mined.after], mined.out
    return after, out


def _shared(tables: Ints) -> int:
    """Nodes of a shared decision diagram of truth tables, one a row, the first variable at the
    highest bit of a column's number: merged from the last variable upwards."""
    ids, count, total = tables, 2, 0
    while ids.shape[1] > 1:
        low, high = ids[:, 0::2], ids[:, 1::2]
        differ = low != high
        kinds, place = np.unique(low[differ] * np.int64(count) + high[differ], return_inverse=True)
        ids = low.copy()
        ids[differ] = count + place
        count, total = count + len(kinds), total + len(kinds)
    return total


def table(box: SequentialBox, mined: Mined, codes: Ints) -> Table:
    """The machine's logic: ``state`` and the inputs to ``next`` and the outputs."""
    bits = state_bits(mined)
    after, out = coded(mined, codes)
    rows = []
    for code in range(1 << bits):
        for letter in _letters(box):
            answer = int(out[code, letter])
            rows.append((int(after[code, letter]), *_fields(answer, box.outputs)))
    form = logic(box, bits)
    return Table(form.name, form.inputs, form.outputs, tuple(rows))


def logic(box: SequentialBox, bits: int) -> Box:
    """The interface of a machine's logic, its states numbered in so many bits; it cannot be
    asked."""
    ports = (Port("state", bits), *box.inputs), (Port("next", bits), *box.outputs)
    return Box(f"{box.name}_logic", *ports, dict)


def _letters(box: SequentialBox) -> list[int]:
    """Every letter, in the order of a table: the last input port counts fastest."""
    letters, low = [0], 0
    for port in box.inputs:
        letters = [old | value << low for old in letters for value in range(port.ones + 1)]
        low += port.width
    return letters


def _fields(packed: int, ports: tuple[Port, ...]) -> list[int]:
    fields = []
    for port in ports:
        fields.append(packed & port.ones)
        packed >>= port.width
    return fields
