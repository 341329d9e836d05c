"""The black boxes that have a name, and which of them words mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.bsd.boxes import Example

CORE = "rv32i"

_LEARNS = re.compile(
    r"\blearn(?:s|ed|t|ing)?\b|\bblack[- ]?box\b|\bfrom (?:\w+ )?(?:(?:input[- ]output|i/o) )?"
    r"(?:examples?|simulator|iss|queries)\b",
    re.IGNORECASE,
)
_CORE = re.compile(r"\brv32i?\b|\brisc-?v\b", re.IGNORECASE)
_SEVERAL = re.compile(
    r"\b(?:two|three|four|[2-9])[- ](?:wide|way)\b|\bsuperscalar\b|\b(?:dual|multiple)[- ]issue\b",
    re.IGNORECASE,
)
_WIDTH = re.compile(r"\b(\d+)[- ]?bits?\b", re.IGNORECASE)
_FAMILIES = {
    "adder": r"adders?|add(?:s|ition)?",
    "less": r"comparators?|less[- ]than",
    "equal": r"equality|equals?",
    "shifter": r"(?:barrel[- ])?shifters?",
    "alu": r"alus?",
    "decoder": r"decoders?",
    "crc": r"crc(?:-?32)?",
    "priority": r"priority[- ]encoders?",
    "bcd": r"bcd",
    "fclass": r"(?:fp|floating[- ]point)[- ]class(?:ify|ifier)?",
    "multiplier": r"multipliers?",
}
_NAMED = re.compile(rf"\b(?:{'|'.join(_FAMILIES)})\d+\b")


class Unclear(ValueError):
    """The words name no box that can be learned; the message says what to say instead."""


def named(name: str, examples: bool = True) -> Example:
    """The box called ``name`` with its reference; ``examples`` False withholds the core's list
    of encodings. Raises ValueError, listing the names, when there is none.
    """
    from tools.bsd.boxes import example  # here, for whoever only reads words loads no compiler
    from tools.bsd.rv32i import rv32i

    return rv32i(examples) if name == CORE else example(name)


def asks_to_learn(text: str) -> bool:
    """Whether words ask to learn, from its answers alone, a circuit whose kind is known here."""
    return bool(_LEARNS.search(text)) and bool(_CORE.search(text) or _family(text))


def find(text: str) -> str:
    """The name of the box that words mean. Raises Unclear."""
    if _CORE.search(text):
        if _SEVERAL.search(text):
            raise Unclear(
                "a core that issues several instructions a cycle is not made here; "
                "ask for an RV32I core without that"
            )
        return CORE
    if found := _NAMED.search(text):
        return found[0]
    family, width = _family(text), _WIDTH.search(text)
    if not family or not width:
        kinds = ", ".join(f"{kind}N" for kind in _FAMILIES)
        raise Unclear(f"name a kind and a width, such as a 16-bit adder; there are {CORE}, {kinds}")
    return f"{family}{width[1]}"


def _family(text: str) -> str | None:
    if found := _NAMED.search(text):
        return found[0].rstrip("0123456789")
    for family, words in _FAMILIES.items():
        if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE):
            return family
    return None
