"""Who answers: the model alone, the whole system, or the system with the golden in the loop."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import qimeng
from evals.verilog.problems import Problem
from evals.verilog.prompts import bare_messages, official_code
from lpcm.cache import ReplyCache
from lpcm.gateway import Gateway
from lpcm.messages import ModelReply, ModelRequest, Usage
from lpcm.models import default_model, open_model
from memory.artifacts import Artifacts
from memory.home import home
from memory.records import Parts, Record
from qimeng.goals import BadInput
from qimeng.runner import NotReady
from qimeng.summary import RunView

System = Literal["bare", "qimeng", "golden-in-loop"]
SYSTEMS: tuple[System, ...] = get_args(System)
MAX_TOKENS = 1024
GREEDY, SAMPLED = (0.0, 0.01), (0.85, 0.95)
"""Temperature and top_p of VerilogEval for one sample and for several."""


class Setting(Record):
    """All that decides an answer, beside the problem and the seed."""

    system: System
    model: str
    candidates: int = 8
    budget: str | None = None
    seeds: int = 1
    parts: Parts = Parts()


@dataclass(frozen=True)
class Answer:
    """A design, and what it took. ``claimed`` is the evidence level of a run that says ``done``.

    Tokens are those that were generated for this answer, the first time when it was cached.
    """

    design: str
    claimed: str = "none"
    reason: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    run_id: str = ""


def answer(problem: Problem, setting: Setting, seed: int, data: Path) -> Answer:
    """One answer. Raises NotReady or ModelError when there is no model or sandbox to ask."""
    if setting.system == "bare":
        return _bare(problem, setting, seed, data)
    if setting.system == "qimeng":
        return _run(problem, setting, seed, None)
    with tempfile.TemporaryDirectory() as folder:
        golden = Path(folder) / "golden.sv"
        golden.write_text(problem.golden)
        return _run(problem, setting, seed, golden)


def words(problem: Problem) -> str:
    """What the system is told: the description, and the given head of the module if any."""
    if problem.suite.startswith("v1"):
        return f"{problem.description.strip()}\n\n{problem.header.strip()}"
    return problem.description.strip()


def bare_request(problem: Problem, setting: Setting, seed: int, data: Path) -> ModelRequest:
    """What the model alone is asked."""
    temperature, top_p = SAMPLED if setting.seeds > 1 else GREEDY
    return ModelRequest(
        model=setting.model or default_model(),
        messages=bare_messages(problem, data),
        temperature=temperature,
        top_p=top_p,
        max_tokens=MAX_TOKENS,
        seed=seed,
    )


def _bare(problem: Problem, setting: Setting, seed: int, data: Path) -> Answer:
    reply = _gateway().complete(bare_request(problem, setting, seed, data))
    return Answer(
        official_code(problem, reply.text),
        tokens_in=reply.usage.tokens_in,
        tokens_out=reply.usage.tokens_out,
        seconds=reply.seconds,
    )


def _gateway() -> Gateway:
    return Gateway(open_model, ReplyCache(home() / "replies.db"))


def _run(problem: Problem, setting: Setting, seed: int, golden: Path | None) -> Answer:
    try:
        view = qimeng.run(
            words(problem),
            golden=golden,
            model=setting.model,
            budget=setting.budget,
            candidates=setting.candidates,
            seed=seed,
            parts=setting.parts,
        )
    except BadInput as error:
        return Answer("", reason=str(error))
    if view.status == "paused" and view.cause != "budget":
        raise NotReady("; ".join(view.result.reasons))
    has_design = any(artifact.name == "design.sv" for artifact in view.artifacts)
    usage = _generated(view)
    return Answer(
        view.text("design.sv") if has_design else "",
        claimed=view.evidence.label if view.status == "done" else "none",
        reason="; ".join(view.result.reasons),
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        seconds=round(view.spend.seconds, 1),
        run_id=view.id,
    )


def _generated(view: RunView) -> Usage:
    """Tokens of all replies; a run counts those from the cache as free, a benchmark does not."""
    store = Artifacts(view.folder / "artifacts")
    used = Usage()
    for event in view.events():
        if event.kind == "call.finished" and event.data["type"] == "model":
            used += ModelReply.model_validate_json(store.get(event.data["reply"])).usage
    return used
