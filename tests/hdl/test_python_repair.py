"""Each rule: an answer that needs it fails without and runs with it; one that does not is kept."""

import pytest

from sandboxes.bubblewrap import BubblewrapSandbox
from tools.hdl.contract import Clock, Contract, Port, Reset
from tools.hdl.python_repair import repair_model
from tools.hdl.reference import BadReference, run_reference
from tools.hdl.stimuli import stimuli

GOOD = """
class Model:
    def reset(self):
        self.q = 0   # spacing and comments stay

    def outputs(self, i):
        return {'q': self.q, "Zero": self.q == 0}

    def tick(self, i):
        if i.en:
            self.q = (self.q + i.d) & 0xFF
"""


def counter(reset=None, clocked=True):
    reset = reset or Reset("rst_n", active_high=False, asynchronous=True)
    ports = (Port("clk", "input", 1), Port(reset.port, "input", 1)) if clocked else ()
    ports += (Port("en", "input", 1), Port("d", "input", 8))
    ports += (Port("q", "output", 8), Port("Zero", "output", 1))
    clocks = (Clock("clk", "posedge"),) if clocked else ()
    return Contract("acc", ports, clocks, (reset,) if clocked else ())


CONTRACT = counter()


def body(reset="self.q = 0", outputs='return {"q": self.q, "Zero": self.q == 0}', tick=None):
    tick = tick or "if i.en:\n    self.q = (self.q + i.d) & 0xFF"

    def part(head, text):
        return f"    def {head}:\n" + "\n".join(f"        {line}" for line in text.splitlines())

    parts = [part("reset(self)", reset)] if reset else []
    return (
        "class Model:\n"
        + "\n".join([*parts, part("outputs(self, i)", outputs), part("tick(self, i)", tick)])
        + "\n"
    )


STEP = "if i.en:\n    self.q = (self.q + i.d) & 0xFF"
INDENTED = STEP.replace("\n", "\n    ")
NEEDY = {
    "fence": f"Here it is:\n```python\nprint(1)\n```\nBetter:\n```python\n{GOOD}",
    "prose": f"Sure, this is the model.\n{GOOD}\nThis model counts as described.\nIt's simple.\n",
    "class_name": body().replace("class Model", "class Acc"),
    "method_names": body().replace("def outputs", "def get_outputs").replace("tick", "update"),
    "step_method": "class Model:\n    def reset(self):\n        self.q = 0\n        self.z = True\n"
    "    def step(self, i):\n        if i.en:\n            self.q = (self.q + i.d) & 0xFF\n"
    "        self.z = self.q == 0\n        return {'q': self.q, 'Zero': self.z}\n",
    "outputs_missing": "class Model:\n    def reset(self):\n        self.q = 0\n"
    "        self.Zero = 1\n"
    "    def tick(self, i):\n        if i.en:\n            self.q = (self.q + i.d) & 0xFF\n"
    "        self.Zero = int(self.q == 0)\n",
    "parameters": body()
    .replace("tick(self, i)", "tick(self, clk, en, d=0)")
    .replace("outputs(self, i)", "outputs(self)")
    .replace("i.en", "en")
    .replace("i.d", "d"),
    "input_items": body(tick="if i['en']:\n    self.q = (self.q + i.get('d', 0)) & 0xFF"),
    "clock_level": body(tick=f"if i.clk == 1:\n    {INDENTED}"),
    "init_arguments": body().replace(
        "    def reset", "    def __init__(self, width):\n        self.w = width\n    def reset"
    ),
    "returned_values": body(outputs="return self.q, self.q == 0"),
    "output_case": body(outputs='return {"Q": self.q, "zero": self.q == 0}'),
    "bit_slices": body(
        outputs='return {"q": self.q, "Zero": self.q[7:4] == 0 and (self.q[3:0]) == 0}',
        tick="if i.en:\n    self.q = (self.q + i.d - 0 * i.d[7]) & 0xFF",
    ),
    "state_not_reset": body(reset="pass"),
}


@pytest.fixture(scope="module")
def run():
    sandbox = BubblewrapSandbox()
    stimulus = stimuli(CONTRACT, cycles=60)
    return lambda code: run_reference(code, CONTRACT, stimulus, sandbox)


