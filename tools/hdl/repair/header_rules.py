"""Rules that bring a module's name and ports to the contract's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.hdl.contract import Contract, Port
from tools.hdl.repair.diagnose import Stage, View
from tools.hdl.repair.rule import Rule, rule
from tools.hdl.repair.scan import ModuleText, masked, modules
from tools.hdl.repair.text_rules import contract_ports
from tools.hdl.syntax import Edit, apply

_WORDS = re.compile(r"[A-Za-z_]\w*")
_TYPES = frozenset(
    [
        "input",
        "output",
        "inout",
        "wire",
        "reg",
        "logic",
        "signed",
        "unsigned",
        "integer",
        "bit",
        "parameter",
        "var",
        "tri",
    ]
)


def _top(view: View, contract: Contract) -> ModuleText | None:
    return next((m for m in modules(view.source) if m.name == contract.top), None)


def _rename(source: str, names: dict[str, str], span: tuple[int, int]) -> str:
    """Rename identifiers inside a span; names after a dot (ports of instances) stay."""
    text = masked(source)
    edits = [
        Edit(m.start(), m.end(), names[m.group()])
        for m in _WORDS.finditer(text, *span)
        if m.group() in names and text[m.start() - 1 : m.start()] not in (".", "`", "$", "'")
    ]
    return apply(source, edits)


def _header_names(view: View, module: ModuleText) -> list[str]:
    """Port names written in the header, in order."""
    text = re.sub(r"\[[^\]]*\]|=[^,)]*", " ", masked(view.source)[slice(*module.ports)])
    return [word for word in _WORDS.findall(text) if word not in _TYPES]


@rule
def module_name(view: View, contract: Contract) -> Iterator[str]:
    """The top module under another name, or in another case.

    Example: `module Counter` where `counter` is asked for → `module counter`
    """
    if not any(view.of("TopMissing")):
        return
    wanted = {port.name.lower() for port in contract.ports}
    text = masked(view.source)
    candidates = [
        m for m in modules(view.source) if not re.search(rf"\b{m.name}\s*(?:#|\w+\s*\()", text)
    ] or modules(view.source)

    def likeness(module: ModuleText) -> tuple[bool, int]:
        names = {name.lower() for name in _header_names(view, module)}
        return module.name.lower() == contract.top.lower(), len(names & wanted)

    for module in sorted(candidates, key=likeness, reverse=True):
        start = module.name_end - len(module.name)
        edits = [Edit(start, module.name_end, contract.top)]
        label = re.compile(rf"endmodule\s*:\s*({module.name})\b").search(text, module.body[1])
        if label:
            edits.append(Edit(label.start(1), label.end(1), contract.top))
        yield apply(view.source, edits)


@rule
def missing_port_comma(view: View, contract: Contract) -> Iterator[str]:
    """Ports listed without commas between them.

    Example: `(input a input b)` → `(input a, input b)`
    """
    if not view.badness[Stage.SYNTAX]:
        return
    text = masked(view.source)
    for module in modules(view.source):
        start, end = module.ports
        edits = [
            Edit(start + m.start(1), start + m.start(1), ",")
            for m in re.finditer(r"(?<=[\w\]])(\s+)(?=(?:input|output|inout)\b)", text[start:end])
        ]
        if edits:
            yield apply(view.source, edits)


@rule
def port_name(view: View, contract: Contract) -> Iterator[str]:
    """A port under another name: other case, a prefix or suffix, or the only one left over.

    Example: `input CLK` where `clk` is asked for → `input clk`
    """
    module = _top(view, contract)
    if module is None:
        return
    missing = [f.name for f in view.of("PortMissing")]
    extra = [f.name for f in view.of("PortExtra")]
    if not missing or not extra:
        return
    pairs = _matching(view, contract, missing, extra)
    if pairs:
        yield _rename(view.source, pairs, (module.start, module.end))
    for old, new in pairs.items():
        yield _rename(view.source, {old: new}, (module.start, module.end))


def _spellings(name: str) -> tuple[str, str, str]:
    """The name in lower case, without ``i_``/``o_`` marks, and without ``in``/``out`` as well."""
    plain = name.lower()
    marked = re.sub(r"^[io]_|_[io]$", "", plain)
    bare = re.sub(r"^(?:in|out|input|output)_|_(?:in|out)$", "", marked)
    return plain, marked.replace("_", ""), bare.replace("_", "")


def _matching(
    view: View, contract: Contract, missing: list[str], extra: list[str]
) -> dict[str, str]:
    """Extra port → missing port: by spelling, else when it is the only one of its shape."""
    pairs: dict[str, str] = {}
    for level in range(3):
        for wanted in missing:
            alike = [e for e in extra if _spellings(e)[level] == _spellings(wanted)[level]]
            if len(alike) == 1 and alike[0] not in pairs and wanted not in pairs.values():
                pairs[alike[0]] = wanted
    if view.top is None:
        return pairs
    shapes = {
        p.name: (p.direction.name.lower(), p.type.bitWidth)
        for p in view.top.body.portList
        if hasattr(p, "direction")
    }
    names = {"input": "in", "output": "out", "inout": "inout"}
    rest = [p for p in contract.ports if p.name in missing and p.name not in pairs.values()]
    for port in rest:
        shape = (names[port.direction], port.width)
        twins = [p for p in rest if (names[p.direction], p.width) == shape]
        alike = [e for e in extra if e not in pairs and shapes.get(e) == shape]
        if len(alike) == 1 and len(twins) == 1:
            pairs[alike[0]] = port.name
    return pairs


@rule
def header_rewritten(view: View, contract: Contract) -> Iterator[str]:
    """A port list that mixes styles, repeats ports or has another direction or width: replaced
    by the contract's, when it names exactly the contract's ports.

    Example: `module m(input a, y); output y; reg y;` → `module m(input a, output reg y);`
    """
    codes = (
        "PortDeclInANSIModule", "Redefinition", "PortDirection", "PortWidth", "PortMissing",
        "ExpectedToken", "ExpectedIdentifier", "ExpectedMember", "UnexpectedEndDelim",
        "UndeclaredIdentifier", "MissingPortIODeclaration", "ExpectedDeclarator", "PortExtra",
        "MissingExternModuleImpl", "ExpectedNonAnsiPort",
    )  # fmt: skip
    module = _top(view, contract)
    if module is None or not any(view.of(*codes)):
        return
    declared = _body_ports(view, module)
    names = set(_header_names(view, module)) | declared
    parameters = set(re.findall(r"\bparameter\b[^;,)]*?(\w+)\s*=", masked(view.source)))
    wanted = {port.name for port in contract.ports}
    if names - parameters != wanted:
        return
    yield rewrite_header(view.source, module, contract)


def _body_ports(view: View, module: ModuleText) -> set[str]:
    text = _outside_subroutines(masked(view.source))[slice(*module.body)]
    names: set[str] = set()
    for m in re.finditer(r"\b(?:input|output|inout)\b([^;()]*)[;)]", text):
        plain = re.sub(r"\[[^\]]*\]|=[^,;]*", " ", m[1])
        names |= {word for word in _WORDS.findall(plain) if word not in _TYPES}
    return names


def _outside_subroutines(text: str) -> str:
    """Functions and tasks blanked: their inputs and variables are no ports."""
    return re.sub(
        r"\b(function|task)\b.*?\bend\1\b",
        lambda m: re.sub(r"[^\n]", " ", m.group()),
        text,
        flags=re.DOTALL,
    )


def rewrite_header(source: str, module: ModuleText, contract: Contract) -> str:
    """The module with the contract's ANSI port list and no declaration of a port in its body."""
    text = _outside_subroutines(masked(source))
    wanted = {port.name: port for port in contract.ports}
    regs = frozenset(n for n, p in wanted.items() if _is_variable(text, module, p))
    parameters = re.findall(r"\bparameter\b[^;)]*", text[slice(*module.ports)])
    start, end = module.ports
    edits = [Edit(start, module.body[0], f"(\n{contract_ports(contract, regs)}\n);")]
    if start == end:
        edits = [Edit(end, module.body[0], f"(\n{contract_ports(contract, regs)}\n);")]
    if parameters:
        edits[0] = Edit(start, module.body[0], f"#({parameters[0].strip()})" + edits[0].text)
    pattern = re.compile(
        r"\b(?:(?:input|output|inout)\b[^;()]*|(?:reg|wire|logic)\b[^;()=]*(?:=[^;]*)?)(?:;|\))"
    )
    position = module.body[0]
    while m := pattern.search(text, position, module.body[1]):
        position = m.end()
        edits.append(Edit(m.start(), m.end(), _without_ports(source[m.start() : m.end()], wanted)))
    return apply(source, edits)


