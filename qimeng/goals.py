"""From what a person typed to a goal: bad input is refused here, with what to do about it."""

from __future__ import annotations

import re
from pathlib import Path

from memory.artifacts import digest_of
from memory.records import Budget, Goal, Parts
from tools.hdl.contract_text import Contradiction, read_contract

MAX_GOAL_CHARACTERS = 20_000
MAX_FILE_BYTES = 2_000_000
WORKFLOWS = ("rtl", "kernel", "learn", "machine")
SANDBOXES = ("auto", "bwrap", "docker", "host")


class BadInput(ValueError):
    """What was asked cannot be taken as it is (exit code 2)."""


def make_goal(
    text: str,
    *,
    files: tuple[Path, ...] = (),
    golden: Path | None = None,
    workflow: str | None = None,
    model: str | None = None,
    sandbox: str = "auto",
    candidates: int = 8,
    seed: int = 0,
    budget: Budget | None = None,
    parts: Parts | None = None,
) -> tuple[Goal, dict[str, bytes]]:
    """A valid goal and the bytes of its files by digest. Raises BadInput."""
    text = _checked_text(text, workflow)
    if workflow is not None and workflow not in WORKFLOWS:
        raise BadInput(f"there is no workflow {workflow!r}; there are: {', '.join(WORKFLOWS)}")
    if sandbox not in SANDBOXES:
        raise BadInput(f"there is no sandbox {sandbox!r}; there are: {', '.join(SANDBOXES)}")
    if not 1 <= candidates <= 64:
        raise BadInput("--candidates takes a number from 1 to 64")
    if not 0 <= seed < 2**20:
        raise BadInput("--seed takes a number from 0 to 1048575")
    contents = {path.name: _read(path) for path in files}
    if len(contents) < len(files):
        raise BadInput("two files have the same name")
    reference = _golden(golden) if golden else None
    stored = {digest_of(d): d for d in [*contents.values(), *([reference] if reference else [])]}
    goal = Goal(
        text=text,
        files={name: digest_of(data) for name, data in contents.items()},
        golden=digest_of(reference) if reference else None,
        workflow=workflow,
        model=model,
        sandbox=sandbox,
        candidates=candidates,
        seed=seed,
        budget=budget or Budget(),
        parts=parts or Parts(),
    )
    return goal, stored


def _golden(path: Path) -> bytes:
    """A golden's bytes: a Verilog module, a truth table, or a Python function or machine."""
    from tools.bsd.sequential.python import looks_like_machine
    from tools.bsd.table import looks_like_black_box

    data = _read(path)
    text = data.decode("utf-8", "replace")
    module = re.search(r"^\s*module\s+\S", text, re.MULTILINE)
    if module or looks_like_black_box(text) or looks_like_machine(text):
        return data
    raise BadInput(
        f"--golden {path} is neither a Verilog module, nor a truth table (`a[2], b -> y`, then "
        'lines such as `3 1 -> 0`), nor a Python function (`def f(a: 2, b: 1) -> {"y": 1}:`), nor '
        "a class that has such a function called `step`"
    )


def _checked_text(text: str, workflow: str | None) -> str:
    text = text.strip()
    if not text:
        raise BadInput("the goal is empty; say in words what to make")
    if len(text) > MAX_GOAL_CHARACTERS:
        raise BadInput(
            f"the goal has {len(text):,} characters, at most {MAX_GOAL_CHARACTERS:,} are taken; "
            "shorten it, or pass long material with --file"
        )
    if any((ord(c) < 32 and c not in "\t\n\r") or 0xD800 <= ord(c) < 0xE000 for c in text):
        raise BadInput("the goal holds binary data; say in words what to make")
    if workflow not in ("kernel", "learn", "machine"):
        try:
            read_contract(text)
        except Contradiction as error:
            raise BadInput(f"the goal contradicts itself: {error}") from error
    return text


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput(f"{path} is larger than {MAX_FILE_BYTES:,} bytes")
        data = path.read_bytes()
        data.decode()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not a text file") from error
    return data
