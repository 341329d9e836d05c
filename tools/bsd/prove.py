"""Combinational equivalence of a learned module with a reference, by Yosys and ABC.

The emitted Verilog is what is proved, not the netlist behind it. Both modules become
and-inverter graphs; ABC's `cec` decides all outputs over all inputs. A counterexample is
brought back as a query vector only: what is right there, the black box says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Literal

import numpy as np

from sandboxes import Command, Limits, Outcome, Sandbox
from tools.bsd.box import Box, Words
from tools.hdl.yosys import run_yosys

_PIN = re.compile(r"\bpi(\d+) = 1'h([01])")


class ProofError(RuntimeError):
    """Yosys or ABC could not read what it was given; the message is the tool's."""


@dataclass(frozen=True, slots=True)
class Proof:
    """``counterexample`` is one query vector, shape (ports,), exactly when ``different``."""

    status: Literal["proved", "different", "unknown"]
    seconds: float
    counterexample: Words | None = None


def prove(box: Box, learned: str, reference: str, sandbox: Sandbox, seconds: float = 120) -> Proof:
    """Decide whether two Verilog modules with the box's ports are the same function.

    ``learned`` has a module named as the box; ``reference`` has one top module. Raises
    ProofError when a text is not combinational Verilog with these ports.
    """
    started = monotonic()
    graphs = {
        "learned.aig": _graph(learned, box, sandbox, seconds),
        "reference.aig": _graph(reference, box, sandbox, seconds),
    }
    command = (str(abc_path()), "-c", "cec -n learned.aig reference.aig")
    limits = Limits(wall_seconds=seconds, cpu_seconds=seconds)
    text = sandbox.run(Command(command, files=graphs, limits=limits)).text()
    spent = monotonic() - started
    if "Networks are equivalent" in text:
        return Proof("proved", spent)
    pins = {int(pin): int(value) for pin, value in _PIN.findall(text)}
    if "NOT EQUIVALENT" in text and len(pins) == len(box.input_bits):
        return Proof("different", spent, _vector(box, pins))
    if "NOT EQUIVALENT" in text:
        raise ProofError(f"ABC gave no counterexample: {text[-500:]}")
    return Proof("unknown", spent)


def _vector(box: Box, pins: dict[int, int]) -> Words:
    vector = np.zeros(len(box.inputs), dtype=np.uint64)
    for pin, (port, bit) in enumerate(box.input_bits):
        vector[port] |= np.uint64(pins[pin] << bit)
    return vector


def _graph(verilog: str, box: Box, sandbox: Sandbox, seconds: float) -> bytes:
    """The and-inverter graph of a module, its ports checked against the box's."""
    steps = [
        "read_verilog design.v",
        "hierarchy -check -auto-top",
        "proc",
        "flatten",
        "opt_clean",
        *(f"select -assert-count 1 i:{p.name} s:{p.width} %i" for p in box.inputs),
        *(f"select -assert-count 1 o:{p.name} s:{p.width} %i" for p in box.outputs),
        f"select -assert-count {len(box.inputs)} i:*",
        f"select -assert-count {len(box.outputs)} o:*",
        "techmap",
        "aigmap",
        "opt_clean",
        "write_aiger design.aig",
    ]
    outcome: Outcome = run_yosys(
        sandbox, "\n".join(steps), {"design.v": verilog.encode()}, ("design.aig",), seconds
    )
    if not outcome.ok or "design.aig" not in outcome.files:
        raise ProofError(f"Yosys refused the module: {outcome.text()[-800:]}")
    return outcome.files["design.aig"]


@cache
def abc_path() -> Path:
    """The ABC that Yosys' Python package ships."""
    spec = find_spec("pyosys")
    if spec is None or spec.origin is None:
        raise ProofError("pyosys is not installed")
    return Path(spec.origin).parent / "yosys-abc"
