"""Small black boxes: queries, nodes, CPU seconds and proof of each, or how it gives up.

    python -m evals.bsd_small --out evals/results/bsd/small.json

Without names, all of BOXES. A record is put in the file as soon as it is there, in the place of
an older one of that box.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.catalogue import named
from tools.bsd.job import run
from tools.bsd.learn import Progress, Settings
from tools.bsd.portfolio import TooLarge

BOXES = tuple(
    f"{family}{width}"
    for family, widths in {
        "adder": (8, 16, 32, 64), "less": (8, 16, 32, 64), "equal": (8, 16, 32, 64),
        "shifter": (8, 16, 32, 64), "alu": (8, 16, 32, 64), "crc": (8, 32), "bcd": (8, 13),
        "priority": (8, 16, 32, 64), "decoder": (4,), "fclass": (16, 32, 64),
        "multiplier": (4, 6, 7, 8, 10, 16),
    }.items()
    for width in widths
)  # fmt: skip
WARM_UP = "decoder2"
"""Learned first and not recorded: compiling numba's functions is no part of any box."""


def main() -> None:
    """Write and print a record for each box."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("boxes", nargs="*", default=BOXES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sandbox = open_sandbox()
    measured(WARM_UP, options.seed, sandbox)
    document: dict[str, Any] = {
        "machine": f"{platform.machine()}, shared with other work: compare CPU seconds",
        "command": "python -m evals.bsd_small --out FILE",
    }
    old = json.loads(options.out.read_text())["boxes"] if options.out.exists() else []
    records = {record["box"]: record for record in old}
    for name in options.boxes:
        records[name] = measured(name, options.seed, sandbox)
        print(json.dumps(records[name]), flush=True)
        document["boxes"] = [records[box] for box in BOXES if box in records]
        options.out.write_text(json.dumps(document, indent=1) + "\n")


def measured(name: str, seed: int, sandbox: Sandbox) -> dict[str, Any]:
    """The figures of one box; of one that is too large, what was spent until it was refused."""
    chosen, last = named(name), [Progress("", 0, 0, 0, 0, 0.0)]
    started = time.process_time()
    try:
        settings = Settings(seed=seed)
        return run(chosen.box, chosen.reference, sandbox, settings, last.append).summary()
    except TooLarge as error:
        spent = round(time.process_time() - started, 2)
        bits = {"inputs": len(chosen.box.input_bits), "outputs": len(chosen.box.output_bits)}
        return {"box": name, "seed": seed} | bits | {
            "proof": "none", "why": f"too large: {error}",
            "queries": last[-1].queries, "cpu_seconds": spent,
        }  # fmt: skip


if __name__ == "__main__":
    main()
