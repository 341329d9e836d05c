"""Text to syntax tree, with errors that name the line and say what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from tools.tl.errors import Diagnostic, TLError
from tools.tl.expressions import PRECEDENCE
from tools.tl.syntax import (
    BINARY,
    DTYPES,
    FUNCTIONS,
    LAYOUTS,
    LEVELS,
    MASKS,
    OPERATIONS,
    POSITIONAL,
    SCALAR,
    Allocate,
    Binary,
    Call,
    Compute,
    Copy,
    Element,
    Expr,
    For,
    If,
    Level,
    Mask,
    Name,
    Number,
    Operand,
    Param,
    Program,
    Reshape,
    Statement,
    Tune,
)

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.\d*(?:e[+-]?\d+)?|\.\d+|\d+(?:e[+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.T)?)|(?P<sign><=|>=|==|[-+*/%<>=(){}\[\],:]))"
)
_OPERANDS = {"GEMM": 2, "OnlineSoftmax": 4, **dict.fromkeys(BINARY, 2)}
_STARTS = ("Param", "Tune", "Allocate", "Copy", "Compute", "Reshape", "for", "if", "end")


def parse(source: str) -> Program:
    """Parse a sketch or TL Code; ``#`` starts a comment. Raises TLError at the first fault."""
    lines = [(n, line.split("#", 1)[0]) for n, line in enumerate(source.splitlines(), 1)]
    cursor = [(n, line) for n, line in lines if line.strip()]
    statements, rest = _block(cursor, 0)
    if rest < len(cursor):
        raise _fault(cursor[rest][0], "'end' without a 'for' or an 'if' before it")
    return Program(statements)


def _fault(line: int, message: str) -> TLError:
    return TLError(Diagnostic(line, "syntax", message))


def _block(lines: list[tuple[int, str]], at: int) -> tuple[tuple[Statement, ...], int]:
    """Statements from ``at`` up to an ``end`` or the last line, and where they stop."""
    found: list[Statement] = []
    while at < len(lines):
        line = _Line(*lines[at])
        if line.peek() == "end":
            line.take("end")
            line.finish()
            break
        statement = line.statement()
        at += 1
        if isinstance(statement, For | If):
            body, at = _block(lines, at)
            if at >= len(lines):
                raise _fault(statement.line, "this block has no 'end'")
            at += 1
            statement = replace(statement, body=body)
        found.append(statement)
    return tuple(found), at


