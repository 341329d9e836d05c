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
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.job import Report, run
from tools.bsd.learn import Progress, Settings
from tools.bsd.registers import find_registers
from tools.bsd.rv32i import core, rv32i
from tools.bsd.rv32i.iss import REGISTERS, whole
from tools.bsd.rv32i.processor import pair_operands, processor
from tools.bsd.rv32i.program import run_program
from tools.bsd.rv32i.simulate import simulate_programs

PROGRAMS = Path(__file__).parent / "bsd_programs"
LEVELS = ("-O0", "-O2")
RISCV = "riscv64-unknown-elf-"
MACHINE = ("-march=rv32i", "-mabi=ilp32", "-ffreestanding", "-fno-builtin", "-nostdlib")


def main() -> int:
    """0 when the core is proved and every program ends as it must."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to add the record to")
    parser.add_argument("--sandbox", default="auto")
    options = parser.parse_args()
    sandbox = open_sandbox(options.sandbox)
    example = rv32i()
    report = run(example.box, example.reference, sandbox, Settings(seed=options.seed), _show)
    record = report.summary() | {"programs": _programs(report, sandbox, options.seed)}
    _add(options.out, record)
    print(json.dumps(record, indent=1))
    right = all(p["as_simulated"] and p["as_native"] for p in record["programs"].values())
    return 0 if report.proof.status == "proved" and right else 1


def _show(now: Progress) -> None:
    print(
        f"{now.seconds:6.0f} s  {now.stage} {now.done}/{now.total}  {now.nodes} nodes  "
        f"{now.queries / 1e6:.0f}M queries",
        file=sys.stderr,
        flush=True,
    )


def _programs(report: Report, sandbox: Sandbox, seed: int) -> dict[str, Any]:
    """Every program at every level on the assembled processor, beside the simulator."""
    found = find_registers(whole(), REGISTERS, seed)
    pairing = pair_operands(core(), whole(), REGISTERS, found, seed)
    text = report.verilog + processor(report.learned.box.name, found, pairing)
    sources = sorted(PROGRAMS.glob("*.c"))
    images = {f"{s.stem}{level}": compile_program(s, level) for s in sources for level in LEVELS}
    native = {s.stem: run_native(s) for s in sources}
    done = simulate_programs(text, images, sandbox)
    return {
        name: {
            "instructions": done[name].instructions,
            "result": f"{done[name].result:#010x}",
            "as_simulated": done[name] == run_program(image),
            "as_native": done[name].result == native[name.split("-")[0]],
        }
        for name, image in images.items()
    }


def compile_program(source: Path, level: str) -> bytes:
    """A memory image of a C program for the bare machine. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        elf, image = Path(folder, "program.elf"), Path(folder, "program.bin")
        start = [str(PROGRAMS / "start.S"), "-T", str(PROGRAMS / "program.ld")]
        build = [f"{RISCV}gcc", level, *MACHINE, *start, str(source), "-lgcc", "-o", str(elf)]
        subprocess.run(build, check=True, capture_output=True)
        convert = [f"{RISCV}objcopy", "-O", "binary", str(elf), str(image)]
        subprocess.run(convert, check=True, capture_output=True)
        return image.read_bytes()


def run_native(source: Path) -> int:
    """What the program returns on this machine, compiled by its own compiler."""
    main = f'#include <stdio.h>\n#include "{source}"\nint main(void) {{ printf("%u", run()); }}\n'
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder, "native"))
        flags = ["-O1", "-fwrapv", "-funsigned-char", "-x", "c", "-", "-o", program]
        subprocess.run(["gcc", *flags], input=main.encode(), check=True, capture_output=True)
        return int(subprocess.run([program], check=True, capture_output=True).stdout)


def _add(out: Path, record: dict[str, Any]) -> None:
    """Put a seed's record in the file, in the place of an older one of that seed."""
    document = json.loads(out.read_text()) if out.exists() else {"runs": []}
    document["machine"] = f"{platform.machine()}, shared with other work: compare CPU seconds"
    document["command"] = "python -m evals.bsd --seed N --out FILE"
    document["runs"] = [r for r in document["runs"] if r["seed"] != record["seed"]] + [record]
    document["runs"].sort(key=lambda r: r["seed"])
    out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
