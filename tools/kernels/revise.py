"""A request for a kernel, altered by words: "now for Arm SVE", "make it bf16 with GELU"."""

from __future__ import annotations

from tools.kernels.notation import BadOperator, written
from tools.kernels.word_rules import RULES, Unclear, Words
from tools.kernels.words import (
    CPU,
    KINDS,
    Reading,
    element_type,
    epilogue,
    is_notation,
    machine,
    operator_name,
    read,
)


def revised(text: str, change: str) -> str:
    """The request ``text`` as the words ``change`` alter it; what they do not name stays.

    In notation where both are understood, else the change below the request. Unclear when the
    change contradicts itself or asks for what is not made.
    """
    try:
        old = read(text)
    except (BadOperator, Unclear):
        return f"{text.rstrip()}\n{change}"
    words = Words(change)
    here = bool(words.has(CPU))
    gpu, isa = machine(words)
    named = [name for name, pattern in KINDS.items() if words.has(pattern)]
    name = operator_name(words) if len(named) == 1 else old.name
    element_type(words, name)
    RULES[name](words)
    epilogue(words, name)
    if not (words.values or gpu or isa or here):
        return f"{text.rstrip()}\n{change}"
    kept = old.values if name == old.name else {}
    if not (gpu or isa or here):
        gpu, isa = old.gpu, old.isa
    return _notation(Reading(name, {**kept, **words.values}, (), gpu, isa))


def alters(text: str, change: str) -> bool:
    """Whether a message names something that the request ``text`` can take."""
    try:
        return is_notation(revised(text, change))
    except Unclear:
        return True


def _notation(reading: Reading) -> str:
    values = {**reading.values} | ({"isa": reading.isa} if reading.isa else {})
    values |= {"gpu": True} if reading.gpu else {}
    return " ".join([reading.name, *written(values)])
