"""Goals go to the right workflow; rules decide what is clear, and only then is no model needed."""

import json
from pathlib import Path

import pytest

from agents.planner import Planner
from agents.routing import needs_model, route
from agents.workbench import Workbench
from lpcm.gateway import Gateway
from lpcm.scripted import ScriptedModel
from memory.records import Goal
from memory.runs import RunStore
from sandboxes.probe import open_sandbox

ROUTES = {
    "an 8-bit multiplier module in Verilog": "ask module",
    "module inv: input a; output y. y is not a": "rtl",
    "a FIFO with 8 entries of 16 bits": "ask module",
    "a softmax unit in SystemVerilog": "ask module",
    "a systolic array for matrix multiplication with 8-bit inputs": "ask module",
    "a counter; pay attention to the wrap": "ask module",
    "an fp32 adder with a register": "ask module",
    "a fast fp32 GEMM, 512 x 512 x 512, for this CPU": "kernel",
    "causal attention forward, 8 heads, 2 KV heads, 1024 tokens, d=64, fp32": "kernel",
    "softmax of 64 x 64": "kernel",
    "the fastest row sums for this CPU": "kernel",
    "int8 gemm with VNNI, cache blocked": "kernel",
    "a matrix multiply with 8-bit inputs": "ask",
    "learn a 16-bit adder from examples": "learn",
    "design an RV32I core from this simulator": "learn",
    "learn the traffic lights from their black box": "machine",
    "a traffic light controller in Verilog": "ask module",
    "bake a cake": "other",
}


@pytest.mark.parametrize("text", ROUTES)
def test_words_choose_the_workflow(text):
    assert route(text) == ROUTES[text]
    assert needs_model(text, None) == (ROUTES[text] not in ("kernel", "learn", "machine"))


def test_a_named_workflow_is_taken():
    assert not needs_model("a FIFO", "kernel")
    assert needs_model("softmax of 64 x 64", "rtl")


@pytest.mark.parametrize(
    ("kind", "workflow"), [("module", "rtl"), ("kernel", "kernel"), ("other", None)]
)
def test_what_is_not_clear_is_asked(kind: str, workflow: str | None, tmp_path: Path):
    run = RunStore(tmp_path).create(Goal(text="x"), {}, {})
    model = ScriptedModel([json.dumps({"kind": kind})])
    bench = Workbench(run, Gateway(lambda name: model), "scripted", open_sandbox("host"))
    with run:
        assert Planner(bench).workflow("a matrix multiply with 8-bit inputs") == workflow
