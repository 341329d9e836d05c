"""``qimeng cpu``: learn a circuit from its simulator alone, prove it, and report."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandboxes.probe import DriverName
    from tools.bsd.learn import Progress


@click.command()
@click.argument("box", default="rv32i")
@click.option("--seed", default=0, show_default=True, help="Seed of all random choices.")
@click.option("--nodes", default=8192, show_default=True, help="Nodes per output port and cell.")
@click.option(
    "--sandbox", type=click.Choice(["auto", "docker", "bwrap", "host"]), default="auto",
    show_default=True, help="Where the provers run.",
)  # fmt: skip
@click.option("--out", type=Path, help="Write Verilog, figures and a report to this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
def cpu(
    box: str, seed: int, nodes: int, sandbox: DriverName | Literal["auto"],
    out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Learn BOX from queries alone and prove it equivalent to an independent reference.

    BOX is rv32i, the execution core of a RISC-V processor (the default), or a small circuit of
    width N, such as adder32, alu16, shifter32 or crc8. rv32i_wide2 and rv32i_wide4 put a core
    that issues several instructions a cycle around the learned one, and run programs on it
    (riscv64-unknown-elf-gcc is needed). Exit code 1 when it is not proved, or a program fails.
    """
    from qimeng.cpu_report import markdown, page
    from sandboxes import SandboxError
    from sandboxes.probe import open_sandbox
    from tools.bsd.aig import AigError
    from tools.bsd.box import BoxError
    from tools.bsd.learn import NotConverged, Settings
    from tools.bsd.package import make
    from tools.bsd.portfolio import TooLarge
    from tools.bsd.rv32i.simulate import SimulationError
    from tools.bsd.rv32i.workload import BuildError

    try:
        place = open_sandbox(sandbox)
        with _live(as_json) as show:
            made = make(box, place, Settings(seed=seed, nodes=nodes), show)
    except (TooLarge, NotConverged) as error:
        _stop(1, str(error))
    except (ValueError, BoxError) as error:
        _stop(2, str(error))
    except (SandboxError, AigError, BuildError, SimulationError) as error:
        _stop(4, str(error))
    if out:
        out.mkdir(parents=True, exist_ok=True)
        reports = {"report.md": markdown(made), "report.html": page(made)}
        for name, text in {**made.files, **reports}.items():
            (out / name).write_text(text)
    click.echo(json.dumps(made.figures) if as_json else markdown(made))
    sys.exit(0 if made.proved and made.ran else 1)


def _stop(code: int, message: str) -> NoReturn:
    click.echo(f"qimeng: {message}", err=True)
    sys.exit(code)


@contextmanager
def _live(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """One line that is rewritten, on a terminal; nothing elsewhere, or when quiet."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:

        def show(now: Progress) -> None:
            status.update(
                f"{now.stage} {now.done}/{now.total}   {now.nodes:,} nodes   "
                f"{now.queries / 1e6:,.0f} M queries   {now.seconds:.0f} s"
            )

        yield show
