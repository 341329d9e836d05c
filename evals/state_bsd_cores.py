"""The two- and four-wide cores in Verilog, all their execution logic learned, beside the model.

    python -m evals.state_bsd_cores --seed 1 --model state_bsd.json --out cores.json

Learns the execution core and which operands it needs, proves both, assembles every core with
the state words that `evals.state_bsd` selected for -O0 and 16 words, runs the eight programs at
both levels, and measures how long a cycle is. A record is put in the file as soon as it is there,
in the place of an older one of that core; ``--cores 4chain 4early`` makes only these.
"""

from __future__ import annotations

import argparse
import json
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
KINDS: tuple[Kind, ...] = get_args(Kind)
NAMES = [f"{machine.width}{kind}" for machine in (TWO, FOUR) for kind in KINDS]


def main() -> int:
    """0 when everything is proved, every program ends as simulated, and no result was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, required=True, help="what evals.state_bsd wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cores", nargs="*", default=NAMES, choices=NAMES)
    options = parser.parse_args()
    sandbox = open_sandbox()
    learned, images = learn_parts(sandbox, Settings(seed=options.seed)), workload(sandbox)
    parts, modules = learned.parts, learned.verilog
    single = processor(parts.execution, parts.found, parts.pairing)
    document: dict[str, Any] = {
        "command": "python -m evals.state_bsd_cores --seed N --model FILE --out FILE",
        "proved": all(report.proof.status == "proved" for report in learned.reports),
        "learned": [report.summary() for report in learned.reports],
        "single_issue": asdict(cycle(modules + single, sandbox)),
    }
    old = json.loads(options.out.read_text())["cores"] if options.out.exists() else []
    records = {f"{core['width']}{core['kind']}": core for core in old}
    designs = _designs(parts, json.loads(options.model.read_text())["tables"])
    for name in options.cores:
        text = modules + core(designs[name])
        rows = run_programs(text, designs[name], images, sandbox)
        records[name] = _described(designs[name]) | {"right": right(rows), "programs": rows}
        records[name]["logic"] = asdict(cycle(text, sandbox))
        document["cores"] = [records[n] for n in NAMES if n in records]
        options.out.write_text(json.dumps(document, indent=1) + "\n")
        print(name, json.dumps(records[name]), flush=True)
    return 0 if document["proved"] and all(c["right"] for c in document["cores"]) else 1


def _designs(parts: Parts, tables: list[dict[str, Any]]) -> dict[str, Design]:
    """The design of each of NAMES, with the state words that were selected for its width."""
    found = {}
    for machine in (TWO, FOUR):
        table = next(t for t in tables if (t["level"], t["width"]) == ("-O0", machine.width))
        words = table["selected"][SELECTED]
        chosen = Selection(frozenset(words["registers"]), words["words"])
        for kind in KINDS:
            found[f"{machine.width}{kind}"] = Design(parts, machine, chosen, kind)
    return found


def _described(design: Design) -> dict[str, Any]:
    words = {"registers": design.kept, "words": design.words}
    return {"width": design.machine.width, "kind": design.kind} | words


if __name__ == "__main__":
    raise SystemExit(main())
