"""Does the AutoGen team help? A golden-in-loop ablation: a team against one agent that mends.

    python -m evals.rtl_goals.team --set tuning --out FILE

Both start from the model's first answer to the goal, get the same counterexamples from the same
check against the golden module, and may make as many model calls as the team's message cap
allows. The golden decides; neither side sees its text. (A score with a golden in the loop is
not a score of the product.)
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from agents.hardware import HardwareDesigner
from agents.team import MAX_MESSAGES, Finding, review
from agents.verifier import Verifier
from agents.workbench import Workbench
from evals.rtl_goals.score import Item, load
from lpcm.gateway import Gateway
from lpcm.models import default_model, open_model
from memory.records import Goal, Record
from memory.runs import RunStore
from sandboxes.probe import open_sandbox
from tools.hdl.contract import Contract
from tools.hdl.contract_text import read_contract

HERE = Path(__file__).parent
CALLS = 2 * (MAX_MESSAGES // 3)
"""Model calls that a team makes within its cap: critic and designer, once a round."""

Check = Callable[[str], Finding]


class Outcome(Record):
    """How one way of mending ended on one goal."""

    name: str
    way: str
    first_passed: bool
    passed: bool
    tokens_out: int
    seconds: float


def compare(item: Item, model: str) -> list[Outcome]:
    """Both ways on one goal; none when its interface is not explicit."""
    contract = read_contract(item.text).contract
    if contract is None:
        return []
    return [_one(item, contract, model, way) for way in ("alone", "team")]


def _one(item: Item, contract: Contract, model: str, way: str) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        run = RunStore(Path(folder)).create(Goal(text=item.text), {}, {})
        with run:
            bench = Workbench(run, Gateway(open_model), model, open_sandbox())
            designer, began = HardwareDesigner(bench), time.monotonic()
            source = designer.write(contract, item.text, 0, 0.0).source
            check = _check(bench, item)
            found = check(source)
            passed = found.passed or (
                review(bench, item.text, contract, source, check).passed
                if way == "team"
                else _alone(designer, contract, item, source, check)
            )
            seconds = round(time.monotonic() - began, 1)
            return Outcome(
                name=item.name,
                way=way,
                first_passed=found.passed,
                passed=passed,
                tokens_out=run.spend.tokens_out,
                seconds=seconds,
            )


def _check(bench: Workbench, item: Item) -> Check:
    verifier = Verifier(bench)

    def check(source: str) -> Finding:
        verdict = verifier.against(item.golden, source, "design")
        told = verdict.counterexample and bench.run.artifacts.text(verdict.counterexample)
        return Finding(verdict.outcome == "pass", (told or verdict.reason)[:1500])

    return check


def _alone(
    designer: HardwareDesigner, contract: Contract, item: Item, source: str, check: Check
) -> bool:
    """One agent that is told each counterexample."""
    for call in range(CALLS):
        found = check(source)
        if found.passed:
            return True
        told = f"In simulation it does not do what was asked for:\n{found.text}"
        source = designer.mend(contract, item.text, source, told, call).source
    return check(source).passed


@click.command()
@click.option("--set", "which", default="tuning", type=click.Choice(["goals", "tuning"]))
@click.option("--only", multiple=True, help="Names, or parts of names, of goals.")
@click.option("--model", default=default_model)
@click.option("--out", type=Path, help="Append the outcomes here, as JSON lines.")
def main(which: str, only: tuple[str, ...], model: str, out: Path | None) -> None:
    """Run the ablation and print how many each way mended."""
    mended = {"alone": 0, "team": 0}
    wrong = 0
    for item in load(HERE / which):
        if only and not any(part in item.name for part in only):
            continue
        outcomes = compare(item, model)
        wrong += bool(outcomes) and not outcomes[0].first_passed
        for outcome in outcomes:
            mended[outcome.way] += outcome.passed and not outcome.first_passed
            click.echo(outcome.model_dump_json())
            if out:
                with out.open("a") as file:
                    file.write(outcome.model_dump_json() + "\n")
    click.echo(
        f"of {wrong} wrong first answers: {mended['alone']} mended alone, "
        f"{mended['team']} by the team"
    )


if __name__ == "__main__":
    main()
