"""The learned RV32I core against what others wrote: riscv-formal, riscv-tests, Dhrystone, CoreMark.

    python -m evals.bsd_public --data DIR --seed 1 --out results.json

DIR holds local checkouts named riscv-formal, riscv-tests and coremark; nothing of them is part
of this project. Learns the core, decides riscv-formal's miter, runs the programs in Verilator on
the processor around the core, and compares registers, memory and instruction count with the
simulator. Needs riscv64-unknown-elf-gcc.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evals import riscv_formal
from evals.bsd import add, show
from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.job import MUTANTS, Report, run
from tools.bsd.learn import Settings
from tools.bsd.mutate import mutant
from tools.bsd.rv32i import assembled, rv32i
from tools.bsd.rv32i.program import Finish, run_program
from tools.bsd.rv32i.simulate import simulate_programs
from tools.bsd.rv32i.workload import LINK, START, image
from tools.bsd.verilog import to_verilog

PORT = Path(__file__).parent / "bsd_port"
TEXT, MOST_TEXT = 0x38000, 0x1000
STANDS_FOR = ("stdio.h", "string.h", "alloca.h", "util.h", "core_portme.h")
NOT_RV32I = {"fence_i": "FENCE.I is no RV32I", "ma_data": "misaligned accesses trap"}
LEVEL, DHRYSTONES, ITERATIONS = "-O2", 500, 1


def main() -> int:
    """0 when the core is proved against both references and every program ends as it must."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of local checkouts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to add the record to")
    parser.add_argument("--sandbox", default="auto", choices=["auto", "bwrap", "docker", "host"])
    options = parser.parse_args()
    sandbox = open_sandbox(options.sandbox)
    example = rv32i()
    report = run(example.box, example.reference, sandbox, Settings(seed=options.seed), show)
    images = programs(options.data, sandbox)
    text = report.verilog + assembled(report.learned.box.name, options.seed)
    done = simulate_programs(text, images, sandbox)
    record = {
        "seed": options.seed,
        "proof": report.proof.status,
        "riscv_formal": _formal(report, options.data / "riscv-formal", sandbox),
        "left_out": NOT_RV32I,
        "programs": {name: _judged(name, done[name], data) for name, data in images.items()},
    }
    add(options.out, record, "python -m evals.bsd_public --data DIR --seed N --out FILE")
    print(json.dumps(record, indent=1))
    proved = record["proof"] == record["riscv_formal"]["proof"] == "proved"
    right = all(p["as_simulated"] and p["passed"] for p in record["programs"].values())
    return 0 if proved and right else 1


def _formal(report: Report, checkout: Path, sandbox: Sandbox) -> dict[str, Any]:
    """The second reference's verdict on the core and on mutants of it."""
    learned = report.learned
    proof = riscv_formal.check(report.verilog, learned.box.name, checkout, sandbox)
    rng, refused = np.random.default_rng(learned.seed), 0
    for _ in range(MUTANTS):
        wrong = to_verilog(learned.box, *mutant(learned.netlist, learned.literals, rng))
        found = riscv_formal.check(wrong, learned.box.name, checkout, sandbox)
        refused += found.status == "different"
    return {
        "proof": proof.status,
        "seconds": round(proof.seconds, 1),
        "mutants_refused": f"{refused} of {MUTANTS}",
    }


def programs(data: Path, sandbox: Sandbox) -> dict[str, bytes]:
    """All images by name: the rv32ui tests that apply, Dhrystone and CoreMark."""
    made = {f"rv32ui/{name}": rv32ui(data, name, sandbox) for name in tests(data)}
    return made | {"dhrystone": dhrystone(data, sandbox), "coremark": coremark(data, sandbox)}


def tests(data: Path) -> list[str]:
    """The names of the rv32ui tests that apply. Raises FileNotFoundError without a checkout."""
    folder = data / "riscv-tests" / "isa" / "rv32ui"
    names = {path.stem for path in folder.glob("*.S")} - set(NOT_RV32I)
    if not names:
        raise FileNotFoundError(f"no tests in {folder}")
    return sorted(names)


def rv32ui(data: Path, name: str, sandbox: Sandbox, link: bytes | None = None) -> bytes:
    """One test of riscv-tests as an image; ``link`` is another linker script than LINK."""
    isa = data / "riscv-tests" / "isa"
    files = _read(PORT / "riscv_test.h", isa / "macros/scalar/test_macros.h", LINK)
    files |= {LINK.name: link} if link else {}
    for folder in ("rv32ui", "rv64ui"):
        source = isa / folder / f"{name}.S"
        files |= {f"{folder}/{name}.S": source.read_bytes()} if source.exists() else {}
    return image(files, ["-I.", "-T", LINK.name, f"rv32ui/{name}.S"], sandbox)


def dhrystone(data: Path, sandbox: Sandbox) -> bytes:
    """Dhrystone of riscv-tests as an image: 500 runs."""
    folder = data / "riscv-tests" / "benchmarks" / "dhrystone"
    return _benchmark(_read(*folder.glob("*.[ch]")), ["-w", "-Wl,--wrap=debug_printf"], sandbox)


def coremark(data: Path, sandbox: Sandbox) -> bytes:
    """CoreMark as an image: one iteration of the performance run."""
    files = _read(*(data / "coremark").glob("core*.[ch]"), PORT / "coremark.c")
    return _benchmark(files, [f"-DITERATIONS={ITERATIONS}"], sandbox)


def _benchmark(files: Mapping[str, bytes], options: list[str], sandbox: Sandbox) -> bytes:
    stands = dict.fromkeys(STANDS_FOR, b'#include "port.h"\n')
    files = {**files, **stands, **_read(PORT / "port.h", PORT / "port.c", START, LINK)}
    units = sorted(name for name in files if name.endswith((".c", ".S")))
    # The port's own memcpy must not become a call of memcpy.
    flags = [LEVEL, "-fno-tree-loop-distribute-patterns", "-I.", *options]
    return image(files, [*flags, "-T", LINK.name, *units], sandbox)


def _read(*paths: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


def _judged(name: str, done: Finish, data: bytes) -> dict[str, Any]:
    """Whether a program ended as on the simulator, and what it says of itself."""
    says = {"dhrystone": dhrystone_passed, "coremark": coremark_passed}
    passed = says[name](printed(done)) if name in says else done.result == 1
    return {
        "instructions": done.instructions,
        "as_simulated": done == run_program(data),
        "passed": done.trapped and passed,
    }


def printed(done: Finish) -> str:
    """What a benchmark printed."""
    return done.memory[TEXT : TEXT + MOST_TEXT].split(b"\0")[0].decode("ascii", "replace")


def dhrystone_passed(text: str) -> bool:
    """Whether every value that Dhrystone prints is the one that it says should be."""
    pairs = re.findall(r": +(.*)\n +should be: +(.*)", text)
    given = [(value, ought) for value, ought in pairs if "implementation" not in ought]
    known = {"Number_Of_Runs + 10": str(DHRYSTONES + 10)}
    return len(given) == 20 and all(v == known.get(ought, ought) for v, ought in given)


def coremark_passed(text: str) -> bool:
    """Whether CoreMark knew the run and found its three checksums right."""
    known = "2K performance run parameters for coremark." in text
    return known and "crcfinal" in text and "]ERROR!" not in text


if __name__ == "__main__":
    sys.exit(main())
