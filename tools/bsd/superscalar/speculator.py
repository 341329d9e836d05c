"""The speculator of a core in Verilog: what it says of a slot's result, and when.

It is the learned execution module over the selected state words alone. A *chain* works in the
same cycle as the slots, one copy for each but the last, and lengthens the cycle. An *early* one
works a cycle ahead, on the instructions that follow in memory, and what it says is registered;
after a taken branch it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tools.bsd.registers import Field, Registers
from tools.bsd.superscalar.issue import Machine, Selection

Kind = Literal["none", "chain", "early"]
OPERANDS = {"first": "rs1", "second": "rs2"}
"""What the Verilog calls an instruction's operands, and the execution module's ports."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a core is assembled from: the names of the execution module, of the speculator's
    (the same, unless a test wants a wrong one) and of the module that says which operands are
    needed; the register file that was found, and its fields by operand port."""

    execution: str
    speculator: str
    needs: str
    found: Registers
    pairing: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Design:
    """A core to build; with ``none`` the selection is not used."""

    parts: Parts
    machine: Machine
    chosen: Selection
    kind: Kind = "chain"

    @property
    def fetched(self) -> int:
        """Instructions the core looks at each cycle, ``instr0`` onwards."""
        return 2 * self.machine.width - 1 if self.kind == "early" else self.machine.width

    @property
    def words(self) -> int:
        """Memory words that are kept."""
        return 0 if self.kind == "none" else self.chosen.words

    @property
    def kept(self) -> list[int]:
        """Registers that are copied."""
        return [] if self.kind == "none" else sorted(self.chosen.registers)


def instruction(j: int, parts: Parts) -> str:
    """What the instruction at ``pc + 4 j`` is about."""
    return f"""\
  wire [31:0] pc{j} = pc + 32'd{4 * j};
  wire [4:0] first{j} = {_at(parts.pairing["rs1"], j)}, second{j} = {_at(parts.pairing["rs2"], j)};
  wire [4:0] target{j} = {_at(parts.found.write, j)};
  wire needs_first{j}, needs_second{j};
  {parts.needs} needs{j} (
    .instr(instr{j}), .first(needs_first{j}), .second(needs_second{j})
  );"""


def _at(field: Field, j: int) -> str:
    return str(field).replace("instr", f"instr{j}")


def overlay(word: str, place: str, i: int) -> str:
    """The wire ``<word>_<i+1>``: ``<word>_<i>``, the word at ``place``, after slot i's store."""
    lanes = f"strb_{i} & {{4{{addr_{i}[31:2] == {place}[31:2]}}}}"
    return f"  wire [31:0] {word}_{i + 1} = stored({word}_{i}, wdata_{i}, {lanes});"


def said(j: int, design: Design) -> str:
    """``known<j>``: whether slot j's result is known to the slots after it, as ``said<j>``."""
    if design.kind == "none":
        return f"  wire known{j} = 1'b0;\n  wire [31:0] said{j} = 32'd0;\n"
    return _chain(j, design) if design.kind == "chain" else _registered(j)


def _chain(j: int, design: Design) -> str:
    """From the selected state, and from what was said of the slots before."""
    lines = []
    for name in OPERANDS:
        value, known = f"kept({name}{j})", f"is_kept({name}{j})"
        for i in range(j):
            value = f"{name}{j}_from{i} ? said{i} : {value}"
            known = f"({name}{j}_from{i} ? known{i} : {known})"
        lines.append(f"  wire [31:0] {name}{j}_said = {value};")
        lines.append(f"  wire {name}{j}_known = !needs_{name}{j} || {known};")
    stores = range(j) if design.machine.ports > 1 else range(0)
    return f"""\
  // The speculator of slot {j}.
{_execution(j, design, f"said{j}", len(stores))}
{chr(10).join([*lines, *(overlay(f"recent{j}", f"said_addr{j}", i) for i in stores)])}
  wire known{j} = first{j}_known && second{j}_known && (!said_re{j} || held{j});
"""


