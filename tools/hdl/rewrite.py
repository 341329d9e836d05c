"""Rewrites of a design by Yosys that keep words and registers: Verilog, not a netlist.

Each recipe does one thing to the design; what it gave is worth having only when it then
synthesises smaller, or as small and shallower. Nothing here promises equivalence: the caller
proves it (``tools.hdl.formal.prove``) before a rewrite counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from types import MappingProxyType

from sandboxes import Sandbox
from tools.hdl.synth import Synthesis, SynthesisError, synthesize
from tools.hdl.yosys import run_yosys

MOST = 3
_TIDY = "wreduce; peepopt; opt_clean"
_STATES = f"{_TIDY}; fsm -norecode -nomap; fsm_recode -encoding"
_RECIPES = MappingProxyType(
    {
        "shared-operators": f"{_TIDY}; share -aggressive; opt_clean",
        "merged-arithmetic": f"{_TIDY}; alumacc; share -aggressive; opt; techmap -map alu.v; opt",
        "merged-multiplexers": "opt_reduce -full; opt_share; muxpack; opt -full",
        "fewer-registers": "opt_dff -sat; opt -full; opt_merge -share_all; opt_clean",
        "binary-states": f"{_STATES} binary; fsm_map; opt",
        "one-hot-states": f"{_STATES} one-hot; fsm_map; opt",
    }
)


def rewrites(source: str, top: str, sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    """Name and Verilog text of at most ``MOST`` improving rewrites, the best first.

    None when no recipe helps, or when Yosys cannot read or synthesise ``source``.
    """
    try:
        size = _size(synthesize(source, top, sandbox))
    except SynthesisError:
        return
    found: dict[tuple[float, int], tuple[str, str]] = {}
    for name, text in _attempts(source, top, sandbox):
        try:
            smaller = _size(synthesize(text, top, sandbox))
        except SynthesisError:
            continue
        if smaller < size:
            found.setdefault(smaller, (name, text))
    yield from (found[key] for key in sorted(found)[:MOST])


def _size(synthesis: Synthesis) -> tuple[float, int]:
    return synthesis.area, synthesis.depth


def _attempts(source: str, top: str, sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    """The different texts that the recipes give."""
    lines = [f"read_verilog -sv design.sv; hierarchy -check -top \\{top} ; proc; opt"]
    lines.append("design -save read")
    for name, recipe in _RECIPES.items():
        lines.append(f"design -load read; {recipe}; write_verilog -noattr {name}.v")
    adders = (files("tools.hdl") / "library" / "alu.v").read_bytes()
    inputs = {"design.sv": source.encode(), "alu.v": adders}
    written = run_yosys(sandbox, "\n".join(lines), inputs, ("*-*.v",)).files
    seen: set[str] = set()
    for name in _RECIPES:
        text = written.get(f"{name}.v", b"").decode()
        if text and text not in seen:
            seen.add(text)
            yield name, text