class _Line:
    """One line of text as a token stream."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.tokens: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            if not (match := _TOKEN.match(text, at)):
                raise _fault(number, f"cannot read {text[at:].strip()!r}")
            self.tokens.append(match.group().strip())
            at = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def fail(self, expected: str) -> TLError:
        found = repr(self.peek()) if self.peek() else "the end of the line"
        return _fault(self.number, f"expected {expected}, found {found}")

    def accept(self, token: str) -> bool:
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def take(self, *choices: str) -> str:
        """The next token, which must be one of ``choices``."""
        if self.peek() not in choices:
            raise self.fail(" or ".join(repr(c) for c in choices))
        self.at += 1
        return self.tokens[self.at - 1]

    def name(self, what: str = "a name") -> str:
        token = self.peek()
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise self.fail(what)
        self.at += 1
        return token

    def integer(self) -> int:
        if not self.peek().isdigit():
            raise self.fail("a whole number")
        return int(self.take(self.peek()))

    def finish(self) -> None:
        if self.peek():
            raise self.fail("the end of the line")

    def statement(self) -> Statement:
        kind = self.take(*_STARTS)
        parsers: dict[str, Callable[[], Statement]] = {
            "Param": self.param,
            "Tune": self.tune,
            "Allocate": self.allocate,
            "Copy": self.copy,
            "Compute": self.compute,
            "Reshape": self.reshape,
            "for": self.loop,
            "if": self.condition,
        }
        result = parsers[kind]()
        self.finish()
        return result

    def param(self) -> Param:
        name = self.name()
        self.take("=")
        return Param(name, self.integer(), self.number)

    def tune(self) -> Tune:
        name = self.name()
        self.take("in")
        self.take("{")
        choices = [self.integer()]
        while self.accept(","):
            choices.append(self.integer())
        self.take("}")
        return Tune(name, tuple(choices), self.number)

    def level(self) -> Level:
        token = self.take(*LEVELS)
        return next(level for level in LEVELS if level == token)

    def allocate(self) -> Allocate:
        name = self.name()
        self.take("in")
        level = self.level()
        dims = self.sequence("(", ")")
        dtype = self.take(*DTYPES) if self.accept("as") else "fp32"
        layout = self.take(*LAYOUTS) if self.accept("layout") else "row"
        return Allocate(name, level, dims, dtype, layout, self.number)

    def copy(self) -> Copy:
        name = self.name()
        dims = self.sequence("(", ")") if self.peek() == "(" else None
        coordinate = None
        if self.accept("in"):
            self.take("coordinate")
            coordinate = self.sequence("[", "]")
        self.take("from")
        source = self.level()
        self.take("to")
        destination = self.level()
        target = self.name() if self.accept("as") else None
        stages = 0
        if self.accept("async"):
            self.take("stages")
            stages = self.integer()
        return Copy(name, source, destination, dims, coordinate, target, stages, self.number)

    def compute(self) -> Compute:
        operation = self.take(*OPERATIONS)
        operands = [self.operand()]
        while self.accept(","):
            operands.append(self.operand())
        expected = _OPERANDS.get(operation, 1)
        if len(operands) != expected:
            raise _fault(
                self.number, f"{operation} takes {expected} operand(s), found {len(operands)}"
            )
        scalar = mask = origin = None
        if operation == "Mask":
            mask = self.mask()
        elif operation in SCALAR or operation == "Alibi":
            scalar = self.scalar()
        if operation in POSITIONAL and self.peek() == "[":
            row, column = self.pair()
            origin = (row, column)
        get = accumulate = None
        if self.accept("and"):
            if self.take("get", "accumulate") == "get":
                get = self.name()
            else:
                accumulate = self.name()
        if operation == "GEMM" and not (get or accumulate):
            raise self.fail("'and get NAME' or 'and accumulate NAME' after a GEMM")
        return Compute(
            operation, tuple(operands), scalar, mask, origin, get, accumulate, self.number
        )

    def operand(self) -> Operand:
        token = self.peek()
        if token.endswith(".T"):
            self.at += 1
            return Operand(token[:-2], True)
        return Operand(self.name("an operand"))

    def mask(self) -> Mask:
        kind = self.take(*MASKS)
        if self.peek() != "(":
            return Mask(kind)
        arguments = self.sequence("(", ")")
        if len(arguments) != MASKS[kind]:
            raise _fault(
                self.number, f"mask {kind} takes {MASKS[kind]} argument(s), found {len(arguments)}"
            )
        return Mask(kind, arguments)

    def scalar(self) -> Expr | None:
        """The scalar of Fill, Scale, ...: absent in a sketch."""
        if self.peek() in ("", "and", "["):
            return None
        if self.accept("-"):
            value = self.expression()
            if not isinstance(value, Number):
                raise self.fail("a number after '-'")
            return Number(-value.value)
        return self.expression()

    def pair(self) -> tuple[Expr, Expr]:
        both = self.sequence("[", "]")
        if len(both) != 2:
            raise _fault(self.number, "expected [row, column] of the tile's first element")
        return both[0], both[1]

    def reshape(self) -> Reshape:
        name = self.name()
        self.take("from")
        source = self.take(*LAYOUTS)
        self.take("to")
        return Reshape(name, source, self.take(*LAYOUTS), self.number)

    def loop(self) -> For:
        parallel = self.accept("parallel")
        variable = self.name("a loop variable")
        if not self.peek():
            return For(variable, None, None, (), parallel, self.number)
        self.take("=")
        low = self.expression()
        self.take(":")
        return For(variable, low, self.expression(), (), parallel, self.number)

    def condition(self) -> If:
        return If(self.expression() if self.peek() else None, (), self.number)

    def sequence(self, left: str, right: str) -> tuple[Expr, ...]:
        self.take(left)
        found = [self.expression()]
        while self.accept(","):
            found.append(self.expression())
        self.take(right)
        return tuple(found)

    def expression(self, weakest: int = 1) -> Expr:
        """Precedence climbing; all operators associate to the left."""
        left = self.atom()
        while (strength := PRECEDENCE.get(self.peek(), 0)) >= weakest:
            sign = self.take(self.peek())
            left = Binary(sign, left, self.expression(strength + 1))
        return left

    def atom(self) -> Expr:
        if self.accept("("):
            inner = self.expression()
            self.take(")")
            return inner
        token = self.peek()
        if token[:1].isdigit() or token[:1] == ".":
            self.at += 1
            return Number(int(token) if token.isdigit() else float(token))
        name = self.name("a number, a name or '('")
        if name == "inf":
            return Number(float("inf"))
        if self.peek() == "[":
            return Element(name, self.sequence("[", "]"))
        if self.peek() != "(":
            return Name(name)
        if name not in FUNCTIONS:
            raise self.fail(f"one of the functions {', '.join(FUNCTIONS)} before '('")
        arguments = self.sequence("(", ")")
        if len(arguments) != FUNCTIONS[name]:
            raise _fault(self.number, f"{name} takes {FUNCTIONS[name]} arguments")
        return Call(name, arguments)
