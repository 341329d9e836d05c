"""The black boxes that have a name, and which of them words mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.bsd.boxes import Example

CORE = "rv32i"
WIDE = {"rv32i_wide2": 2, "rv32i_wide4": 4}
"""Cores that issue several instructions a cycle, and how many."""

PRIORS = (
    "the port list: names, widths, and so which wires are one word and in which order",
    "how to sample: runs of equal bits, small numbers, one port's word repeated on another",
    "for the core, a list of legal encodings, half of the probes are drawn from",
    "for the core, that two operand values are inputs (which fields select them is found)",
    "what the simulator answers where the specification leaves a choice",
    "for a core that issues several instructions, the rules of issue, the buffer of memory words "
    "and the register file around the learned logic are written by rule, not learned",
)
"""What the learner is told beside the black box's answers."""

MACHINE_PRIORS = (
    "the port list: names and widths; that the machine has a reset and a clock",
    "that it has at most 64 states, and its inputs at most 256 values",
    "how to sample: random words, half of which stay on a letter for a while",
    "the state register around the learned logic is written by rule, not learned",
)
"""The same for a machine with hidden state."""

_LEARNS = re.compile(
    r"\blearn(?:s|ed|t|ing)?\b|\bblack[- ]?box\b|\bfrom (?:\w+ ){0,2}(?:(?:input[- ]output|i/o) )?"
    r"(?:examples?|simulator|iss|queries)\b",
    re.IGNORECASE,
)
_CORE = re.compile(
    rf"\brv32i?\b|\brisc-?v\b|\bsuperscalar (?:core|processor|cpu)\b|\b(?:{'|'.join(WIDE)})\b",
    re.IGNORECASE,
)
_COUNTS = {
    "single": 1, "one": 1, "dual": 2, "two": 2, "triple": 3, "three": 3, "quad": 4, "four": 4,
    "six": 6, "eight": 8,
}  # fmt: skip
_SEVERAL = re.compile(
    rf"\b({'|'.join(_COUNTS)}|\d+)[- ](?:wide|way|issue)\b|_wide(\d)\b"
    r"|\bsuperscalar\b|\bmultiple[- ]issue\b",
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
_MACHINES = {
    "detector": r"1011[- ](?:sequence[- ])?detector|detector of 1011",
    "counter": r"(?:decimal|decade)(?: up[-/ ](?:and[- ])?down)? counter",
    "remainder": r"divisib\w+ by (?:seven|7)|remainder by (?:seven|7)",
    "lights": r"traffic[- ]lights?",
    "vending": r"vending[- ]machine",
    "arbiter": r"round[- ]robin arbiter",
    "quadrature": r"quadrature(?: decoder)?|rotary encoder",
    "debouncer": r"debouncer",
    "lock": r"combination lock|code lock",
    "lfsr": r"(?:5|five)[- ]bit (?:lfsr|linear[- ]feedback shift register)",
    "shift": r"(?:8|eight)[- ]bit shift register",
}
_NAMED = re.compile(rf"\b(?:{'|'.join(_FAMILIES)})\d+\b")


class Unclear(ValueError):
    """The words name no box that can be learned; the message says what to say instead."""


def named(name: str, examples: bool = True) -> Example:
    """The box called ``name`` with its reference; ``examples`` False withholds the core's list
    of encodings. Raises ValueError, listing the names, when there is none. A core of WIDE is
    made of several boxes: see `boxes_of`.
    """
    from tools.bsd.boxes import example  # here, for whoever only reads words loads no compiler
    from tools.bsd.rv32i import rv32i

    return rv32i(examples) if name == CORE else example(name)


def boxes_of(name: str) -> list[Example]:
    """The boxes to learn for what is called ``name``, each with its reference. Raises
    ValueError as `named` does.
    """
    if name not in WIDE:
        return [named(name)]
    from tools.bsd.superscalar.wide import modules

    return modules()


def asks_to_learn(text: str) -> bool:
    """Whether words ask to learn, from its answers alone, a circuit whose kind is known here."""
    return bool(_LEARNS.search(text)) and bool(_CORE.search(text) or _family(text))


def machine_of(text: str) -> str | None:
    """The name of the machine with hidden state (`tools.bsd.sequential.machines`) that words
    mean; None for none of these."""
    for name, words in _MACHINES.items():
        if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE):
            return name
    return None


def asks_for_machine(text: str) -> bool:
    """Whether words ask to learn one of these machines."""
    return bool(_LEARNS.search(text)) and machine_of(text) is not None


def find(text: str) -> str:
    """The name of the box that words mean. Raises Unclear."""
    if _CORE.search(text):
        return _core(text)
    if found := _NAMED.search(text):
        return found[0]
    family, width = _family(text), _WIDTH.search(text)
    if not family or not width:
        kinds = ", ".join([CORE, *WIDE, *(f"{kind}N" for kind in _FAMILIES)])
        raise Unclear(f"name a kind and a width, such as a 16-bit adder; there are {kinds}")
    return f"{family}{width[1]}"


def _core(text: str) -> str:
    """The core that words mean; superscalar without a number is two wide. Raises Unclear."""
    found = [m[1] or m[2] for m in _SEVERAL.finditer(text)]
    counts = {_COUNTS.get(word.lower()) or int(word) for word in found if word}
    counts = counts or {2 if found else 1}
    names = [name for name, width in {CORE: 1, **WIDE}.items() if counts == {width}]
    if not names:
        told = " and ".join(map(str, sorted(counts)))
        raise Unclear(f"cores are made one, two and four instructions wide, not {told}")
    return names[0]


def _family(text: str) -> str | None:
    if found := _NAMED.search(text):
        return found[0].rstrip("0123456789")
    for family, words in _FAMILIES.items():
        if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE):
            return family
    return None
