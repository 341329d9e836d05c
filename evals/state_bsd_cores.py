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
from typing import Any, get_args

from sandboxes.probe import open_sandbox
from tools.bsd.learn import Settings
from tools.bsd.rv32i.processor import processor
from tools.bsd.rv32i.workload import workload
from tools.bsd.superscalar.core import core
from tools.bsd.superscalar.cycle import cycle
from tools.bsd.superscalar.issue import FOUR, TWO, Selection
from tools.bsd.superscalar.speculator import Design, Kind, Parts
from tools.bsd.superscalar.wide import learn_parts, right, run_programs

SELECTED = "State-BSD K=16 chain"


def main() -> int:
    """0 when everything is proved, every program ends as simulated, and no result was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, required=True, help="what evals.state_bsd wrote")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sandbox = open_sandbox()
    learned, images = learn_parts(sandbox, Settings(seed=options.seed)), workload(sandbox)
    parts, modules = learned.parts, learned.verilog
    proved = all(report.proof.status == "proved" for report in learned.reports)
    single = processor(parts.execution, parts.found, parts.pairing)
    document: dict[str, Any] = {
        "command": "python -m evals.state_bsd_cores --seed N --model FILE --out FILE",
        "proved": proved,
        "learned": [report.summary() for report in learned.reports],
        "single_issue": asdict(cycle(modules + single, sandbox)),
        "cores": [],
    }
    tables = json.loads(options.model.read_text())["tables"]
    for design in _designs(parts, tables):
        text = modules + core(design)
        rows = run_programs(text, design, images, sandbox)
        record = _name(design) | {"right": right(rows), "programs": rows}
        document["cores"].append(record)
        options.out.write_text(json.dumps(document, indent=1) + "\n")
        record["logic"] = asdict(cycle(text, sandbox))
        options.out.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if proved and all(c["right"] for c in document["cores"]) else 1


def _designs(parts: Parts, tables: list[dict[str, Any]]) -> Iterator[Design]:
    for machine in (TWO, FOUR):
        table = next(t for t in tables if (t["level"], t["width"]) == ("-O0", machine.width))
        words = table["selected"][SELECTED]
        chosen = Selection(frozenset(words["registers"]), words["words"])
        yield from (Design(parts, machine, chosen, kind) for kind in get_args(Kind))


def _name(design: Design) -> dict[str, Any]:
    words = {"registers": design.kept, "words": design.words}
    return {"width": design.machine.width, "kind": design.kind} | words


if __name__ == "__main__":
    raise SystemExit(main())
