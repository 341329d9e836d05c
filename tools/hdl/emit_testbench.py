"""Testbenches to hand over: a self-checking Verilog module and a cocotb test.

Both replay a stimulus and compare with the expected trace, in the timing of ``tools.hdl.trace``.
A bit of the expected trace that is x or z is not compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.hdl.contract import Clock, Contract, Port
from tools.hdl.trace import Stimulus, Trace


@dataclass(frozen=True)
class _Plan:
    """How a run is driven: the ports of the stimulus, those driven late, the pulsed clock."""

    ports: tuple[Port, ...]
    late: frozenset[str]
    clock: Clock | None
    power_up: dict[str, int]

    @property
    def idle(self) -> int:
        """The level of the clock between pulses."""
        return 1 if self.clock is not None and self.clock.edge == "negedge" else 0


def verilog_testbench(contract: Contract, stimulus: Stimulus, expected: Trace) -> str:
    """A module ``tb`` that prints one line, ``PASS n samples`` or ``FAIL k of n samples``, after
    the first mismatch, and ends with ``$finish``, on failure ``$fatal``.

    Runs as ``iverilog -g2012 -s tb`` and as ``verilator --binary --timing --top-module tb``.
    """
    plan = _plan(contract, stimulus)
    width = sum(port.width for port in plan.ports)
    samples = 2 if expected.after else 1
    out = sum(port.width for port in contract.outputs)
    word = width + 2 * out * samples
    rows = [_word(plan, stimulus, expected, cycle) for cycle in range(len(stimulus.rows))]
    declarations = [f"  reg [{p.width - 1}:0] \\{p.name} ;" for p in plan.ports]
    declarations += [f"  wire [{p.width - 1}:0] \\{p.name} ;" for p in contract.outputs]
    declarations += [f"  reg \\{plan.clock.port} ;"] if plan.clock else []
    pins = ", ".join(f".\\{p.name} (\\{p.name} )" for p in contract.ports)
    vectors = "\n".join(f"    tb_rows[{i}] = {word}'b{bits};" for i, bits in enumerate(rows))
    outputs = "{" + ", ".join(f"\\{p.name} " for p in contract.outputs) + "}"
    return _MODULE.format(
        top=contract.top,
        declarations="\n".join(declarations),
        pins=pins,
        word=word - 1,
        last=len(rows) - 1,
        count=len(rows),
        out=out - 1,
        vectors=vectors,
        power_up=" ".join(_levels(plan)),
        drive="\n".join(_drive(plan, word)),
        sample="\n".join(_samples(plan, out, samples)),
        outputs=outputs,
    )


_MODULE = """`timescale 1ns/1ps
// Self-checking testbench of {top}: {count} cycles. An x in the expectation is not compared.
module tb;
{declarations}
  reg [{word}:0] tb_rows [0:{last}];
  reg [{word}:0] tb_row;
  integer tb_cycle, tb_samples, tb_failures;

  \\{top} dut ({pins});

  task tb_check(input [{out}:0] want, input [{out}:0] care, input after_edge);
    begin
      tb_samples = tb_samples + 1;
      if ((({outputs} ^ want) & care) !== {{({out} + 1){{1'b0}}}}) begin
        if (tb_failures == 0) begin
          $display("first mismatch: cycle %0d, %0s the clock edge", tb_cycle,
                   after_edge ? "after" : "before");
          $display("  outputs  %b", {outputs});
          $display("  expected %b", want);
          $display("  compared %b", care);
        end
        tb_failures = tb_failures + 1;
      end
    end
  endtask

  initial begin
{vectors}
  end

  initial begin
    tb_samples = 0; tb_failures = 0;
    {power_up}
    #10;
    for (tb_cycle = 0; tb_cycle < {count}; tb_cycle = tb_cycle + 1) begin
      tb_row = tb_rows[tb_cycle];
{drive}
{sample}
    end
    if (tb_failures == 0) begin
      $display("PASS %0d samples", tb_samples);
      $finish;
    end else begin
      $display("FAIL %0d of %0d samples", tb_failures, tb_samples);
      $fatal(1);
    end
  end
endmodule
"""


def cocotb_test(contract: Contract, stimulus: Stimulus, expected: Trace) -> str:
    """A cocotb 2 test module: same rows, same expectation; the file says how to run it."""
    plan = _plan(contract, stimulus)
    names = [port.name for port in plan.ports]
    pulsed = plan.clock.port if plan.clock else None
    return _COCOTB.format(
        top=contract.top,
        inputs=tuple(names),
        late=tuple(name for name in names if name in plan.late),
        clock=pulsed,
        idle=plan.idle,
        power_up=plan.power_up,
        outputs=expected.outputs,
        rows=_listing(stimulus.rows),
        before=_listing(expected.before),
        after=_listing(expected.after),
    )


_COCOTB = '''"""cocotb test of {top}. Put it beside design.sv and run:

    python -c "
    from cocotb_tools.runner import get_runner
    runner = get_runner('icarus')
    runner.build(sources=['design.sv'], hdl_toplevel='{top}', timescale=('1ns', '1ps'))
    runner.test(hdl_toplevel='{top}', test_module='test_design', test_dir='.')"
"""

import cocotb
from cocotb.triggers import Timer

INPUTS = {inputs!r}
LATE = {late!r}  # inputs whose edges matter: they change after the others have settled
CLOCK, IDLE = {clock!r}, {idle!r}
POWER_UP = {power_up!r}
OUTPUTS = {outputs!r}
ROWS = {rows}
BEFORE = {before}
AFTER = {after}


def check(dut, cycle, moment, expected):
    for name, want in zip(OUTPUTS, expected, strict=True):
        have = str(getattr(dut, name).value).lower()
        wrong = any(w in "01" and h != w for h, w in zip(have, want, strict=True))
        place = f"cycle {{cycle}}, {{moment}} the edge"
        assert not wrong, f"{{place}}: {{name}} is {{have}}, not {{want}}"


@cocotb.test()
async def replays_the_expected_trace(dut):
    for name, value in POWER_UP.items():
        getattr(dut, name).value = value
    await Timer(10, "ns")
    for cycle, row in enumerate(ROWS):
        values = dict(zip(INPUTS, row, strict=True))
        for late in (False, True):
            for name, value in values.items():
                if (name in LATE) == late:
                    getattr(dut, name).value = value
            await Timer(10, "ns")
        check(dut, cycle, "before", BEFORE[cycle])
        if CLOCK is not None:
            getattr(dut, CLOCK).value = 1 - IDLE
            await Timer(10, "ns")
            check(dut, cycle, "after", AFTER[cycle])
            getattr(dut, CLOCK).value = IDLE
            await Timer(10, "ns")
'''


def _plan(contract: Contract, stimulus: Stimulus) -> _Plan:
    ports = {port.name: port for port in contract.ports}
    pulsed = contract.pulsed
    if pulsed is not None and pulsed.port in stimulus.inputs:
        pulsed = None
    late = {clock.port for clock in contract.clocks}
    late |= {reset.port for reset in contract.resets if reset.asynchronous}
    power_up = {r.port: 0 if r.active_high else 1 for r in contract.resets if r.asynchronous}
    power_up |= {clock.port: 0 for clock in contract.clocks}
    if pulsed is not None:
        power_up[pulsed.port] = 1 if pulsed.edge == "negedge" else 0
    inputs = tuple(ports[name] for name in stimulus.inputs)
    return _Plan(inputs, frozenset(late & set(stimulus.inputs)), pulsed, power_up)


def _word(plan: _Plan, stimulus: Stimulus, expected: Trace, cycle: int) -> str:
    """Bits of one row: inputs, then value and care mask of each sample."""
    row = stimulus.rows[cycle]
    bits = "".join(
        format(value, f"0{port.width}b") for value, port in zip(row, plan.ports, strict=True)
    )
    for sample in (expected.before, expected.after):
        if sample:
            want = "".join(sample[cycle])
            bits += "".join(bit if bit in "01" else "0" for bit in want)
            bits += "".join("1" if bit in "01" else "0" for bit in want)
    return bits


def _levels(plan: _Plan) -> list[str]:
    return [f"\\{name} = {level};" for name, level in plan.power_up.items()]


def _drive(plan: _Plan, word: int) -> list[str]:
    """Assignments from the row's top bits, the late ones after a wait."""
    early: list[str] = []
    late: list[str] = []
    high = word - 1
    for port in plan.ports:
        group = late if port.name in plan.late else early
        group.append(f"      \\{port.name} = tb_row[{high}:{high - port.width + 1}];")
        high -= port.width
    return [*early, "      #10;", *late, "      #10;"]


def _samples(plan: _Plan, out: int, samples: int) -> list[str]:
    lines = []
    for index in range(samples):
        low = 2 * out * (samples - 1 - index)
        if index == 1 and plan.clock:
            lines.append(f"      \\{plan.clock.port} = {1 - plan.idle}; #10;")
        want, care = f"tb_row[{low + 2 * out - 1}:{low + out}]", f"tb_row[{low + out - 1}:{low}]"
        lines.append(f"      tb_check({want}, {care}, 1'b{index});")
    if plan.clock:
        lines.append(f"      \\{plan.clock.port} = {plan.idle}; #10;")
    return lines


def _listing(rows: tuple[tuple[object, ...], ...]) -> str:
    """A tuple of rows, one a line."""
    if not rows:
        return "()"
    return "(\n" + "".join(f"    {row!r},\n" for row in rows) + ")"
