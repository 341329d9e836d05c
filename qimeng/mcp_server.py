"""``qimeng mcp``: the Verilog engine and the runs as tools for other agents (MCP over stdio).

Each tool is one engine call in the sandbox. What cannot be done is said in the answer's ``error``
(a source that does not compile is an answer, not a failure of the tool).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from mcp.server.mcpserver import MCPServer

from memory.events import EventLogError
from memory.runs import NoSuchRun
from qimeng.event_words import describe
from qimeng.listing import listed_runs
from qimeng.summary import RunView
from sandboxes import SandboxError
from sandboxes.probe import open_sandbox
from tools.hdl.contract import Unsupported
from tools.hdl.interface import extract
from tools.hdl.simulate import SimulationError
from tools.hdl.simulate import simulate as run_simulation
from tools.hdl.stimuli import stimuli
from tools.hdl.syntax import SourceError
from tools.hdl.synth import SynthesisError
from tools.hdl.synth import synthesize as run_synthesis
from tools.hdl.trace import Stimulus
from tools.hdl.verify import verify as run_verification

Json = dict[str, Any]

MOST_CYCLES = 10_000
MOST_EVENTS = 500
MOST_PASSAGES = 20
_EXPECTED = (
    SandboxError, SourceError, Unsupported, SimulationError, SynthesisError, NoSuchRun,
    EventLogError, KeyError, ValueError, ImportError, OSError, sqlite3.Error,
)  # fmt: skip


def verify(dut: str, golden: str, top: str = "", seconds: float = 20.0) -> Json:
    """Check whether two Verilog modules behave the same: simulation, then formal proof.

    dut: the design to check. golden: the reference. top: the module's name where a text has
    several. Returns verdict (equivalent, different, inconclusive, unsupported), evidence (proved,
    tested, compiled, none), reason, vectors tried and, when different, a counterexample table.
    """

    def check() -> Json:
        seconds_left = min(max(seconds, 1.0), 300.0)
        found = run_verification(dut, golden, open_sandbox(), top or None, seconds_left)
        return {
            "verdict": found.verdict,
            "evidence": found.evidence.label,
            "reason": found.reason,
            "vectors": found.vectors,
            "counterexample": str(found.counterexample) if found.counterexample else "",
        }

    return _answered(check)


def simulate(source: str, top: str = "", rows: list[list[int]] | None = None) -> Json:
    """Simulate a Verilog module cycle by cycle in a sandbox and return what its outputs did.

    rows: for each cycle the value of every driven input, in the order that the answer's "inputs"
    gives (the clock is not one of them); left out, the engine makes up 64 cycles, resets first.
    Outputs are strings of 01xz, sampled before and after the active clock edge.
    """

    def run() -> Json:
        contract = extract(source, top or None)
        inputs = tuple(port.name for port in contract.driven)
        if rows is None:
            stimulus = stimuli(contract, cycles=64)
            stimulus = Stimulus(inputs, stimulus.rows[:64])
        else:
            if len(rows) > MOST_CYCLES or any(len(row) != len(inputs) for row in rows):
                raise ValueError(f"a row has one value for each of {', '.join(inputs)}")
            stimulus = Stimulus(inputs, tuple(map(tuple, rows)))
        trace = run_simulation(source, contract, stimulus, open_sandbox())
        return {"inputs": inputs, "rows": stimulus.rows, **asdict(trace)}

    return _answered(run)


def synthesize(source: str, top: str = "") -> Json:
    """Synthesise a Verilog module to generic gates: cells, area (NAND2 equivalents), logic depth
    in gates, flip-flops and cells by type. The figures compare designs; they model no real process.
    """

    def run() -> Json:
        name = top or extract(source).top
        fields = asdict(run_synthesis(source, name, open_sandbox()))
        return {key: value for key, value in fields.items() if key != "netlist"}

    return _answered(run)


def search_memory(query: str, count: int = 5) -> Json:
    """Passages of the manuals on this machine (primers on RISC-V, x86 and Arm vectors, CUDA,
    Verilog pitfalls, and what the user added) that answer a question or hold an exact name.
    """

    def search() -> Json:
        from memory.knowledge.base import KnowledgeBase  # Chroma takes seconds to import
        from memory.knowledge.embedders import MissingEmbedder

        try:
            with KnowledgeBase() as base:
                hits = base.search(query, min(max(count, 1), MOST_PASSAGES))
        except MissingEmbedder as error:
            return {"error": str(error)}
        return {"hits": [{"source": hit.citation, "text": hit.text} for hit in hits]}

    return _answered(search)


def list_runs(limit: int = 20) -> Json:
    """The newest runs of this machine: id, status, evidence level, goal, tokens, seconds."""
    return _answered(lambda: {"runs": [asdict(row) for row in listed_runs()[: max(1, limit)]]})


def read_run(run_id: str) -> Json:
    """What a run came to: status, evidence, metrics, reasons, and the text of its design."""

    def read() -> Json:
        view = RunView.read(run_id)
        files = {a.name: view.text(a.name) for a in view.artifacts if not a.name.endswith(".svg")}
        return {**view.as_json(), "files": files}

    return _answered(read)


def read_trace(run_id: str, first: int = 0, count: int = 100) -> Json:
    """What the agents did in a run, one line an event, from event ``first``, at most 500."""

    def read() -> Json:
        events = RunView.read(run_id).log
        begin = max(0, first)
        shown = events[begin : begin + min(max(1, count), MOST_EVENTS)]
        lines = [f"{e.seq} {e.elapsed:.1f} s {e.actor}: {describe(e).text}" for e in shown]
        return {"events": len(events), "lines": lines}

    return _answered(read)


def _answered(do: Callable[[], Json]) -> Json:
    """The answer, or why there is none."""
    try:
        return do()
    except _EXPECTED as error:
        return {"error": f"{type(error).__name__}: {error}"}


def server() -> MCPServer:
    """The server with its tools."""
    made = MCPServer("qimeng", instructions="Check, simulate and synthesise Verilog; read runs.")
    for tool in (verify, simulate, synthesize, search_memory, list_runs, read_run, read_trace):
        made.tool()(tool)
    return made
