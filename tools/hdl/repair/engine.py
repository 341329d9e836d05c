"""The repair loop: one rule at a time, kept only when the diagnostics get better."""

from __future__ import annotations

from dataclasses import dataclass

from tools.hdl.contract import Contract
from tools.hdl.repair.diagnose import Diagnostic, Stage, View, examine
from tools.hdl.repair.rule import Rule
from tools.hdl.repair.rules import ON_COMPILING, RULES
from tools.hdl.repair.scan import to_ascii

_MAX_STEPS = 60
_MAX_PROPOSALS = 600
_MAX_BYTES = 200_000


@dataclass(frozen=True)
class Repair:
    """A repaired text, the names of the rules that made it, and what is still wrong."""

    source: str
    applied: tuple[str, ...]
    remaining: tuple[Diagnostic, ...]

    @property
    def clean(self) -> bool:
        """No error is left; warnings may be."""
        return not any(d.severity == "error" for d in self.remaining)


def diagnose(source: str, contract: Contract) -> tuple[Diagnostic, ...]:
    """What is wrong with ``source`` as the module ``contract`` asks for, in source order."""
    return examine(to_ascii(source), contract).diagnostics()


def repair(source: str, contract: Contract) -> Repair:
    """Apply rules until none helps.

    Code with nothing wrong comes back byte for byte. Each step strictly lowers the number of
    findings (syntax first, then interface, meaning, hazards), so the result is never worse than
    ``source`` and the loop ends. Text over 200 kB is diagnosed, not repaired.
    """
    view = examine(to_ascii(source), contract)
    if len(source) > _MAX_BYTES or not any(view.badness):
        return Repair(source, (), view.diagnostics())
    applied: list[str] = []
    budget = _MAX_PROPOSALS
    for _ in range(_MAX_STEPS):
        step, budget = _step(view, contract, budget)
        if step is None:
            break
        applied.append(step[0].name)
        view = step[1]
        if not any(view.badness):
            break
    return Repair(view.source if applied else source, tuple(applied), view.diagnostics())


def _step(view: View, contract: Contract, budget: int) -> tuple[tuple[Rule, View] | None, int]:
    """The first proposal that lowers the badness, and the proposals still allowed."""
    compiles = not any(view.badness[: Stage.HAZARD])
    for rule in RULES:
        if compiles and rule not in ON_COMPILING:
            continue
        for text in rule.propose(view, contract):
            if text == view.source:
                continue
            if budget == 0:
                return None, 0
            budget -= 1
            after = examine(text, contract)
            if after.badness < view.badness:
                return (rule, after), budget
    return None, budget