def _is_variable(text: str, module: ModuleText, port: Port) -> bool:
    if port.direction != "output":
        return False
    name, inside = port.name, text[module.ports[0] : module.body[1]]
    declared = re.search(rf"\b(?:reg|logic|integer)\b[^;()]*\b{name}\b", inside)
    header = re.search(rf"\breg\b(?:(?!\b(?:input|output|inout)\b)[^;])*\b{name}\b", inside)
    assigned = re.search(rf"(?<!assign )(?<!assign)\b{name}\s*(?:\[[^\]]*\]\s*)*<=(?!=)", inside)
    body = re.sub(r"\bassign\b[^;]*;", " ", text[slice(*module.body)])
    body = re.sub(r"\bwire\b[^;]*;", " ", body)
    blocking = re.search(rf"(?<![.\w])\b{name}\s*(?:\[[^\]]*\]\s*)*=(?!=)", body)
    continuous = re.search(rf"\bassign\s+{name}\b", inside)
    return bool((declared or header or assigned or blocking) and not continuous)


def _without_ports(declaration: str, ports: dict[str, Port]) -> str:
    """A body declaration without the contract's ports; initial values stay as initial blocks."""
    head = re.match(
        r"(?:\s*(?:input|output|inout|reg|wire|logic|signed)\b)+\s*(?:\[[^\]]*\]\s*)?", declaration
    )
    if head is None:
        return declaration
    members = re.split(r",(?![^{(\[]*[})\]])", declaration[head.end() : -1])
    kept, initial = [], []
    for member in members:
        name, _, value = (part.strip() for part in member.partition("="))
        if name.split("[")[0].strip() not in ports:
            kept.append(member.strip())
        elif value:
            net = re.match(r"\s*(?:output\s+)?wire\b", declaration)
            initial.append(f"assign {name} = {value};" if net else f"initial {name} = {value};")
    if len(kept) == len(members):
        return declaration
    lines = [f"{head.group().strip()} {', '.join(kept)};"] if kept else []
    return " ".join(lines + initial)


