"""RV32I: a simulator as the black box, and an independent reference to prove against."""

from pathlib import Path

from tools.bsd.boxes import Example
from tools.bsd.rv32i.iss import core
from tools.bsd.rv32i.processor import assembled


def rv32i(examples: bool = True) -> Example:
    """The RV32I execution core, with or without its list of legal encodings."""
    return Example(core(examples), Path(__file__).with_name("reference.v").read_text())


__all__ = ["assembled", "core", "rv32i"]
