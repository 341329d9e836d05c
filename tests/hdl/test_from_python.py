"""Python reference models become Verilog that does the same, cycle by cycle."""

import re
from pathlib import Path

import pytest

from sandboxes.bubblewrap import BubblewrapSandbox
from tools.hdl.contract import Clock, Contract, Port, Reset
from tools.hdl.from_python import NotTranslatable, observed_widths, to_verilog
from tools.hdl.reference import run_reference
from tools.hdl.simulate import simulate
from tools.hdl.stimuli import stimuli

CYCLES = 400


def _ports(text, direction):
    pairs = [item.split() for item in text.split(",")] if text else []
    return tuple(Port(name, direction, int(width)) for name, width in pairs)


def contract_of(name, header):
    """``rst sync high; in d 8; out q 8``; a module is clocked when it has a reset or says so."""
    resets, ports, edge, clocked = [], [], "posedge", False
    for part in (p.strip() for p in header.split(";")):
        match part.split(" ", 1):
            case ["in", rest]:
                ports += _ports(rest, "input")
            case ["out", rest]:
                ports += _ports(rest, "output")
            case ["negedge"]:
                edge = "negedge"
            case ["noreset"]:
                clocked = True
            case [port, kind]:
                resets.append(Reset(port, "high" in kind, "async" in kind))
    clocked = clocked or bool(resets)
    control = (Port("clk", "input", 1),) if clocked else ()
    control += tuple(Port(r.port, "input", 1) for r in resets)
    clocks = (Clock("clk", edge),) if clocked else ()
    return Contract(name, (*control, *ports), clocks, tuple(resets))


def _models():
    text = (Path(__file__).parent / "python_models.txt").read_text()
    for block in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        header, _, code = block.partition("\n")
        name, _, interface = header.partition(":")
        yield pytest.param(code, contract_of(name, interface), id=name)


MODELS = list(_models())


@pytest.fixture(scope="module")
def bwrap():
    return BubblewrapSandbox()


def agree(code, contract, sandbox, widths=None, seed=0):
    """The Verilog and its trace, once it is known to equal the model's."""
    verilog = to_verilog(code, contract, widths)
    stimulus = stimuli(contract, seed=seed, sources=[verilog], cycles=CYCLES)
    expected = run_reference(code, contract, stimulus, sandbox)
    trace = simulate(verilog, contract, stimulus, sandbox)
    assert trace.after == expected.after
    # Before its first edge a synchronous reset has not happened yet.
    first = int(bool(contract.resets))
    assert trace.before[first:] == expected.before[first:]
    return verilog


@pytest.mark.parametrize(("code", "contract"), MODELS)
def test_everyday_blocks_do_the_same_in_verilog(code, contract, bwrap):
    agree(code, contract, bwrap)
