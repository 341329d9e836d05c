"""Tables, maps, waveforms and diagrams in words: read rightly, or not at all."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.hdl.contract import Clock, Contract, Port, Reset
from tools.hdl.drawn import read_drawn
from tools.hdl.drawn.observed import by_cycles, by_levels, contradiction
from tools.hdl.drawn.rows import read_rows
from tools.hdl.drawn.states import read_machine
from tools.hdl.reference import run_reference
from tools.hdl.simulate import simulate
from tools.hdl.verify import verify


def ports(inputs: str, outputs: str) -> tuple[Port, ...]:
    """``a b[2]`` as ports."""

    def one(word, direction):
        name, _, width = word.strip("]").partition("[")
        return Port(name, direction, int(width or 1))

    sides = ((inputs, "input"), (outputs, "output"))
    return tuple(one(word, way) for words, way in sides for word in words.split())


def plain(inputs: str, outputs: str) -> Contract:
    return Contract("block", ports(inputs, outputs))


def clocked(inputs: str, outputs: str, reset: Reset | None = None) -> Contract:
    found = ports(f"clk {reset.port if reset else ''} {inputs}", outputs)
    return Contract("block", found, (Clock("clk", "posedge"),), (reset,) if reset else ())


MAJORITY = ((0,), (0,), (0,), (1,), (0,), (1,), (1,), (1,))
SHEETS = {
    "bars": "{0} | {1} | {2} | {3}",
    "markdown": "| `{0}` | {1} | {2} | {3} |",
    "blanks": "   {0}   {1} {2}    {3}",
    "commas": "{0}, {1}, {2}, {3}",
}


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_a_truth_table_is_the_whole_behaviour(sheet):
    words = list(product("01", repeat=3))
    lines = [sheet.format(*word, MAJORITY[k][0]) for k, word in enumerate(words)]
    ruler = "|---|---|---|---|"
    text = "\n".join(["A voter:", "", sheet.format("a", "b", "c", "y"), ruler, *lines, "", "End."])
    found = read_drawn(text, plain("a b c", "y"))
    assert found is not None and (found.kind, found.rows) == ("truth table", MAJORITY)


def test_columns_may_stand_in_any_order():
    text = "y b a\n0 0 0\n1 1 0\n0 0 1\n0 1 1\n"  # y = b & !a
    found = read_drawn(text, plain("a b", "y"))
    assert found is not None and found.rows == ((0,), (1,), (0,), (0,))


def test_dont_cares_follow_their_neighbours():
    text = "a b y\n0 0 1\n0 1 1\n1 0 1\n1 1 d\n"
    found = read_drawn(text, plain("a b", "y"))
    assert found is not None and found.rows == ((1,), (1,), (1,), (1,))


def test_an_input_that_does_not_matter_stands_for_both():
    text = "en a y\n0 - 0\n1 0 0\n1 1 1\n"
    found = read_drawn(text, plain("en a", "y"))
    assert found is not None and found.rows == ((0,), (0,), (0,), (1,))


@pytest.mark.parametrize(
    "text",
    [
        "a b y\n1 - 1\n- 1 0\n0 0 0\n",  # by priority: the order means something
        "a b y\n0 0 1\n0 1 0\n0 1 1\n1 1 0\n",  # two answers to one question
        "a q y\n0 0 1\n0 1 0\n",  # q is no port
        "a b\n0 0\n0 1\n",  # no output
        "a b y\n0 0 maybe\n0 1 0\n",
        "a b y\n0 0 1\n0 1 0\n1 0 0\n1 1 0\n\nMake y active low.",
        "This table, but inverted:\n\na b y\n0 0 1\n0 1 0\n1 0 0\n1 1 0\n",
        "The submodule is\n\na b y\n0 0 1\n0 1 0\n1 0 0\n1 1 0\n\nInstantiate two.",
        "a b y\n0 0 1\n0 1 0\n\na b y\n0 0 0\n0 1 1\n",  # which of the two?
    ],
)
def test_what_is_not_certain_is_not_read(text):
    assert read_drawn(text, plain("a b", "y")) is None


def test_a_part_of_a_table_is_seen_but_not_the_whole():
    found = read_drawn("a b y\n0 0 1\n0 1 0\n", plain("a b", "y"))
    assert found is not None and found.rows is None and found.seen is not None


@pytest.mark.parametrize(
    ("cells", "want"),
    [
        (["0", "a", "1f"], [0, 10, 31]),  # hexadecimal by its letters
        (["00011", "10000", "11111"], [3, 16, 31]),  # binary by its length
        (["3", "7", "9"], [3, 7, 9]),
        (["10", "12", "3"], None),  # decimal or hexadecimal?
        (["3", "20", "f"], None),  # 32 does not fit 5 bits
    ],
)
def test_numbers_are_read_in_the_base_that_they_must_have(cells, want):
    text = "k y\n" + "\n".join(f"{k} {cell}" for k, cell in enumerate(cells))
    seen = read_rows(text, plain("k[2]", "y[5]"))
    got = [int(row.outputs[0], 2) for row in seen.rows] if seen else None
    assert got == want


GRAY = ("00", "01", "11", "10")


def karnaugh(cell, rows=GRAY, columns=GRAY, above="ab", beside="cd") -> str:
    body = [f"  {r} | " + " | ".join(cell(c + r) for c in columns) + " |" for r in rows]
    head = [f"Karnaugh map:\n\n          {above}", f"  {beside}  " + "  ".join(columns)]
    return "\n".join([*head, *body, "", "d is don't-care."])


@given(st.integers(0, 2**16 - 1), st.permutations(GRAY), st.permutations(GRAY))
@settings(max_examples=40, deadline=None)
def test_a_karnaugh_map_is_read_whatever_the_order_of_its_lines(code, rows, columns):
    def cell(word: str) -> str:
        return str(code >> int(word, 2) & 1)

    found = read_drawn(karnaugh(cell, rows, columns), plain("a b c d", "f"))
    assert found is not None and found.kind == "Karnaugh map"
    assert found.rows == tuple((code >> k & 1,) for k in range(16))


def test_bits_of_a_port_may_count_from_one():
    text = karnaugh(lambda word: word[0], above="x[1]x[2]", beside="x[3] x[4]")
    found = read_drawn(text, plain("x[4]", "f"))  # f = x[1], the port's bit 0
    assert found is not None and found.rows == tuple((k & 1,) for k in range(16))


@pytest.mark.parametrize(
    "text",
    [
        karnaugh(lambda word: "1", above="ae"),  # e is no port
        karnaugh(lambda word: "1", rows=GRAY[:3]),
        karnaugh(lambda word: "2"),
        karnaugh(lambda word: "1", above="ab", beside="ab"),
        karnaugh(lambda word: "1").replace("Karnaugh map", "Matrix"),
    ],
)
def test_a_map_with_a_fault_is_not_read(text):
    assert read_drawn(text, plain("a b c d", "f")) is None


# a toggle whose input changes with the rising edge: the next edge samples it
WAVES = """
  time  clk  en  q
  0ns   0    0   x
  5ns   1    0   0
  10ns  0    0   0
  15ns  1    1   0
  20ns  0    1   0
  25ns  1    1   1
  30ns  0    1   1
  35ns  1    0   0
  40ns  0    0   0
  45ns  1    0   0
