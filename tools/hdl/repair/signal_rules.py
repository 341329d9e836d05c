"""Rules on signals: how they are declared, driven and selected from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.hdl.contract import Contract
from tools.hdl.repair.diagnose import Finding, View
from tools.hdl.repair.rule import Rule, rule
from tools.hdl.repair.scan import ModuleText, closing, masked, modules
from tools.hdl.syntax import Edit, apply

_RANGE = r"(?:\s*\[[^\]]*\])*"
_KINDS = r"(?:wire|reg|logic|tri|integer)"


@dataclass(frozen=True)
class Declaration:
    """One declaration statement or header entry that names a signal: its parts and spans."""

    start: int
    end: int
    direction: str
    kind: str
    range: str
    members: tuple[str, ...]


def _module_at(view: View, offset: int) -> ModuleText | None:
    return next((m for m in modules(view.source) if m.start <= offset < m.end), None)


def _declarations(text: str, name: str, module: ModuleText) -> list[Declaration]:
    """Declarations of ``name`` in a module, header first."""
    found = []
    pattern = re.compile(
        rf"\b(?:(input|output|inout)\b\s*)?({_KINDS}\b)?\s*((?:(?:un)?signed\b)?{_RANGE})\s*"
        r"((?:\w+(?:\s*\[[^\]]*\])*(?:\s*=[^,;)]*)?\s*,\s*"
        r"(?!(?:input|output|inout|wire|reg|logic)\b))*"
        r"\w+(?:\s*\[[^\]]*\])*(?:\s*=[^,;)]*)?)\s*(?=[;,)])"
    )
    for m in pattern.finditer(text, module.name_end, module.end):
        if not (m[1] or m[2]):
            continue
        members = tuple(part.strip() for part in m[4].split(","))
        if name in (re.split(r"[\s=\[]", part)[0] for part in members):
            found.append(
                Declaration(m.start(), m.end(), m[1] or "", m[2] or "", m[3].strip(), members)
            )
    return found


def _spell(direction: str, kind: str, extent: str, members: list[str] | tuple[str, ...]) -> str:
    return " ".join(part for part in (direction, kind, extent, ", ".join(members)) if part)


def _redeclared(source: str, declaration: Declaration, name: str, kind: str) -> str:
    """The source with ``name`` of kind ``kind``; other members of its declaration stay."""
    d = declaration
    own = [m for m in d.members if re.split(r"[\s=\[]", m)[0] == name]
    rest = [m for m in d.members if m not in own]
    text = _spell(d.direction, kind, d.range, own)
    if rest:
        other = _spell(d.direction, d.kind or ("wire" if d.direction else ""), d.range, rest)
        separator = ", " if source[d.end : d.end + 1] in (",", ")") else "; "
        text = f"{other}{separator}{text}"
    return apply(source, [Edit(d.start, d.end, text)])


@rule
def procedural_assign_to_net(view: View, contract: Contract) -> Iterator[str]:
    """An output or wire assigned inside a procedural block: declared `reg`.

    Example: `output y; always @* y = a;` → `output reg y; always @* y = a;`
    """
    text = masked(view.source)
    for finding in view.of("AssignToNet"):
        module = _module_at(view, finding.offset)
        if module is None:
            continue
        found = _declarations(text, finding.name, module)
        nets = [d for d in found if d.kind in ("wire", "tri") and not d.direction]
        ports = [d for d in found if d.direction == "output"]
        for declaration in nets or ports:
            yield _redeclared(view.source, declaration, finding.name, "reg")


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
            constant = re.fullmatch(r"\s*(?:\d+'[bdh])?[0-9a-fxzA-F]+\s*", m[1])
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
    edits = [
        Edit(m.start(1), m.end(1), "") for m in re.finditer(r"\binput(\s+reg)\b", text)
    ]
    if edits and any(view.of("InputVariable")):
        yield apply(view.source, edits)


@rule
def duplicate_declaration(view: View, contract: Contract) -> Iterator[str]:
    """A signal declared twice: the second declaration goes; a `reg` among them decides.

    Example: `reg [3:0] q; reg [3:0] q;` → `reg [3:0] q;`
    """
    text = masked(view.source)
    for finding in view.of("Redefinition"):
        module = _module_at(view, finding.offset)
        word = re.search(r"redefinition of '(\w+)'", finding.message)
        if module is None or word is None:
            continue
        name = word[1]
        found = _declarations(text, name, module)
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
    text = _spell("", extra.kind, extra.range, rest) if rest else ""
    _, _, value = own.partition("=")
    if value:
        verb = "initial" if extra.kind != "wire" else "assign"
        text += f"{';' if rest else ''} {verb} {name} = {value.strip()}{'' if rest else ';'}"
    source = apply(source, [Edit(extra.start, end, text.strip())])
    if extra.kind in ("reg", "logic") and keep.kind in ("", "wire") and keep.start < extra.start:
        return _redeclared(source, keep, name, "reg")
    return source


@rule
def misspelt_case(view: View, contract: Contract) -> Iterator[str]:
    """A name that differs from a declared one in upper and lower case only.

    Example: `assign y = A;` with input `a` → `assign y = a;`
    """
    for finding in view.of("UndeclaredIdentifier"):
        module = _module_at(view, finding.offset)
        if module is None:
            continue
        text = masked(view.source)
        words = set(re.findall(r"[A-Za-z_]\w*", text[module.start : module.end]))
        alike = [
            w
            for w in sorted(words)
            if w.lower() == finding.name.lower() and w != finding.name
            and _declarations(text, w, module)
        ]  # fmt: skip
        if len(alike) == 1:
            edits = [
                Edit(m.start(), m.end(), alike[0])
                for m in re.finditer(rf"(?<![.`$'\w]){finding.name}\b", text)
                if module.start <= m.start() < module.end
            ]
            yield apply(view.source, edits)


@rule
def undeclared_loop_variable(view: View, contract: Contract) -> Iterator[str]:
    """A loop index that is not declared.

    Example: `for (i = 0; ...` in a process → `integer i;`, in a generate → `genvar i;`
    """
    text = masked(view.source)
    for finding in view.of("UndeclaredIdentifier"):
        module = _module_at(view, finding.offset)
        if module is None or not re.search(rf"\bfor\s*\(\s*{finding.name}\s*=", text):
            continue
        for kind in ("integer", "genvar"):
            yield _declare(view, module, f"{kind} {finding.name};")


def _declare(view: View, module: ModuleText, declaration: str) -> str:
    at = module.body[0]
    return f"{view.source[:at]}\n    {declaration}{view.source[at:]}"


@rule
def undeclared_constants(view: View, contract: Contract) -> Iterator[str]:
    """Names of states that are compared and assigned from but never declared: numbered.

    Example: `case (state) IDLE: state <= RUN;` → `localparam IDLE = 0, RUN = 1;`
    """
    text = masked(view.source)
    names = list(
        dict.fromkeys(
            f.name for f in view.of("UndeclaredIdentifier") if re.fullmatch(r"[A-Z][A-Z0-9_]*|[Ss]\d+", f.name)
        )
    )
    names = [n for n in names if not re.search(rf"\b{n}\s*(?:\[[^\]]*\])?\s*<?=(?!=)", text)]
    first = next((f for f in view.of("UndeclaredIdentifier") if f.name in names), None)
    module = _module_at(view, first.offset) if first else None
    if module is None or len(names) < 2:
        return
    declared = re.search(r"\b(?:localparam|parameter)\b[^;]*;", text[module.start : module.end])
    if declared and set(names) & set(re.findall(r"\w+", declared.group())):
        return
    width = max(1, (len(names) - 1).bit_length())
    constants = ", ".join(f"{name} = {width}'d{index}" for index, name in enumerate(names))
    yield _declare(view, module, f"localparam [{width - 1}:0] {constants};")


@rule
def undeclared_signal(view: View, contract: Contract) -> Iterator[str]:
    """A signal that is assigned but not declared, with the width its uses settle.

    Example: `assign t = a & b;` with 4-bit `a`, `b` → `wire [3:0] t;`
    """
    text = masked(view.source)
    for finding in view.of("UndeclaredIdentifier"):
        module = _module_at(view, finding.offset)
        if module is None:
            continue
        inside = text[module.start : module.end]
        continuous = re.search(rf"\bassign\s+{finding.name}\b", inside)
        procedural = re.search(
            rf"(?<![.\w]){finding.name}\s*(?:\[[^\]]*\]\s*)?<?=(?!=)", inside
        )
        if not continuous and not procedural:
            continue
        width = _width_in_use(view, finding, module, inside)
        if width is not None:
            kind = "wire" if continuous else "reg"
            extent = f" [{width - 1}:0]" if width > 1 else ""
            yield _declare(view, module, f"{kind}{extent} {finding.name};")


def _width_in_use(
    view: View, finding: Finding, module: ModuleText, inside: str
) -> int | None:
    """The width that indices or the assigned and compared operands agree on; None if unsettled."""
    name = finding.name
    indices = [
        int(number)
        for m in re.finditer(rf"\b{name}\s*\[([\d:\s]+)\]", inside)
        for number in re.findall(r"\d+", m[1])
    ]
    if indices:
        return max(indices) + 1
    widths = set()
    for m in re.finditer(rf"(?<![.\w]){name}\s*<?=(?!=)\s*([^;]+);", inside):
        words = [w for w in re.findall(r"(?<![\w'.])[A-Za-z_]\w*", m[1]) if w != name]
        sized = [int(n) for n in re.findall(r"(\d+)'[bdhBDH]", m[1])]
        known = [_declared_width(inside, word, module) for word in words]
        if re.search(r"[<>!=]=|[<>](?![<>])|&&|\|\||(?<!\w)!", m[1].split("?")[0]) and "?" not in m[1]:
            widths.add(1)
        elif "{" in m[1] or any(w is None for w in known) or not (known or sized):
            return None
        else:
            widths.add(max([w for w in known if w is not None] + sized))
    return widths.pop() if len(widths) == 1 else None


def _declared_width(inside: str, name: str, module: ModuleText) -> int | None:
    shifted = ModuleText(
        module.name, 0, module.name_end - module.start, (0, 0), (0, 0), len(inside)
    )
    for declaration in _declarations(inside, name, shifted):
        extent = re.search(r"\[\s*(\d+)\s*:\s*(\d+)\s*\]", declaration.range)
        if extent:
            return abs(int(extent[1]) - int(extent[2])) + 1
        if not declaration.range and declaration.kind != "integer":
            return 1
    return None


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
        module = _module_at(view, finding.offset)
        ports = {port.name for port in contract.ports}
        if module is None or (word[1] in ports and module.name == contract.top):
            continue
        uses = re.findall(rf"\b{word[1]}\s*\[([\d:\s]+)\]", text[module.start : module.end])
        top = max((int(n) for use in uses for n in re.findall(r"\d+", use)), default=0)
        for declaration in _declarations(text, word[1], module):
            if not declaration.range and len(declaration.members) == 1 and top:
                widened = _spell(
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
        outputs = [p for p in pins if p[0].lower() in ("y", "z", "o", "q", "f", "out", "output", "x")]
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
            and _declarations(text, w, target)
        }  # fmt: skip
        at = text.find(words[1], finding.offset)
        if len(alike) == 1 and at >= 0:
            yield apply(view.source, [Edit(at, at + len(words[1]), alike.pop())])


SIGNAL_RULES: tuple[Rule, ...] = (
    procedural_assign_to_net,
    duplicate_declaration,
    input_variable,
    misspelt_case,
    undeclared_loop_variable,
    undeclared_constants,
    undeclared_signal,
    scalar_select,
    reversed_select,
    gate_port_names,
    instance_port_case,
    variable_driven_twice,
)
