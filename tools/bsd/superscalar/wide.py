"""A core that issues several instructions a cycle, made from its simulator alone.

Learned from queries and proved: the execution module, and which operands an instruction needs.
Found by queries: the register file and its fields. Selected on the traces of four programs: the
state words. The rest of the core is put around them by rule (`core`): it is run, on eight
programs, beside the simulator and the trace model, not proved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sandboxes import Sandbox
from tools.bsd.boxes import Example
from tools.bsd.job import Report, run
from tools.bsd.learn import Progress, Settings
from tools.bsd.registers import find_registers
from tools.bsd.rv32i import core as execution
from tools.bsd.rv32i import rv32i
from tools.bsd.rv32i.iss import REGISTERS, whole
from tools.bsd.rv32i.processor import pair_operands, processor
from tools.bsd.rv32i.program import run_program
from tools.bsd.rv32i.workload import HELD_OUT, LEVELS, TRAINING, workload
from tools.bsd.superscalar.core import core
from tools.bsd.superscalar.cycle import cycle
from tools.bsd.superscalar.issue import FOUR, TWO, Machine, Selection, mean, predicted, selected
from tools.bsd.superscalar.needs import needs
from tools.bsd.superscalar.predictors import baselines, none
from tools.bsd.superscalar.select import select
from tools.bsd.superscalar.simulate import simulate_core
from tools.bsd.superscalar.speculator import Design, Kind, Parts
from tools.bsd.superscalar.trace import Trace, trace

MACHINES = {machine.width: machine for machine in (TWO, FOUR)}
BUDGET = 16
FILES: dict[Kind, str] = {"chain": "processor.v", "early": "processor_early.v"}
"""The variants that are handed over, and their files: the same-cycle one, the registered one."""

Show = Callable[[Progress], None]
Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Learned:
    """The learned modules' reports, execution first, and what cores are assembled from."""

    reports: Sequence[Report]
    parts: Parts

    @property
    def verilog(self) -> str:
        """The learned modules."""
        return "".join(report.verilog for report in self.reports)


@dataclass(frozen=True, slots=True)
class Wide:
    """What is handed over: ``figures`` for JSON, ``cores`` by variant."""

    learned: Learned
    figures: Mapping[str, Any]
    cores: Mapping[Kind, str]


def modules() -> list[Example]:
    """The boxes that are learned: the execution core, and which operands it needs."""
    return [rv32i(), needs(execution())]


def learn_parts(sandbox: Sandbox, settings: Settings, show: Show = lambda _: None) -> Learned:
    """Learn and prove `modules`, find the registers. Raises what `job.run` raises."""
    reports = [
        run(example.box, example.reference, sandbox, settings, show) for example in modules()
    ]
    return Learned(reports, parts(settings.seed))


def parts(seed: int) -> Parts:
    """The register file and its fields, found by queries, and the names of the modules."""
    found = find_registers(whole(), REGISTERS, seed)
    pairing = pair_operands(execution(), whole(), REGISTERS, found, seed)
    name = execution().name
    return Parts(name, name, needs(execution()).box.name, found, pairing)


def make_wide(width: int, sandbox: Sandbox, settings: Settings, show: Show) -> Wide:
    """A core of one of MACHINES' widths in each variant of FILES: learned, selected, assembled,
    run and measured. Raises what `job.run` raises, BuildError, SimulationError.
    """
    machine, images = MACHINES[width], workload(sandbox)  # first: it fails at once or not at all
    learned = learn_parts(sandbox, settings, show)
    tell = _stages(learned, show)
    tell("select state words", 0, 1)
    chosen = select(_traces(images, TRAINING, LEVELS), machine, BUDGET, early=False)
    figures: dict[str, Any] = {
        "width": width,
        "selected": {"registers": sorted(chosen.registers), "words": chosen.words},
        "tables": _tables(machine, chosen, images),
        "programs": {},
        "cycle": {},
    }
    single = processor(learned.parts.execution, learned.parts.found, learned.parts.pairing)
    cores = {kind: core(Design(learned.parts, machine, chosen, kind)) for kind in FILES}
    for done, (kind, text) in enumerate(cores.items()):
        tell(f"run programs on the {kind} core", done, len(cores))
        design = Design(learned.parts, machine, chosen, kind)
        figures["programs"][kind] = run_programs(learned.verilog + text, design, images, sandbox)
    for done, (name, text) in enumerate([("single issue", single), *cores.items()]):
        tell(f"measure the cycle of {name}", done, 1 + len(cores))
        figures["cycle"][name] = asdict(cycle(learned.verilog + text, sandbox))
    return Wide(learned, figures, cores)


