"""Rules on names that are used and not declared."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.hdl.contract import Contract
from tools.hdl.repair.declarations import declarations, module_at
from tools.hdl.repair.diagnose import Finding, View
from tools.hdl.repair.rule import Rule, rule, semantic_rule
from tools.hdl.repair.scan import ModuleText, masked
from tools.hdl.syntax import Edit, apply


@rule
def misspelt_case(view: View, contract: Contract) -> Iterator[str]:
    """A name that differs from a declared one in upper and lower case only.

    Example: `assign y = A;` with input `a` → `assign y = a;`
    """
    for finding in view.of("UndeclaredIdentifier"):
        module = module_at(view, finding.offset)
        if module is None:
            continue
        text = masked(view.source)
        words = set(re.findall(r"[A-Za-z_]\w*", text[module.start : module.end]))
        alike = [
            w
            for w in sorted(words)
            if w.lower() == finding.name.lower() and w != finding.name
            and declarations(text, w, module)
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
        module = module_at(view, finding.offset)
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
            f.name
            for f in view.of("UndeclaredIdentifier")
            if re.fullmatch(r"[A-Z][A-Z0-9_]*|[Ss]\d+", f.name)
        )
    )
    names = [n for n in names if not re.search(rf"\b{n}\s*(?:\[[^\]]*\])?\s*<?=(?!=)", text)]
    first = next((f for f in view.of("UndeclaredIdentifier") if f.name in names), None)
    module = module_at(view, first.offset) if first else None
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

    Example: `always @(*) t = a & b;` with 4-bit `a`, `b` → `reg [3:0] t;`
    """
    text = masked(view.source)
    for finding in view.of("UndeclaredIdentifier"):
        module = module_at(view, finding.offset)
        if module is None:
            continue
        inside = text[module.start : module.end]
        continuous = re.search(rf"\bassign\s+{finding.name}\b", inside)
        procedural = re.search(rf"(?<![.\w]){finding.name}\s*(?:\[[^\]]*\]\s*)?<?=(?!=)", inside)
        if not continuous and not procedural:
            continue
        width = _width_in_use(view, finding, module, inside)
        if width is not None:
            kind = "wire" if continuous else "reg"
            extent = f" [{width - 1}:0]" if width > 1 else ""
            yield _declare(view, module, f"{kind}{extent} {finding.name};")


@semantic_rule
def implicit_net_widened(view: View, contract: Contract) -> Iterator[str]:
    """An undeclared name, one bit by the language's rule, that an assign statement gives more
    bits: declared as wide as what it gets.

    Example: `assign t = a & b;` with 4-bit `a`, `b` → `wire [3:0] t;`
    """
    text = masked(view.source)
    for finding in view.of("ImplicitNet"):
        module = module_at(view, finding.offset)
        if module is None:
            continue
        width = _width_in_use(view, finding, module, text[module.start : module.end])
        if width is not None:
            yield _declare(view, module, f"wire [{width - 1}:0] {finding.name};")


@semantic_rule
def narrow_variable_widened(view: View, contract: Contract) -> Iterator[str]:
    """A one-bit variable that is the only source of a wider output and takes constants of that
    output's width: declared as wide.

    Example: `reg n; … n <= 8'd0; … assign count = n;` with 8-bit `count` → `reg [7:0] n;`
    """
    for finding in view.of("NarrowVariable"):
        alone = re.compile(rf"\b(reg|logic)\s+({finding.name})\s*(?=[;=])")
        width = finding.message.rsplit(" ", 2)[-2]
        yield alone.sub(rf"\1 [{int(width) - 1}:0] \2", view.source, count=1)


def _width_in_use(view: View, finding: Finding, module: ModuleText, inside: str) -> int | None:
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
        if (
            re.search(r"[<>!=]=|[<>](?![<>])|&&|\|\||(?<!\w)!", m[1].split("?")[0])
            and "?" not in m[1]
        ):
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
    for declaration in declarations(inside, name, shifted):
        extent = re.search(r"\[\s*(\d+)\s*:\s*(\d+)\s*\]", declaration.range)
        if extent:
            return abs(int(extent[1]) - int(extent[2])) + 1
        if not declaration.range and declaration.kind != "integer":
            return 1
    return None


DECLARE_RULES: tuple[Rule, ...] = (
    misspelt_case,
    undeclared_loop_variable,
    undeclared_constants,
    undeclared_signal,
    implicit_net_widened,
    narrow_variable_widened,
)
