"""The fan-in cone of an output: which signals it depends on, and which lines say so.

pyverilog's data flow where it reads the design (Verilog-2005), else the netlist of Yosys. Both
give one graph: signals by their path below the top, an edge from what is read to what it
drives, through state as well. In a netlist the names of one net cannot be told apart: they
are in a cone together.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise, permutations, product
from typing import Any

import networkx as nx
from pyslang import ast

from sandboxes import Command, Limits, Sandbox
from tools.hdl.source_lines import lines_about
from tools.hdl.syntax import elaborate
from tools.hdl.yosys import run_yosys

WALL_SECONDS = 30.0
_OUT = ast.ArgumentDirection.Out


class ConeError(ValueError):
    """No cone: neither engine can read the design, or it has no such output."""


@dataclass(frozen=True)
class Cone:
    """``graph`` holds the output and all it depends on; ``lines`` count from 1."""

    graph: nx.DiGraph
    lines: tuple[int, ...]


def cone(source: str, top: str, output: str, sandbox: Sandbox) -> Cone:
    """The fan-in cone of port ``output`` of module ``top``.

    Raises ConeError, or SourceError (``tools.hdl.syntax``) when the text does not elaborate.
    """
    ports = elaborate(source, top).top.body.portList
    if not any(port.name == output and port.direction == _OUT for port in ports):
        raise ConeError(f"{top} has no output {output}")
    edges = _from_pyverilog(source, top, sandbox)
    if edges is None:
        edges = _from_yosys(source, top, sandbox)
    whole = nx.DiGraph(edges)
    whole.add_node(output)  # a constant output is read from nothing
    signals = nx.ancestors(whole, output) | {output}
    return Cone(whole.subgraph(signals).copy(), lines_about(source, top, signals))


def slice_text(source: str, cone: Cone) -> str:
    """The lines of the cone; ``// ...`` where others are left out."""
    text = source.splitlines()
    shown = []
    for before, number in pairwise((0, *cone.lines)):
        if number > before + 1 and any(line.strip() for line in text[before : number - 1]):
            shown.append("// ...")
        shown.append(text[number - 1])
    return "\n".join([*shown, ""])


def _from_pyverilog(source: str, top: str, sandbox: Sandbox) -> set[tuple[str, str]] | None:
    """None when pyverilog cannot read the design."""
    program = (files("tools.hdl") / "dataflow_program.py").read_bytes()
    outcome = sandbox.run(
        Command(
            argv=(sys.executable, "dataflow_program.py", "design.v", top),
            files={"dataflow_program.py": program, "design.v": source.encode()},
            limits=Limits(wall_seconds=WALL_SECONDS, cpu_seconds=WALL_SECONDS),
        )
    )
    if not outcome.ok:
        return None
    return {(read, driven) for read, driven in json.loads(outcome.stdout)}


def _from_yosys(source: str, top: str, sandbox: Sandbox) -> set[tuple[str, str]]:
    script = (
        f"read_verilog -sv design.sv; hierarchy -check -top \\{top} ; proc; flatten; opt_clean; "
        "write_json netlist.json"
    )
    given = {"design.sv": source.encode()}
    outcome = run_yosys(sandbox, script, given, ("netlist.json",), WALL_SECONDS)
    if not outcome.ok:
        raise ConeError(outcome.text()[-200:])
    return _netlist_edges(json.loads(outcome.files["netlist.json"])["modules"][top])


def _netlist_edges(module: dict[str, Any]) -> set[tuple[str, str]]:
    """Pairs of named signals with no named signal between them; cells in between are passed."""
    names: dict[int, list[str]] = {}
    for name, net in module["netnames"].items():
        if not net["hide_name"]:
            for bit in filter(_is_net, net["bits"]):
                names.setdefault(bit, []).append(name)
    netlist = nx.DiGraph(_pins(module))
    edges = {pair for same in names.values() for pair in permutations(same, 2)}
    for bit, driven in names.items():
        read = {name for source in _named_sources(netlist, bit, names) for name in names[source]}
        edges |= set(product(read, driven))
    return edges


def _pins(module: dict[str, Any]) -> Iterator[tuple[int | str, int | str]]:
    """From nets (numbers) to the cells (names) that read them, from cells to what they drive."""
    for cell_name, cell in module["cells"].items():
        for pin, bits in cell["connections"].items():
            for bit in filter(_is_net, bits):
                is_input = cell["port_directions"][pin] == "input"
                yield (bit, cell_name) if is_input else (cell_name, bit)


def _is_net(bit: int | str) -> bool:
    """A number; constants are strings."""
    return isinstance(bit, int)


def _named_sources(netlist: nx.DiGraph, bit: int, names: dict[int, list[str]]) -> Iterator[int]:
    """Nets with a name from which cells and nameless nets lead to ``bit``."""
    stack: list[int | str] = [bit]
    seen = set(stack)
    while stack:
        node = stack.pop()
        for before in netlist.pred[node] if node in netlist else ():
            if before in names:
                yield before
            elif before not in seen:
                seen.add(before)
                stack.append(before)
