"""Our instruction-set simulator against Spike, instruction by instruction.

    python -m evals.bsd_spike --out results.json [--data DIR]

Random instruction streams with traps and every byte lane, the eight C programs at two compiler
levels, and, where DIR holds a checkout of riscv-tests, its rv32ui tests. Needs Spike and dtc; the
programs need riscv64-unknown-elf-gcc.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals import bsd_public, spike
from evals.riscv_stream import START as STREAM
from evals.riscv_stream import stream
from evals.spike import BASE, Entry
from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.rv32i.iss import ENCODINGS
from tools.bsd.rv32i.workload import LEVELS, LINK, PROGRAMS, START, image

STREAMS, LENGTH = 6, 20_000
MOST = 200_000


def main() -> int:
    """0 when no instruction differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder with a checkout of riscv-tests")
    options = parser.parse_args()
    try:
        simulator = spike.find_spike()
    except spike.NoSpike as error:
        print(error, file=sys.stderr)
        return 2
    sandbox = open_sandbox()
    streams = [judged_stream(seed, LENGTH, simulator) for seed in range(STREAMS)]
    groups = {"random": _sum(streams), "programs": _programs(_compiled(sandbox), simulator)}
    if options.data:
        groups["rv32ui"] = _programs(_tests(options.data, sandbox), simulator)
    document = {
        "command": "python -m evals.bsd_spike --data DIR --out FILE",
        "spike": spike.version(simulator),
        "machine": platform.machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "groups": groups,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(document, indent=1))
    return 1 if any(group["different"] for group in groups.values()) else 0


def judged_stream(seed: int, length: int, simulator: Path) -> dict[str, Any]:
    """One random stream: what was compared, by kind, and what differs."""
    data = stream(seed, length)
    entries = spike.run(data, length, simulator)
    return _record(entries, spike.replay(entries, data, STREAM), STREAM)


def judged_program(data: bytes, simulator: Path) -> dict[str, Any]:
    """A program up to its first trap, by which it ends."""
    entries = spike.run(data, MOST, simulator)
    end = next((k for k, entry in enumerate(entries) if entry.trap), len(entries) - 1)
    entries = entries[: end + 2]
    return _record(entries, spike.replay(entries, data), BASE)


def _record(entries: list[Entry], different: list[str], start: int) -> dict[str, Any]:
    compared = [entry for entry in entries[:-1] if entry.pc >= start]
    kinds = Counter(_kind(entry.word) for entry in compared)
    return {
        "instructions": len(compared),
        "kinds": sorted(kind for kind in kinds if kind >= 0),
        "traps": dict(Counter(entry.trap for entry in compared if entry.trap)),
        "lanes": sorted({_lane(entry) for entry in compared if entry.address is not None}),
        "different": different,
    }


def _kind(word: int) -> int:
    """Which of the 38 encodings a word has; -1 for none."""
    return next((k for k, code in enumerate(ENCODINGS) if word & code.mask == code.match), -1)


def _lane(entry: Entry) -> str:
    side = "store" if entry.stored else "load"
    return f"{side} {entry.word >> 12 & 7} at {(entry.address or 0) & 3}"


def _sum(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Records put together."""
    traps: Counter[str] = Counter()
    for record in records:
        traps.update(record["traps"])
    return {
        "runs": len(records),
        "instructions": sum(r["instructions"] for r in records),
        "kinds": len(set().union(*(r["kinds"] for r in records))),
        "traps": dict(traps.most_common()),
        "lanes": len(set().union(*(r["lanes"] for r in records))),
        "different": [told for r in records for told in r["different"]][:20],
    }


def _programs(images: Mapping[str, bytes], simulator: Path) -> dict[str, Any]:
    return _sum([judged_program(data, simulator) for data in images.values()])


def _compiled(sandbox: Sandbox) -> dict[str, bytes]:
    """The eight C programs, for memory that begins at BASE."""
    made = {}
    for source in sorted(PROGRAMS.glob("*.c")):
        for level in LEVELS:
            files = {source.name: source.read_bytes(), LINK.name: _link()}
            files[START.name] = _moved(START.read_bytes(), b"lui sp, 0x40", b"lui sp, 0x80040")
            arguments = [level, START.name, "-T", LINK.name, source.name]
            made[source.stem + level] = image(files, arguments, sandbox)
    return made


def _tests(data: Path, sandbox: Sandbox) -> dict[str, bytes]:
    names = bsd_public.tests(data)
    return {name: bsd_public.rv32ui(data, name, sandbox, _link()) for name in names}


def _link() -> bytes:
    return _moved(LINK.read_bytes(), b". = 0;", f". = {BASE:#x};".encode())


def _moved(text: bytes, old: bytes, new: bytes) -> bytes:
    if old not in text:
        raise ValueError(f"{old!r} is not there to be moved")
    return text.replace(old, new)


if __name__ == "__main__":
    raise SystemExit(main())
