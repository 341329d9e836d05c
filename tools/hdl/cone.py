"""The fan-in cone of an output: which signals and source lines it depends on.

Verilog-2005 goes through pyverilog's data-flow analysis, signal by signal. What pyverilog
cannot read goes through Yosys, cell by cell, with the same signals named where Yosys keeps them.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Any

import networkx as nx

from sandboxes import Command, Limits, Sandbox
from tools.hdl.yosys import run_yosys

# pyverilog runs the C preprocessor of Icarus and writes parser tables: all in the sandbox.
_PYVERILOG = """
import json, sys
from pyverilog.dataflow.dataflow_analyzer import VerilogDataflowAnalyzer

analyzer = VerilogDataflowAnalyzer(["design.v"], sys.argv[1])
analyzer.generate()
edges = []

def names(node, found):
    if node is None:
        return
    if type(node).__name__ == "DFTerminal":
        found.add(str(node.name))
    for child in node.children():
        names(child, found)

for target, binds in analyzer.getBinddict().items():
    for bind in binds:
        found = set()
        names(bind.tree, found)
        names(bind.msb, found)
        clock = bind.getClockName() if bind.isClockEdge() else None
        for extra in (clock, bind.getResetName()):
            if extra is not None:
                found.add(str(extra))
        edges += [[source, str(target), bool(bind.isClockEdge())] for source in sorted(found)]
