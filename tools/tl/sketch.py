"""Sketches: TL Code without its parameters, and the check that one refines the other.

Stage 1a of the attention workflow writes a sketch, stage 1b adds parameters. Taking the
parameters away again must give the sketch back, so stage 1b cannot change the algorithm.
"""

from __future__ import annotations

from itertools import zip_longest

from tools.tl.errors import Diagnostic, TLError
from tools.tl.printer import to_text
from tools.tl.syntax import (
    Allocate,
    Compute,
    Copy,
    For,
    If,
    Mask,
    Param,
    Program,
    Reshape,
    Statement,
    Tune,
)


def sketch_of(program: Program) -> Program:
    """The program without parameters: sizes, coordinates, storage, layouts, initial values."""
    return Program(_strip(program.statements))


def refines(code: Program, sketch: Program) -> None:
    """TLError, with the first line where they part, unless ``code`` refines ``sketch``."""
    have = to_text(sketch_of(code)).splitlines()
    want = to_text(sketch_of(sketch)).splitlines()
    for number, (a, b) in enumerate(zip_longest(have, want), 1):
        if a != b:
            raise TLError(
                Diagnostic(
                    number,
                    "refinement",
                    f"the code says {(a or 'nothing').strip()!r} where the sketch says "
                    f"{(b or 'nothing').strip()!r}",
                )
            )


def _strip(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    return tuple(kept for s in statements if (kept := _bare(s)) is not None)


def _bare(s: Statement) -> Statement | None:
    match s:
        case Param() | Tune() | Allocate() | Reshape():
            return None
        case Copy(name, source, destination, _, _, target):
            return Copy(name, source, destination, target=target)
        case Compute("Fill"):
            return None
        case Compute(operation, operands, _, mask, _, get, accumulate):
            bare = Mask(mask.kind) if mask else None
            return Compute(operation, operands, mask=bare, get=get, accumulate=accumulate)
        case For(variable, _, _, body, parallel):
            return For(variable, None, None, _strip(body), parallel)
        case If(_, body):
            return If(None, _strip(body))
