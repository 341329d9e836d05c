"""Budgets as a fold over events: what was spent, what is left, when to pause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memory.events import Event
from memory.records import Budget, Spend

WARN_AT = 0.8


class BudgetReached(Exception):
    """A cap of the run is reached. The run pauses; ``qimeng resume ID --budget …`` goes on."""

    def __init__(self, cap: str, used: float, limit: float) -> None:
        super().__init__(f"budget reached: {used:g} of {limit:g} {cap} used")
        self.cap = cap


def add(spend: Spend, event: Event) -> Spend:
    """The spend after one more event."""
    changes: dict[str, float] = {"seconds": max(spend.seconds, event.elapsed)}
    if event.kind == "candidate.made":
        changes["candidates"] = spend.candidates + 1
    elif event.kind == "call.finished" and event.data["type"] == "model":
        for name in ("tokens_in", "tokens_out", "usd"):
            changes[name] = getattr(spend, name) + (event.data[name] or 0)
    return spend.model_copy(update=changes)


def spend_of(events: Iterable[Event]) -> Spend:
    """What the events say was spent."""
    spend = Spend()
    for event in events:
        spend = add(spend, event)
    return spend


def usage(budget: Budget, spend: Spend) -> Iterator[tuple[str, float, float]]:
    """``(cap, used, limit)`` of every cap that is set."""
    used = {
        "tokens": spend.tokens_in + spend.tokens_out,
        "seconds": spend.seconds,
        "usd": spend.usd,
        "candidates": spend.candidates,
    }
    for cap, amount in used.items():
        limit = getattr(budget, cap)
        if limit is not None:
            yield cap, amount, limit


def parse_budget(text: str) -> Budget:
    """Read ``tokens=20000,seconds=600,usd=1.5,candidates=8``. ValueError says what is wrong."""
    caps: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, separator, value = part.partition("=")
        if not separator or name not in Budget.model_fields:
            known = ", ".join(f"{n}=…" for n in Budget.model_fields)
            raise ValueError(f"budget {part!r} is not understood; write any of {known}")
        caps[name] = value
    try:
        return Budget.model_validate(caps)
    except ValueError as error:
        raise ValueError(f"budget {text!r}: every cap is a number that is not negative") from error
