"""Rules of Compute and Reshape: shapes, layouts and types of their operands and results."""

from __future__ import annotations

from dataclasses import replace

from tools.tl.expressions import text
from tools.tl.scope import Scope, Tile, listed
from tools.tl.syntax import BINARY, REDUCE, Compute, Expr, Number, Operand, Reshape


class Rules(Scope):
    """A scope that can judge statements which work on tiles."""

    def compute(self, s: Compute) -> None:
        self.scalars(s)
        if s.operation == "GEMM":
            self.gemm(s)
            return
        reads = s.operation != "Fill"
        tiles = [self.find(s.line, o.name, reads) for o in s.operands]
        if any(o.transposed for o in s.operands):
            self.fault(s.line, "transpose-layout", f"{s.operation} takes no transposed operand")
        first = tiles[0]
        if first is None or any(t is None for t in tiles):
            return
        found = [t for t in tiles if t is not None]
        if s.operation == "OnlineSoftmax":
            self.online_softmax(s, found)
        elif s.operation in BINARY:
            self.broadcast(s, found[0], found[1])
        dims = first.dims[:1] if s.operation in REDUCE else first.dims
        if s.operation in REDUCE and len(first.dims) != 2:
            self.fault(
                s.line, "shape", f"{s.operation} needs a matrix, {listed(first.dims)} is none"
            )
        if s.operation in REDUCE and not (s.get or s.accumulate):
            self.fault(s.line, "shape", f"{s.operation} needs 'and get NAME'")
            return
        self.result(s, dims, first)

    def scalars(self, s: Compute) -> None:
        """Everything an operation needs beside its tiles is there and known."""
        needs_scalar = s.operation in ("Fill", "Scale", "Offset", "Softcap", "Alibi")
        if needs_scalar and s.scalar is None:
            self.fault(s.line, "undefined", f"{s.operation} needs a number or an expression")
        if s.mask and s.mask.arguments is None:
            self.fault(s.line, "undefined", f"mask {s.mask.kind} needs its arguments")
        if s.operation in ("Mask", "Alibi") and s.origin is None:
            self.fault(s.line, "undefined", f"{s.operation} needs [row, column] of the tile")
        extra = (*((s.mask.arguments or ()) if s.mask else ()), *(s.origin or ()))
        self.known(s.line, *extra, *((s.scalar,) if s.scalar is not None else ()))

    def online_softmax(self, s: Compute, tiles: list[Tile]) -> None:
        score, top, total, accumulator = tiles
        rows = score.dims[:1]
        if len(score.dims) != 2 or len(accumulator.dims) != 2:
            self.fault(s.line, "shape", "OnlineSoftmax needs matrices for scores and accumulator")
            return
        checks = ((top.dims, 1), (total.dims, 2), (accumulator.dims[:1], 3))
        for dims, at in checks:
            if not self.same(dims, rows):
                self.fault(
                    s.line, "shape", f"{s.operands[at].name} must have the rows of the scores"
                )
        for at in (1, 2, 3):
            tiles[at].written = True

    def broadcast(self, s: Compute, first: Tile, second: Tile) -> None:
        fits = self.same(first.dims, second.dims)
        if len(first.dims) == 2:
            row = (Number(1), first.dims[1])
            fits = fits or self.same(second.dims, first.dims[:1]) or self.same(second.dims, row)
        if not fits:
            self.fault(
                s.line,
                "shape",
                f"{s.operation}: {listed(second.dims)} does not fit {listed(first.dims)}",
            )

    def result(self, s: Compute, dims: tuple[Expr, ...], like: Tile) -> None:
        """The written tile exists in registers, or comes to be with the first operand's shape."""
        tile = self.near(s.result)
        if tile is None:
            tile = self.tiles[s.result, "register"] = Tile(dims, like.dtype, like.layout)
        if not self.same(tile.dims, dims):
            self.fault(
                s.line, "shape", f"{s.result} is {listed(tile.dims)}, the result {listed(dims)}"
            )
        if s.accumulate and not tile.written:
            self.fault(s.line, "uninitialised", f"{s.accumulate} is added to before it is filled")
        tile.written = True

    def gemm(self, s: Compute) -> None:
        left = self.find(s.line, s.operands[0].name)
        right = self.find(s.line, s.operands[1].name)
        out = self.tiles.get((s.result, "register"))
        if out is None:
            self.fault(s.line, "undefined", f"Allocate {s.result} in register: the GEMM's result")
        if left is None or right is None or out is None:
            return
        if not all(len(t.dims) == 2 for t in (left, right, out)):
            self.fault(s.line, "shape", "GEMM works on matrices")
            return
        self.operand_places(s, left)
        a, b = _oriented(s.operands[0], left), _oriented(s.operands[1], right)
        self.inner(s, a, b)
        if not self.same(out.dims, (a[0], b[1])):
            self.fault(
                s.line,
                "shape",
                f"{s.result} is {listed(out.dims)}, the product {listed((a[0], b[1]))}",
            )
        if left.dtype != right.dtype:
            self.fault(s.line, "dtype", f"GEMM of {left.dtype} with {right.dtype}: Cast one")
        wide = "int32" if left.dtype == "int8" else "fp32"
        if out.dtype != wide:
            self.fault(s.line, "dtype", f"{s.result} must accumulate in {wide}, not {out.dtype}")
        if out.layout != "mma_C":
            self.fault(s.line, "layout", f"a GEMM leaves {s.result} in layout mma_C")
        if s.accumulate and not out.written:
            self.fault(s.line, "uninitialised", f"{s.result} is added to before it is filled")
        out.written = True

    def operand_places(self, s: Compute, left: Tile) -> None:
        """Operands come from shared memory; the left one may be a reshaped register tile."""
        a, b = s.operands
        if (b.name, "register") in self.tiles:
            self.fault(
                s.line, "level", f"{b.name}, the right operand, must come from shared memory"
            )
        if (a.name, "register") not in self.tiles or left.layout == "mma_A":
            return
        if left.layout == "mma_C":
            self.fault(
                s.line,
                "missing-reshape",
                f"{a.name} is still in layout mma_C, as a GEMM left it; before this GEMM write "
                f"'Reshape {a.name} from mma_C to mma_A'",
            )
        else:
            self.fault(
                s.line, "level", f"{a.name} skips shared memory: Copy it from global to shared"
            )

    def inner(self, s: Compute, a: tuple[Expr, Expr], b: tuple[Expr, Expr]) -> None:
        if self.equal(a[1], b[0]):
            return
        right = s.operands[1]
        wish = f"{right.name}" if right.transposed else f"{right.name}.T"
        if self.equal(a[1], b[1]):
            self.fault(
                s.line,
                "transpose-layout",
                f"inner dimensions {text(a[1])} and {text(b[0])} differ; write {wish}. '.T' is "
                "the transposition of the mathematics, 'layout' is only how a tile is stored",
            )
        else:
            self.fault(s.line, "shape", f"inner dimensions {text(a[1])} and {text(b[0])} differ")

    def reshape(self, s: Reshape) -> None:
        tile = self.tiles.get((s.name, "register"))
        if tile is None:
            self.fault(s.line, "undefined", f"{s.name} is not in registers here")
        elif tile.layout not in (s.source, s.destination):
            # A loop body is read once, so on its second turn the tile has the new layout.
            self.fault(s.line, "layout", f"{s.name} is in layout {tile.layout}, not {s.source}")
        else:
            self.tiles[s.name, "register"] = replace(tile, layout=s.destination)


def _oriented(operand: Operand, tile: Tile) -> tuple[Expr, Expr]:
    rows, columns = tile.dims
    return (columns, rows) if operand.transposed else (rows, columns)
