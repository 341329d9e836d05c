"""How long a cycle of a processor is, in levels of logic, after the script of `area`."""

from __future__ import annotations

from sandboxes import Sandbox
from tools.bsd.aig import AigError
from tools.bsd.area import Area, resynthesised
from tools.hdl.yosys import run_yosys

_CHECKS = ("o:wrong", "o:used", "o:peeked", "i:peek")
"""Ports that only serve to check a processor: what is there for them alone is not measured."""


def cycle(verilog: str, sandbox: Sandbox, seconds: float = 1200) -> Area:
    """Measure the module ``processor`` between its registers. Raises AigError."""
    return resynthesised(between_registers(verilog, sandbox, seconds), sandbox, seconds)


def between_registers(verilog: str, sandbox: Sandbox, seconds: float = 1200) -> bytes:
    """The module ``processor`` as a binary AIGER; the register file is part of it, the memories
    are not: a path ends at an address and a new one begins at the word. Raises AigError.
    """
    steps = [
        "read_verilog design.v",
        "hierarchy -check -top processor",
        *(f"delete -port processor/{port}" for port in _CHECKS),
        "proc",
        "flatten",
        "opt_clean -purge",
        "memory -nomap",
        "memory_map",
        "opt_clean -purge",
        "setundef -undriven -zero",
        "setundef -zero",
        "techmap",
        "dffunmap",
        "aigmap",
        "opt_clean -purge",
        "write_aiger design.aig",
    ]
    files = {"design.v": verilog.encode()}
    outcome = run_yosys(sandbox, "\n".join(steps), files, ("design.aig",), seconds)
    if not outcome.ok or "design.aig" not in outcome.files:
        raise AigError(f"Yosys refused the processor: {outcome.text()[-800:]}")
    return outcome.files["design.aig"]
