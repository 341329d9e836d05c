"""A small generic cell library of no technology: areas in NAND2 equivalents.

The figures are round transistor-count ratios of static CMOS textbooks' cells. They compare
designs with each other; they predict no process.
"""

from __future__ import annotations

from dataclasses import dataclass

AREA_UNIT = "NAND2 equivalents (generic library)"


@dataclass(frozen=True, slots=True)
class Cell:
    """A one-output cell: area, inputs and its function in Liberty's notation."""

    name: str
    area: float
    inputs: tuple[str, ...]
    function: str


@dataclass(frozen=True, slots=True)
class Flop:
    """A rising-edge flip-flop with low-active clear and preset pins where named."""

    name: str
    area: float
    clear: bool = False
    preset: bool = False


GATES = (
    Cell("GEN_INV", 0.5, ("A",), "!A"),
    Cell("GEN_BUF", 1.0, ("A",), "A"),
    Cell("GEN_NAND2", 1.0, ("A", "B"), "!(A*B)"),
    Cell("GEN_NOR2", 1.0, ("A", "B"), "!(A+B)"),
    Cell("GEN_AND2", 1.5, ("A", "B"), "A*B"),
    Cell("GEN_OR2", 1.5, ("A", "B"), "A+B"),
    Cell("GEN_XOR2", 2.5, ("A", "B"), "A^B"),
    Cell("GEN_XNOR2", 2.5, ("A", "B"), "!(A^B)"),
    Cell("GEN_AOI21", 1.5, ("A", "B", "C"), "!((A*B)+C)"),
    Cell("GEN_OAI21", 1.5, ("A", "B", "C"), "!((A+B)*C)"),
    Cell("GEN_MUX2", 2.5, ("A", "B", "S"), "(A*!S)+(B*S)"),
)
FLOPS = (
    Flop("GEN_DFF", 5.0),
    Flop("GEN_DFFR", 6.0, clear=True),
    Flop("GEN_DFFS", 6.0, preset=True),
    Flop("GEN_DFFRS", 7.0, clear=True, preset=True),
)
LATCH_AREA = 3.0
AREAS = {cell.name: cell.area for cell in (*GATES, *FLOPS)}


def liberty() -> str:
    """The library as Liberty text, for ABC and dfflibmap."""
    cells = [_gate(cell) for cell in GATES] + [_flop(flop) for flop in FLOPS]
    return "library(generic) {\n" + "\n".join(cells) + "\n}\n"


def models() -> str:
    """The library as Verilog, so that a netlist can be simulated and proved by itself."""
    lines = []
    for cell in GATES:
        function = cell.function.replace("*", "&").replace("+", "|").replace("!", "~")
        pins = ", ".join(f"input {pin}" for pin in cell.inputs)
        lines.append(f"module {cell.name}({pins}, output Y);\n  assign Y = {function};\nendmodule")
    for flop in FLOPS:
        lines.append(_flop_model(flop))
    return "\n".join(lines) + "\n"


def _gate(cell: Cell) -> str:
    pins = " ".join(f"pin({pin}) {{ direction : input; }}" for pin in cell.inputs)
    return (
        f"  cell({cell.name}) {{ area : {cell.area}; {pins} "
        f'pin(Y) {{ direction : output; function : "{cell.function}"; }} }}'
    )


def _flop(flop: Flop) -> str:
    attributes = 'clocked_on : "C"; next_state : "D";'
    pins = "pin(C) { direction : input; clock : true; } pin(D) { direction : input; }"
    if flop.clear:
        attributes += ' clear : "!RN";'
        pins += " pin(RN) { direction : input; }"
    if flop.preset:
        attributes += ' preset : "!SN";'
        pins += " pin(SN) { direction : input; }"
    if flop.clear and flop.preset:
        attributes += " clear_preset_var1 : L; clear_preset_var2 : L;"
    return (
        f"  cell({flop.name}) {{ area : {flop.area}; ff(IQ, IQN) {{ {attributes} }} {pins} "
        'pin(Q) { direction : output; function : "IQ"; } }'
    )


def _flop_model(flop: Flop) -> str:
    pins = "input C, input D" + (", input RN" if flop.clear else "")
    pins += ", input SN" if flop.preset else ""
    edges, body = "posedge C", "Q <= D;"
    if flop.preset:
        edges, body = f"{edges} or negedge SN", f"if (!SN) Q <= 1'b1; else {body}"
    if flop.clear:
        edges, body = f"{edges} or negedge RN", f"if (!RN) Q <= 1'b0; else {body}"
    return (
        f"module {flop.name}({pins}, output reg Q);\n  always @({edges}) {body}\nendmodule"
    )
