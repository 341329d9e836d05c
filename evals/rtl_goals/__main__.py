"""``python -m evals.rtl_goals``: the model alone beside the system, goal by goal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from evals.rtl_goals.score import Score, load, score_bare, score_system
from sandboxes.probe import open_sandbox

HERE = Path(__file__).parent


def table(scores: Sequence[Score]) -> str:
    """A Markdown table, a line a goal, and the totals."""
    lines = [
        "| goal | system | correct | claimed | tokens out | seconds |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {s.name} | {s.system} | {'yes' if s.correct else 'no'}"
        f"{' FALSE CLAIM' if s.false_claim else ''} | {s.claimed} | {s.tokens_out} | {s.seconds} |"
        for s in scores
    ]
    right = sum(s.correct for s in scores)
    claimed = [s for s in scores if s.claimed in ("agreed", "tested", "proved")]
    lines.append(
        f"\n{right} of {len(scores)} correct; {len(claimed)} claimed agreed or better, of which "
        f"{sum(s.false_claim for s in claimed)} wrong; {sum(s.tokens_out for s in scores)} tokens "
        f"out, {sum(s.seconds for s in scores):.0f} s"
    )
    return "\n".join(lines)


@click.command()
@click.option("--set", "which", default="goals", type=click.Choice(["goals", "tuning"]))
@click.option("--system", default="qimeng", type=click.Choice(["bare", "qimeng"]))
@click.option("--model", help="As in qimeng run.")
@click.option("--candidates", default=8, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--only", multiple=True, help="Names, or parts of names, of goals.")
@click.option("--out", type=Path, help="Also write the scores here, as JSON lines.")
def main(
    which: str, system: str, model: str | None, candidates: int, seed: int,
    only: tuple[str, ...], out: Path | None,
) -> None:  # fmt: skip
    """Score the goals one after the other; goals already in --out are not run again."""
    done = _read(out)
    sandbox = open_sandbox()
    for item in load(HERE / which):
        if item.name in done or (only and not any(part in item.name for part in only)):
            continue
        if system == "bare":
            score = score_bare(item, model, sandbox)
        else:
            score = score_system(item, model, candidates, seed, sandbox)
        done[item.name] = score
        click.echo(
            f"{score.name}: {score.verdict}, claimed {score.claimed}; {score.reason}", err=True
        )
        if out:
            with out.open("a") as file:
                file.write(score.model_dump_json() + "\n")
    click.echo(table(list(done.values())))


def _read(out: Path | None) -> dict[str, Score]:
    if out is None or not out.exists():
        return {}
    scores = [Score(**json.loads(line)) for line in out.read_text().splitlines()]
    return {score.name: score for score in scores}


if __name__ == "__main__":
    main()
