"""Rules on the text around and inside tokens: prose, fences, foreign literals and keywords."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.hdl.contract import Contract
from tools.hdl.extract_code import extract_code
from tools.hdl.repair.diagnose import Stage, View
from tools.hdl.repair.rule import Rule, rule
from tools.hdl.repair.scan import closing, masked, modules
from tools.hdl.syntax import Edit, apply


def _syntax(view: View) -> bool:
    return view.badness[Stage.SYNTAX] > 0 or any(view.of("UnknownDirective", "TopMissing"))


def _replace(view: View, pattern: str, template: str) -> Iterator[str]:
    """Replace a pattern everywhere outside comments and strings."""
    text = masked(view.source)
    edits = [
        Edit(m.start(), m.end(), m.expand(template)) for m in re.finditer(pattern, text, re.M)
    ]
    if edits:
        yield apply(view.source, edits)


@rule
def strip_prose(view: View, contract: Contract) -> Iterator[str]:
    """Text that is no Verilog around or between the modules: prose, code fences.

    Example: `Here is the code:` before `module` → removed
    """
    if _syntax(view):
        yield extract_code(view.source)


@rule
def drop_broken_include(view: View, contract: Contract) -> Iterator[str]:
    """An `include of a file that is not there.

    Example: `` `include "defs.v" `` → removed
    """
    if any(view.of("CouldNotOpenIncludeFile")):
        yield re.sub(r"^[ \t]*`include\b[^\n]*\n?", "", view.source, flags=re.M)


@rule
def foreign_literals(view: View, contract: Contract) -> Iterator[str]:
    """Number literals of C or Python, or with the base in the wrong place.

    Example: `0xFF` → `'hFF`, `4b'0101` → `4'b0101`, `8'0xFF` → `8'hFF`
    """
    if not _syntax(view):
        return
    text = masked(view.source)
    patterns = (
        (r"(\d+)'0[xX]([0-9a-fA-F_]+)\b", r"\1'h\2"),
        (r"(\d+)'0[bB]([01_]+)\b", r"\1'b\2"),
        (r"(?<!['\w])0[xX]([0-9a-fA-F_]+)\b", r"'h\1"),
        (r"(?<!['\w])0[bB]([01_]+)\b", r"'b\1"),
        (r"\b(\d+)([bdhoBDHO])'([0-9a-fA-FxXzZ_]+)\b", r"\1'\2\3"),
        (r"\b(\d+)[hH]([0-9a-fA-F_]+)\b", r"\1'h\2"),
        (r"\b(\d+)b([01xz_]+)\b", r"\1'b\2"),
        (r"(\d+'[bdhoBDHO])'([0-9a-fA-FxXzZ_]+)'?", r"\1\2"),
        (r"(\d+)'(\d+)\b(?!')", r"\1'd\2"),
        (r"'([01])'", r"1'b\1"),
    )
    edits: dict[int, Edit] = {}
    for pattern, template in patterns:
        for m in re.finditer(pattern, text):
            overlaps = any(e.start < m.end() and m.start() < e.end for e in edits.values())
            if not overlaps:
                edits[m.start()] = Edit(m.start(), m.end(), m.expand(template))
    if edits:
        yield apply(view.source, edits.values())
    for edit in edits.values():
        yield apply(view.source, [edit])


@rule
def binary_digits(view: View, contract: Contract) -> Iterator[str]:
    """A binary literal with decimal digits in it is a decimal one.

    Example: `4'b12` → `4'd12`
    """
    for finding in view.of("BadBinaryDigit"):
        start = view.source.rfind("'", 0, finding.offset)
        if start >= 0:
            yield view.source[: start + 1] + "d" + view.source[start + 2 :]


@rule
def else_if_keyword(view: View, contract: Contract) -> Iterator[str]:
    """Other languages' spellings of `else if`.

    Example: `elif (a)` → `else if (a)`
    """
    if _syntax(view):
        yield from _replace(view, r"\b(?:elif|elsif|elseif)\b", "else if")
        yield from _replace(view, r"\belse[ \t]*:(?!\s*\w+\s*$)", "else")


@rule
def foreign_words(view: View, contract: Contract) -> Iterator[str]:
    """Words of other languages for operators, constants and statements.

    Example: `a and not b` → `a && !b`, `true` → `1'b1`, `switch` → `case`
    """
    for pattern, template in (
        (r"(?<=[\w)\]])[ \t]+and[ \t]+(?=[\w(!~])", " && "),
        (r"(?<=[\w)\]])[ \t]+or[ \t]+(?=[\w(!~])(?=[^\n]*[;{])(?<!posedge)", " || "),
        (r"(?<=[=(&|])[ \t]*not[ \t]+(?=[\w(])", " !"),
        (r"\b[tT]rue\b", "1'b1"),
        (r"\b[fF]alse\b", "1'b0"),
        (r"\bswitch\b(?=\s*\()", "case"),
        (r"\bend[ \t]+(module|case|function|task|generate)\b", r"end\1"),
        (r"\bend[ _](?:if|always|else|for|begin)\b", "end"),
        (r"\brising_edge\s*\(\s*(\w+)\s*\)", r"posedge \1"),
        (r"\bfalling_edge\s*\(\s*(\w+)\s*\)", r"negedge \1"),
        (r":=", "="),
        (r"(?<=[\w\])\s])===?(?=\s*=)", "="),
    ):
        if view.badness[Stage.SYNTAX] or view.badness[Stage.MEANING]:
            yield from _replace(view, pattern, template)


@rule
def c_braces(view: View, contract: Contract) -> Iterator[str]:
    """Blocks in C's braces.

    Example: `if (a) { y = b; }` → `if (a) begin y = b; end`
    """
    if not _syntax(view):
        return
    text = masked(view.source)
    edits = []
    for m in re.finditer(r"(?:\belse|\b(?:if|for|while|case|@)\s*\(|@\s*\*|@\(\*\))", text):
        after = closing(text, m.end() - 1) + 1 if text[m.end() - 1] == "(" else m.end()
        brace = re.compile(r"\s*\{").match(text, after)
        if not brace:
            continue
        end = closing(text, brace.end() - 1)
        if end > 0 and ";" in text[brace.end() : end]:
            edits += [Edit(brace.end() - 1, brace.end(), "begin"), Edit(end, end + 1, "end")]
    if edits:
        yield apply(view.source, edits)


@rule
def undefined_macro(view: View, contract: Contract) -> Iterator[str]:
    """A backquote before the name of a parameter, or a macro nobody defined used as one.

    Example: `` `WIDTH `` with `parameter WIDTH` → `WIDTH`
    """
    for finding in view.of("UnknownDirective"):
        if view.source[finding.offset : finding.offset + 1] == "`":
            yield view.source[: finding.offset] + view.source[finding.offset + 1 :]


@rule
def missing_module_line(view: View, contract: Contract) -> Iterator[str]:
    """A body or a port list without the `module` line.

    Example: `assign y = a; endmodule` → `module top(...); assign y = a; endmodule`
    """
    if modules(view.source) or not any(view.of("TopMissing")):
        return
    text = view.source
    yield f"module {contract.top} {text}" if text.lstrip().startswith("(") else (
        f"module {contract.top}(\n{contract_ports(contract)}\n);\n{text}"
    )


def contract_ports(contract: Contract, regs: frozenset[str] = frozenset()) -> str:
    """The contract's ports as an ANSI list, one a line; outputs in ``regs`` are variables."""
    lines = []
    for port in contract.ports:
        kind = " reg" if port.name in regs else ""
        sign = " signed" if port.signed else ""
        width = f" [{port.width - 1}:0]" if port.width > 1 else ""
        lines.append(f"    {port.direction}{kind}{sign}{width} {port.name}")
    return ",\n".join(lines)


TEXT_RULES: tuple[Rule, ...] = (
    strip_prose,
    drop_broken_include,
    foreign_literals,
    binary_digits,
    else_if_keyword,
    c_braces,
    foreign_words,
    undefined_macro,
    missing_module_line,
)
