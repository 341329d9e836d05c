"""The last rule, and the only one that runs tools: SystemVerilog that Icarus lacks, lowered."""

from __future__ import annotations

from sandboxes import Command, Limits, Sandbox
from tools.hdl.simulate import lower


def lower_for_icarus(source: str, top: str, sandbox: Sandbox) -> str:
    """``source`` when Icarus compiles it, else Yosys' plain-Verilog rewriting of it.

    For enum casts, array initialisers, packages and the like. Raises ValueError with Icarus'
    message when Yosys cannot read the design either, or Icarus refuses what Yosys wrote. Yosys
    may choose a value where the source gives X.
    """
    complaint = _icarus(source, top, sandbox)
    if complaint is None:
        return source
    lowered = lower(source, top, sandbox)
    if lowered is None:
        raise ValueError(f"icarus: {complaint}; yosys cannot read the design either")
    refused = _icarus(lowered, top, sandbox)
    if refused is not None:
        raise ValueError(f"icarus refuses the lowered design: {refused}")
    return lowered


def _icarus(source: str, top: str, sandbox: Sandbox) -> str | None:
    """Icarus' complaint about ``source``, or None."""
    outcome = sandbox.run(
        Command(
            argv=("iverilog", "-g2012", "-o", "out.vvp", "-s", top, "design.sv"),
            files={"design.sv": source.encode()},
            limits=Limits(wall_seconds=20),
        )
    )
    return None if outcome.ok else outcome.text()[-600:]
