"""Symbolic repair of a weak model's answer to "write a cycle-accurate Python model".

Each rule puts right one habit that needs no thought: the harness of ``tools.hdl.reference``
resets and clocks the model itself, passes inputs as attributes of one argument and wants a dict
from ``outputs``. A rule acts only where the intention is certain. Text that needs no rule comes
back byte for byte; after a rule on the syntax tree the text is printed anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

from tools.hdl.contract import Contract
from tools.hdl.python_answer import Answer
from tools.hdl.python_body_rules import impure_attributes
from tools.hdl.python_rules import RULES

_FENCE = re.compile(r"^[ \t]*```[^\n]*$", re.MULTILINE)
_CLASS = re.compile(r"^\s*class \w+", re.MULTILINE)
_CODE_START = re.compile(
    r"^(?:class|def|from|import|@|#|[A-Za-z_]\w*\s*(?::[^=\n]+)?=)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class ModelRepair:
    """The repaired text and the names of the rules that changed it, in order. ``reported``
    names bugs that were seen and left: no rule can know what was meant."""

    code: str
    applied: tuple[str, ...]
    reported: tuple[str, ...] = ()


def repair_model(code: str, contract: Contract) -> ModelRepair:
    """Apply every rule that fits. Never raises: what cannot be read comes back as it was."""
    applied: list[str] = []
    for name, extract in _TEXT_RULES:
        extracted = extract(code)
        if extracted != code:
            code = extracted
            applied.append(name)
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ModelRepair(code, tuple(applied))
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef)]
    found = [n for n in classes if n.name == "Model"] or (classes if len(classes) == 1 else [])
    if not found:
        return ModelRepair(code, tuple(applied))
    answer = Answer(tree, found[-1], contract)
    changed = [name for name, rule in RULES.items() if rule(answer)]
    if changed:
        code = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    reported = tuple(f"outputs() changes self.{n}" for n in impure_attributes(answer))
    return ModelRepair(code, (*applied, *changed), reported)


def _from_fence(text: str) -> str:
    """The last fenced block that holds a class, closed or not."""
    marks = list(_FENCE.finditer(text))
    for start in range(len(marks) - 1, -1, -1):
        end = marks[start + 1].start() if start + 1 < len(marks) else len(text)
        block = text[marks[start].end() + 1 : end]
        if _CLASS.search(block):
            return block
    return text


def _without_prose(text: str) -> str:
    """Lines before the code and after the class that are no Python are dropped."""
    if _parses(text) or not _CLASS.search(text):
        return text
    start = _CODE_START.search(text)
    body = text[start.start() :] if start else text
    lines = body.splitlines(keepends=True)
    inside = False
    for number, line in enumerate(lines):
        inside = inside or line.startswith("class ")
        if inside and line[:1].strip() and not _CODE_START.match(line):
            shorter = "".join(lines[:number]).rstrip() + "\n"
            if _parses(shorter):
                return shorter
    return body if _parses(body) else text


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


_TEXT_RULES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("fence", _from_fence),
    ("prose", _without_prose),
)
