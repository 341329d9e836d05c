"""Rules on processes that compile and behave otherwise than meant. The semantic ones are named."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.hdl.contract import Contract
from tools.hdl.repair.diagnose import View
from tools.hdl.repair.hazards import reset_test
from tools.hdl.repair.process import Process, module_nodes, processes
from tools.hdl.repair.rule import Rule, rule, semantic_rule
from tools.hdl.syntax import Edit, apply


def _blocks(view: View) -> Iterator[Process]:
    for module in module_nodes(view.tree):
        yield from processes(module)


def _block_at(view: View, offset: int) -> Process | None:
    for block in _blocks(view):
        extent = block.node.sourceRange
        if extent.start.offset <= offset < extent.end.offset:
            return block
    return None


@rule
def testbench_dropped(view: View, contract: Contract) -> Iterator[str]:
    """A testbench module after the design.

    Example: `module tb; ... endmodule` → removed
    """
    for finding in view.of("Testbench"):
        yield view.source[: finding.offset].rstrip() + "\n" + view.source[finding.end :].lstrip()


@rule
def simulation_code_dropped(view: View, contract: Contract) -> Iterator[str]:
    """An initial block that only prints, dumps or ends the simulation.

    Example: `initial $monitor("%b", y);` → removed
    """
    for finding in view.of("SimulationOnly"):
        yield view.source[: finding.offset] + view.source[finding.end :]


@semantic_rule
def sensitivity_completed(view: View, contract: Contract) -> Iterator[str]:
    """A combinational process whose sensitivity list lacks signals it reads: `@(*)`, as
    synthesis reads it.

    Example: `always @(a) y = a & b;` → `always @(*) y = a & b;`
    """
    for finding in view.of("IncompleteSensitivity"):
        yield apply(view.source, [Edit(finding.offset, finding.end, "@(*)")])


@semantic_rule
def constant_process_started(view: View, contract: Contract) -> Iterator[str]:
    """A combinational process that reads nothing, so that `@(*)` never starts it.

    Example: `always @(*) y = 1'b0;` → `assign y = 1'b0;`
    """
    for finding in view.of("NeverRuns"):
        block = _block_at(view, finding.offset)
        if block and (text := block.as_assigns):
            yield apply(
                view.source, [Edit(finding.offset, block.node.sourceRange.end.offset, text)]
            )
        yield apply(view.source, [Edit(finding.offset, finding.end, "always_comb")])


@semantic_rule
def nonblocking_in_clocked(view: View, contract: Contract) -> Iterator[str]:
    """A register assigned with `=` that another clocked process reads: a race between them.

    Example: `always @(posedge clk) q = d;` → `always @(posedge clk) q <= d;`
    """
    yield from _operators(view, "BlockingInSequential", "<=")


@semantic_rule
def blocking_in_combinational(view: View, contract: Contract) -> Iterator[str]:
    """A signal assigned with `<=` in combinational code.

    Example: `always @(*) y <= a;` → `always @(*) y = a;`
    """
    yield from _operators(view, "NonblockingInCombinational", "=")


def _operators(view: View, code: str, operator: str) -> Iterator[str]:
    for finding in view.of(code):
        block = _block_at(view, finding.offset)
        if block is None:
            continue
        edits = [
            Edit(w.operator.range.start.offset, w.operator.range.end.offset, operator)
            for w in block.writes
            if w.name == finding.name
        ]
        yield apply(view.source, edits)


@semantic_rule
def reset_made_asynchronous(view: View, contract: Contract) -> Iterator[str]:
    """A synchronous reset where the contract has an asynchronous one.

    Example: `always @(posedge clk) if (rst)` → `always @(posedge clk or posedge rst) if (rst)`
    """
    for finding in view.of("ResetKind"):
        reset = next(r for r in contract.resets if r.port == finding.name)
        if reset.asynchronous:
            edge = "posedge" if reset.active_high else "negedge"
            text = view.source[finding.offset : finding.end].rstrip()
            if text.endswith(")"):
                listed = f"{text[:-1]} or {edge} {reset.port})"
                yield apply(view.source, [Edit(finding.offset, finding.end, listed)])


@semantic_rule
def reset_made_synchronous(view: View, contract: Contract) -> Iterator[str]:
    """An asynchronous reset where the contract has a synchronous one.

    Example: `always @(posedge clk or posedge rst)` → `always @(posedge clk)`
    """
    for finding in view.of("ResetKind"):
        reset = next(r for r in contract.resets if r.port == finding.name)
        if not reset.asynchronous:
            text = view.source[finding.offset : finding.end]
            name = re.escape(reset.port)
            shorter = re.sub(rf"\s*(?:\bor\b|,)\s*(?:pos|neg)edge\s+{name}\b", "", text)
            shorter = re.sub(rf"(?:pos|neg)edge\s+{name}\s*(?:\bor\b|,)\s*", "", shorter)
            yield apply(view.source, [Edit(finding.offset, finding.end, shorter)])


@semantic_rule
def reset_polarity(view: View, contract: Contract) -> Iterator[str]:
    """A reset tested for the level the contract does not reset at.

    Example: `if (rst) q <= 0;` with an active-low `rst` → `if (!rst) q <= 0;`
    """
    for finding in view.of("ResetPolarity"):
        reset = next(r for r in contract.resets if r.port == finding.name)
        block = _block_at(view, finding.offset)
        if block is None or reset_test(block) is None:
            continue
        condition = reset.port if reset.active_high else f"!{reset.port}"
        edits = [Edit(finding.offset, finding.end, condition)]
        control = block.control.sourceRange
        text = view.source[control.start.offset : control.end.offset]
        edge = "posedge" if reset.active_high else "negedge"
        swapped = re.sub(rf"(?:pos|neg)edge(\s+{re.escape(reset.port)}\b)", rf"{edge}\1", text)
        edits.append(Edit(control.start.offset, control.end.offset, swapped))
        yield apply(view.source, edits)


@semantic_rule
def clock_edge(view: View, contract: Contract) -> Iterator[str]:
    """A process on the rising edge of a clock whose falling edge was asked for.

    Example: `always @(posedge clk)` with a falling-edge `clk` → `always @(negedge clk)`
    """
    findings = list(view.of("ClockEdge"))
    edits = []
    for finding in findings:
        text = view.source[finding.offset : finding.end]
        swapped = re.sub(rf"\bposedge(\s+{re.escape(finding.name)}\b)", r"negedge\1", text)
        edits.append(Edit(finding.offset, finding.end, swapped))
    yield apply(view.source, edits)


@semantic_rule
def first_value_given(view: View, contract: Contract) -> Iterator[str]:
    """A register whose next value depends on itself, in a module without a reset: it would be
    unknown for ever in simulation. It starts at 0.

    Example: `always @(posedge clk) q <= ~q;` → `initial q = 0;` added
    """
    findings = list(view.of("NoFirstValue"))
    if findings:
        lines = "".join(f"  initial {finding.name} = 0;\n" for finding in findings)
        yield apply(view.source, [Edit(findings[0].offset, findings[0].offset, lines)])


PROCESS_RULES: tuple[Rule, ...] = (
    testbench_dropped,
    simulation_code_dropped,
    sensitivity_completed,
    constant_process_started,
    nonblocking_in_clocked,
    blocking_in_combinational,
    reset_polarity,
    reset_made_asynchronous,
    reset_made_synchronous,
    clock_edge,
    first_value_given,
)
