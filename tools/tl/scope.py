"""What the checker knows at a statement: parameters, loop variables, tiles, faults so far."""

from __future__ import annotations

from dataclasses import dataclass

from tools.tl.errors import Diagnostic
from tools.tl.expressions import evaluate, names, text
from tools.tl.syntax import Expr, Level, Number


@dataclass(slots=True)
class Tile:
    """A tile's static type; ``written`` once it has a value."""

    dims: tuple[Expr, ...]
    dtype: str
    layout: str = "row"
    stages: int = 1
    written: bool = False


class Scope:
    """Names in scope, and the ways to ask for them that report a fault instead of failing."""

    def __init__(self) -> None:
        self.faults: list[Diagnostic] = []
        self.values: dict[str, int] = {}
        self.variables: set[str] = set()
        self.tiles: dict[tuple[str, Level], Tile] = {}

    def near(self, name: str) -> Tile | None:
        """The tile of that name nearest to the arithmetic."""
        return self.tiles.get((name, "register")) or self.tiles.get((name, "shared"))

    def fault(self, line: int, code: str, message: str) -> None:
        self.faults.append(Diagnostic(line, code, message))

    def known(self, line: int, *expressions: Expr) -> bool:
        """Report names that are no parameter, loop variable or global array."""
        arrays = {name for name, level in self.tiles if level == "global"}
        known = self.values.keys() | self.variables | arrays
        unknown = sorted(set().union(*(names(e) for e in expressions)) - known)
        for name in unknown:
            self.fault(line, "undefined", f"{name} is no parameter, loop variable or global array")
        return not unknown

    def size(self, dims: tuple[Expr, ...]) -> tuple[int, ...]:
        return tuple(int(evaluate(d, self.values)) for d in dims)

    def constant(self, line: int, dims: tuple[Expr, ...]) -> bool:
        """Dimensions may name parameters only."""
        unknown = sorted(set().union(*(names(d) for d in dims)) - self.values.keys())
        for name in unknown:
            self.fault(line, "undefined", f"dimension {name} is no parameter: add 'Param {name}'")
        return not unknown

    def same(self, a: tuple[Expr, ...], b: tuple[Expr, ...]) -> bool:
        return len(a) == len(b) and all(self.equal(x, y) for x, y in zip(a, b, strict=True))

    def equal(self, a: Expr, b: Expr) -> bool:
        """Same dimension: the same text, or a plain number of the same value."""
        if text(a) == text(b):
            return True
        literal = isinstance(a, Number) or isinstance(b, Number)
        return literal and bool(evaluate(a, self.values) == evaluate(b, self.values))

    def find(self, line: int, name: str, read: bool = True) -> Tile | None:
        """The tile an operand means: the one nearest to the arithmetic."""
        tile = self.near(name)
        if tile is None:
            where = "only in global memory" if (name, "global") in self.tiles else "nowhere"
            self.fault(
                line, "undefined", f"{name} is {where} here: Copy it nearer or Allocate it first"
            )
        elif read and not tile.written:
            self.fault(line, "uninitialised", f"{name} is read before it has a value: Fill it")
        return tile


def listed(dims: tuple[Expr, ...]) -> str:
    """Dimensions as a message shows them."""
    return f"({', '.join(text(d) for d in dims)})"
