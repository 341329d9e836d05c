"""What a run's records say, in words: answers that need no model, and facts for those that do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memory.records import Candidate, Verdict
from qimeng.summary import RunView
from qimeng.wording import amount, clean, headline, interface_line

PASSAGES, PASSAGE_CHARACTERS = 2, 500
RELATED = 0.33
"""Cosine below which a passage has nothing to do with a question; evals/results/retrieval."""
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
_NAMED = re.compile(r"\b((?:design|reference)-\d+(?:-\w+)*)\b", re.I)
_ORDINAL = re.compile(
    rf"\b({'|'.join(_ORDINALS)}|number (\d+))"
    r"(?: (?:one|design|candidate|attempt|reference|model))?\b",
    re.I,
)
_REFERENCE = re.compile(r"\b(?:reference|python)\b", re.I)
_REJECTED = re.compile(r"\breject|\bfail|\brefus|\bwrong\b|\bnot accept", re.I)
_DESIGN = re.compile(r"\b(?:show|print|see|display)\b.*\b(?:design|code|verilog|source|it)\b", re.I)
_FIGURES = re.compile(
    r"\bhow (?:large|big|small|fast|deep|many (?:gates|cells|flip-?flops|flops))\b"
    r"|\bwhat(?:'s| is| are) (?:the|its) (?:area|depth|size|figures)\b",
    re.I,
)
_LANGUAGES = {".sv": "verilog", ".v": "verilog", ".c": "c", ".py": "python"}
_CANDIDATES = re.compile(r"\bcandidates\b|\battempts\b|\bwhich (?:designs|ones)\b", re.I)


@dataclass(frozen=True)
class Attempt:
    """A candidate of a run and the last verdict on it."""

    candidate: Candidate
    verdict: Verdict | None


def attempts(view: RunView) -> list[Attempt]:
    """All candidates of a run, in the order they were made."""
    made, judged = {}, {}
    for event in view.log:
        if event.kind == "candidate.made":
            candidate = Candidate.model_validate(event.data["candidate"])
            made[candidate.id] = candidate
        elif event.kind == "verdict.given":
            verdict = Verdict.model_validate(event.data["verdict"])
            judged[verdict.candidate] = verdict
    return [Attempt(c, judged.get(c.id)) for c in made.values()]


def told(attempt: Attempt) -> str:
    """One attempt in a line."""
    c, v = attempt.candidate, attempt.verdict
    if v is None:
        return f"{c.id} ({c.kind}, {c.origin}): not judged yet"
    reason = f": {v.reason}" if v.reason else ""
    return f"{c.id} ({c.kind}, {c.origin}): {v.outcome} ({v.evidence.label}){clean(reason)}"


def outcome(view: RunView) -> str:
    """The reply after a run: what came of it, in the words of the summary."""
    lines = [headline(view), *map(clean, view.result.reasons)]
    if view.contract:
        lines.append(f"interface: {interface_line(view.contract)}")
    lines += [figures(view)] if view.result.metrics else []
    if view.artifacts:
        lines.append(f"files: {', '.join(a.name for a in view.artifacts)} (/show NAME, /save DIR)")
    return "\n".join(lines)


def figures(view: RunView) -> str:
    """What was measured of the result."""
    return ", ".join(
        f"{name} {amount(m.value)} {m.unit}".rstrip() for name, m in view.result.metrics.items()
    )


def facts(spec: str | None, view: RunView | None) -> str:
    """What a model may say about the conversation's design."""
    lines = [f"The specification as it stands:\n{spec}" if spec else "No design was asked for yet."]
    if view:
        lines.append(f"The last run, {view.id}: {outcome(view)}")
        lines += ["Its attempts:", *(f"- {told(a)[:200]}" for a in attempts(view)[:12])]
        if source := source_of(view):
            lines.append(f"The design:\n{source[:2500]}")
    return "\n".join(lines)


def passages(question: str) -> tuple[str, str]:
    """What the manuals say about a question, for the prompt, and the line that cites them; both
    empty when they say nothing about it.
    """
    from memory.knowledge.base import KnowledgeBase

    with KnowledgeBase() as base:
        found = base.search(question, PASSAGES)
    hits = [hit for hit in found if hit.named or hit.cosine >= RELATED]
    if not hits:
        return "", ""
    texts = [f"\n{hit.citation}: {hit.text[:PASSAGE_CHARACTERS]}" for hit in hits]
    cited = "; ".join(hit.citation for hit in hits)
    return "\nFrom the manuals:" + "".join(texts), f"\n\nlooked up: {cited}"


def direct_answer(text: str, view: RunView) -> str | None:
    """An answer straight from the records, where the question names what it wants; else None."""
    made = attempts(view)
    if asked := _asked_for(text, made):
        return _about(asked)
    if _REJECTED.search(text):
        rejected = [a for a in made if a.verdict and a.verdict.outcome == "fail"]
        return "\n".join(map(told, rejected)) or "none was rejected; /show lists all attempts"
    if _CANDIDATES.search(text):
        return "\n".join(map(told, made)) or "there were no attempts"
    if _FIGURES.search(text) and view.result.metrics:
        return figures(view)
    return source_of(view) if _DESIGN.search(text) else None


def source_of(view: RunView) -> str | None:
    """What was made, as a block of code: the design, or a kernel's function; None when there is
    nothing yet.
    """
    for suffix, language in _LANGUAGES.items():
        name = next((a.name for a in view.artifacts if a.name.endswith(suffix)), None)
        if name:
            text = view.text(name)
            head, mark, body = text.partition("void kernel(")
            more = f"\n(/show {name} prints the whole file)" if mark else ""
            return f"```{language}\n{(mark + body if mark else head).rstrip()}\n```{more}"
    return None


def _asked_for(text: str, made: Sequence[Attempt]) -> Attempt | None:
    if named := _NAMED.search(text):
        return next((a for a in made if a.candidate.id == named[1].lower()), None)
    ordinal = _ORDINAL.search(text)
    if not ordinal:
        return None
    kind = "reference" if _REFERENCE.search(text) else "design"
    pool = [a for a in made if a.candidate.kind == kind]
    number = int(ordinal[2]) if ordinal[2] else _ORDINALS[ordinal[1].lower()]
    position = number - 1 if number > 0 else len(pool) - 1
    return pool[position] if 0 <= position < len(pool) else None


def _about(attempt: Attempt) -> str:
    more = f"\n/show {attempt.candidate.id} prints it"
    if attempt.verdict and attempt.verdict.counterexample:
        more += ", and the counterexample with it"
    return told(attempt) + more
