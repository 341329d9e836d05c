"""Synthesis onto a generic gate library: how large a design is, and how deep.

Yosys flattens and optimises, ABC maps to the library in ``library/generic.lib``. The library is
this project's own and models no real process, so its figures compare designs with each other;
they predict neither square micrometres nor nanoseconds.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import networkx as nx

from sandboxes import Outcome, Sandbox
from tools.hdl.yosys import run_yosys

AREA_UNIT = "NAND2 eq."
_LIBRARY = files("tools.hdl") / "library"
_CELL = re.compile(r"^\s*cell \((\w+)\) \{ area : ([\d.]+);", re.MULTILINE)
_STATE = re.compile(r"DFF\w*|LATCH")
_ERROR = re.compile(r"^ERROR: (.*)", re.MULTILINE)


class SynthesisError(RuntimeError):
    """The design could not be synthesised; the message says why."""


@dataclass(frozen=True)
class Synthesis:
    """What a design became. ``depth`` is the longest path in gates between ports and state."""

    cells: int
    area: float
    area_unit: str
    depth: int
    flops: int
    by_type: Mapping[str, int]
    netlist: str
    """Verilog of library cells."""


def synthesize(source: str, top: str, sandbox: Sandbox, wall_seconds: float = 60.0) -> Synthesis:
    """Synthesise module ``top`` of ``source``.

    Raises SynthesisError: not synthesisable, no library cell for it (tri-state), a
    combinational loop, or no end in time.
    """
    outcome = run_yosys(
        sandbox,
        _script(top),
        {"design.sv": source.encode(), **_library_files()},
        ("netlist.v", "netlist.json"),
        wall_seconds,
    )
    if not outcome.ok:
        raise SynthesisError(_why(outcome))
    module = json.loads(outcome.files["netlist.json"])["modules"][top]
    by_type = Counter(cell["type"] for cell in module["cells"].values())
    areas = _areas()
    if unmapped := sorted(set(by_type) - set(areas)):
        raise SynthesisError(f"no library cell for {', '.join(unmapped)}")
    return Synthesis(
        cells=by_type.total(),
        area=sum(areas[kind] * count for kind, count in by_type.items()),
        area_unit=AREA_UNIT,
        depth=_depth(module["cells"]),
        flops=sum(count for kind, count in by_type.items() if kind.startswith("DFF")),
        by_type=dict(sorted(by_type.items())),
        netlist=outcome.files["netlist.v"].decode(),
    )


def _script(top: str) -> str:
    return "\n".join(
        [
            "read_verilog -sv design.sv",
            f"hierarchy -check -top \\{top} ",
            "proc; tribuf",  # else Yosys takes Z for a don't-care
            f"synth -flatten -noabc -top \\{top} ",
            "dfflegalize -cell $_DLATCH_P_ 01 t:$_DLATCH*",
            "techmap -map latch.v",
            "dfflibmap -liberty generic.lib",
            "opt",
            f"abc -exe {_abc()} -liberty generic.lib",
            "opt_clean -purge",
            "write_verilog -noattr -noexpr netlist.v",
            "write_json netlist.json",
        ]
    )


def _abc() -> Path:
    """The ABC that pyosys brings along."""
    spec = find_spec("pyosys")
    if spec is None or not spec.submodule_search_locations:
        raise SynthesisError("pyosys is not installed")
    return Path(spec.submodule_search_locations[0]) / "yosys-abc"


@cache
def _library_files() -> Mapping[str, bytes]:
    return {name: (_LIBRARY / name).read_bytes() for name in ("generic.lib", "latch.v")}


@cache
def _areas() -> Mapping[str, float]:
    text = _library_files()["generic.lib"].decode()
    return {name: float(area) for name, area in _CELL.findall(text)}


def _depth(cells: Mapping[str, Any]) -> int:
    """Gates on the longest path; cells of state begin and end paths."""
    gates = {name: c for name, c in cells.items() if not _STATE.fullmatch(c["type"])}
    driver = {c["connections"]["Y"][0]: name for name, c in gates.items()}
    paths = nx.DiGraph()
    paths.add_nodes_from(gates)
    for name, cell in gates.items():
        nets = [net for pin, bits in cell["connections"].items() if pin != "Y" for net in bits]
        paths.add_edges_from((driver[net], name) for net in nets if net in driver)
    try:
        return sum(1 for _ in nx.topological_generations(paths))
    except nx.NetworkXUnfeasible:
        raise SynthesisError("the design has a combinational loop") from None


def _why(outcome: Outcome) -> str:
    if outcome.killed is not None:
        return f"synthesis exceeded its {outcome.killed} limit"
    errors = _ERROR.findall(outcome.text())
    return errors[-1] if errors else outcome.text()[-400:]
