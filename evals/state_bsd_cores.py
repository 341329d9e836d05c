"""The two- and four-wide cores in Verilog, all their execution logic learned, beside the model.

    python -m evals.state_bsd_cores --seed 1 --model state_bsd.json --out cores.json

Learns the execution core and which operands it needs, proves both, assembles every core with
the 16 state words that `evals.state_bsd` selected, runs the eight programs at both levels, and
measures how long a cycle is. A record is put in the file as soon as it is there, in the place of
an older one of that core; ``--cores 4chain 2p2early`` makes only these (2p2: two wide, two memory
ports), and
``--learned DIR`` proves the modules again that `qimeng cpu` or a run left there, and learns none.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from evals.bsd_area import SECONDS, mapped
from evals.state_bsd import TWO_PORTS
from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.area import printed
from tools.bsd.learn import Settings
from tools.bsd.prove import prove
from tools.bsd.rv32i.processor import processor
from tools.bsd.rv32i.workload import workload
from tools.bsd.superscalar.core import core
from tools.bsd.superscalar.cycle import between_registers
from tools.bsd.superscalar.issue import FOUR, TWO, Selection
from tools.bsd.superscalar.speculator import Design, Kind, Parts
from tools.bsd.superscalar.wide import learn_parts, modules, parts, right, run_programs

SELECTED = "State-BSD K=16 chain"
KINDS: tuple[Kind, ...] = get_args(Kind)
MACHINES = {"2": TWO, "2p2": TWO_PORTS, "4": FOUR}
NAMES = [f"{machine}{kind}" for machine in MACHINES for kind in KINDS]

SCRIPT = "comb; &get; &dc2; &syn3; &syn4; &put; if -K 6; print_stats"
"""That of the area figures without structural choices, which take ABC hours on a four-wide core:
for all cores alike."""


def main() -> int:
    """0 when everything is proved, every program ends as simulated, and no result was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, required=True, help="what evals.state_bsd wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cores", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--learned", type=Path, help="folder of learned modules")
    options = parser.parse_args()
    sandbox = open_sandbox()
    texts, summaries = (_given if options.learned else _learned)(options, sandbox)
    proved = all(
        prove(example.box, text, example.reference, sandbox).status == "proved"
        for example, text in zip(modules(), texts, strict=True)
    )
    own, verilog, images = parts(options.seed), "".join(texts), workload(sandbox)
    single = processor(own.execution, own.found, own.pairing)
    document: dict[str, Any] = {
        "command": "python -m evals.state_bsd_cores --seed N --model FILE --out FILE",
        "proved": proved,
        "learned": summaries,
        "single_issue": _logic(verilog + single, sandbox),
    }
    designs = _designs(own, json.loads(options.model.read_text())["tables"])
    old = json.loads(options.out.read_text())["cores"] if options.out.exists() else []
    records = {core["core"]: core for core in old}
    for name, key, figures in _measured(designs, options.cores, verilog, images, sandbox):
        said = {"core": name} | _described(designs[name]) | {key: figures}
        records[name] = records.get(name, {}) | said
        document["cores"] = [records[n] for n in NAMES if n in records]
        options.out.write_text(json.dumps(document, indent=1) + "\n")
        print(name, key, json.dumps(figures), flush=True)
    done = (right(record.get("programs", {})) for record in records.values())
    return 0 if proved and all(done) else 1


def _measured(
    designs: Mapping[str, Design], names: Sequence[str], verilog: str,
    images: Mapping[str, bytes], sandbox: Sandbox,
) -> Iterator[tuple[str, str, dict[str, Any]]]:  # fmt: skip
    """How long each core's cycle is; and then, for it takes longer, what programs do on it."""
    for name in names:
        yield name, "logic", _logic(verilog + core(designs[name]), sandbox)
    for name in names:
        text = verilog + core(designs[name])
        yield name, "programs", run_programs(text, designs[name], images, sandbox)


def _logic(verilog: str, sandbox: Sandbox) -> dict[str, int]:
    """Six-input tables between the registers of a processor, and their levels."""
    return mapped(printed(between_registers(verilog, sandbox), SCRIPT, sandbox, SECONDS))


def _learned(options: argparse.Namespace, sandbox: Sandbox) -> tuple[list[str], list[Any]]:
    """Texts and figures of the modules, learned now."""
    reports = learn_parts(sandbox, Settings(seed=options.seed)).reports
    return [report.verilog for report in reports], [report.summary() for report in reports]


def _given(options: argparse.Namespace, _: Sandbox) -> tuple[list[str], list[Any]]:
    """Texts and figures of the modules in a folder."""
    figures = json.loads((options.learned / "figures.json").read_text())
    texts = [(options.learned / f"{e.box.name}.v").read_text() for e in modules()]
    execution = {key: figures[key] for key in figures["needs"]} | {"box": modules()[0].box.name}
    return texts, [execution, figures["needs"]]


def _designs(parts: Parts, tables: list[dict[str, Any]]) -> dict[str, Design]:
    """The design of each of NAMES, with the state words that were selected for its machine."""
    words = {(t["width"], t["ports"]): t["selected"][SELECTED] for t in tables}
    found: dict[str, Design] = {}
    for name, machine in MACHINES.items():
        own = words[machine.width, machine.ports]
        chosen = Selection(frozenset(own["registers"]), own["words"])
        found |= {f"{name}{kind}": Design(parts, machine, chosen, kind) for kind in KINDS}
    return found


def _described(design: Design) -> dict[str, Any]:
    size = {"width": design.machine.width, "ports": design.machine.ports, "kind": design.kind}
    return size | {"registers": design.kept, "words": design.words}


if __name__ == "__main__":
    raise SystemExit(main())
