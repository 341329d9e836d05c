"""The figures, printed from the rows that were measured."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from evals.verification.measure import CANDIDATES, HARD, OTHER_SEEDS

Row = dict[str, Any]


def official(rows: Sequence[Row]) -> Iterator[str]:
    """Goldens by the benchmarks' own rule, and what it excludes."""
    for suite in dict.fromkeys(row["suite"] for row in rows):
        own = [row for row in rows if row["suite"] == suite]
        yield f"{suite}: {sum(r['passed'] for r in own)} of {len(own)} goldens pass"
        for row in own:
            if not row["passed"]:
                clean = ", no mismatch" if row["mismatches"] == 0 else ""
                yield f"  {row['name']}: {row['code']}{clean}"


def compared(rows: Sequence[Row]) -> Iterator[str]:
    """Goldens against themselves or their netlists: verdicts and times."""
    measured = [row for row in rows if "wall" in row]
    counts = Counter(f"{r['verdict']} {r.get('evidence', '')}".strip() for r in rows)
    yield ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    for unit in ("wall", "cpu"):
        times = sorted(row[unit] for row in measured)
        yield f"  {unit} seconds: median {statistics.median(times):.2f}, longest {times[-1]:.2f}"
    for row in rows:
        if row["verdict"] != "equivalent":
            yield f"  {row['name']}: {row['verdict']}: {row['reason']}"


def mutants(rows: Sequence[Row]) -> Iterator[str]:
    """Mutants killed, easy and hard, and whether any verdict was false."""
    found = [(row["name"], mutant) for row in rows for mutant in row["mutants"]]
    for title, hard in (("easy", False), ("hard", True)):
        group = [m for _, m in found if (m["kind"] in HARD) == hard]
        fates = Counter(_fate(m) for m in group)
        faults = len(group) - fates["equal"] - fates["no reference"]
        dead = fates["simulation"] + fates["proof"]
        yield (
            f"{title}: {len(group)} mutants, {fates['equal']} proved equal, {fates['no reference']}"
            f" of goldens that leave X; {dead} of {faults} others killed"
            f" ({fates['proof']} of these only by the portfolio), {fates['open']} open"
        )
    unlike = [m for _, m in found if _fate(m) in ("simulation", "proof")]
    missed = sum(m["simulated"]["verdict"] == "equivalent" for m in unlike)
    again = [v for _, m in found for v in m.get("again", ())]
    yield f"pairs known to differ: {len(unlike)}; simulation alone calls {missed} equivalent"
    yield (
        f"pairs proved equal: {len(again) // len(OTHER_SEEDS)}, each simulated again with "
        f"{len(OTHER_SEEDS)} other seeds: {sum(v == 'different' for v in again)} told apart"
    )
    for name, mutant in found:
        if _fate(mutant) == "open":
            yield f"  open: {name}: {mutant['change']} ({mutant['kind']})"


def _fate(mutant: Row) -> str:
    if mutant["simulated"]["verdict"] == "different":
        return "simulation"
    if mutant["simulated"]["verdict"] == "unsupported":
        return "no reference"
    settled = mutant["settled"]
    if settled["verdict"] == "different":
        return "proof"
    if settled["evidence"] == "proved":
        return "equal"
    return "no reference" if settled["cause"] == "golden" else "open"


def throughput(rows: Sequence[Row]) -> Iterator[str]:
    """Candidates a CPU second, in a batch and one at a time."""
    rows = [row for row in rows if row["vectors"]]
    rates = [row["alone_cpu"] / row["batch_cpu"] for row in rows]
    batch, alone = (sum(r[f"{k}_cpu"] for r in rows) for k in ("batch", "alone"))
    total = CANDIDATES * len(rows)
    yield (
        f"{len(rows)} goldens, {CANDIDATES} candidates each: {total / batch:.1f} candidates a CPU "
        f"second in a batch, {total / alone:.1f} by Icarus file by file: {alone / batch:.1f} times"
    )
    yield f"  median of the ratios {statistics.median(rates):.1f}, lowest {min(rates):.1f}"
