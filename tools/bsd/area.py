"""Size and depth of a combinational module after a fixed ABC script."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandboxes import Sandbox
from tools.bsd.aig import AigError, abc, graph
from tools.bsd.box import Box

_AND = re.compile(r"\band\s*=\s*(\d+).*?\blev\s*=\s*(\d+)")
TABLES = re.compile(r"\bnd\s*=\s*(\d+).*?\blev\s*=\s*(\d+)")
"""Tables and levels, where ABC prints statistics of a mapped network."""
RESYNTHESIS = "&get; &dc2; &syn3; &syn4; &dch; &put; dc2"
MAPPING = "dch; if -K 6"


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
    text = printed(
        design,
        f"comb; print_stats; {RESYNTHESIS}; print_stats; {MAPPING}; print_stats",
        sandbox,
        seconds,
    )
    ands, luts = _AND.findall(text), TABLES.findall(text)
    if len(ands) != 2 or len(luts) != 1:
        raise AigError(f"ABC printed no statistics: {text[-500:]}")
    numbers = [int(n) for pair in (*ands, *luts) for n in pair]
    return Area(*numbers)


def printed(design: bytes, commands: str, sandbox: Sandbox, seconds: float) -> str:
    """What ABC prints, without colours, for commands on a binary AIGER. Raises AigError."""
    text = abc(f"read_aiger design.aig; {commands}", {"design.aig": design}, sandbox, seconds)
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
