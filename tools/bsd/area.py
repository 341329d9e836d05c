"""Size and depth of a combinational module after a fixed ABC script."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandboxes import Sandbox
from tools.bsd.aig import AigError, abc, graph
from tools.bsd.box import Box

_AND = re.compile(r"\band\s*=\s*(\d+).*?\blev\s*=\s*(\d+)")
_LUT = re.compile(r"\bnd\s*=\s*(\d+).*?\blev\s*=\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Area:
    """And-gates and levels as read and after resynthesis; six-input tables and levels."""

    ands: int
    and_levels: int
    small_ands: int
    small_levels: int
    luts: int
    lut_levels: int


def area(box: Box, verilog: str, sandbox: Sandbox, seconds: float = 600) -> Area:
    """Measure a module that has the box's ports. Raises AigError."""
    return resynthesised(graph(verilog, box, sandbox, seconds), sandbox, seconds)


def resynthesised(design: bytes, sandbox: Sandbox, seconds: float) -> Area:
    """Measure a binary AIGER; its registers are cut open. Raises AigError."""
    commands = (
        "read_aiger design.aig; comb; print_stats; "
        "&get; &dc2; &syn3; &syn4; &dch; &put; dc2; print_stats; dch; if -K 6; print_stats"
    )
    printed = abc(commands, {"design.aig": design}, sandbox, seconds)
    text = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    ands, luts = _AND.findall(text), _LUT.findall(text)
    if len(ands) != 2 or len(luts) != 1:
        raise AigError(f"ABC printed no statistics: {text[-500:]}")
    numbers = [int(n) for pair in (*ands, *luts) for n in pair]
    return Area(*numbers)
