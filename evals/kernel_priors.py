"""What a model expects of the search axes: weights for ``tools.kernels.search_table --priors``.

    python -m evals.kernel_priors --out priors.json

For each operator of that table the model chooses a value for every axis, several times; a choice
weighs one and its votes.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click

from lpcm.gateway import Gateway
from lpcm.messages import Message, ModelRequest
from lpcm.models import default_model, open_model
from tools.kernels.card import Card, detect
from tools.kernels.notation import Operator, words_of
from tools.kernels.search_table import OPERATORS, Weights
from tools.kernels.space import space

VOTES = 5
PROMPT = """A kernel for this operator is tuned on one core of {model} ({isa}, {l1} KB of L1 cache,
{l2} KB of L2 cache, {flops:.0f} GFLOP/s): {operator}.

Choose a value for each parameter. sketch: whether a whole panel of A is packed at once or block by
block; tile: register tile, rows x vectors; bm, bn, bk: block sizes in rows, columns and depth;
pack: which operand is copied into panels; unroll: along the depth.

Which choice do you expect to be fastest? Answer in JSON."""


def weights(spec: Operator, card: Card, gateway: Gateway, model: str) -> Weights:
    """Weights of every axis' choices."""
    axes = space(spec, card)
    schema = {
        "type": "object",
        "properties": {axis: {"enum": list(choices)} for axis, choices in axes.items()},
        "required": list(axes),
    }
    prompt = PROMPT.format(
        model=card.model,
        isa=card.isa,
        l1=card.l1 >> 10,
        l2=card.l2 >> 10,
        flops=card.flops / 1e9,
        operator=" ".join(words_of(spec)),
    )
    votes: dict[str, Counter[str]] = {axis: Counter() for axis in axes}
    for seed in range(VOTES):
        request = ModelRequest(
            model=model,
            messages=(Message(role="user", content=prompt),),
            json_schema=schema,
            temperature=0.8,
            seed=seed,
            max_tokens=200,
        )
        for axis, choice in json.loads(gateway.complete(request).text).items():
            votes[axis][str(choice)] += 1
    return {axis: {c: 1.0 + n for c, n in counted.items()} for axis, counted in votes.items()}


@click.command()
@click.option("--model", default=default_model)
@click.option("--out", type=Path, required=True)
def main(model: str, out: Path) -> None:
    """Ask for every operator of the table."""
    card, gateway = detect(), Gateway(open_model)
    found = {" ".join(words_of(spec)): weights(spec, card, gateway, model) for spec in OPERATORS}
    out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
