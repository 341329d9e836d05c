"""The syntax tree of TL, the thinking language: what a program is, and nothing about its text.

A program moves tiles between three memory levels (``Copy``) and works on them (``Compute``).
Integer parameters name every size; expressions over them give loop bounds and coordinates.
The statement families follow LLM-TL of QiMeng-Attention (arXiv 2506.12355, section 3); the
grammar is ours, because the paper prints none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["global", "shared", "register"]
LEVELS: tuple[Level, ...] = ("global", "shared", "register")
DTYPES = ("fp32", "fp16", "bf16", "int8", "int32")
LAYOUTS = ("row", "col", "mma_A", "mma_B", "mma_C")
FUNCTIONS = {"min": 2, "max": 2, "ceil": 2}
"""Integer functions of expressions; ``ceil(a, b)`` is a / b rounded up."""
MASKS = {"bound": 1, "causal": 1, "anticausal": 1, "window": 2, "prefix": 2}
"""Mask kinds and their argument counts, in terms of row r and column c of the score matrix:
bound(n) keeps c < n; causal(d) keeps c <= r + d; anticausal(d) keeps r <= c + d (the same
for a transposed score matrix); window(d, w) keeps r + d - w < c; prefix(d, p) keeps c <= r + d
or c < p."""

UNARY = (
    *("Exp", "Log", "Relu", "Gelu", "Silu", "Tanh", "Sigmoid"),
    *("Square", "Rsqrt", "Reciprocal", "Cast"),
)
BINARY = ("Add", "Subtract", "Multiply", "Divide", "Maximum")
REDUCE = ("RowMax", "RowSum")
SCALAR = ("Fill", "Scale", "Offset", "Softcap")
POSITIONAL = ("Mask", "Alibi")
OPERATIONS = ("GEMM", "OnlineSoftmax", *UNARY, *BINARY, *REDUCE, *SCALAR, *POSITIONAL)


@dataclass(frozen=True, slots=True)
class Number:
    """A literal. Floats appear only as operands of Fill, Scale, Offset, Softcap and Alibi."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Name:
    """A parameter or a loop variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Binary:
    """``+ - * / %`` and the comparisons; ``/`` on integers rounds towards minus infinity."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Call:
    """One of ``FUNCTIONS``."""

    function: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a global array, ``Len[b]``: how lengths and slopes enter expressions."""

    array: str
    index: tuple[Expr, ...]


Expr = Number | Name | Binary | Call | Element


@dataclass(frozen=True, slots=True)
class Param:
    """``Param BM = 64``."""

    name: str
    value: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Tune:
    """``Tune BM in {64, 128}``: a parameter whose value the search picks."""

    name: str
    choices: tuple[int, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Allocate:
    """Storage for a name at a level. ``layout`` is how it lies there, never a transposition."""

    name: str
    level: Level
    dims: tuple[Expr, ...]
    dtype: str = "fp32"
    layout: str = "row"
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Copy:
    """Move a tile. ``coordinate`` is the element offset of the tile in the global array.

    The tile's dimensions are the last ones of the array; the leading ones have size one, and
    a tile may have leading ones more than its array (a vector as a row). What
    lies outside the array reads as zero and is not written. ``target`` renames the tile.
    ``stages`` > 0 asks for an asynchronous copy, that many buffers deep.
    """

    name: str
    source: Level
    destination: Level
    dims: tuple[Expr, ...] | None = None
    coordinate: tuple[Expr, ...] | None = None
    target: str | None = None
    stages: int = 0
    line: int = field(default=0, compare=False)

    @property
    def result(self) -> str:
        """The name the tile has at its destination."""
        return self.target or self.name


@dataclass(frozen=True, slots=True)
class Operand:
    """A tile as an operand; ``transposed`` (``K.T``) is a property of the mathematics only."""

    name: str
    transposed: bool = False


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask kind with its arguments; None in a sketch."""

    kind: str
    arguments: tuple[Expr, ...] | None = None


@dataclass(frozen=True, slots=True)
class Compute:
    """Work on tiles of one level. ``origin`` is the (row, column) of the tile's first element.

    ``get`` names the result, ``accumulate`` a tile the result is added to (for RowMax: the
    maximum with it); with neither, the first operand is changed in place.
    """

    operation: str
    operands: tuple[Operand, ...]
    scalar: Expr | None = None
    mask: Mask | None = None
    origin: tuple[Expr, Expr] | None = None
    get: str | None = None
    accumulate: str | None = None
    line: int = field(default=0, compare=False)

    @property
    def result(self) -> str:
        """The tile this statement writes."""
        return self.get or self.accumulate or self.operands[0].name


@dataclass(frozen=True, slots=True)
class Reshape:
    """Change the layout a register tile is held in, between two chained GEMMs."""

    name: str
    source: str
    destination: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class For:
    """A loop over ``low <= variable < high``; ``parallel`` ones are independent of each other."""

    variable: str
    low: Expr | None
    high: Expr | None
    body: tuple[Statement, ...]
    parallel: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class If:
    """A guarded block; the condition is None in a sketch."""

    condition: Expr | None
    body: tuple[Statement, ...]
    line: int = field(default=0, compare=False)


Statement = Param | Tune | Allocate | Copy | Compute | Reshape | For | If


@dataclass(frozen=True, slots=True)
class Program:
    """A TL program: a sketch when it has no parameters, TL Code when it has them all."""

    statements: tuple[Statement, ...]

    def walk(self) -> Iterator[Statement]:
        """Every statement in the order of the text, loops before their bodies."""
        yield from _walk(self.statements)

    @property
    def parameters(self) -> dict[str, int]:
        """Values of all ``Param`` statements."""
        return {s.name: s.value for s in self.statements if isinstance(s, Param)}

    @property
    def tunables(self) -> dict[str, tuple[int, ...]]:
        """Choices of all ``Tune`` statements that no value was bound to yet."""
        return {s.name: s.choices for s in self.statements if isinstance(s, Tune)}

    def bind(self, values: dict[str, int]) -> Program:
        """Give parameters and tunables values. KeyError for a name the program does not have."""
        known = {**self.parameters, **self.tunables}
        if unknown := sorted(set(values) - set(known)):
            raise KeyError(f"the program has no parameter {', '.join(unknown)}")
        return Program(
            tuple(
                Param(s.name, values[s.name], s.line)
                if isinstance(s, Param | Tune) and s.name in values
                else s
                for s in self.statements
            )
        )


def _walk(statements: tuple[Statement, ...]) -> Iterator[Statement]:
    for statement in statements:
        yield statement
        if isinstance(statement, For | If):
            yield from _walk(statement.body)
