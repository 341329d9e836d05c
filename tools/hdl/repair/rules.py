"""Every rule, in the order the engine tries them."""

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
    *SIGNAL_RULES,
    *PROCESS_RULES,
)
