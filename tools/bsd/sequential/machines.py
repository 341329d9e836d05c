"""Small sequential black boxes to mine, each a few lines of numpy around a hidden state."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tools.bsd.box import Port, Step, Words
from tools.bsd.sequential.box import SequentialBox, clocked

_U = np.uint64
Move = Callable[[Words, Mapping[str, Words]], tuple[Words, dict[str, Words]]]
"""State and inputs to the next state and the outputs."""


def machine(name: str, inputs: Mapping[str, int], outputs: Mapping[str, int], move: Move,
            reset: int = 0) -> SequentialBox:  # fmt: skip
    """A box of a transition function over one hidden number; ports by name and width."""

    def start(count: int) -> Step:
        state = np.full(count, reset, dtype=np.uint64)

        def step(batch: Mapping[str, Words]) -> dict[str, Words]:
            nonlocal state
            state, answers = move(state, batch)
            return answers

        return step

    left, right = (tuple(Port(n, w) for n, w in side.items()) for side in (inputs, outputs))
    return clocked(name, left, right, start)


def _detector(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """1011 on one wire, overlapping; the hidden state is the last three bits."""
    window = state << _U(1) | given["x"]
    return window & _U(7), {"found": (window == 0b1011).astype(_U)}


def _counter(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """Decimal, up and down, with enable; says its digit."""
    up = (state + _U(1)) % _U(10)
    down = (state + _U(9)) % _U(10)
    moved = np.where(given["down"] == 1, down, up)
    return np.where(given["enable"] == 1, moved, state), {"digit": state}


def _remainder(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """Whether a number that comes highest bit first is divisible by seven."""
    after = (_U(2) * state + given["bit"]) % _U(7)
    return after, {"divisible": (after == 0).astype(_U)}


def _lights(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """Two roads: eight clocks of green at most, four when the other road has a car, yellow two.
    The state is road * 16 + time."""
    road, time = state >> _U(4), state & _U(15)
    green = time < 8
    cut = green & (time >= 3) & (np.where(road == 1, given["car0"], given["car1"]) == 1)
    later = np.where(cut, _U(8), time + _U(1))
    ends = time == 9
    after = np.where(ends, (road ^ _U(1)) << _U(4), road << _U(4) | later)
    mine = np.where(green, _U(2), _U(1))
    return after, {"light0": np.where(road == 0, mine, _U(0)),
                   "light1": np.where(road == 1, mine, _U(0))}  # fmt: skip


def _vending(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """Coins of 5, 10 and 20; a can costs 30; change comes at once. The state is the credit."""
    paid = state + np.array([0, 1, 2, 4], dtype=_U)[given["coin"].astype(np.int64)]
    sold = paid >= 6
    change = np.where(sold, paid - _U(6) * sold.astype(_U), _U(0))
    return np.where(sold, _U(0), paid), {"can": sold.astype(_U), "change": change}


def _arbiter(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """Round robin over three: the state is who was served last."""
    wants, grant, last = given["request"], np.zeros_like(state), state
    for turn in (3, 2, 1):
        who = (state + _U(turn)) % _U(3)
        asked = wants >> who & _U(1) == 1
        grant = np.where(asked, _U(1) << who, grant)
        last = np.where(asked, who, last)
    return last, {"grant": grant}


def _quadrature(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """A rotary encoder: which way two wires turned since the last clock."""
    place = np.array([0, 1, 3, 2], dtype=_U)
    turned = (place[given["ab"].astype(np.int64)] - place[state.astype(np.int64)]) & _U(3)
    return given["ab"].copy(), {"up": (turned == 1).astype(_U), "down": (turned == 3).astype(_U)}


def _debouncer(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """The output follows an input that was steady for five clocks: level * 8 + clocks."""
    level, count = state >> _U(3), state & _U(7)
    count = np.where(given["x"] == level, _U(0), count + _U(1))
    flips = count == 5
    level = np.where(flips, level ^ _U(1), level)
    return level << _U(3) | np.where(flips, _U(0), count), {"y": state >> _U(3)}


def _lock(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """Opens after the keys 2, 0, 3, 1, 1; any other key starts anew."""
    code = np.array([2, 0, 3, 1, 1, 4], dtype=_U)
    right = given["key"] == code[state.astype(np.int64)]
    after = np.where(state == 5, _U(5), np.where(right, state + _U(1), _U(0)))
    return after, {"open": (state == 5).astype(_U)}


def _lfsr(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """Five bits, 31 states, with enable."""
    moved = state >> _U(1) ^ np.where(state & _U(1), _U(0b10100), _U(0))
    return np.where(given["enable"] == 1, moved, state), {"bit": state & _U(1)}


def _shift(state: Words, given: Mapping[str, Words]) -> tuple[Words, dict[str, Words]]:
    """Eight bits: 256 states, more than are mined."""
    return (state << _U(1) | given["x"]) & _U(255), {"y": state >> _U(7)}


MACHINES = {
    box.name: box
    for box in (
        machine("detector", {"x": 1}, {"found": 1}, _detector),
        machine("counter", {"enable": 1, "down": 1}, {"digit": 4}, _counter),
        machine("remainder", {"bit": 1}, {"divisible": 1}, _remainder),
        machine("lights", {"car0": 1, "car1": 1}, {"light0": 2, "light1": 2}, _lights),
        machine("vending", {"coin": 2}, {"can": 1, "change": 2}, _vending),
        machine("arbiter", {"request": 3}, {"grant": 3}, _arbiter, reset=2),
        machine("quadrature", {"ab": 2}, {"up": 1, "down": 1}, _quadrature),
        machine("debouncer", {"x": 1}, {"y": 1}, _debouncer),
        machine("lock", {"key": 2}, {"open": 1}, _lock),
        machine("lfsr", {"enable": 1}, {"bit": 1}, _lfsr, reset=1),
        machine("shift", {"x": 1}, {"y": 1}, _shift),
    )
}