def _stages(learned: Learned, show: Show) -> Callable[[str, int, int], None]:
    """Tells of what follows the learning, with the counts that it ended with."""
    ended = [report.learned for report in learned.reports]
    nodes, queries = sum(e.nodes for e in ended), sum(e.queries for e in ended)
    started = time.monotonic() - sum(e.seconds for e in ended)

    def tell(stage: str, done: int, total: int) -> None:
        show(Progress(stage, done, total, nodes, queries, time.monotonic() - started))

    return tell


def run_programs(
    verilog: str, design: Design, images: Mapping[str, bytes], sandbox: Sandbox
) -> Rows:
    """Images on a core and its modules in Verilator, beside simulator and trace model: a row
    for each. Raises SimulationError.
    """
    done = simulate_core(verilog, design, images, sandbox)
    return {
        name: {
            "as_simulated": done[name].finish == run_program(image),
            "instructions": done[name].finish.instructions,
            "cycles": done[name].cycles,
            "model_cycles": _model(design, trace(image)),
            "wrong": done[name].wrong,
            "used": done[name].used,
        }
        for name, image in images.items()
    }


def again(figures: Mapping[str, Any], files: Mapping[str, str], sandbox: Sandbox) -> Rows:
    """Every program on the same-cycle core among the texts that were handed over with
    ``figures``. Raises SimulationError, BuildError.
    """
    words, own = figures["selected"], parts(figures["seed"])
    chosen = Selection(frozenset(words["registers"]), words["words"])
    design = Design(own, MACHINES[figures["width"]], chosen, "chain")
    names = (f"{own.execution}.v", f"{own.needs}.v", FILES["chain"])
    text = "".join(files[name] for name in names)
    return run_programs(text, design, workload(sandbox), sandbox)


def right(rows: Rows) -> bool:
    """Whether every program ended as simulated and no speculated result was wrong."""
    return all(row["as_simulated"] and not row["wrong"] for row in rows.values())


def _model(design: Design, ran: Trace) -> int:
    if design.kind == "none":
        return predicted(ran, design.machine, none(ran)).cycles
    return selected(ran, design.machine, design.chosen, design.kind == "early").cycles


def _traces(
    images: Mapping[str, bytes], names: Sequence[str], levels: Sequence[str]
) -> list[Trace]:
    return [trace(images[name + level]) for level in levels for name in names]


def _tables(
    machine: Machine, chosen: Selection, images: Mapping[str, bytes]
) -> list[dict[str, Any]]:
    """Instructions per cycle of the trace model on the programs that the selector did not see,
    for each compiler level; value predictors and the bound beside it."""
    tables = []
    for level in LEVELS:
        traces = _traces(images, HELD_OUT, (level,))
        rows = baselines(traces, machine)
        for kind in FILES:
            runs = (selected(t, machine, chosen, kind == "early") for t in traces)
            rows[f"State-BSD {kind}"] = mean(runs)
        ipc = {name: asdict(row) for name, row in rows.items()}
        size = {"width": machine.width, "ports": machine.ports}
        tables.append({"level": level} | size | {"ipc": ipc})
    return tables