json.dump(edges, open("edges.json", "w"))
"""
_JSON = """
read_verilog -sv design.sv
hierarchy -top {top}
proc
flatten
opt_clean
write_json cone.json
"""
_WORD = re.compile(r"[A-Za-z_]\w*")


class ConeError(ValueError):
    """The cone cannot be computed; the message says why."""


@dataclass(frozen=True)
class Cone:
    """Signals that ``output`` depends on, through registers too.

    An edge leads from a signal to one computed from it, with ``clocked`` True when a register
    lies between. ``lines`` are the source lines (from 1) that write a signal of the cone.
    ``engine`` is ``pyverilog`` or ``yosys``.
    """

    graph: nx.DiGraph
    lines: tuple[int, ...]
    output: str
    engine: str


def cone(source: str, top: str, output: str, sandbox: Sandbox, seconds: float = 30.0) -> Cone:
    """The fan-in cone of ``output`` of module ``top``; raises ConeError."""
    graph, engine = _pyverilog(source, top, sandbox, seconds), "pyverilog"
    if graph is None or output not in graph:
        graph, engine = _yosys(source, top, sandbox, seconds), "yosys"
    if output not in graph:
        raise ConeError(f"{output} depends on nothing, or is no signal of {top}")
    members = nx.ancestors(graph, output) | {output}
    inside = nx.DiGraph(graph.subgraph(members))
    return Cone(inside, _writing_lines(source, members), output, engine)


def textual_slice(source: str, cone: Cone, limit: int = 60) -> str:
    """The numbered source lines of the cone with the lines that frame them, for a prompt.

    Framing lines (processes, conditions, cases, begin and end, declarations of cone signals)
    stay, the rest is left out with ``...``; at most ``limit`` lines.
    """
    members = {name.split(".")[-1] for name in cone.graph}
    keep = set(cone.lines)
    lines = source.split("\n")
    for number, text in enumerate(lines, 1):
        words = set(_WORD.findall(text))
        frames = words & {
            "module", "endmodule", "always", "always_ff", "always_comb", "if", "else", "case",
            "casez", "casex", "endcase", "begin", "end", "default",
        }  # fmt: skip
        declares = words & {"input", "output", "reg", "wire", "logic", "localparam", "parameter"}
        if frames or (declares and (words & members or "param" in text)):
            keep.add(number)
    shown, last = [], 0
    for number in sorted(keep)[:limit]:
        if number > last + 1:
            shown.append("    ...")
        shown.append(f"{number:4d}  {lines[number - 1]}")
        last = number
    return "\n".join(shown)


def _pyverilog(source: str, top: str, sandbox: Sandbox, seconds: float) -> nx.DiGraph | None:
    """The data-flow graph of all signals, named from below the top; None when it cannot tell."""
    outcome = sandbox.run(
        Command(
            argv=(sys.executable, "-c", _PYVERILOG, top),
            files={"design.v": source.encode()},
            collect=("edges.json",),
            limits=Limits(wall_seconds=seconds),
        )
    )
    if not outcome.ok or "edges.json" not in outcome.files:
        return None
    graph = nx.DiGraph()
    for driver, driven, clocked in json.loads(outcome.files["edges.json"]):
        if driver != top:  # the module itself stands for constants
            names = (name.removeprefix(f"{top}.") for name in (driver, driven))
            graph.add_edge(*names, clocked=clocked)
    return _bridged(graph, re.compile(r"(?:.*\.)?_rn\d+_"))  # its own renamings


def _yosys(source: str, top: str, sandbox: Sandbox, seconds: float) -> nx.DiGraph:
    outcome = run_yosys(
        sandbox, _JSON.format(top=top), {"design.sv": source.encode()}, ("cone.json",), seconds
    )
    if not outcome.ok or "cone.json" not in outcome.files:
        raise ConeError(outcome.text()[-300:])
    module = json.loads(outcome.files["cone.json"])["modules"][top]
    names = _bit_names(module)
    graph = nx.DiGraph()
    for name, net in module["netnames"].items():
        aliases = (
            {names[bit] for bit in net["bits"] if bit in names} if not net["hide_name"] else ()
        )
        graph.add_edges_from(((alias, name) for alias in aliases if alias != name), clocked=False)
    for name, cell in module["cells"].items():
        directions = cell["port_directions"]
        clocked = any(mark in cell["type"] for mark in ("dff", "dlatch", "mem"))
        for pin, bits in cell["connections"].items():
            for bit in (b for b in bits if isinstance(b, int)):
                node = names.get(bit, f"bit {bit}")
                if directions[pin] == "output":
                    graph.add_edge(f"cell:{name}", node, clocked=clocked)
                else:
                    graph.add_edge(node, f"cell:{name}", clocked=False)
    return _bridged(graph, re.compile(r"cell:|bit "))


def _bit_names(module: dict[str, Any]) -> dict[int, str]:
    """A public name for every bit that has one: its input if it is one, else an inner name
    before an output, so that what an output merely repeats lies in its cone."""
    names: dict[int, str] = {}
    rank = {name: {"input": 0}.get(port["direction"], 2) for name, port in module["ports"].items()}
    nets = sorted(module["netnames"].items(), key=lambda item: rank.get(item[0], 1))
    for name, net in nets:
        if not net["hide_name"]:
            for bit in net["bits"]:
                if isinstance(bit, int):
                    names.setdefault(bit, name)
    return names


def _bridged(graph: nx.DiGraph, inner: re.Pattern[str]) -> nx.DiGraph:
    """Nodes that match ``inner`` are bridged, keeping whether a register lies between."""
    for node in [node for node in graph if inner.match(node)]:
        for before, _, first in list(graph.in_edges(node, data="clocked")):
            for _, after, second in list(graph.out_edges(node, data="clocked")):
                known = graph.get_edge_data(before, after, {}).get("clocked", False)
                graph.add_edge(before, after, clocked=bool(first or second or known))
        graph.remove_node(node)
    return graph


def _writing_lines(source: str, members: set[str]) -> tuple[int, ...]:
    """Lines on which a member is assigned, driven by an instance, or given a condition."""
    names = {name.split(".")[-1].split("[")[0] for name in members}
    found = []
    for number, text in enumerate(source.split("\n"), 1):
        code = text.split("//")[0]
        target = re.search(r"([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)*(?:<=|=)(?!=)", code)
        grouped = re.search(r"\{([^}]*)\}\s*(?:<=|=)(?!=)", code)
        pins = re.findall(r"\.\w+\s*\(\s*(\w+)", code)
        written = set(_WORD.findall(grouped[1])) if grouped else set()
        written |= {target[1]} if target else set()
        if names & (written | set(pins)):
            found.append(number)
    return tuple(found)
