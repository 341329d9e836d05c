"""Worked examples for prompts: small modules, each in words, in Verilog and in Python.

Each is a folder in ``agents/prompts/examples``; a test proves that its two
versions agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from agents.planner import header
from agents.role import load_prompt
from lpcm.messages import Message
from tools.hdl.contract import Contract, Port
from tools.hdl.contract_text import read_contract
from tools.hdl.reference import python_name

SHOWN = 2
_WORD = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True)
class Example:
    """One worked example."""

    goal: str
    contract: Contract
    design: str
    model: str

    @property
    def words(self) -> frozenset[str]:
        """What the goal speaks of."""
        return frozenset(_WORD.findall(self.goal.lower()))


@cache
def examples() -> tuple[Example, ...]:
    """All examples, by name."""
    found = []
    for folder in sorted(
        files("agents").joinpath("prompts", "examples").iterdir(), key=lambda f: f.name
    ):
        goal, design, model = (
            folder.joinpath(name).read_text() for name in ("goal.txt", "design.v", "model.py")
        )
        contract = read_contract(goal).contract
        assert contract is not None, f"{folder.name}: the goal must name every port"
        found.append(Example(goal.strip(), contract, design, model))
    return tuple(found)


def choose(contract: Contract, goal: str) -> list[Example]:
    """The examples most like the goal, clocked or not as it is; the most similar one last."""
    words = frozenset(_WORD.findall(goal.lower()))
    fitting = [e for e in examples() if bool(e.contract.clocks) == bool(contract.clocks)]
    return sorted(fitting, key=lambda e: len(e.words & words) / len(e.words))[-SHOWN:]


def design_messages(contract: Contract, goal: str, shown: bool = True) -> list[Message]:
    """The turns that ask for a Verilog module, examples (when ``shown``) first."""
    turns: list[Message] = []
    for example in choose(contract, goal) if shown else ():
        turns += load_prompt("rtl_design", goal=example.goal, header=header(example.contract))
        turns.append(_answer("verilog", example.design))
    return turns + load_prompt("rtl_design", goal=goal, header=header(contract))


def reference_messages(contract: Contract, goal: str, shown: bool = True) -> list[Message]:
    """The turns that ask for a Python model, examples (when ``shown``) first."""
    turns: list[Message] = []
    for example in choose(contract, goal) if shown else ():
        turns += _ask_reference(example.contract, example.goal)
        turns.append(_answer("python", example.model))
    return turns + _ask_reference(contract, goal)


def _ask_reference(contract: Contract, goal: str) -> list[Message]:
    roles = {r.port for r in contract.resets} | {c.port for c in contract.clocks}
    inputs = [p for p in contract.ports if p.direction == "input" and p.name not in roles]
    return load_prompt(
        "rtl_reference",
        goal=goal,
        inputs=", ".join(_named(python_name(p.name), p) for p in inputs) or "none",
        outputs=", ".join(_named(p.name, p) for p in contract.outputs),
    )


def _answer(language: str, code: str) -> Message:
    return Message(role="assistant", content=f"```{language}\n{code}```")


def _named(name: str, port: Port) -> str:
    return f"{name} ({port.width} bit{'s' * (port.width > 1)})"
