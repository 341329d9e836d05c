"""Which operands an instruction needs, as a black box made of the execution core's.

An operand is needed when changing its value alone changes an answer of the core. So the part
of the issue logic that would be a hand-written decoder is learned, from the same simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tools.bsd.box import Box, Port, Words
from tools.bsd.boxes import Example

ONES, LEAST = 0xFFFFFFFF, 0x80000000
ANY, OTHER = 0x5A3C96E1, 0x26B4D178
PAIRS = ((ANY, ANY), (0, ANY), (ANY, 0), (LEAST + 2, ANY), (ANY + 2, LEAST))
"""Operand values; each is complemented in turn. Every comparison changes its mind at least once,
and the first operands have all low two bits, so that one makes an aligned address."""
OPERANDS = {"first": "rs1", "second": "rs2"}
"""Output port of the box, and the core's operand port it speaks of."""


def needs(core: Box) -> Example:
    """The box ``instr -> first, second`` for an RV32I execution core, and a reference."""
    instr = core.inputs[[p.name for p in core.inputs].index("instr")]

    def step(batch: Mapping[str, Words]) -> dict[str, Words]:
        count = len(batch["instr"])
        result = {name: np.zeros(count, dtype=np.uint64) for name in OPERANDS}
        for pair in PAIRS:
            values = dict(zip(OPERANDS.values(), pair, strict=True))
            before = core.step(_query(batch["instr"], values))
            for name, port in OPERANDS.items():
                after = core.step(_query(batch["instr"], values | {port: values[port] ^ ONES}))
                for output in core.outputs:
                    result[name] |= before[output.name] != after[output.name]
        return result

    ports = tuple(Port(name, 1) for name in OPERANDS)
    box = Box(f"{core.name}_needs", (instr,), ports, step, core.examples)
    return Example(box, Path(__file__).with_name("needs.v").read_text())


def _query(instr: Words, values: Mapping[str, int]) -> dict[str, Words]:
    words = {"pc": OTHER & ~3, "load": ANY, **values}
    return {"instr": instr} | {
        name: np.full(len(instr), word, dtype=np.uint64) for name, word in words.items()
    }
