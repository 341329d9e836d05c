"""Combinational equivalence of a learned module with a reference, decided by ABC.

A learned circuit is a decision diagram, so where the reference's is small, too, diagrams decide
at once (networks of exclusive ors, as in a CRC, are hard for anything else); else `cec` does.

The emitted Verilog is what is proved, not the netlist behind it. A counterexample is brought
back as a query vector only: what is right there, the black box says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from time import monotonic
from typing import Literal

import numpy as np

from sandboxes import Sandbox
from tools.bsd.aig import AigError, abc, graph
from tools.bsd.box import Box, Words

_MOST_NODES = 50_000
_BY_DIAGRAMS = f"miter learned.aig reference.aig; collapse -r -B {_MOST_NODES}; strash; sat -C 1"
"""Prints UNSATISFIABLE when the diagram of "some output differs" is the constant false."""
_PIN = re.compile(r"\bpi(\d+) = 1'h([01])")


@dataclass(frozen=True, slots=True)
class Proof:
    """``counterexample`` is one query vector, shape (ports,), exactly when ``different``."""

    status: Literal["proved", "different", "unknown"]
    seconds: float
    counterexample: Words | None = None


def prove(box: Box, learned: str, reference: str, sandbox: Sandbox, seconds: float = 600) -> Proof:
    """Decide whether two Verilog texts, each with one top module that has the box's ports, are
    the same function of all inputs. ``unknown`` when the time ran out. Raises AigError.
    """
    started = monotonic()
    files = {
        "learned.aig": graph(learned, box, sandbox, seconds),
        "reference.aig": graph(reference, box, sandbox, seconds),
    }
    if "UNSATISFIABLE" in abc(_BY_DIAGRAMS, files, sandbox, seconds):
        return Proof("proved", monotonic() - started)
    text = abc("cec -n learned.aig reference.aig", files, sandbox, seconds)
    spent = monotonic() - started
    if "Networks are equivalent" in text:
        return Proof("proved", spent)
    if "NOT EQUIVALENT" not in text:
        return Proof("unknown", spent)
    pins = {int(pin): int(value) for pin, value in _PIN.findall(text)}
    if len(pins) != len(box.input_bits):
        raise AigError(f"ABC gave no counterexample: {text[-500:]}")
    return Proof("different", spent, _vector(box, pins))


def _vector(box: Box, pins: dict[int, int]) -> Words:
    vector = np.zeros(len(box.inputs), dtype=np.uint64)
    for pin, (port, bit) in enumerate(box.input_bits):
        vector[port] |= np.uint64(pins[pin] << bit)
    return vector
