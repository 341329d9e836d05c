"""Every rule, in the order the engine tries them."""

from tools.hdl.repair.declare_rules import (
    DECLARE_RULES,
    implicit_net_widened,
    narrow_variable_widened,
)
from tools.hdl.repair.header_rules import HEADER_RULES
from tools.hdl.repair.process_rules import PROCESS_RULES
from tools.hdl.repair.rule import Rule
from tools.hdl.repair.signal_rules import SIGNAL_RULES
from tools.hdl.repair.structure_rules import STRUCTURE_RULES
from tools.hdl.repair.text_rules import TEXT_RULES

RULES: tuple[Rule, ...] = (
    *TEXT_RULES,
    *HEADER_RULES,
    *STRUCTURE_RULES,
    *DECLARE_RULES,
    *SIGNAL_RULES,
    *PROCESS_RULES,
)

ON_COMPILING = frozenset({implicit_net_widened, narrow_variable_widened, *PROCESS_RULES})
"""The rules that may touch code that compiles and meets its contract."""


def rule_table() -> str:
    """The rules as a Markdown table, in order; the semantic ones are marked."""
    lines = ["| Rule | What it fixes | Example |", "|---|---|---|"]
    for rule in RULES:
        name = f"`{rule.name}`" + (" (semantic)" if rule.semantic else "")
        cells = (name, rule.summary, rule.example)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
