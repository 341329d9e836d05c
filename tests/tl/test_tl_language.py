"""TL as text: parsing, printing, the errors, the sketch relation and the GBNF form."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.kernels.attention import Attention, forward
from tools.tl import TLError, parse, refines, sketch_of, to_text
from tools.tl.gbnf import CODE, SKETCH
from tools.tl.syntax import Binary, Call, Compute, Element, For, Name, Number, Operand, Program

SPEC = Attention(2, 4, 2, 40, 50, 16, 16, causal=True, window=20, softcap=3.0, alibi=True)
TEXT = forward(SPEC, 16, 32, stages=2)

names = st.sampled_from(["BM", "q", "N_1", "x"])
leaves = st.one_of(st.integers(0, 999).map(Number), names.map(Name))
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from("+-*/%"), inner, inner),
        st.builds(Call, st.sampled_from(["min", "max", "ceil"]), st.tuples(inner, inner)),
        st.builds(Element, names, st.tuples(inner)),
    ),
    max_leaves=12,
)


@given(expressions)
@settings(max_examples=300)
def test_printed_expressions_read_back_the_same(expression):
    loop = For("i", Number(0), expression, (), line=1)
    scale = Compute("Alibi", (Operand("S"),), expression, origin=(expression, Name("c")), line=2)
    program = Program((For("i", Number(0), expression, (scale,)),))
    again = parse(to_text(program))
    assert again == program
    assert loop.high == again.statements[0].high


def test_attention_reads_back_the_same():
    program = parse(TEXT)
    assert parse(to_text(program)) == program
    assert to_text(parse(to_text(program))) == to_text(program)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Frobnicate S", "expected 'Param' or"),
        ("Compute Sofmax S", "expected 'GEMM' or"),
        ("Compute GEMM A, B", "'and get NAME' or 'and accumulate NAME'"),
        ("Compute GEMM A and get S", "GEMM takes 2 operand(s), found 1"),
        ("Copy A (BM from global to shared", "expected ')'"),
        ("Copy A (BM) from disk to shared", "expected 'global' or 'shared' or 'register'"),
        ("Param BM = x", "expected a whole number, found 'x'"),
        ("Compute Mask S causal(1, 2) [0, 0]", "mask causal takes 1 argument(s)"),
        ("for i = 0 : floor(N, 2)", "one of the functions"),
        ("Reshape P from mma_C to mma_D", "expected 'row' or"),
        ("Copy A $ from global to shared", "cannot read '$"),
        ("end", "'end' without"),
        ("if i < 3", "this block has no 'end'"),
    ],
)
def test_syntax_errors_name_the_line_and_what_is_missing(line, message):
    with pytest.raises(TLError) as caught:
        parse(f"Param N = 3  # fine\n\n{line}\n")
    fault = caught.value.diagnostics[0]
    assert (fault.line, fault.code) == (3, "syntax")
    assert message in fault.message


def test_code_refines_its_sketch_and_nothing_else():
    code = parse(TEXT)
    sketch = parse(to_text(sketch_of(code)))
    refines(code, sketch)
    changed = parse(TEXT.replace("Compute Softcap S 3.0\n", ""))
    with pytest.raises(TLError, match="refinement: the code says 'Compute Alibi S'"):
        refines(changed, sketch)
    other_sizes = parse(forward(SPEC, 64, 16))
    refines(other_sizes, sketch)


def test_bind_sets_parameters_and_tunables():
    program = parse("Param A = 1\nTune B in {2, 3}\n")
    assert program.tunables == {"B": (2, 3)}
    assert program.bind({"A": 5, "B": 3}).parameters == {"A": 5, "B": 3}
    with pytest.raises(KeyError, match="no parameter C"):
        program.bind({"C": 1})


class Grammar:
    """A small GBNF recogniser (all ends of a match, by recursive descent) for the tests."""

    TOKEN = re.compile(
        r'"(?:\\.|[^"])*"|\[(?:\\.|[^\]])*\]|\{\d+\}|[A-Za-z][\w-]*|::=|[|()*+?\n]|[ \t]+'
    )

    def __init__(self, text):
        self.rules, self.memo = {}, {}
        for line in text.strip().splitlines():
            head, body = line.split(" ::= ", 1)
            self.tokens = [t for t in self.TOKEN.findall(body) if t.strip()]
            self.rules[head] = self.alternatives()

    def alternatives(self):
        options = [[]]
        while self.tokens and self.tokens[0] != ")":
            token = self.tokens.pop(0)
            if token == "|":
                options.append([])
                continue
            if token == "(":
                token = self.alternatives()
                self.tokens.pop(0)
            repeat = (1, 1)
            if self.tokens and self.tokens[0] in "*+?":
                repeat = {"*": (0, 999), "+": (1, 999), "?": (0, 1)}[self.tokens.pop(0)]
            elif self.tokens and self.tokens[0][0] == "{":
                repeat = (int(self.tokens.pop(0)[1:-1]),) * 2
            options[-1].append((token, repeat))
        return options

    def one(self, token, text, at):
        if isinstance(token, list):
            return set().union(*(self.sequence(option, text, at) for option in token))
        if token[0] == '"':
            literal = token[1:-1].encode().decode("unicode_escape")
            return {at + len(literal)} if text.startswith(literal, at) else set()
        if token[0] == "[":
            return {at + 1} if re.match(token, text[at : at + 1]) else set()
        if (token, at) not in self.memo:
            self.memo[token, at] = self.one(self.rules[token], text, at)
        return self.memo[token, at]

    def sequence(self, items, text, at):
        ends = {at}
        for token, (low, high) in items:
            reached = set(ends) if low == 0 else set()
            for turn in range(1, high + 1):
                ends = set().union(*(self.one(token, text, e) for e in ends)) - reached
                reached |= ends if turn >= low else set()
                if not ends:
                    break
            ends = reached
        return ends

    def accepts(self, text):
        self.memo = {}
        at = 0
        while at < len(text):  # root is line+: one line at a time keeps the sets small
            ends = self.one("line", text, at)
            if not ends:
                return False
            at, self.memo = max(ends), {}
        return True


def test_gbnf_accepts_what_is_printed_and_refuses_the_rest():
    code, sketch = Grammar(CODE), Grammar(SKETCH)
    program = parse(TEXT)
    assert code.accepts(to_text(program))
    assert sketch.accepts(to_text(sketch_of(program)))
    assert not sketch.accepts(to_text(program))
    for wrong in (
        "Compute Sofmax S\n",
        "Copy K from disk to shared\n",
        "for i = 0 :\n",
        "Param x\n",
    ):
        assert not code.accepts(wrong)
        with pytest.raises(TLError):
            parse(wrong)