@pytest.mark.parametrize("rule", NEEDY)
def test_rule_makes_the_model_run_as_meant(rule, run):
    with pytest.raises(BadReference):
        run(NEEDY[rule])
    repaired = repair_model(NEEDY[rule], CONTRACT)
    assert rule in repaired.applied
    assert run(repaired.code) == run(GOOD)
    assert repair_model(repaired.code, CONTRACT).applied == ()


RESETS = {
    "right polarity": f"if not i.rst_n:\n    self.q = 0\nelse:\n    {INDENTED}",
    "wrong polarity": f"if i.rst_n:\n    self.q = 0\nelse:\n    {INDENTED}",
    "compared": f"if i.rst_n == 0:\n    self.reset()\n    return\n{STEP}",
    "elif": "if i.rst_n == 0:\n    self.q = 0\nelif i.en:\n    self.q = (self.q + i.d) & 0xFF",
    "released": f"if i.rst_n:\n    {INDENTED}",
}


@pytest.mark.parametrize("tick", RESETS.values(), ids=list(RESETS))
def test_a_reset_written_into_tick_is_taken_out(tick, run):
    repaired = repair_model(body(tick=tick), CONTRACT)
    assert repaired.applied == ("reset_branch",)
    assert "rst_n" not in repaired.code
    assert run(repaired.code) == run(GOOD)


def test_a_reset_written_into_outputs_is_taken_out(run):
    outputs = (
        "if not i.rst_n:\n    return {'q': 0, 'Zero': 0}\nreturn {'q': self.q, 'Zero': self.q == 0}"
    )
    repaired = repair_model(body(outputs=outputs), CONTRACT)
    assert run(repaired.code) == run(GOOD)


def test_other_conditions_are_no_reset():
    tick = "if i.en:\n    self.q = 0\nelse:\n    self.q = (self.q + i.d) & 0xFF"
    assert repair_model(body(tick=tick), CONTRACT).applied == ()
    gated = "if i.rst_n and i.en:\n    self.q = 0"
    assert repair_model(body(tick=gated), CONTRACT).applied == ()


KEPT = {
    "good": GOOD,
    "default argument": body().replace(
        "    def reset", "    def __init__(self, width=8):\n        self.w = width\n    def reset"
    ),
    "state from init through reset": body().replace(
        "    def reset", "    def __init__(self):\n        self.reset()\n    def reset"
    ),
    "memory, not bits": body(
        reset="self.q = 0\nself.mem = [0] * 8",
        outputs="return {'q': self.mem[0], 'Zero': self.mem[i.d & 7] == 0}",
        tick="self.mem[i.d & 7] = i.en",
    ),
    "class constant": body()
    .replace("class Model:", "class Model:\n    N = 1")
    .replace("i.d)", "self.N)"),
    "tuple of the wrong length": body(outputs="return self.q, 0, 1"),
    "python slice": body(outputs="return {'q': self.q, 'Zero': i.d[0:4]}"),
    "unknown output": body(outputs="return {'Y': self.q}"),
    "unknown parameter": body().replace("tick(self, i)", "tick(self, en, other)"),
    "no model": "def f():\n    return 1\n",
    "not python": "module acc;\n",
    "broken inside": "class Model:\n    def reset(self):\n        self.q = (0\n",
    "step returns a local": "class Model:\n    def step(self, i):\n        x = i.en\n"
    "        return {'q': x}\n",
}


@pytest.mark.parametrize("code", KEPT.values(), ids=list(KEPT))
def test_what_needs_no_rule_is_kept_byte_for_byte(code):
    repaired = repair_model(code, CONTRACT)
    assert (repaired.code, repaired.applied) == (code, ())


def test_state_comes_from_init_when_reset_forgets_it(run):
    code = body(reset="pass").replace(
        "    def reset", "    def __init__(self):\n        self.q = 0\n    def reset"
    )
    assert run(repair_model(code, CONTRACT).code) == run(GOOD)
    other = code.replace("self.q = 0", "self.q = 7")
    assert run(repair_model(other, CONTRACT).code).before[0] == ("00000111", "0")


def test_impure_outputs_are_reported_and_left():
    code = body(outputs="self.q += 1\nreturn {'q': self.q, 'Zero': 0}")
    repaired = repair_model(code, CONTRACT)
    assert (repaired.code, repaired.applied) == (code, ())
    assert repaired.reported == ("outputs() changes self.q",)
