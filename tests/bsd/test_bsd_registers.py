"""The register file is found from queries alone, and not where there is none."""

import numpy as np
import pytest

from tools.bsd.box import Box, Port
from tools.bsd.registers import Field, NoRegisterFile, find_registers
from tools.bsd.rv32i.iss import REGISTERS, whole


def test_rv32i():
    """The ISA manual: rd is instr[11:7], rs1 instr[19:15], rs2 instr[24:20], x0 is zero."""
    found = find_registers(whole(), REGISTERS, seed=1)
    assert found.write == Field("instr", 7, 5)
    assert set(found.reads) == {Field("instr", 15, 5), Field("instr", 20, 5)}
    assert found.zero == ("x0",)
    assert found.writes_seen > 1000
    assert found.reads_seen > 1000


def toy(write_low, swap):
    """Four registers; code[write_low+1:write_low] names r[d]; r[d] = r[code[1:0]] + k.
    With ``swap`` the write goes to a permuted register that no field names."""
    names = [f"r{i}" for i in range(4)]
    order = np.array([2, 0, 3, 1] if swap else [0, 1, 2, 3])

    def step(batch):
        registers = np.stack([batch[name] for name in names])
        each = np.arange(registers.shape[1])
        code = batch["code"].astype(np.int64)
        source, target = code & 3, order[code >> write_low & 3]
        registers[target, each] = (registers[source, each] + batch["k"]) & np.uint64(255)
        return {f"{name}_next": registers[i] for i, name in enumerate(names)}

    inputs = (*(Port(name, 8) for name in names), Port("code", 8), Port("k", 8))
    outputs = tuple(Port(f"{name}_next", 8) for name in names)
    return Box("toy", inputs, outputs, step), {name: f"{name}_next" for name in names}


@pytest.mark.parametrize("write_low", [2, 5])
def test_a_toy_machine(write_low):
    found = find_registers(*toy(write_low, swap=False))
    assert found.write == Field("code", write_low, 2)
    assert found.reads == (Field("code", 0, 2),)
    assert found.zero == ()


def test_a_permuted_register_file_is_not_explained():
    with pytest.raises(NoRegisterFile, match="registers written are not named"):
        find_registers(*toy(2, swap=True))