def _execution(j: int, design: Design, result: str, stores: int) -> str:
    """The learned execution of instruction j over ``<operand><j>_said``; a load takes its word
    from the buffer, as it is after a number of ``stores`` of the same cycle."""
    find = f"  assign recent{j}_0 = 32'd0, held{j} = 1'b0;"
    if design.words:
        find = f"""\
  lookup #({design.words}) lookup{j} (
    .entries(recent), .place(said_addr{j}[31:2]), .hit(held{j}), .found(recent{j}_0)
  );"""
    return f"""\
  wire [31:0] {result}, said_addr{j}, recent{j}_0;
  wire said_re{j}, held{j};
{find}
  {design.parts.speculator} speculator{j} (
    .instr(instr{j}), .pc(pc{j}), .rs1(first{j}_said), .rs2(second{j}_said),
    .load(recent{j}_{stores}), .rd({result}), .addr(said_addr{j}), .re(said_re{j}),
    .npc(), .wdata(), .we(), .strb(), .trap()
  );"""


def _registered(j: int) -> str:
    """What was said a cycle ago, unless a slot before makes an operand or stores."""
    fresh = [f"!{name}{j}_from{i}" for i in range(j) for name in OPERANDS]
    fresh += [f"!(early{j}[32] && |strb_{i})" for i in range(j)]
    return f"""\
  // What the speculator said of slot {j}: {{known, a load, the result}}.
  reg [33:0] early{j};
  wire [31:0] said{j} = early{j}[31:0];
  wire known{j} = {" && ".join([f"early{j}[33]", *fresh])};
"""


def ahead(design: Design) -> str:
    """The early speculators: one for each place that a slot but the last can have next."""
    width = design.machine.width
    places = range(1, 2 * width - 1)
    text = [instruction(p, design.parts) for p in places if p >= width]
    text += [_ahead(p, design) for p in places]
    on = by_issued([f"npc{j} == pc{j} + 32'd4" for j in range(width)])
    return "\n".join([*text, f"  wire runs_on = {on};", ""])


def _ahead(p: int, design: Design) -> str:
    """From the selected state as it is before this cycle; stale when this cycle changes it."""
    lines, stale = [], []
    for name in OPERANDS:
        lines.append(f"  wire [31:0] {name}{p}_said = kept({name}{p});")
        lines.append(f"  wire {name}{p}_known = !needs_{name}{p} || is_kept({name}{p});")
    for i in range(min(p, design.machine.width)):
        for name in OPERANDS:
            stale.append(f"issue{i} && writes{i} && needs_{name}{p} && target{i} == {name}{p}")
        stale.append(f"issue{i} && |strb_{i} && said_re{p} && addr_{i}[31:2] == said_addr{p}[31:2]")
    wait = "\n    || ".join(stale)
    return f"""\
  // The speculator of the instruction at pc + {4 * p}, for the next cycle.
{chr(10).join(lines)}
{_execution(p, design, f"ahead_value{p}", 0)}
  wire stale{p} = {wait};
  wire [33:0] ahead{p} = {{
    first{p}_known && second{p}_known && (!said_re{p} || held{p}) && !stale{p},
    said_re{p}, ahead_value{p}
  }};"""


def early_state(design: Design) -> dict[str, str]:
    """Registers of the early speculator, and what each becomes: the instruction in slot j of
    the next cycle is ``j`` places after those issued in this one."""
    width = design.machine.width
    return {
        f"early{j}": f"runs_on ? {by_issued([f'ahead{n + j}' for n in range(1, width + 1)])} : 0"
        for j in range(width - 1)
    }


def by_issued(values: list[str]) -> str:
    """The value for one, two, ... instructions issued."""
    text = values[0]
    for j, value in enumerate(values[1:], 1):
        text = f"issue{j} ? {value} : {text}"
    return f"({text})"
