"""Synthesis to generic gates: cells, area, depth, as figures to compare designs by."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import networkx as nx

from sandboxes import Sandbox
from tools.hdl.cells import AREA_UNIT, AREAS, FLOPS, LATCH_AREA, liberty, models
from tools.hdl.yosys import run_yosys

# The delay target is the library's own: ABC maps for depth first, then recovers area.
_SCRIPT = """
read_verilog -sv design.sv
synth -flatten -top {top}
dfflegalize -cell $_DFF_P_ 01 -cell $_DFF_PN0_ 01 -cell $_DFF_PN1_ 01 -cell $_DFFSR_PNN_ 01 \
    -cell $_DLATCH_P_ x
dfflibmap -liberty generic.lib
abc -liberty generic.lib
read_verilog -lib cells.v
opt_clean -purge
write_verilog -noattr -noexpr netlist.v
write_json netlist.json
"""
_FLOP_NAMES = frozenset(flop.name for flop in FLOPS)
_STORAGE = ("$_DFF", "$_SDFF", "$_ALDFF", "$_DLATCH", "$_SR")


class SynthesisError(ValueError):
    """Yosys cannot synthesize the design; the message is Yosys' own."""


@dataclass(frozen=True)
class Synthesis:
    """Figures of one design on the generic library.

    ``area`` is in ``area_unit``; ``depth`` is the longest path in gates between registers,
    inputs and outputs, None when the gates form a loop; ``netlist`` simulates by itself.
    """

    cells: int
    area: float
    area_unit: str
    depth: int | None
    flops: int
    by_type: dict[str, int]
    netlist: str


def synthesize(source: str, top: str, sandbox: Sandbox, seconds: float = 60.0) -> Synthesis:
    """Synthesize module ``top`` of ``source``, flattened; raises SynthesisError."""
    outcome = run_yosys(
        sandbox,
        _SCRIPT.format(top=top),
        {
            "design.sv": source.encode(),
            "generic.lib": liberty().encode(),
            "cells.v": models().encode(),
        },
        ("netlist.v", "netlist.json"),
        seconds,
    )
    if not outcome.ok or "netlist.json" not in outcome.files:
        raise SynthesisError(_last_error(outcome.text(), outcome.killed))
    module = json.loads(outcome.files["netlist.json"])["modules"][top]
    by_type = Counter(str(cell["type"]) for cell in module["cells"].values())
    netlist = outcome.files["netlist.v"].decode() + models()
    return Synthesis(
        cells=sum(by_type.values()),
        area=sum(_area(kind) * count for kind, count in by_type.items()),
        area_unit=AREA_UNIT,
        depth=_depth(module),
        flops=sum(count for kind, count in by_type.items() if kind in _FLOP_NAMES),
        by_type=dict(sorted(by_type.items())),
        netlist=netlist,
    )


def netlist_graph(module: dict[str, Any]) -> nx.DiGraph:
    """Cells of a Yosys JSON module as nodes (with their ``type``), an edge where one feeds one."""
    graph = nx.DiGraph()
    drivers: dict[int, str] = {}
    for name, cell in module["cells"].items():
        graph.add_node(name, type=cell["type"])
        for pin, bits in cell["connections"].items():
            if cell["port_directions"].get(pin) == "output":
                drivers.update({bit: name for bit in bits if isinstance(bit, int)})
    for name, cell in module["cells"].items():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"].get(pin) == "input":
                graph.add_edges_from((drivers[bit], name) for bit in bits if bit in drivers)
    return graph


def _area(kind: str) -> float:
    return AREAS.get(kind, LATCH_AREA if kind.startswith("$_DLATCH") else 0.0)


def _depth(module: dict[str, Any]) -> int | None:
    """Gates on the longest path that passes no register."""
    graph = netlist_graph(module)
    storage = [
        name
        for name, kind in graph.nodes(data="type")
        if kind in _FLOP_NAMES or kind.startswith(_STORAGE)
    ]
    graph.remove_nodes_from(storage)
    if not graph:
        return 0
    if not nx.is_directed_acyclic_graph(graph):
        return None
    return int(nx.dag_longest_path_length(graph)) + 1


def _last_error(text: str, killed: str | None) -> str:
    if killed:
        return f"synthesis stopped: {killed} limit"
    errors = [line for line in text.splitlines() if "ERROR" in line]
    return errors[-1] if errors else text[-300:]