@rule
def port_added(view: View, contract: Contract) -> Iterator[str]:
    """A port missing from the header that the body uses or declares, or an unused input.

    Example: `module m(input d, output reg q); always @(posedge clk)` → `input clk` added
    """
    module = _top(view, contract)
    if module is None or view.top is None:
        return
    missing = {f.name for f in view.of("PortMissing")}
    names = set(_header_names(view, module)) | _body_ports(view, module)
    if not missing:
        return
    body = masked(view.source)[slice(*module.body)]
    for port in contract.ports:
        used = re.search(rf"\b{port.name}\b", body)
        if port.name in missing and not used and port.direction != "input":
            return
    if names <= {port.name for port in contract.ports}:
        yield rewrite_header(view.source, module, contract)


@rule
def port_removed(view: View, contract: Contract) -> Iterator[str]:
    """A port the contract does not have: an unused input goes, an output becomes internal.

    Example: `input unused` → removed; `output [3:0] state` → `reg [3:0] state` inside
    """
    module = _top(view, contract)
    if module is None or view.top is None or view.badness[Stage.SYNTAX]:
        return
    text = masked(view.source)
    extra = {f.name for f in view.of("PortExtra")}
    names = set(_header_names(view, module)) | _body_ports(view, module)
    if not extra or not {p.name for p in contract.ports} <= names:
        return
    inside: list[str] = []
    for port in view.top.body.portList:
        if port.name not in extra:
            continue
        if port.direction.name == "In":
            if re.search(rf"\b{port.name}\b", text[slice(*module.body)]):
                return
            continue
        kind = "reg" if port.internalSymbol.kind.name == "Variable" else "wire"
        width = f" [{port.type.bitWidth - 1}:0]" if port.type.bitWidth > 1 else ""
        inside.append(f"{kind}{width} {port.name};")
    if _body_ports(view, module) & extra:
        return
    text = rewrite_header(view.source, module, contract)
    after = next(m for m in modules(text) if m.name == contract.top)
    yield text[: after.body[0]] + "".join(f"\n{line}" for line in inside) + text[after.body[0] :]


@rule
def declaration_order(view: View, contract: Contract) -> Iterator[str]:
    """The kind or range of a port in the wrong place.

    Example: `reg output [3:0] y`, `output [3:0] reg y` → `output reg [3:0] y`
    """
    if not view.badness[Stage.SYNTAX]:
        return
    text = masked(view.source)
    for pattern, template in (
        (r"\b(reg|logic|wire)\s+(input|output|inout)\b", r"\2 \1"),
        (r"\b(input|output|inout)\s*(\[[^\]]*\])\s*(reg|logic|wire)\b", r"\1 \3 \2"),
        (r"\b(reg|wire|logic)\s*(\[[^\]]*\])\s*signed\b", r"\1 signed \2"),
    ):
        edits = [Edit(m.start(), m.end(), m.expand(template)) for m in re.finditer(pattern, text)]
        if edits:
            yield apply(view.source, edits)


@rule
def range_after_name(view: View, contract: Contract) -> Iterator[str]:
    """A port's range behind its name, which makes it an array of bits.

    Example: `output reg y[3:0]` → `output reg [3:0] y`
    """
    module = _top(view, contract)
    if module is None or not any(view.of("PortWidth")):
        return
    text = masked(view.source)
    for finding in view.of("PortWidth"):
        name = finding.name
        for m in re.finditer(rf"\b{name}\s*(\[[^\]]*\])(?=\s*[,;)])", text):
            if module.start <= m.start() < module.ports[1]:
                yield apply(view.source, [Edit(m.start(), m.end(), f"{m[1]} {name}")])


HEADER_RULES: tuple[Rule, ...] = (
    module_name,
    declaration_order,
    missing_port_comma,
    range_after_name,
    port_name,
    header_rewritten,
    port_added,
    port_removed,
)
