"""The worked examples of the prompts are right: their Verilog and their Python agree."""

from pathlib import Path

import pytest

from agents.examples import Example, choose, design_messages, examples, reference_messages
from sandboxes.bubblewrap import BubblewrapSandbox
from tools.hdl.compare import first_difference, mask_power_up
from tools.hdl.contract_text import read_contract
from tools.hdl.reference import run_reference
from tools.hdl.repair import repair
from tools.hdl.simulate import simulate
from tools.hdl.stimuli import stimuli
from tools.hdl.vacuity import emptiness

GOALS = Path(__file__).parents[2] / "evals" / "rtl_goals"


@pytest.mark.parametrize("example", examples(), ids=lambda e: e.contract.top)
def test_verilog_and_python_agree(example: Example):
    sandbox, contract = BubblewrapSandbox(), example.contract
    stimulus = stimuli(contract, 0, [example.design])
    trace = mask_power_up(simulate(example.design, contract, stimulus, sandbox), contract, stimulus)
    reference = run_reference(example.model, contract, stimulus, sandbox)
    assert first_difference(trace, mask_power_up(reference, contract, stimulus)) is None
    assert emptiness(example.design, contract, stimulus, trace, sandbox) is None
    assert repair(example.design, contract).applied == ()


def test_examples_fit_the_kind_of_goal():
    for example in examples():
        chosen = choose(example.contract, example.goal)
        assert chosen[-1] == example
        assert all(bool(e.contract.clocks) == bool(example.contract.clocks) for e in chosen)


def test_prompts_end_with_the_goal_and_its_interface():
    contract = read_contract("Module m: inputs clk, rst, in [3:0]; output q [3:0].").contract
    assert contract is not None
    design = design_messages(contract, "GOAL")[-1].content
    assert design.startswith("GOAL")
    assert "module m (\n    input clk,\n    input rst,\n    input [3:0] in,\n" in design
    reference = reference_messages(contract, "GOAL")[-1].content
    assert "Inputs: in_ (4 bits). Outputs: q (4 bits)." in reference


def test_no_golden_module_reaches_a_prompt():
    shown = "".join(e.goal + e.design + e.model for e in examples())
    for golden in GOALS.glob("*/*/golden.sv"):
        assert f"module {golden.parent.name[3:]}" not in shown
        assert golden.read_text() not in shown
