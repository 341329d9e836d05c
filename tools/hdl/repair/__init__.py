"""Symbolic repair: fix what needs no thought in a Verilog design, and say exactly what is left."""

from tools.hdl.repair.diagnose import Diagnostic
from tools.hdl.repair.engine import Repair, diagnose, repair
from tools.hdl.repair.lower import lower_for_icarus
from tools.hdl.repair.rules import RULES

__all__ = ["RULES", "Diagnostic", "Repair", "diagnose", "lower_for_icarus", "repair"]