"""
TOGGLE = """module block(input clk, input en, output reg q);
  initial q = 0;
  always @(posedge clk) if (en) q <= ~q;
endmodule
"""


def refuted(source, contract, seen, sandbox):
    replay = by_levels(seen, contract)
    trace = simulate(source, replay.contract, replay.stimulus, sandbox)
    return contradiction(seen, replay, trace)


@pytest.mark.parametrize(
    "mutant",
    [
        ("if (en)", "if (!en)"),
        ("posedge clk", "negedge clk"),
        ("q <= ~q", "q <= 1"),
        ("initial q = 0;", "initial q = 1;"),
        ("initial q = 0;", ""),  # unknown where the waveform is known
        ("posedge clk)", "clk)"),
    ],
)
def test_a_waveform_refuses_other_behaviour(sandbox, mutant):
    contract = clocked("en", "q")
    found = read_drawn(WAVES, contract)
    assert found is not None and found.rows is None and found.seen is not None
    assert refuted(TOGGLE, contract, found.seen, sandbox) is None
    told = refuted(TOGGLE.replace(*mutant), contract, found.seen, sandbox)
    assert told is not None and "of the waveform (clk=" in told


def test_a_reference_model_is_held_against_the_edges(sandbox):
    model = (
        "class Model:\n    def reset(self):\n        self.q = 0\n"
        "    def outputs(self, i):\n        return {'q': self.q}\n"
        "    def tick(self, i):\n        self.q ^= i.en\n"
    )
    contract = clocked("en", "q")
    seen = read_rows(WAVES, contract)
    replay = by_cycles(seen, contract)
    assert [row[0] for row in replay.stimulus.rows] == [0, 0, 1, 1, 0]

    def judge(code):
        trace = run_reference(code, replay.contract, replay.stimulus, sandbox)
        return contradiction(seen, replay, trace)

    assert judge(model) is None
    assert judge(model.replace("^= i.en", "= i.en")) is not None
    assert judge(model.replace("^= i.en", "^= 1 - i.en")) is not None


LOCK = """
  IDLE (open=0) --a=0,b=0--> IDLE
  IDLE (open=0) --a=1,b=0--> HALF
  IDLE (open=0) --b=1--> IDLE
  HALF (open=0) --b=0--> HALF
  HALF (open=0) --b=1--> FREE
  FREE (open=1) -----> IDLE
