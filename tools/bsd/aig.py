"""Verilog to and-inverter graphs by Yosys, and ABC commands on them, both in a sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sandboxes import Command, Limits, Sandbox
from tools.bsd.box import Box
from tools.hdl.yosys import run_yosys


class AigError(RuntimeError):
    """Yosys or ABC refused what it was given; the message is the tool's."""


def graph(verilog: str, box: Box, sandbox: Sandbox, seconds: float) -> bytes:
    """The binary AIGER of the one top module in ``verilog``, whose ports must be the box's.

    Inputs and outputs are in the order of the box's wires. Raises AigError.
    """
    steps = [
        "read_verilog design.v",
        "hierarchy -check -auto-top",
        "proc -norom",
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
    outcome = run_yosys(
        sandbox, "\n".join(steps), {"design.v": verilog.encode()}, ("design.aig",), seconds
    )
    if not outcome.ok or "design.aig" not in outcome.files:
        raise AigError(f"Yosys refused the module: {outcome.text()[-800:]}")
    return outcome.files["design.aig"]


def abc(commands: str, files: Mapping[str, bytes], sandbox: Sandbox, seconds: float) -> str:
    """What ABC prints for a command line over some files."""
    limits = Limits(wall_seconds=seconds, cpu_seconds=seconds)
    argv = (str(_abc_path()), "-c", commands)
    return sandbox.run(Command(argv, files=files, limits=limits)).text()


@cache
def _abc_path() -> Path:
    """The ABC that Yosys' Python package ships."""
    spec = find_spec("pyosys")
    if spec is None or spec.origin is None:
        raise AigError("pyosys is not installed")
    return Path(spec.origin).parent / "yosys-abc"
