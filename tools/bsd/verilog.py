"""A learned box as plain Verilog: one assignment per decision node, in its simplest form."""

from __future__ import annotations

from collections.abc import Sequence

from tools.bsd.box import Box, Port
from tools.bsd.netlist import FALSE, TRUE, Netlist


def to_verilog(box: Box, netlist: Netlist, literals: Sequence[int]) -> str:
    """The Verilog-2005 module of a learned box, named as the box; ``literals[i]`` is output
    wire ``i``.

    A node reads ``wire ? high : low``. Where a branch is constant, or the branches are
    complements, it is written as and, or, exclusive or; a node that is a wire, or its
    complement, gets no name of its own.
    """
    wires = [_wire(box.inputs[p], b) for p, b in box.input_bits]
    nodes = netlist.reachable(literals).tolist()
    names = {0: "1'b0"}
    body = []
    for n in nodes:
        text = _expression(wires[netlist.wire[n]], int(netlist.low[n]), int(netlist.high[n]), names)
        if text.removeprefix("~") in wires:
            names[n] = text
        else:
            names[n] = f"n{n}"
            body.append(f"  wire n{n} = {text};")
    for (p, b), literal in zip(box.output_bits, literals, strict=True):
        body.append(f"  assign {_wire(box.outputs[p], b)} = {_text(literal, names)};")
    ports = [_declare("input", p) for p in box.inputs]
    ports += [_declare("output", p) for p in box.outputs]
    head = [
        f"// {box.name}: learned from queries, {len(nodes)} decision nodes.",
        f"module {box.name} (",
        ",\n".join(f"  {port}" for port in ports),
        ");",
    ]
    return "\n".join([*head, *body, "endmodule", ""])


def _expression(wire: str, low: int, high: int, names: dict[int, str]) -> str:
    """``wire ? high : low``, simplified; a stored high edge is never TRUE (see Netlist)."""
    if high == FALSE:
        return f"~{wire}" if low == TRUE else f"~{wire} & {_text(low, names)}"
    if low == FALSE:
        return f"{wire} & {_text(high, names)}"
    if low == TRUE:
        return f"~{wire} | {_text(high, names)}"
    if low == high ^ 1:
        return f"~({wire} ^ {_text(high, names)})"
    return f"{wire} ? {_text(high, names)} : {_text(low, names)}"


def _text(literal: int, names: dict[int, str]) -> str:
    if literal == TRUE:
        return "1'b1"
    name = names[literal >> 1]
    if not literal & 1:
        return name
    return name[1:] if name.startswith("~") else f"~{name}"


def _wire(port: Port, bit: int) -> str:
    return port.name if port.width == 1 else f"{port.name}[{bit}]"


def _declare(direction: str, port: Port) -> str:
    size = "" if port.width == 1 else f"[{port.width - 1}:0] "
    return f"{direction} {size}{port.name}"
