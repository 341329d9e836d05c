"""Learn the RV32I core, prove it, assemble a processor and run C programs on it.

    python -m evals.bsd --seed 1 --out results.json

One seed a call; its record is added to the file as soon as it is there. Needs a RISC-V
compiler (riscv64-unknown-elf-gcc); the same programs, compiled for this machine by gcc, say
what the results must be.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any

from evals.riscv import image, native
from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.job import Report, run
from tools.bsd.learn import Progress, Settings
from tools.bsd.rv32i import assembled, rv32i
from tools.bsd.rv32i.program import run_program
from tools.bsd.rv32i.simulate import simulate_programs

PROGRAMS = Path(__file__).parent / "bsd_programs"
LEVELS = ("-O0", "-O2")
START, LINK = PROGRAMS / "start.S", PROGRAMS / "program.ld"


def main() -> int:
    """0 when the core is proved and every program ends as it must."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to add the record to")
    parser.add_argument("--sandbox", default="auto")
    options = parser.parse_args()
    sandbox = open_sandbox(options.sandbox)
    example = rv32i()
    report = run(example.box, example.reference, sandbox, Settings(seed=options.seed), show)
    record = report.summary() | {"programs": _programs(report, sandbox, options.seed)}
    add(options.out, record, "python -m evals.bsd --seed N --out FILE")
    print(json.dumps(record, indent=1))
    right = all(p["as_simulated"] and p["as_native"] for p in record["programs"].values())
    return 0 if report.proof.status == "proved" and right else 1


def show(now: Progress) -> None:
    """One line of progress."""
    print(
        f"{now.seconds:6.0f} s  {now.stage} {now.done}/{now.total}  {now.nodes} nodes  "
        f"{now.queries / 1e6:.0f}M queries",
        file=sys.stderr,
        flush=True,
    )


def _programs(report: Report, sandbox: Sandbox, seed: int) -> dict[str, Any]:
    """Every program at every level on the assembled processor, beside the simulator."""
    text = report.verilog + assembled(report.learned.box.name, seed)
    sources = sorted(PROGRAMS.glob("*.c"))
    images = {
        f"{source.stem}{level}": compile_program(source, level, sandbox)
        for source in sources
        for level in LEVELS
    }
    expected = {source.stem: native(source.read_bytes(), sandbox) for source in sources}
    done = simulate_programs(text, images, sandbox)
    return {
        name: {
            "instructions": done[name].instructions,
            "result": f"{done[name].result:#010x}",
            "as_simulated": done[name] == run_program(data),
            "as_native": done[name].result == expected[name.split("-")[0]],
        }
        for name, data in images.items()
    }


def compile_program(source: Path, level: str, sandbox: Sandbox | None = None) -> bytes:
    """A memory image of a C program for the bare machine. Raises BuildError."""
    files = {path.name: path.read_bytes() for path in (START, LINK, source)}
    arguments = [level, START.name, "-T", LINK.name, source.name]
    return image(files, arguments, sandbox or open_sandbox())


def add(out: Path, record: dict[str, Any], command: str) -> None:
    """Put a seed's record in the file, in the place of an older one of that seed."""
    document = json.loads(out.read_text()) if out.exists() else {"runs": []}
    document["machine"] = f"{platform.machine()}, shared with other work: compare CPU seconds"
    document["command"] = command
    document["runs"] = [r for r in document["runs"] if r["seed"] != record["seed"]] + [record]
    document["runs"].sort(key=lambda r: r["seed"])
    out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
