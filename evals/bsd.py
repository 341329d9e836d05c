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

from sandboxes import Command, Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.job import Report, run
from tools.bsd.learn import Progress, Settings
from tools.bsd.rv32i import assembled, rv32i
from tools.bsd.rv32i.program import run_program
from tools.bsd.rv32i.simulate import simulate_programs
from tools.bsd.rv32i.workload import PROGRAMS, BuildError, workload


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
    images = workload(sandbox)
    expected = {name: native(name.split("-")[0], sandbox) for name in images}
    done = simulate_programs(text, images, sandbox)
    return {
        name: {
            "instructions": done[name].instructions,
            "result": f"{done[name].result:#010x}",
            "as_simulated": done[name] == run_program(data),
            "as_native": done[name].result == expected[name],
        }
        for name, data in images.items()
    }


def native(name: str, sandbox: Sandbox) -> int:
    """What a program returns, compiled by and for this machine. Raises BuildError."""
    main = b'#include <stdio.h>\nint main(void) { printf("%u", run()); }\n'
    script = "gcc -O1 -fwrapv -funsigned-char native.c -o native && ./native"
    files = {"native.c": (PROGRAMS / f"{name}.c").read_bytes() + main}
    done = sandbox.run(Command(("/bin/sh", "-c", script), files=files))
    if not done.ok:
        raise BuildError(done.text()[-2000:])
    return int(done.stdout)


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
