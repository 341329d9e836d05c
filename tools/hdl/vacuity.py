"""Behaviours too empty to be believed: an output that never changes, an input without effect, a
number of the goal that plays no part, a gate of the goal that is another.

Weak models share such mistakes (a register that is never written, a condition that is never
true), so that agreement on them says nothing. A module that really has a constant output or an
unused input is refused as well: better no claim than a false one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from sandboxes import Sandbox
from tools.hdl.contract import Contract
from tools.hdl.simulate import SimulationError, simulate
from tools.hdl.trace import Stimulus, Trace

_GOAL_NUMBER = re.compile(
    r"(?<![\w.'\[:-])(?!(?!1000+\b)[01]+\b)(\d{2,})"
    r"(?![\w':\]]|\.\d|\s*%|\s*percent|[- ]?bits?\b|[- ](?:words?|entries|stages?)\b)"
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_LITERAL = re.compile(r"\d*\s*'s?([bodh])([0-9a-f_]+)|\b(\d+)\b", re.IGNORECASE)
_UNITS = {"byte": 8, "nibble": 4}
_UNIT = re.compile(rf"\b({'|'.join(_UNITS)})s?\b", re.IGNORECASE)
_GATE = re.compile(r"\b(x?nor|nand|xor|and|or)[- ]gate", re.IGNORECASE)
_INVERSION = re.compile(r"\b(?:invert|bubble|not\b|negat|complement)", re.IGNORECASE)
_GATES: dict[str, Callable[[Sequence[int]], bool]] = {
    "and": all,
    "or": any,
    "xor": lambda bits: sum(bits) % 2 == 1,
    "nand": lambda bits: not all(bits),
    "nor": lambda bits: not any(bits),
    "xnor": lambda bits: sum(bits) % 2 == 0,
}
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}


def unused_number(goal: str, source: str) -> str | None:
    """A number from 10 up that the goal names and the design knows nothing of, or None; as the
    goal writes it. Bytes and nibbles are numbers, too: of eight bits and of four.

    One more or less counts as known ("0 to 999" may be written ``< 1000``), and so does a number
    that the width of a register implies (a power of two, or one less). Numbers of zeros and ones
    are read as patterns of bits, and left out.
    """
    source = _COMMENT.sub(" ", source)
    known = {
        int(digits.replace("_", ""), _BASES[base.lower()]) if base else int(plain)
        for base, digits, plain in _LITERAL.findall(source)
    }
    for number in map(int, _GOAL_NUMBER.findall(goal)):
        implied = number & (number - 1) == 0 or number & (number + 1) == 0
        if not implied and known.isdisjoint((number - 1, number, number + 1)):
            return str(number)
    for unit in _UNIT.findall(goal):
        bits = _UNITS[unit.lower()]
        if known.isdisjoint((bits - 1, bits, bits + 1)):
            return str(unit)
    return None


def other_gate(goal: str, contract: Contract, stimulus: Stimulus, trace: Trace) -> str | None:
    """Why a module of one-bit inputs and one one-bit output is not the gate of all its inputs that
    the goal names (IEEE 1364-2005, 7.2), in words; None when it is, or when the goal does not name
    one kind of gate or speaks of inversions.
    """
    named = {gate.lower() for gate in _GATE.findall(goal)}
    single = all(p.width == 1 for p in contract.ports) and len(contract.outputs) == 1
    unclear = len(named) != 1 or bool(_INVERSION.search(goal))
    if unclear or not single or contract.clocks or len(stimulus.inputs) < 2:
        return None
    (gate,) = named
    wanted = [str(int(_GATES[gate](row))) for row in stimulus.rows]
    same = wanted == [row[0] for row in trace.before]
    return None if same else f"it is no {gate.upper()} gate"


def idle_output(trace: Trace) -> str | None:
    """The first output that shows at most one known value in the whole trace, or None."""
    for index, name in enumerate(trace.outputs):
        values = {row[index] for row in (*trace.before, *trace.after)}
        if len({value for value in values if set(value) <= {"0", "1"}}) < 2:
            return name
    return None


def inert_input(
    source: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox
) -> str | None:
    """The first driven input of the design of which it makes no difference whether it is driven,
    held low or held high.
    """

    def outputs(rows: Stimulus) -> tuple[object, object]:
        trace = simulate(source, contract, rows, sandbox)
        return trace.before, trace.after

    driven = outputs(stimulus)
    widths = {port.name: port.width for port in contract.driven}
    for index, name in enumerate(stimulus.inputs):
        levels = (0, (1 << widths[name]) - 1)
        if all(outputs(_held(stimulus, index, level)) == driven for level in levels):
            return name
    return None


def _held(stimulus: Stimulus, index: int, value: int) -> Stimulus:
    rows = tuple((*row[:index], value, *row[index + 1 :]) for row in stimulus.rows)
    return replace(stimulus, rows=rows, exhaustive=False)


def emptiness(
    source: str, contract: Contract, stimulus: Stimulus, trace: Trace, sandbox: Sandbox
) -> str | None:
    """Why a design's behaviour is too empty to be believed, in words; None when it is not."""
    if name := idle_output(trace):
        return f"output {name} never changes"
    try:
        held = inert_input(source, contract, stimulus, sandbox)
    except SimulationError as error:
        return f"it does not run with an input held: {error}"
    return f"input {held} has no effect" if held else None
