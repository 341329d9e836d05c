"""Learn a black box from queries and prove what was learned: ``python -m tools.bsd``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from sandboxes import SandboxError
from sandboxes.probe import open_sandbox
from tools.bsd.aig import AigError
from tools.bsd.box import BoxError
from tools.bsd.boxes import FAMILIES
from tools.bsd.catalogue import named
from tools.bsd.job import MUTANTS, Report, run
from tools.bsd.learn import NotConverged, Progress, Settings
from tools.bsd.portfolio import TooLarge


def main(arguments: list[str] | None = None) -> int:
    """0: learned and proved; 1: not; 2: the question or the machine is at fault."""
    options = _parser().parse_args(arguments)
    try:
        chosen = named(options.box, not options.no_examples)
        sandbox = open_sandbox(options.sandbox)
        settings = Settings(seed=options.seed, nodes=options.nodes)
        progress = _silent if options.json or not sys.stderr.isatty() else _show
        report = run(chosen.box, chosen.reference, sandbox, settings, progress)
    except (TooLarge, NotConverged) as error:
        print(f"{'too large' if isinstance(error, TooLarge) else 'failed'}: {error}")
        return 1
    except (ValueError, BoxError, SandboxError, AigError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.verilog:
        options.verilog.write_text(report.verilog)
    print(json.dumps(report.summary()) if options.json else _text(report))
    return 0 if report.proof.status == "proved" and report.mutants_refused == MUTANTS else 1


def _parser() -> argparse.ArgumentParser:
    families = ", ".join(f"{family}N" for family in FAMILIES)
    parser = argparse.ArgumentParser(prog="python -m tools.bsd", description=__doc__)
    parser.add_argument("box", help=f"rv32i, or a small box of width N: {families}")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices")
    parser.add_argument("--nodes", type=int, default=8192, help="nodes per output port and cell")
    parser.add_argument("--sandbox", default="auto", choices=["auto", "bwrap", "docker", "host"])
    parser.add_argument("--no-examples", action="store_true", help="withhold the encoding list")
    parser.add_argument("--verilog", type=Path, help="write the learned module to this file")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def _silent(_: Progress) -> None:
    pass


def _show(now: Progress) -> None:
    line = (
        f"{now.stage} {now.done}/{now.total}  {now.nodes} nodes  "
        f"{now.queries / 1e6:.0f}M queries  {now.seconds:.0f} s"
    )
    print(f"\r{line:<70}", end="", file=sys.stderr, flush=True)


def _text(report: Report) -> str:
    learned, ours, theirs = report.learned, report.area, report.reference_area
    return "\n".join(
        [
            "",
            f"{learned.box.name}: {report.proof.status} equivalent to the reference "
            f"on all {len(learned.literals)} outputs ({report.proof.seconds:.1f} s)",
            f"  {learned.nodes} nodes, {learned.cells} cells, {learned.queries:,} queries, "
            f"{learned.seconds:.1f} s ({learned.cpu_seconds:.1f} s CPU), seed {learned.seed}",
            f"  wrong vectors by round {list(learned.wrong)}, "
            f"formal counterexamples {learned.formal}, "
            f"mutants refused {report.mutants_refused} of {MUTANTS}",
            f"  and-gates {ours.small_ands} (reference {theirs.small_ands}), levels "
            f"{ours.small_levels} ({theirs.small_levels}), LUT6 {ours.luts} ({theirs.luts}), "
            f"LUT levels {ours.lut_levels} ({theirs.lut_levels})",
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
