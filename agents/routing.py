"""Which workflow a goal's words ask for, where rules can tell; no model is needed for that."""

from __future__ import annotations

import re
from typing import Literal

from tools.bsd.catalogue import asks_for_machine, asks_to_learn
from tools.bsd.sequential.python import looks_like_machine
from tools.bsd.table import looks_like_black_box
from tools.hdl.contract_text import Contradiction, read_contract
from tools.hdl.drawn import decides
from tools.kernels.words import OPERATOR_WORDS, is_notation

Route = Literal["rtl", "kernel", "learn", "machine", "other", "ask module", "ask"]

HARDWARE_WORDS = re.compile(
    r"\b(verilog|systemverilog|rtl|hdl|module|flip-?flops?|fifo|fsm|state machine|counter|register"
    r"|arbiter|decoder|encoder|multiplexer|mux|adder|alu|uart|spi|i2c|pwm|clock|reset|latch|shift"
    r"|debouncer?|crc|lfsr|multiplier|divider|comparator|cache|bus|circuit|logic|detector|memory"
    r"|synchroni[sz]er|handshake|karnaugh|k-?map|truth table|waveform|\d+[- ]bits?)\b",
    re.IGNORECASE,
)
_CERTAINLY_HARDWARE = re.compile(
    r"\b(verilog|systemverilog|vhdl|rtl|hdl|module|fpga|asic|flip-?flops?|fsm|clock|clk|reset|rst"
    r"|circuit|systolic|karnaugh|k-?map|truth table)\b",
    re.IGNORECASE,
)
_CERTAINLY_SOFTWARE = re.compile(
    r"\bkernels?\b.{0,40}\b(?:[cg]pus?|processor)\b|\bfor (?:this|my|the) (?:[cg]pu|processor)\b"
    r"|\bavx-?(?:2|512)\w*|\bvnni\b|\b(?:cuda|tilelang|triton|open-?blas|numpy|torch|sgemm)\b",
    re.IGNORECASE,
)
_NUMBER_TYPES = re.compile(r"\b(?:(?:fp|bf|float|bfloat)(?:16|32)|int8)\b", re.IGNORECASE)


def route(text: str) -> Route:
    """The workflow; ``ask module`` and ``ask`` leave it to the model: whether it is a module, or
    whether it is a module or a kernel.
    """
    if asks_for_machine(text):
        return "machine"
    if asks_to_learn(text):
        return "learn"
    if is_notation(text):
        return "kernel"
    try:
        if read_contract(text).contract:
            return "rtl"
    except Contradiction:
        return "rtl"
    hardware = HARDWARE_WORDS.search(text)
    if _CERTAINLY_HARDWARE.search(text):
        return "ask module" if hardware else "other"
    if _CERTAINLY_SOFTWARE.search(text):
        return "kernel"
    if OPERATOR_WORDS.search(text):
        return "ask" if hardware and not _NUMBER_TYPES.search(text) else "kernel"
    return "ask module" if hardware else "other"


def for_golden(golden: str) -> str:
    """The workflow that a golden's text asks for, whatever the words."""
    return "machine" if looks_like_machine(golden) else "rtl"


def needs_model(text: str, workflow: str | None, golden: str = "") -> bool:
    """Whether nothing can be done for a goal without a model."""
    if looks_like_black_box(golden) or looks_like_machine(golden):
        return False
    workflow = workflow or route(text)
    return workflow not in ("kernel", "learn", "machine") and not (
        workflow == "rtl" and decides(text)
    )
