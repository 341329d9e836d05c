"""The two- and four-wide cores in Verilog, all their execution logic learned, beside the model.

    python -m evals.state_bsd_cores --seed 1 --model state_bsd.json --out cores.json

Learns the execution core and which operands it needs, proves both, assembles every core with
the state words that `evals.state_bsd` selected for -O0 and 16 words, runs the eight programs at
both levels, and measures how long a cycle is. A record is written as soon as it is there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evals.bsd import LEVELS, PROGRAMS, compile_program
from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.job import run
from tools.bsd.learn import Settings
from tools.bsd.registers import find_registers
from tools.bsd.rv32i import core as execution
from tools.bsd.rv32i import rv32i
from tools.bsd.rv32i.iss import REGISTERS, whole
from tools.bsd.rv32i.processor import pair_operands, processor
from tools.bsd.rv32i.program import run_program
from tools.bsd.superscalar.core import core
from tools.bsd.superscalar.cycle import cycle
from tools.bsd.superscalar.issue import FOUR, TWO, Selection, predicted, selected
from tools.bsd.superscalar.needs import needs
from tools.bsd.superscalar.predictors import none
from tools.bsd.superscalar.simulate import simulate_core
from tools.bsd.superscalar.speculator import Design, Parts
from tools.bsd.superscalar.trace import Trace, trace

SELECTED = "State-BSD K=16 chain"


def main() -> int:
    """0 when everything is proved, every program ends as simulated, and no result was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, required=True, help="what evals.state_bsd wrote")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sandbox = open_sandbox("auto")
    modules, parts, document = _learned(options.seed, sandbox)
    tables = json.loads(options.model.read_text())["tables"]
    single = processor(parts.execution, parts.found, parts.pairing)
    document["single_issue"] = asdict(cycle(modules + single, sandbox))
    document["cores"] = []
    for design in _designs(parts, tables):
        record = _name(design) | _programs(modules, design, sandbox)
        document["cores"].append(record)
        options.out.write_text(json.dumps(document, indent=1) + "\n")
        record["logic"] = asdict(cycle(modules + core(design), sandbox))
        options.out.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if document["proved"] and all(c["right"] for c in document["cores"]) else 1


def _learned(seed: int, sandbox: Sandbox) -> tuple[str, Parts, dict[str, Any]]:
    """The learned modules, the parts of a core, and the beginning of the report."""
    reports = []
    for example in (rv32i(), needs(execution())):
        reports.append(run(example.box, example.reference, sandbox, Settings(seed=seed)))
    found = find_registers(whole(), REGISTERS, seed)
    pairing = pair_operands(execution(), whole(), REGISTERS, found, seed)
    name, decides = (report.learned.box.name for report in reports)
    document = {
        "command": "python -m evals.state_bsd_cores --seed N --model FILE --out FILE",
        "proved": all(report.proof.status == "proved" for report in reports),
        "learned": [report.summary() for report in reports],
    }
    verilog = "".join(report.verilog for report in reports)
    return verilog, Parts(name, name, decides, found, pairing), document


def _designs(parts: Parts, tables: list[dict[str, Any]]) -> Iterator[Design]:
    for machine in (TWO, FOUR):
        table = next(t for t in tables if (t["level"], t["width"]) == ("-O0", machine.width))
        words = table["selected"][SELECTED]
        chosen = Selection(frozenset(words["registers"]), words["words"])
        yield Design(parts, machine, chosen, "none")
        yield Design(parts, machine, chosen, "chain")
        yield Design(parts, machine, chosen, "early")


def _name(design: Design) -> dict[str, Any]:
    words = {"registers": design.kept, "words": design.words}
    return {"width": design.machine.width, "kind": design.kind} | words


def _programs(modules: str, design: Design, sandbox: Sandbox) -> dict[str, Any]:
    """Every program at every level in Verilator, beside the simulator and the trace model."""
    images = {
        f"{source.stem}{level}": compile_program(source, level)
        for source in sorted(PROGRAMS.glob("*.c"))
        for level in LEVELS
    }
    done = simulate_core(modules + core(design), design, images, sandbox)
    rows, right = {}, True
    for name, image in images.items():
        ran, ended = done[name], done[name].finish == run_program(image)
        rows[name] = {
            "as_simulated": ended, "instructions": ran.finish.instructions,
            "cycles": ran.cycles, "model_cycles": _model(design, trace(image)),
            "wrong": ran.wrong, "used": ran.used,
        }  # fmt: skip
        right &= ended and not ran.wrong
    return {"right": right, "programs": rows}


def _model(design: Design, ran: Trace) -> int:
    if design.kind == "none":
        return predicted(ran, design.machine, none(ran)).cycles
    return selected(ran, design.machine, design.chosen, design.kind == "early").cycles


if __name__ == "__main__":
    raise SystemExit(main())
