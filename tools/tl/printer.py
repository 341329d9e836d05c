"""Syntax tree to text; ``parse(to_text(p)) == p`` for every program."""

from __future__ import annotations

from tools.tl.expressions import text
from tools.tl.syntax import (
    Allocate,
    Compute,
    Copy,
    Element,
    Expr,
    For,
    If,
    Number,
    Param,
    Program,
    Reshape,
    Statement,
    Tune,
)


def to_text(program: Program) -> str:
    """The program, one statement a line, two spaces a nesting level."""
    return "".join(f"{line}\n" for s in program.statements for line in _lines(s))


def _lines(statement: Statement) -> list[str]:
    match statement:
        case For(variable, low, high, body, parallel):
            head = f"for parallel {variable}" if parallel else f"for {variable}"
            if low is not None and high is not None:
                head += f" = {text(low)} : {text(high)}"
            return [head, *_indented(body), "end"]
        case If(condition, body):
            head = "if" if condition is None else f"if {text(condition)}"
            return [head, *_indented(body), "end"]
        case _:
            return [line(statement)]


def _indented(body: tuple[Statement, ...]) -> list[str]:
    return [f"  {line}" for s in body for line in _lines(s)]


def line(statement: Param | Tune | Allocate | Copy | Compute | Reshape) -> str:
    """One statement that is no block, as text."""
    match statement:
        case Param(name, value):
            return f"Param {name} = {value}"
        case Tune(name, choices):
            return f"Tune {name} in {{{', '.join(map(str, choices))}}}"
        case Allocate(name, level, dims, dtype, layout):
            return f"Allocate {name} in {level} {_list(dims)} as {dtype} layout {layout}"
        case Reshape(name, source, destination):
            return f"Reshape {name} from {source} to {destination}"
        case Copy():
            return _copy(statement)
        case Compute():
            return _compute(statement)


def _list(items: tuple[Expr, ...], left: str = "(", right: str = ")") -> str:
    return f"{left}{', '.join(text(i) for i in items)}{right}"


def _copy(copy: Copy) -> str:
    parts = ["Copy", copy.name]
    if copy.dims is not None:
        parts.append(_list(copy.dims))
    if copy.coordinate is not None:
        parts.append(f"in coordinate {_list(copy.coordinate, '[', ']')}")
    parts.append(f"from {copy.source} to {copy.destination}")
    if copy.target:
        parts.append(f"as {copy.target}")
    if copy.stages:
        parts.append(f"async stages {copy.stages}")
    return " ".join(parts)


def _compute(compute: Compute) -> str:
    operands = ", ".join(o.name + (".T" if o.transposed else "") for o in compute.operands)
    parts = ["Compute", compute.operation, operands]
    if compute.mask:
        arguments = compute.mask.arguments
        parts.append(compute.mask.kind + (_list(arguments) if arguments is not None else ""))
    if compute.scalar is not None:
        scalar = text(compute.scalar)
        # A name just before [row, column] would read as an element of an array.
        joins = compute.origin is not None and not isinstance(compute.scalar, Element | Number)
        parts.append(f"({scalar})" if joins else scalar)
    if compute.origin is not None:
        parts.append(_list(compute.origin, "[", "]"))
    if compute.get:
        parts.append(f"and get {compute.get}")
    if compute.accumulate:
        parts.append(f"and accumulate {compute.accumulate}")
    return " ".join(parts)
