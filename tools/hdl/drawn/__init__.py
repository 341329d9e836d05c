"""What words draw: truth tables, Karnaugh maps, waveforms, state diagrams and state tables.

Engineers paste these into a request, and language models misread them. They are read by rule, and
like all that is read of words (``tools.hdl.contract_text``) only where the reading is certain.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.hdl.contract import Contract
from tools.hdl.contract_text import Contradiction, read_contract
from tools.hdl.drawn.karnaugh import read_map
from tools.hdl.drawn.rows import Observation, read_rows, stands_alone, whole
from tools.hdl.drawn.states import read_machine


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was read. ``rows`` (outputs for every input) or ``machine`` (Verilog) are the module's
    whole behaviour; ``seen`` is what any design must do at least.
    """

    kind: str
    rows: tuple[tuple[int, ...], ...] | None = None
    machine: str = ""
    seen: Observation | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is left open."""
        return self.rows is not None or bool(self.machine)


def read_drawn(text: str, contract: Contract) -> Drawn | None:
    """What a request draws of the module itself; None for words alone, and for drawings of parts
    or that the words may alter.
    """
    if not stands_alone(text):
        return None
    if machine := read_machine(text, contract):
        return Drawn("state diagram", machine=machine)
    seen = read_map(text, contract) or read_rows(text, contract)
    return Drawn(seen.kind, whole(seen, contract), seen=seen) if seen else None


def decides(text: str) -> bool:
    """Whether a request's words and drawing alone give a module's interface and behaviour."""
    try:
        contract = read_contract(text).contract
    except Contradiction:
        return False
    drawn = read_drawn(text, contract) if contract else None
    return drawn is not None and drawn.whole
