"""Score one goal: what the model alone gives at its first answer, and what the system gives."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import qimeng
from lpcm.gateway import Gateway
from lpcm.messages import Message, ModelRequest
from lpcm.models import default_model, open_model
from memory.records import Evidence, Record
from sandboxes import Sandbox
from tools.hdl.extract_code import extract_code
from tools.hdl.verify import verify

System = Literal["bare", "qimeng"]
BARE_PROMPT = "{goal}\n\nWrite this module in Verilog."


@dataclass(frozen=True)
class Item:
    """One goal of a set."""

    name: str
    text: str
    golden: str


class Score(Record):
    """The outcome on one goal. ``claimed`` is the evidence level of a run that says ``done``."""

    name: str
    system: System
    correct: bool
    claimed: str
    verdict: str
    reason: str
    tokens_in: int
    tokens_out: int
    seconds: float
    run_id: str = ""

    @property
    def false_claim(self) -> bool:
        """The worst failure: called agreed or better, and wrong."""
        return Evidence[self.claimed.upper()] >= Evidence.AGREED and not self.correct


def load(folder: Path) -> list[Item]:
    """The goals of a set, by name."""
    return [
        Item(d.name, (d / "goal.txt").read_text().strip(), (d / "golden.sv").read_text())
        for d in sorted(folder.iterdir())
        if d.is_dir()
    ]


def score_bare(item: Item, model: str | None, sandbox: Sandbox) -> Score:
    """The model's first answer at temperature 0 to the goal as it stands, taken as it comes."""
    began = time.monotonic()
    prompt = BARE_PROMPT.format(goal=item.text)
    request = ModelRequest(
        model=model or default_model(),
        messages=(Message(role="user", content=prompt),),
        max_tokens=1000,
    )
    reply = Gateway(open_model).complete(request)
    found = verify(extract_code(reply.text), item.golden, sandbox)
    return Score(
        name=item.name,
        system="bare",
        correct=found.verdict == "equivalent",
        claimed="none",
        verdict=found.verdict,
        reason=found.reason[:200],
        tokens_in=reply.usage.tokens_in,
        tokens_out=reply.usage.tokens_out,
        seconds=round(time.monotonic() - began, 1),
    )


def score_system(
    item: Item, model: str | None, candidates: int, seed: int, sandbox: Sandbox
) -> Score:
    """The whole workflow, with the words of the goal and nothing else."""
    view = qimeng.run(item.text, model=model, candidates=candidates, seed=seed)
    verdict, reason = "no design", "; ".join(view.result.reasons)
    if any(artifact.name == "design.sv" for artifact in view.artifacts):
        found = verify(view.text("design.sv"), item.golden, sandbox)
        verdict, reason = found.verdict, found.reason or reason
    return Score(
        name=item.name,
        system="qimeng",
        correct=verdict == "equivalent",
        claimed=view.evidence.label if view.status == "done" else "none",
        verdict=verdict,
        reason=reason[:200],
        tokens_in=view.spend.tokens_in,
        tokens_out=view.spend.tokens_out,
        seconds=round(view.spend.seconds, 1),
        run_id=view.id,
    )
