"""A stage is one fused program: what it reads, the tiles it works on, and its statements.

A stage works on a (rows, columns) matrix of fp32 numbers. It begins with the matrix itself
(``X``), a product (``Acc``) or a convolution (``Acc``), goes through statements, and stores one
tile, or one number a row. ``programs`` writes stages as TL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from evals.kernelbench.pointwise import number

Kind = Literal["load", "matrix", "vector", "reduce"]
How = Literal["matrix", "row", "column", "periodic"]


@dataclass(frozen=True, slots=True)
class Ref:
    """Where an array comes from: an input by position, a parameter by name, an earlier stage.

    ``layout`` is done once, when a kernel is made: ``repeat N`` writes every number N times,
    ``taps`` puts filter taps first.
    """

    kind: Literal["input", "parameter", "stage"]
    name: str
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A statement. A ``load`` has the array in ``text`` and says ``how`` it lies; a ``reduce``
    has the reduction in ``text``, over ``tile`` into ``vector``.
    """

    kind: Kind
    text: str
    how: How = "matrix"
    tile: str = ""
    vector: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """Acc = A B for ``batch`` pairs of matrices, each stored transposed or not."""

    m: int
    n: int
    k: int
    batch: int = 1
    left_transposed: bool = False
    right_transposed: bool = False


@dataclass(frozen=True, slots=True)
class Convolution:
    """Acc = X * F for NCHW images, stride 1, no padding; ``depthwise`` filters each channel."""

    batch: int
    ci: int
    co: int
    height: int
    width: int
    kernel: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    depthwise: bool = False

    @property
    def out(self) -> tuple[int, int]:
        (r, s), (a, b) = self.kernel, self.dilation
        return self.height - (r - 1) * a, self.width - (s - 1) * b


@dataclass(frozen=True, slots=True)
class Scores:
    """softmax(Q K^T / sqrt(width)) V for ``batch`` x ``heads``."""

    batch: int
    heads: int
    queries: int
    keys: int
    width: int
    values: int


Head = Product | Convolution | Scores | None


@dataclass(slots=True)
class Stage:
    """One fused program; ``result`` is the tile or the vector that it stores as ``Y``."""

    rows: int
    columns: int
    head: Head = None
    arrays: dict[str, Ref] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    tiles: list[str] = field(default_factory=list)
    vectors: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    result: str = ""
    output: int = -1

    @property
    def title(self) -> str:
        """A few words: what it begins with, its shape, and how many statements follow."""
        match self.head:
            case Product() as p:
                name = f"product {p.batch} x {p.m}x{p.n}x{p.k}"
            case Convolution() as c:
                name = f"{'depthwise ' * c.depthwise}convolution {c.ci} to {c.co}"
            case Scores() as s:
                name = f"attention {s.batch}x{s.heads}x{s.queries}x{s.keys}x{s.width}"
            case None:
                name = f"matrix {self.rows}x{self.columns}"
        return f"{name}, {len(self.lines)} statements"

    @property
    def primary(self) -> str:
        return "Acc" if self.head else "X"

    @property
    def periodic(self) -> bool:
        return any(line.how == "periodic" for line in self.lines)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The shape of Y as TL sees it."""
        match self.head:
            case Product(m=m, n=n, batch=batch):
                return (batch, m, n)
            case Convolution() as c:
                return (c.batch, c.co, c.out[0] * c.out[1])
            case Scores() as s:
                return (s.batch, s.heads, s.queries, s.values)
        return (self.rows,) if self.result in self.vectors else (self.rows, self.columns)

    @property
    def flops(self) -> int:
        """Operations of the products, as they are usually counted."""
        match self.head:
            case Product() as p:
                return 2 * p.batch * p.m * p.n * p.k
            case Convolution() as c:
                one = c.kernel[0] * c.kernel[1] * c.out[0] * c.out[1] * c.batch
                return 2 * one * c.co * (1 if c.depthwise else c.ci)
            case Scores() as s:
                return 2 * s.batch * s.heads * s.queries * s.keys * (s.width + s.values)
        return 0

    def tile(self) -> str:
        """A new tile."""
        self.tiles.append(f"T{len(self.tiles)}")
        return self.tiles[-1]

    def vector(self) -> str:
        """A new vector, one number a row."""
        self.vectors.append(f"s{len(self.vectors)}")
        return self.vectors[-1]

    def read(self, ref: Ref, shape: tuple[int, ...], how: How) -> str:
        """Load another array; its tile or vector."""
        name = f"V{len(self.arrays)}"
        self.arrays[name], self.shapes[name] = ref, shape
        self.lines.append(Line("load", name, how))
        return name

    def do(self, *texts: str) -> None:
        """Statements on tiles."""
        self.lines += [Line("matrix", text) for text in texts]

    def count(self, *texts: str) -> None:
        """Statements on vectors."""
        self.lines += [Line("vector", text) for text in texts]

    def reduce(self, operation: Literal["RowSum", "RowMax"], tile: str) -> str:
        """A new vector with a reduction of each row."""
        vector = self.vector()
        self.lines.append(Line("reduce", operation, tile=tile, vector=vector))
        return vector

    def mean(self, tile: str) -> str:
        """A new vector with the mean of each row."""
        vector = self.reduce("RowSum", tile)
        self.count(f"Compute Scale {vector} {number(1 / self.columns)}")
        return vector
