"""What the model alone is asked, and which part of its answer counts, as VerilogEval does it.

VerilogEval's own sentences are read from the checkout's script, so they are exact and are not
copied here. v1 has none: there the model gets the description as a comment over the module's
head. RTLLM's descriptions are whole prompts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from evals.verilog.problems import NoSuchData, Problem
from lpcm.messages import Message
from tools.hdl.extract_code import extract_code

_SCRIPT = Path("scripts") / "sv-generate"
_TASKS = {"v2-spec": "spec-to-rtl", "v2-complete": "code-complete-iccad2023"}
_TEXTS = ("prompts", "prompt_no_explain_suffix")


@cache
def _texts(script: Path) -> dict[str, Any]:
    """The prompt texts that VerilogEval v2's generator holds as constants."""
    if not script.is_file():
        raise NoSuchData(f"{script} is missing: the prompt of VerilogEval v2 is read from it")
    found: dict[str, Any] = {}
    for node in ast.parse(script.read_text()).body:
        if not isinstance(node, ast.Assign):
            continue
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in _TEXTS:
            found[target.id] = ast.literal_eval(node.value)
        elif isinstance(target, ast.Subscript) and getattr(target.value, "id", "") == "prompts":
            key = ast.literal_eval(target.slice)
            found.setdefault("prompts", {})[key] = ast.literal_eval(node.value)
    return found


def bare_messages(problem: Problem, data: Path) -> tuple[Message, ...]:
    """The zero-shot prompt. Raises NoSuchData when the checkout lacks its texts."""
    if problem.suite not in _TASKS:
        text = problem.description
        if problem.header:
            text = f"{_commented(text)}\n{problem.header}"
        return (Message(role="user", content=text),)
    texts = _texts(data / _SCRIPT)
    task = texts["prompts"][_TASKS[problem.suite]]
    if problem.suite == "v2-spec":
        question = f"\nQuestion:\n{problem.description.strip()}"
        text = f"{question}\n{texts['prompt_no_explain_suffix']}\nAnswer:\n"
    else:
        words, head = _split_at_module(problem.description, problem.top)
        text = task["prompt_prefix"] + "\n".join([*(f"// {w}" for w in words), *head])
    return (Message(role="system", content=task["system_msg"]), Message(role="user", content=text))


def _commented(text: str) -> str:
    return "\n".join(f"// {line}" for line in text.strip().splitlines())


def _split_at_module(text: str, top: str) -> tuple[list[str], list[str]]:
    lines = text.splitlines()
    start = next((i for i, s in enumerate(lines) if f"module {top}" in s), len(lines))
    head = lines[start:]
    return lines[:start], ["", *head] if head else []


def official_code(problem: Problem, answer: str) -> str:
    """The design in a model's answer, by VerilogEval's rules; by ours for RTLLM, which has none."""
    if problem.suite == "rtllm":
        return extract_code(answer)
    if problem.suite == "v2-spec":
        marked = _marked(answer)
        return "\n".join(_completion(answer, problem.top) if marked is None else marked) + "\n"
    own_module = _declares(answer, problem.top)
    head = [] if own_module else [problem.header]
    return "\n".join([*head, *_completion(answer, problem.top)]) + "\n"


def _marked(answer: str) -> list[str] | None:
    """Lines between [BEGIN] and [DONE]; none of them when [DONE] is missing; None without marks."""
    found: list[str] = []
    began = False
    for line in answer.splitlines():
        if not began:
            if line.lstrip().startswith("[BEGIN]"):
                began = True
                rest = line.lstrip().replace("[BEGIN]", "")
                found += [rest] if rest.strip() else []
        elif line.rstrip().endswith("[DONE]"):
            rest = line.rstrip().replace("[DONE]", "")
            return [*found, rest] if rest.strip() else found
        else:
            found.append(line)
    return [] if began else None


def _declares(answer: str, top: str) -> bool:
    """True when the module's head comes before any ``endmodule``, fences not counted."""
    for line in answer.splitlines():
        if line.startswith("endmodule"):
            return False
        if line.startswith(f"module {top}"):
            return True
    return False


def _completion(answer: str, top: str) -> Iterator[str]:
    """Inside the first pair of fences; without a pair, up to ``endmodule`` (and, when the module
    is declared, from its head on).
    """
    lines = answer.splitlines()
    fenced = sum(line.startswith("```") for line in lines) >= 2
    whole = _declares(answer, top)
    fences, began, ended = 0, False, False
    for line in lines:
        began |= line.strip().startswith(f"module {top}")
        if line.startswith("```"):
            fences += 1
            continue
        if (fences == 1) if fenced else not (ended or (whole and not began)):
            yield line
        ended |= line.strip().startswith("endmodule")
