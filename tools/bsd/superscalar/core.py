"""An in-order core that issues several instructions a cycle, in Verilog.

All execution logic is the learned module: one copy for each slot, and one for each slot but the
last that is the *speculator*: it sees only the selected state words, copies of some registers
and of the memory words last used, and hands a slot's result to the slots after it. What needs
an operand is decided by a learned module too (`needs`). Where a needed result is not among what
the speculator can know, the slot waits a cycle: nothing is guessed, nothing rolled back. The
core compares all the speculator said with what the slots made, and counts the differences.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tools.bsd.superscalar.issue import Machine
from tools.bsd.superscalar.speculator import (
    OPERANDS,
    Design,
    ahead,
    by_issued,
    early_state,
    instruction,
    overlay,
    said,
)  # fmt: skip

BUFFER = Path(__file__).with_name("buffer.v").read_text()
REGISTERED = ("pc", "wrong", "used")
"""Outputs that are registers."""


def core(design: Design) -> str:
    """The module ``processor``; the modules of ``design.parts`` come with it, or before it.

    Slot j executes ``instr<j>``, the word at ``pc + 4 j``; an early speculator looks at more of
    them (``design.fetched``). Memory port p shows the word at ``addr<p>`` as ``load<p>`` in the
    same cycle and stores ``wdata<p>`` in the lanes ``strb<p>``; port 0 comes first in the
    program. ``issued`` instructions retire at the clock; ``trap`` is slot 0's. ``wrong`` counts
    speculated results that were not the slot's own, ``used`` those that a later slot took.
    """
    slots = range(design.machine.width)
    return "\n".join(
        [
            BUFFER,
            _head(design),
            *(_slot(j, design) for j in slots),
            *([ahead(design)] if design.kind == "early" else []),
            *(_port(p, design) for p in range(design.machine.ports)),
            _assertion(design.machine.width),
            _state(design),
            "endmodule\n",
        ]
    )


def ports(machine: Machine, fetched: int) -> list[tuple[str, str, int]]:
    """Name, direction and width of each port of a core that looks at ``fetched`` instructions."""
    found = [("clock", "input", 1), ("reset", "input", 1), ("pc", "output", 32)]
    found += [(f"instr{j}", "input", 32) for j in range(fetched)]
    for p in range(machine.ports):
        found += [(f"load{p}", "input", 32), (f"addr{p}", "output", 32)]
        found += [(f"wdata{p}", "output", 32), (f"strb{p}", "output", 4)]
    found += [("issued", "output", 3), ("trap", "output", 1)]
    found += [("wrong", "output", 32), ("used", "output", 32)]
    return [*found, ("peek", "input", 5), ("peeked", "output", 32)]


def _port_line(name: str, direction: str, width: int) -> str:
    kind = "output reg" if name in REGISTERED else direction
    return f"  {kind} {f'[{width - 1}:0] ' if width > 1 else ''}{name}"


def _head(design: Design) -> str:
    """Ports, registers and functions."""
    lines = ",\n".join(_port_line(*port) for port in ports(design.machine, design.fetched))
    zero = " | ".join(f"index == {_number(name)}" for name in design.parts.found.zero) or "1'b0"
    is_kept = " | ".join(["is_zero(index)", *(f"index == {r}" for r in design.kept)])
    kept = "".join(f"\n      {r}: kept = kept{r};" for r in design.kept)
    copies = "".join(f"\n  reg [31:0] kept{r};" for r in design.kept)
    copies += f"\n  reg [{63 * design.words - 1}:0] recent;" if design.words else ""
    return f"""\
// Up to {design.machine.width} instructions a cycle, in order; stops at a trap. Generated.
module processor (
{lines}
);
  reg [31:0] registers [0:31];

  // The selected state: copies of registers, and the memory words last used.{copies}

  // The registers that were found to be hard-wired to zero.
  function is_zero(input [4:0] index);
    is_zero = {zero};
  endfunction

  function is_kept(input [4:0] index);
    is_kept = {is_kept};
  endfunction

  function [31:0] kept(input [4:0] index);
    case (index){kept}
      default: kept = 32'd0;
    endcase
  endfunction

  // A memory word after a store to some of its lanes.
  function [31:0] stored(input [31:0] word, data, input [3:0] lanes);
    stored = {{lanes[3] ? data[31:24] : word[31:24], lanes[2] ? data[23:16] : word[23:16],
              lanes[1] ? data[15:8] : word[15:8], lanes[0] ? data[7:0] : word[7:0]}};
  endfunction
"""


def _slot(j: int, design: Design) -> str:
    """The operands, the execution and the issue of one slot, and what is said of its result."""
    machine, parts = design.machine, design.parts
    waits = [f"{name}{j}_from{i} && !known{i}" for i in range(j) for name in OPERANDS]
    issues = "!trap0"
    if j:
        issues = (
            f"issue{j - 1} && npc{j - 1} == pc{j} && !waits{j} && !trap{j}\n"
            f"    && !(memory{j} && accesses{j} == {machine.ports})"
        )
    return f"""\
  // Slot {j}.
{instruction(j, parts)}
{_sources(j)}
  wire waits{j} = {" || ".join(waits) or "1'b0"};
  wire [31:0] rd{j}, npc{j}, addr_{j}, wdata_{j};
  wire we{j}, re{j}, trap{j};
  wire [3:0] strb_{j};
{_word(j, machine.ports)}
  {parts.execution} core{j} (
    .instr(instr{j}), .pc(pc{j}), .rs1(rs1_{j}), .rs2(rs2_{j}), .load(word{j}),
    .rd(rd{j}), .npc(npc{j}), .addr(addr_{j}), .wdata(wdata_{j}),
    .we(we{j}), .re(re{j}), .strb(strb_{j}), .trap(trap{j})
  );
  wire writes{j} = we{j} && !is_zero(target{j});
  wire memory{j} = re{j} || |strb_{j};
  wire [2:0] accesses{j} = {_sum(f"memory{i}" for i in range(j))};
  wire issue{j} = {issues};