"""
LOCK_GOLDEN = """module block(input clk, input rst, input a, input b, output open);
  reg [2:0] s;  // one-hot
  always @(posedge clk)
    if (rst) s <= 3'b001;
    else s <= {s[1] & b, s[1] & ~b | s[0] & a & ~b, s[2] | s[0] & (b | ~a)};
  assign open = s[2];
endmodule
"""


def test_a_moore_diagram_is_a_machine(sandbox):
    contract = clocked("a b", "open", Reset("rst", active_high=True, asynchronous=False))
    machine = read_machine(LOCK + "\nReset goes to state IDLE.", contract)
    assert machine is not None
    assert verify(machine, LOCK_GOLDEN, sandbox).verdict == "equivalent"
    spoiled = LOCK.replace("--b=1--> FREE", "--b=1--> IDLE")
    other = read_machine(spoiled + "\nReset goes to state IDLE.", contract)
    assert verify(other, LOCK_GOLDEN, sandbox).verdict == "different"


def test_a_mealy_diagram_puts_out_with_its_input(sandbox):
    text = """P --0 (1)--> P
    P --1 (0)--> Q
    Q --0 (0)--> Q
    Q --1 (1)--> P

    rst_n resets it asynchronously into state Q."""
    golden = """module block(input clk, input rst_n, input u, output w);
      reg q;
      always @(posedge clk or negedge rst_n) if (!rst_n) q <= 1; else q <= q ^ u;
      assign w = q ~^ u;
    endmodule"""
    contract = clocked("u", "w", Reset("rst_n", active_high=False, asynchronous=True))
    machine = read_machine(text, contract)
    assert machine is not None and verify(machine, golden, sandbox).verdict == "equivalent"


def test_a_state_table_is_a_machine(sandbox):
    text = """
    | state | next state (u=0) | next state (u=1) | output |
    |-------|------------------|------------------|--------|
    | 00    | 00               | 01               | 0      |
    | 01    | 00               | 10               | 0      |
    | 10    | 00               | 10               | 1      |

    The reset state is 00."""
    golden = """module block(input clk, input rst, input u, output w);
      reg [1:0] last;
      always @(posedge clk) last <= rst ? 0 : {last[0], u};
      assign w = &last;
    endmodule"""
    contract = clocked("u", "w", Reset("rst", active_high=True, asynchronous=False))
    machine = read_machine(text, contract)
    assert machine is not None and verify(machine, golden, sandbox).verdict == "equivalent"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\nReset goes to state IDLE.", ""),  # to which state?
        ("goes to state IDLE", "goes to state IDLE, reset again to state FREE"),
        ("IDLE (open=0) --b=1--> IDLE", ""),  # what then?
        ("--b=1--> FREE", "--b=1--> GONE"),
        ("HALF (open=0) --b=0--> HALF", "HALF (open=0) --a=0--> HALF"),  # two at once, or none
        ("HALF (open=0) --b=1", "HALF (open=1) --b=1"),  # its output is said twice
        ("--b=1--> FREE", "--c=1--> FREE"),
        ("open=1", "shut=1"),
    ],
)
def test_a_diagram_with_a_gap_is_not_read(old, new):
    text = LOCK + "\nReset goes to state IDLE."
    contract = clocked("a b", "open", Reset("rst", active_high=True, asynchronous=False))
    assert old in text and read_machine(text.replace(old, new), contract) is None


def test_a_port_called_like_a_part_of_the_machine_is_not_overwritten():
    text = LOCK.replace("open=", "state=") + "\nReset goes to state IDLE."
    reset = Reset("rst", active_high=True, asynchronous=False)
    assert read_machine(text, clocked("a b", "state", reset)) is None
    other = text.replace("state=", "locked=")
    assert read_machine(other, clocked("a b", "locked", reset)) is not None
