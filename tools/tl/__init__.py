"""TL, the thinking language: tiles, copies and computations, checked and executable.

A model, or a deterministic proposer, writes TL; emitters turn it into kernels. ``docs/tl.md``
is the reference.
"""

from tools.tl.checker import Limits, Usage, check
from tools.tl.errors import Diagnostic, TLError
from tools.tl.executor import execute, round_bf16
from tools.tl.parser import parse
from tools.tl.printer import to_text
from tools.tl.sketch import refines, sketch_of
from tools.tl.syntax import Program

__all__ = [
    "Diagnostic",
    "Limits",
    "Program",
    "TLError",
    "Usage",
    "check",
    "execute",
    "parse",
    "refines",
    "round_bf16",
    "sketch_of",
    "to_text",
]