{said(j, design) if j < machine.width - 1 else ""}"""


def _sources(j: int) -> str:
    """Which earlier slot makes an operand, the latest one, and the operand's value."""
    lines = []
    for name, port in OPERANDS.items():
        value = f"is_zero({name}{j}) ? 32'd0 : registers[{name}{j}]"
        later: list[str] = []
        for i in reversed(range(j)):
            mine = f"needs_{name}{j} && writes{i} && target{i} == {name}{j}"
            lines.append(f"  wire {name}{j}_from{i} = {' && '.join([mine, *later])};")
            later.append(f"!{name}{j}_from{i}")
        for i in range(j):
            value = f"{name}{j}_from{i} ? said{i} : {value}"
        lines.append(f"  wire [31:0] {port}_{j} = {value};")
    return "\n".join(lines)


def _word(j: int, ports: int) -> str:
    """The memory word that a slot sees: its port's, after the stores of earlier slots."""
    last = min(j, ports - 1)
    word = f"load{last}"
    for p in reversed(range(last)):
        word = f"accesses{j} == {p} ? load{p} : {word}"
    stores = range(j) if ports > 1 else range(0)
    lines = [f"  wire [31:0] word{j}_0 = {word};"]
    lines += [overlay(f"word{j}", f"addr_{j}", i) for i in stores]
    return "\n".join([*lines, f"  wire [31:0] word{j} = word{j}_{len(stores)};"])


def _port(p: int, design: Design) -> str:
    """A memory port serves the slot that makes access number p; its word is then recent."""
    slots = range(p, design.machine.width)
    lines = [f"  // Memory port {p}."]
    lines += [f"  wire on{p}_{j} = issue{j} && memory{j} && accesses{j} == {p};" for j in slots]
    for name, size in (("addr", 32), ("wdata", 32), ("strb", 4)):
        each = " | ".join(f"({{{size}{{on{p}_{j}}}}} & {name}_{j})" for j in slots)
        lines.append(f"  assign {name}{p} = {each};")
    if design.words:
        word = " | ".join(f"({{32{{on{p}_{j}}}}} & word{j})" for j in slots)
        lines.append(
            f"""\
  wire [31:0] served{p} = {word};
  wire [{63 * design.words - 1}:0] touched{p};
  touch #({design.words}) touch{p} (
    .entries({f"touched{p - 1}" if p else "recent"}), .used({_any(p, slots)}),
    .place(addr{p}[31:2]), .word(stored(served{p}, wdata{p}, strb{p})), .after(touched{p})
  );"""
        )
    return "\n".join([*lines, ""])


def _any(p: int, slots: Iterable[int]) -> str:
    return " || ".join(f"on{p}_{j}" for j in slots)


def _assertion(width: int) -> str:
    """Every result that was known is compared with the slot's own, whether it was used or not."""
    lines = ["  // The speculator against the slots."]
    for i in range(width - 1):
        users = [f"issue{j} && {name}{j}_from{i}" for j in range(i + 1, width) for name in OPERANDS]
        lines += [
            f"  wire wrong{i} = issue{i} && writes{i} && known{i} && said{i} != rd{i};",
            f"  wire used{i} = {' || '.join(users)};",
        ]
    return "\n".join([*lines, ""])


def _state(design: Design) -> str:
    """What the clock changes."""
    slots = range(design.machine.width)
    changes = {
        "pc": by_issued([f"npc{j}" for j in slots]),
        "wrong": f"wrong + {{29'b0, {_sum(f'wrong{j}' for j in slots[:-1])}}}",
        "used": f"used + {{29'b0, {_sum(f'used{j}' for j in slots[:-1])}}}",
    }
    if design.words:
        changes["recent"] = f"touched{design.machine.ports - 1}"
    if design.kind == "early":
        changes |= early_state(design)
    resets = "\n".join(f"      {name} <= 0;" for name in changes)
    steps = "\n".join(f"      {name} <= {value};" for name, value in changes.items())
    return f"""\
  // Of two writes to a register, the later slot's holds.
  always @(posedge clock)
    if (reset) begin
{resets}
    end else if (!trap) begin
{steps}
{chr(10).join(_writes(j, design) for j in slots)}
    end

  assign issued = {_sum(f"issue{j}" for j in slots)};
  assign trap = trap0;
  assign peeked = is_zero(peek) ? 32'd0 : registers[peek];
"""


def _writes(j: int, design: Design) -> str:
    copies = [f"        if (target{j} == {r}) kept{r} <= rd{j};" for r in design.kept]
    return "\n".join(
        [
            f"      if (issue{j} && writes{j}) begin",
            f"        registers[target{j}] <= rd{j};",
            *copies,
            "      end",
        ]
    )


def _number(name: str) -> int:
    return int(name.lstrip("x"))


def _sum(names: Iterable[str]) -> str:
    """The sum of at most seven single wires, three bits wide."""
    return " + ".join(f"{{2'b0, {name}}}" for name in names) or "3'b0"
