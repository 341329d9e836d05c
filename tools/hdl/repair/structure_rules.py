"""Rules on broken structure: separators, begin/end, blocks and declarations out of place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.hdl.contract import Contract
from tools.hdl.repair.diagnose import Finding, Stage, View
from tools.hdl.repair.rule import Rule, rule
from tools.hdl.repair.scan import Lexeme, closing, lex, masked
from tools.hdl.repair.signal_rules import make_variables
from tools.hdl.syntax import Edit, apply

_OPEN = frozenset({"begin", "case", "casez", "casex"})
_CLOSE = frozenset({"end", "endcase"})
_ITEM = frozenset(
    {"always", "always_ff", "always_comb", "initial", "endmodule", "module", "generate", "function"}
)


def _insert(view: View, offset: int, text: str) -> str:
    return view.source[:offset] + text + view.source[offset:]


def _expected(finding: Finding) -> str:
    found = re.search(r"expected '([^']+)'$", finding.message)
    return found.group(1) if found else ""


@rule
def missing_separator(view: View, contract: Contract) -> Iterator[str]:
    """A missing semicolon, comma, colon or bracket, put where the parser wants it.

    Example: `y = a` → `y = a;`
    """
    semicolons = {f.offset for f in view.of("ExpectedToken") if _expected(f) == ";"}
    if len(semicolons) > 1:
        yield apply(view.source, [Edit(offset, offset, ";") for offset in semicolons])
    for finding in view.of("ExpectedToken"):
        token = _expected(finding)
        if token in (";", ",", ":", ")", "(", "]", "}"):
            yield _insert(view, finding.offset, token)
        if token == ";":
            yield _insert(view, finding.offset, ",")
        if token in (")", ";"):
            yield _insert(view, finding.offset, ");")


@rule
def condition_brackets(view: View, contract: Contract) -> Iterator[str]:
    """A condition without its brackets.

    Example: `if a == 3 begin` → `if (a == 3) begin`
    """
    text = masked(view.source)
    for m in re.finditer(r"\b(if|case[xz]?|while)[ \t]+(?!\()([^\n;]+?)[ \t]*(\bbegin\b|\n)", text):
        if view.badness[Stage.SYNTAX]:
            yield apply(view.source, [Edit(m.start(2), m.end(2), f"({m[2]})")])
    for m in re.finditer(
        r"\balways\s*(?:@\s*)?(?=(?:pos|neg)edge\b)([^\n;]+?)\s*(?=\bbegin\b)", text
    ):
        yield apply(view.source, [Edit(m.start(), m.end(), f"always @({m[1]}) ")])
    for m in re.finditer(r"\balways\s*(\((?:\s*(?:pos|neg)edge|\s*\*))", text):
        yield apply(view.source, [Edit(m.start(), m.end(), f"always @{m[1]}")])


@rule
def superfluous_token(view: View, contract: Contract) -> Iterator[str]:
    """A comma, semicolon, `end` or other closing word too many.

    Example: `output y,)` → `output y)`, a second `end` → removed
    """
    for finding in view.of("MisplacedTrailingSeparator"):
        yield view.source[: finding.offset] + view.source[finding.offset + 1 :]
    for finding in view.of("UnexpectedEndDelim"):
        end = max(finding.end, finding.offset + 1)
        yield view.source[: finding.offset] + view.source[end:]
    text = masked(view.source)
    for finding in view.of("ExpectedStatement", "ExpectedMember", "ExpectedExpression"):
        for m in re.finditer(r"(?<=[)])\s*;(?=\s*(?:begin|else)\b)", text):
            yield view.source[: m.start()] + view.source[m.end() :]
        for m in re.finditer(r"\bend\s*;|\bendmodule\s*;|\bbegin\s*;|\belse\s*;", text):
            yield view.source[: m.end() - 1] + view.source[m.end() :]
        if text[finding.offset : finding.offset + 1] in ("}", ")", "]"):
            yield view.source[: finding.offset] + view.source[finding.offset + 1 :]


@rule
def missing_begin_before_else(view: View, contract: Contract) -> Iterator[str]:
    """Several statements under an `if` that has an `else`, without begin and end.

    Example: `if (a) x = 1; y = 2; else y = 3;` → `if (a) begin x = 1; y = 2; end else y = 3;`
    """
    lexemes = lex(view.source)
    for finding in view.of("ExpectedStatement", "ExpectedMember"):
        index = next((i for i, t in enumerate(lexemes) if t.start >= finding.offset), None)
        if index is None or lexemes[index].text != "else":
            continue
        start = _unblocked_if(view.source, lexemes, index)
        if start is not None:
            yield apply(
                view.source,
                [
                    Edit(start, start, " begin"),
                    Edit(finding.offset, finding.offset, "end "),
                ],
            )


def _unblocked_if(source: str, lexemes: list[Lexeme], index: int) -> int | None:
    """Where the branch of the nearest `if` before ``lexemes[index]`` in its block starts."""
    text, depth = masked(source), 0
    for token in reversed(lexemes[:index]):
        depth += (token.text in _CLOSE) - (token.text in _OPEN)
        if depth < 0:
            return None
        if depth == 0 and token.text == "if":
            end = closing(text, text.find("(", token.end))
            return end + 1 if end >= 0 else None
    return None


@rule
def missing_begin_in_process(view: View, contract: Contract) -> Iterator[str]:
    """Several statements under an always block without begin and end.

    Example: `always @(*) x = a; y = b;` → `always @(*) begin x = a; y = b; end`
    """
    if not any(view.of("ExpectedDeclarator", "ExpectedMember", "UnexpectedEndDelim")):
        return
    text = masked(view.source)
    for m in re.finditer(r"\b(always(?:_comb|_ff|_latch)?\s*(?:@\s*\*|(?=@))?)", text):
        at = re.compile(r"\s*@\s*\(").match(text, m.end())
        start = closing(text, at.end() - 1) + 1 if at else m.end()
        if start <= 0 or re.compile(r"\s*begin\b").match(text, start):
            continue
        stop = re.compile(r"\b(?:always\w*|assign|initial|endmodule|wire|reg|generate)\b").search(
            text, start
        )
        end = stop.start() if stop else len(text)
        yield apply(view.source, [Edit(start, start, " begin"), Edit(end, end, "end\n")])


@rule
def missing_end(view: View, contract: Contract) -> Iterator[str]:
    """A missing `end`, `endcase`, `endmodule` or other closing word.

    Example: `if (a) begin y = b; endmodule` → `if (a) begin y = b; end endmodule`
    """
    lexemes = lex(view.source)
    for finding in view.of("ExpectedStatement", "ExpectedMember"):
        index = next((i for i, t in enumerate(lexemes) if t.start >= finding.offset), None)
        if index is not None and lexemes[index].text in _ITEM | {"assign"}:
            depth = _open_blocks(lexemes[:index])
            for count in dict.fromkeys((depth, 1)):
                if count > 0:
                    yield _balanced(view.source, finding.offset, count)
    for finding in view.of("ExpectedToken"):
        word = _expected(finding)
        if word.startswith("end"):
            yield _insert(view, finding.offset, f"\n{word}\n")


def _open_blocks(lexemes: list[Lexeme]) -> int:
    depth = 0
    for token in lexemes:
        if token.text in _ITEM:
            depth = 0
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
    return depth


def _balanced(source: str, offset: int, count: int) -> str:
    """Close ``count`` blocks at ``offset``; drop as many surplus ends right before endmodule."""
    head, tail = source[:offset] + "end\n" * count, source[offset:]
    surplus = re.compile(rf"(?:\bend\s+){{{count}}}(?=endmodule\b)")
    lexemes = lex(tail)
    if _open_blocks([t for t in lexemes if t.text in _OPEN | _CLOSE]) < 0:
        tail = surplus.sub("", tail, count=1)
    return head + tail


@rule
def cut_answer(view: View, contract: Contract) -> Iterator[str]:
    """A text cut in the middle of a statement: the statement is dropped, the blocks are closed.

    Example: `... y = a +` at the end of the text → `... end endmodule`
    """
    text = masked(view.source)
    ends = [m.end() for m in re.finditer(r"\bendmodule\b", text)]
    heads = [m.start() for m in re.finditer(r"\bmodule\b", text)]
    if not view.badness[Stage.SYNTAX] or not heads or (ends and ends[-1] > heads[-1]):
        return
    stops = [m.end() for m in re.finditer(r";|\bbegin\b|\bend(?:case)?\b", text)]
    for stop in reversed(stops[-3:]):
        head = view.source[:stop]
        closers = []
        for token in lex(head):
            if token.text in _OPEN:
                closers.append("end" if token.text == "begin" else "endcase")
            elif token.text in _CLOSE and closers:
                closers.pop()
            elif token.text == "generate":
                closers.append("endgenerate")
        yield head + "\n" + "\n".join(reversed(closers)) + "\nendmodule\n"


@rule
def missing_case_colon(view: View, contract: Contract) -> Iterator[str]:
    """A case item without its colon.

    Example: `2'b00 y = a;` → `2'b00: y = a;`
    """
    if any(view.of("ExpectedToken")):
        text = masked(view.source)
        edits = [
            Edit(m.end(1), m.end(1), ":")
            for m in re.finditer(
                r"(?:^|;|\)|\bend\b)[ \t]*(\d+'[bdh][0-9a-fxzXZA-F_?]+|\bdefault)"
                r"(?=[ \t]+[a-zA-Z_{])",
                text,
                re.M,
            )
        ]
        if edits:
            yield apply(view.source, edits)


@rule
def declaration_in_block(view: View, contract: Contract) -> Iterator[str]:
    """A net or variable declared between statements: moved in front of the process.

    Example: `begin wire t; t = a; end` → `reg t; always ... begin t = a; end`
    """
    text = masked(view.source)
    pattern = re.compile(
        r"(wire|reg|logic|integer|int|genvar)\b((?:\s+signed)?\s*(?:\[[^\]]*\])?\s*)([^;]+);"
    )
    for finding in view.of("ExpectedStatement", "DeclarationsAtStart"):
        m = pattern.match(text, finding.offset)
        process = [
            p.start() for p in re.finditer(r"\b(?:always\w*|initial)\b", text[: finding.offset])
        ]
        if not m or not process:
            continue
        kind = "integer" if m[1] in ("integer", "int", "genvar") else "reg"
        names = [n.split("=")[0].strip() for n in re.split(r",(?![^{(\[]*[}\])])", m[3])]
        values = [n.strip() for n in re.split(r",(?![^{(\[]*[}\])])", m[3]) if "=" in n]
        kept = " ".join(f"{value};" for value in values)
        declaration = f"{kind}{m[2].rstrip() if kind == 'reg' else ''} {', '.join(names)};\n"
        yield apply(
            view.source,
            [
                Edit(process[-1], process[-1], declaration),
                Edit(m.start(), m.end(), kept),
            ],
        )


@rule
def statement_outside_process(view: View, contract: Contract) -> Iterator[str]:
    """A procedural assignment at module level: made a continuous one.

    Example: `y = a;` → `assign y = a;`
    """
    text = masked(view.source)
    pattern = re.compile(r"(\w+\s*(?:\[[^\]]*\]\s*)*|\{[^}=]*\}\s*)(<?=)(?!=)")
    for finding in view.of("ExpectedDeclarator", "ExpectedMember"):
        start = max(text.rfind(c, 0, finding.offset) for c in ";\n") + 1
        for begin in dict.fromkeys((start, finding.offset)):
            gap = re.compile(r"\s*").match(text, begin).end()  # type: ignore[union-attr]
            m = pattern.match(text, gap)
            if m:
                yield apply(view.source, [Edit(gap, m.end(), f"assign {m[1]}=")])


@rule
def continuous_operator(view: View, contract: Contract) -> Iterator[str]:
    """An assign statement with `==` or `<=` for `=`.

    Example: `assign y == a;` → `assign y = a;`
    """
    if any(view.of("ExpectedContinuousAssignment")):
        text = masked(view.source)
        for m in re.finditer(r"\bassign\s+(?:\w+\s*(?:\[[^\]]*\]\s*)?|\{[^}]*\}\s*)(==|<=)", text):
            yield apply(view.source, [Edit(m.start(1), m.end(1), "=")])


@rule
def comparison_as_statement(view: View, contract: Contract) -> Iterator[str]:
    """A statement that compares where it should assign.

    Example: `y == a;` → `y = a;`, in a clocked block `y <= a;`
    """
    text = masked(view.source)
    for finding in view.of("ExprNotStatement"):
        m = re.compile(r"[^;=]*?(===?)").match(text, finding.offset)
        process = re.findall(r"\balways\w*\s*(?:@\s*\*|@\s*\([^)]*\))?", text[: finding.offset])
        clocked = bool(process) and "edge" in process[-1]
        if m:
            yield apply(view.source, [Edit(m.start(1), m.end(1), "<=" if clocked else "=")])


@rule
def statement_in_generate(view: View, contract: Contract) -> Iterator[str]:
    """An if, case or for on signals at module level: wrapped in a combinational process.

    Example: `if (s) assign y = a; else assign y = b;` → `always @* if (s) y = a; else y = b;`
    """
    if not any(view.of("ConstEvalNonConstVariable")):
        return
    text = masked(view.source)
    for finding in view.of("ConstEvalNonConstVariable"):
        start = max(text.rfind(w, 0, finding.offset) for w in ("if", "case"))
        stop = re.compile(r"\b(?:always\w*|initial|endmodule|wire|reg|generate)\b").search(
            text, finding.offset
        )
        if start < 0 or not stop:
            continue
        generate = re.search(r"\bgenerate\s*$", text[:start])
        end = stop.start()
        body = re.sub(r"\bassign\s+", "", view.source[start:end])
        body = re.sub(r"\bendgenerate\b", "", body)
        begin = generate.start() if generate else start
        text = view.source[:begin] + f"always @(*) begin\n{body}end\n" + view.source[end:]
        yield make_variables(text, contract)


@rule
def variable_as_genvar(view: View, contract: Contract) -> Iterator[str]:
    """A generate loop over an `int` or `integer`: over a genvar.

    Example: `generate for (int i = 0; ...` → `generate for (genvar i = 0; ...`
    """
    text = masked(view.source)
    codes = ("InvalidGenvarIterExpression", "ExpectedIdentifier", "NotAGenvar")
    for finding in view.of(*codes):
        for m in re.finditer(r"\bfor\s*\(\s*(int|integer)\b", text):
            if m.start() < finding.offset + 8:
                yield apply(view.source, [Edit(m.start(1), m.end(1), "genvar")])
        word = re.search(r"'(\w+)' is not a genvar", finding.message)
        if word:
            for m in re.finditer(rf"\b(integer|int|reg[^;]*)\s+{word[1]}\s*;", text):
                yield apply(view.source, [Edit(m.start(1), m.end(1), "genvar")])


@rule
def reserved_name(view: View, contract: Contract) -> Iterator[str]:
    """A reserved word used as the name of a signal: given an underscore.

    Example: `wire [7:0] byte;` → `wire [7:0] byte_;`
    """
    if not view.badness[Stage.SYNTAX]:
        return
    ports = {port.name for port in contract.ports}
    words = "bit byte do final int priority unique type var ref this new local global static rand \
        checker context edge expect export import pure tagged within strong weak small large \
        table time cell config design instance library liblist use interface packed program \
        property sequence string struct union virtual void with return break continue and or \
        buf not pulldown pullup scalared vectored matches cross bins assert assume before \
        bind class clocking constraint cover enum extends extern first_match highz0 highz1"
    text = masked(view.source)
    for word in words.split():
        if word in ports or not re.search(rf"\b(?:wire|reg|logic|\]|,)\s*{word}\s*[;,=)\[]", text):
            continue
        edits = [Edit(m.start(), m.end(), f"{word}_") for m in re.finditer(rf"\b{word}\b", text)]
        yield apply(view.source, edits)


STRUCTURE_RULES: tuple[Rule, ...] = (
    variable_as_genvar,
    condition_brackets,
    continuous_operator,
    comparison_as_statement,
    missing_case_colon,
    missing_begin_before_else,
    declaration_in_block,
    missing_begin_in_process,
    statement_in_generate,
    missing_end,
    missing_separator,
    superfluous_token,
    statement_outside_process,
    reserved_name,
    cut_answer,
)
