"""SystemVerilog that Icarus lacks, lowered by Yosys: the last rule, and the only one that runs
a tool."""

from __future__ import annotations

from sandboxes import Limits, Sandbox
from sandboxes.base import Command
from tools.hdl.yosys import run_yosys

_LOWER = """
read_verilog -sv design.sv
hierarchy -top {top}
proc
opt
memory
write_verilog -noattr lowered.v
"""


def lower_for_icarus(source: str, top: str, sandbox: Sandbox) -> str:
    """``source`` when Icarus compiles it, else Yosys' plain-Verilog rewriting of it.

    Raises ValueError with the tools' messages when Yosys cannot read the design either, or
    Icarus refuses what Yosys wrote. Yosys gives every undefined value a two-state meaning it is
    free to choose, so X may differ from the source's.
    """
    complaint = _icarus(source, top, sandbox)
    if complaint is None:
        return source
    outcome = run_yosys(
        sandbox, _LOWER.format(top=top), {"design.sv": source.encode()}, ("lowered.v",)
    )
    if not outcome.ok or "lowered.v" not in outcome.files:
        raise ValueError(f"icarus: {complaint}\nyosys: {outcome.text()[-600:]}")
    lowered = outcome.files["lowered.v"].decode()
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
