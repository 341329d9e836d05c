"""Python reference models become Verilog that does the same, cycle by cycle."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.bubblewrap import BubblewrapSandbox
from tools.hdl.contract import Clock, Contract, Port, Reset
from tools.hdl.from_python import NotTranslatable, observed_widths, to_verilog
from tools.hdl.reference import run_reference
from tools.hdl.simulate import simulate, simulate_many
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


# --- random programs -----------------------------------------------------------------------------

RANDOM = Contract(
    "fuzz",
    (
        Port("clk", "input", 1),
        Port("rst", "input", 1),
        Port("a", "input", 4),
        Port("b", "input", 7),
        Port("c", "input", 1),
        Port("y", "output", 9),
        Port("z", "output", 24),
    ),
    (Clock("clk", "posedge"),),
    (Reset("rst", True, False),),
)
LEAVES = ["i.a", "i.b", "i.c", "self.r", "self.s", "t", "0", "1", "5", "13", "100", "-3"]


def _forms(inner):
    pair, small = st.tuples(inner, inner), st.sampled_from(["0", "1", "3", "i.a", "i.c"])
    divisor = st.sampled_from(["1", "2", "3", "8", "10", "(i.a + 1)"])
    whole = st.sampled_from(["3", "4", "7", "16"])
    return st.one_of(
        st.tuples(st.sampled_from("+-&|^"), pair).map(lambda x: f"({x[1][0]} {x[0]} {x[1][1]})"),
        pair.map(lambda x: f"(({x[0]} & 63) * ({x[1]} & 7))"),
        st.tuples(inner, small).map(lambda x: f"(({x[0]} & 255) << {x[1]})"),
        st.tuples(inner, small).map(lambda x: f"({x[0]} >> {x[1]})"),
        st.tuples(inner, divisor).map(lambda x: f"(({x[0]} & 127) // {x[1]})"),
        st.tuples(inner, whole).map(lambda x: f"({x[0]} % {x[1]})"),
        st.tuples(inner, whole).map(lambda x: f"({x[0]} // {x[1]})"),
        inner.map(lambda x: f"(~{x})"),
        inner.map(lambda x: f"abs({x})"),
        inner.map(lambda x: f"(-{x})"),
        st.tuples(st.sampled_from(["min", "max"]), pair).map(
            lambda x: f"{x[0]}({x[1][0]}, {x[1][1]})"
        ),
        st.tuples(st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), pair).map(
            lambda x: f"({x[1][0]} {x[0]} {x[1][1]})"
        ),
        st.tuples(inner, inner, inner).map(lambda x: f"({x[0]} if {x[1]} else {x[2]})"),
        st.tuples(st.sampled_from(["and", "or"]), pair).map(
            lambda x: f"({x[1][0]} {x[0]} {x[1][1]})"
        ),
        inner.map(lambda x: f"(not {x})"),
        inner.map(lambda x: f"bin({x} & 31).count('1')"),
    )


EXPRESSIONS = st.recursive(st.sampled_from(LEAVES), _forms, max_leaves=8)


def _program(steps, test, result):
    lines = [f"{name} = {text}" for name, text in steps]
    body = "\n            ".join(lines[1:])
    return f"""
class Model:
    def reset(self):
        self.r, self.s = 3, -2
    def tick(self, i):
        t = i.a
        {lines[0]}
        if {test}:
            {body}
        self.r &= 255
        self.s = self.s % 64 - 20
    def outputs(self, i):
        t = i.b
        return {{"y": {result}, "z": self.s + self.r}}
"""


STEP = st.tuples(st.sampled_from(["self.r", "self.s", "t"]), EXPRESSIONS)


@settings(max_examples=4, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.lists(STEP, min_size=2, max_size=4), EXPRESSIONS, EXPRESSIONS),
        min_size=12,
        max_size=12,
    )
)
def test_random_programs_do_the_same(bwrap, parts):
    """Many programs to an example: a compile holds them all."""
    stimulus = stimuli(RANDOM, cycles=150)
    programs = [_program(*part) for part in parts]
    traces = simulate_many([to_verilog(p, RANDOM) for p in programs], RANDOM, stimulus, bwrap)
    for program, trace in zip(programs, traces, strict=True):
        expected = run_reference(program, RANDOM, stimulus, bwrap)
        assert trace.after == expected.after, program
        assert trace.before[1:] == expected.before[1:], program
