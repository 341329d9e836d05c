"""Rules on declared signals: how they are driven, repeated, selected from and connected."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.hdl.contract import Contract
from tools.hdl.repair.declarations import Declaration, declarations, module_at, redeclared, spell
from tools.hdl.repair.diagnose import View, examine
from tools.hdl.repair.rule import Rule, rule
from tools.hdl.repair.scan import closing, masked, modules
from tools.hdl.syntax import Edit, apply

_MAX_NETS = 16


@rule
def procedural_assign_to_net(view: View, contract: Contract) -> Iterator[str]:
    """An output or wire assigned inside a procedural block: declared `reg`.

    Example: `output y; always @* y = a;` → `output reg y; always @* y = a;`
    """
    text = masked(view.source)
    for finding in view.of("AssignToNet"):
        module = module_at(view, finding.offset)
        if module is None:
            continue
        found = declarations(text, finding.name, module)
        nets = [d for d in found if d.kind in ("wire", "tri") and not d.direction]
        ports = [d for d in found if d.direction == "output" and d.kind in ("", "wire")]
        for declaration in nets or ports:
            source = redeclared(view.source, declaration, finding.name, "reg")
            yield source
            # Of a concatenation only the first net is reported: the next is fixed with it.
            yield make_variables(source, contract)


def make_variables(source: str, contract: Contract) -> str:
    """Declare as variables all nets that processes assign: for rules that make processes."""
    for _ in range(_MAX_NETS):
        view = examine(source, contract)
        proposal = next(procedural_assign_to_net.propose(view, contract), None)
        if proposal is None:
            break
        source = proposal
    return source


@rule
def variable_driven_twice(view: View, contract: Contract) -> Iterator[str]:
    """A variable with both a continuous assignment and the same one in a process: one is enough.

    Example: `assign y = a; always @* y = a;` → `always @* y = a;`
    """
    text = masked(view.source)
    for finding in view.of("MixedVarAssigns"):
        name = finding.name
        for m in re.finditer(rf"\bassign\s+{name}\s*=\s*([^;]+);\s*?\n?", text):
            same = re.search(
                rf"\balways\s*@\s*\(?\*\)?\s*(?:begin\s*)?{name}\s*=\s*{re.escape(m[1])}\s*;", text
            )
            constant = re.fullmatch(r"\s*(?:\d+|\d*'[bdh][0-9a-fxzA-F_]+)\s*", m[1])
            if same or name == m[1].strip():
                yield view.source[: m.start()] + view.source[m.end() :]
            elif constant:
                yield apply(view.source, [Edit(m.start(), m.start() + 6, "initial")])


@rule
def input_variable(view: View, contract: Contract) -> Iterator[str]:
    """An input declared `reg`, which Icarus refuses.

    Example: `input reg clk` → `input clk`
    """
    text = masked(view.source)
    edits = [Edit(m.start(1), m.end(1), "") for m in re.finditer(r"\binput(\s+reg)\b", text)]
    if edits and any(view.of("InputVariable")):
        yield apply(view.source, edits)


@rule
def duplicate_declaration(view: View, contract: Contract) -> Iterator[str]:
    """A signal declared twice: the second declaration goes; a `reg` among them decides.

    Example: `reg [3:0] q; reg [3:0] q;` → `reg [3:0] q;`
    """
    text = masked(view.source)
    for finding in view.of("Redefinition"):
        module = module_at(view, finding.offset)
        word = re.search(r"redefinition of '(\w+)'", finding.message)
        if module is None or word is None:
            continue
        name = word[1]
        found = declarations(text, name, module)
        if len(found) < 2:
            continue
        for extra in reversed(found):
            if extra.direction:
                continue
            keep = next(d for d in found if d is not extra)
            yield _merged(view.source, keep, extra, name)


def _merged(source: str, keep: Declaration, extra: Declaration, name: str) -> str:
    """Drop ``name`` from ``extra``; ``keep`` becomes a variable when ``extra`` was one."""
    own = next(m for m in extra.members if re.split(r"[\s=\[]", m)[0] == name)
    rest = [m for m in extra.members if m != own]
    end = extra.end + (0 if rest else 1)
    text = spell("", extra.kind, extra.range, rest) if rest else ""
    _, _, value = own.partition("=")
    if value:
        verb = "initial" if extra.kind != "wire" else "assign"
        text += f"{';' if rest else ''} {verb} {name} = {value.strip()}{'' if rest else ';'}"
    source = apply(source, [Edit(extra.start, end, text.strip())])
    if extra.kind in ("reg", "logic") and keep.kind in ("", "wire") and keep.start < extra.start:
        return redeclared(source, keep, name, "reg")
    return source


@rule
def scalar_select(view: View, contract: Contract) -> Iterator[str]:
    """A bit or part select of a scalar: bit 0 is the scalar, other indices widen an internal
    signal.

    Example: `en[0]` with `input en` → `en`
    """
    text = masked(view.source)
    for finding in view.of("CannotIndexScalar"):
        start = text.rfind("[", 0, finding.offset + 1)
        end = closing(text, start) if start >= 0 else -1
        word = re.search(r"([A-Za-z_]\w*)\s*$", text[:start]) if start >= 0 else None
        if end < 0 or word is None:
            continue
        if re.fullmatch(r"\s*0\s*(?::\s*0\s*)?", text[start + 1 : end]):
            yield apply(view.source, [Edit(word.end(1), end + 1, "")])
            continue
        module = module_at(view, finding.offset)
        ports = {port.name for port in contract.ports}
        if module is None or (word[1] in ports and module.name == contract.top):
            continue
        uses = re.findall(rf"\b{word[1]}\s*\[([\d:\s]+)\]", text[module.start : module.end])
        top = max((int(n) for use in uses for n in re.findall(r"\d+", use)), default=0)
        for declaration in declarations(text, word[1], module):
            if not declaration.range and len(declaration.members) == 1 and top:
                widened = spell(
                    declaration.direction, declaration.kind, f"[{top}:0]", declaration.members
                )
                yield apply(view.source, [Edit(declaration.start, declaration.end, widened)])


@rule
def reversed_select(view: View, contract: Contract) -> Iterator[str]:
    """A part select that counts against the declaration.

    Example: `a[0:3]` with `input [7:0] a` → `a[3:0]`
    """
    text = masked(view.source)
    for finding in view.of("RangeSelectReversed"):
        m = re.compile(r"\[?\s*([^:\]\[]+?)\s*:\s*([^\]]+?)\s*(?=\])").match(text, finding.offset)
        if m:
            edits = [Edit(m.start(1), m.end(1), m[2]), Edit(m.start(2), m.end(2), m[1])]
            yield apply(view.source, edits)


@rule
def gate_port_names(view: View, contract: Contract) -> Iterator[str]:
    """A gate primitive with named ports: made positional, the output first.

    Example: `and g(.a(x), .b(y), .out(z));` → `and g(z, x, y);`
    """
    text = masked(view.source)
    pattern = re.compile(r"\b(and|or|nand|nor|xor|xnor|not|buf)\s+(\w*)\s*\((\s*\.[^;]*)\)\s*;")
    if not any(view.of("InvalidPrimitivePortConn", "ExpectedToken")):
        return
    for m in pattern.finditer(text):
        pins = re.findall(r"\.\s*(\w+)\s*\(((?:[^()]|\([^()]*\))*)\)", m[3])
        outputs = [
            p for p in pins if p[0].lower() in ("y", "z", "o", "q", "f", "out", "output", "x")
        ]
        outputs = [p for p in outputs if p[0].lower() != "x"] or outputs
        if len(outputs) == 1:
            inputs = [p for p in pins if p != outputs[0]]
            operands = ", ".join(p[1].strip() for p in [outputs[0], *inputs])
            yield apply(view.source, [Edit(m.start(), m.end(), f"{m[1]} {m[2]}({operands});")])


@rule
def instance_port_case(view: View, contract: Contract) -> Iterator[str]:
    """An instance connects a port in another case or spelling than the module declares.

    Example: `.CLK(clk)` where the module has `clk` → `.clk(clk)`
    """
    text = masked(view.source)
    for finding in view.of("PortDoesNotExist"):
        words = re.search(r"port '(\w+)' does not exist in '(\w+)'", finding.message)
        if not words:
            continue
        target = next((m for m in modules(view.source) if m.name == words[2]), None)
        if target is None:
            continue
        inside = text[target.name_end : target.body[1]]
        alike = {
            w for w in re.findall(r"[A-Za-z_]\w*", inside)
            if w.lower().replace("_", "") == words[1].lower().replace("_", "")
            and declarations(text, w, target)
        }  # fmt: skip
        at = text.find(words[1], finding.offset)
        if len(alike) == 1 and at >= 0:
            yield apply(view.source, [Edit(at, at + len(words[1]), alike.pop())])


SIGNAL_RULES: tuple[Rule, ...] = (
    procedural_assign_to_net,
    duplicate_declaration,
    input_variable,
    scalar_select,
    reversed_select,
    gate_port_names,
    instance_port_case,
    variable_driven_twice,
)
