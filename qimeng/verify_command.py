"""``qimeng verify``: is this design the same as that one, and how good is this testbench?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from sandboxes import Sandbox
    from tools.hdl.contract import Contract
    from tools.hdl.golden import Counterexample
    from tools.hdl.score_testbench import TestbenchScore
    from tools.hdl.trace import Trace
    from tools.hdl.verify import Verification

SAME, NOT_SAME, BAD_INPUT, ENVIRONMENT = 0, 1, 2, 4
EXIT_CODES = """\b
Exit codes: 0 equivalent (with --score-testbench: no known fault survives);
1 different or inconclusive (a known fault survives); 2 bad input; 4 something missing here."""


@click.command(epilog=EXIT_CODES)
@click.argument("dut", type=Path)
@click.option("--against", "golden", type=Path, help="The golden module to compare DUT with.")
@click.option("--score-testbench", "testbench", type=Path, help="Grade this testbench instead.")
@click.option("--top", help="The module to compare, when it is not the only top one.")
@click.option("--seconds", type=click.FloatRange(min=1), help="Time [20; 300 for a testbench].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
@click.option("--vcd", type=Path, help="Write the counterexample's waves here.")
@click.option("--picture", type=Path, help="Draw the counterexample here (SVG).")
def verify(
    dut: Path, golden: Path | None, testbench: Path | None, top: str | None,
    seconds: float | None, as_json: bool, vcd: Path | None, picture: Path | None,
) -> None:  # fmt: skip
    """Prove or test that DUT (Verilog) does what a golden module does, or grade a testbench.

    With --score-testbench, mutants of DUT say how many of its possible faults TESTBENCH finds.
    """
    from sandboxes import SandboxError
    from sandboxes.probe import open_sandbox
    from tools.hdl.verify import verify as compare

    if (golden is None) == (testbench is None):
        _stop(BAD_INPUT, "give either --against GOLDEN or --score-testbench TESTBENCH")
    design, other = _read(dut), _read(golden or testbench or dut)
    try:
        sandbox = open_sandbox()
        if testbench is not None:
            _grade(design, other, sandbox, top, seconds or 300.0, as_json)
        found = compare(design, other, sandbox, top, seconds or 20.0)
    except SandboxError as error:
        _stop(ENVIRONMENT, str(error))
    if found.verdict == "unsupported":
        _stop(BAD_INPUT, found.reason)
    if found.counterexample is not None:
        _draw(found.counterexample, other, top, vcd, picture)
    click.echo(json.dumps(_as_json(found)) if as_json else _as_text(found))
    sys.exit(SAME if found.verdict == "equivalent" else NOT_SAME)


def _as_text(found: Verification) -> str:
    """The verdict, why, and on a difference the table of the counterexample."""
    head: str = found.verdict
    if found.verdict == "equivalent":
        head += f", {found.evidence.label}"
    if found.vectors:
        head += f" ({found.vectors:,} vectors)"
    lines = [head]
    if found.counterexample is not None:
        from tools.hdl.golden import MOST_SHRUNK

        rows = len(found.counterexample.stimulus.rows)
        shortened = "shortest counterexample found" if rows <= MOST_SHRUNK else "counterexample"
        lines += [f"{shortened}, {rows} rows, expected/got:"]
        lines += ["", str(found.counterexample)]
    elif found.reason:
        lines.append(f"{found.cause}: {found.reason}" if found.cause else found.reason)
    lines += [f"{name}: {value}" for name, value in found.details.items()]
    return "\n".join(lines)


def _as_json(found: Verification) -> dict[str, Any]:
    data: dict[str, Any] = {
        "verdict": found.verdict,
        "evidence": found.evidence.label,
        "vectors": found.vectors,
        "cause": found.cause,
        "reason": found.reason,
        "details": dict(found.details),
        "counterexample": None,
    }
    if found.counterexample is not None:
        data["counterexample"] = asdict(found.counterexample)
    return data


def _draw(
    example: Counterexample, golden: str, top: str | None, vcd: Path | None, picture: Path | None
) -> None:
    from tools.hdl.interface import extract
    from tools.hdl.waveform import to_svg, to_vcd

    contract, stimulus = extract(golden, top), example.stimulus
    if contract.pulsed is not None and contract.pulsed.port in stimulus.inputs:
        contract = contract.unpulsed()
    try:
        if vcd is not None:
            vcd.write_text(to_vcd(*_both(contract, example)))
        if picture is not None:
            picture.write_text(to_svg(contract, stimulus, example.got, example.expected))
    except OSError as error:
        _stop(BAD_INPUT, f"cannot write {error.filename}: {error.strerror}")


def _both(contract: Contract, example: Counterexample) -> tuple[Contract, Any, Trace]:
    """One run that shows the golden's outputs, as NAME_expected, beside those of the DUT."""
    expected, got = example.expected, example.got
    golden = tuple(replace(p, name=f"{p.name}_expected") for p in contract.outputs)
    both = replace(
        got,
        outputs=(*got.outputs, *(p.name for p in golden)),
        before=tuple(g + e for g, e in zip(got.before, expected.before, strict=True)),
        after=tuple(g + e for g, e in zip(got.after, expected.after, strict=True)),
    )
    return replace(contract, ports=(*contract.ports, *golden)), example.stimulus, both


def _grade(
    design: str, testbench: str, sandbox: Sandbox, top: str | None, seconds: float, as_json: bool
) -> NoReturn:
    from tools.hdl.score_testbench import TestbenchError, score_testbench
    from tools.hdl.syntax import SourceError

    try:
        score = score_testbench(design, testbench, sandbox, top, seconds)
    except (TestbenchError, SourceError) as error:
        _stop(BAD_INPUT, str(error))
    if as_json:
        click.echo(json.dumps(_score_as_json(score)))
    else:
        click.echo(_score_as_text(score))
    sys.exit(NOT_SAME if score.survivors else SAME)


def _score_as_text(score: TestbenchScore) -> str:
    faults = len(score.killed) + len(score.survivors)
    lines = [
        f"finds {len(score.killed)} of {faults} known faults ({100 * score.share:.1f} %); "
        f"{score.equal} mutants are proved to be no faults, {score.unsettled} are unsettled"
    ]
    lines += [f"  survives: {mutant.name} ({mutant.kind})" for mutant in score.survivors]
    return "\n".join(lines)


def _score_as_json(score: TestbenchScore) -> dict[str, Any]:
    survivors = [{"line": m.line, "kind": m.kind, "change": m.name} for m in score.survivors]
    return {
        "share": score.share,
        "killed": len(score.killed),
        "survivors": survivors,
        "equal": score.equal,
        "unsettled": score.unsettled,
    }


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        _stop(BAD_INPUT, f"cannot read {path}: {error.strerror}")
    except UnicodeDecodeError:
        _stop(BAD_INPUT, f"{path} is not a text file")


def _stop(code: int, message: str) -> NoReturn:
    click.echo(f"qimeng: {message}", err=True)
    sys.exit(code)
