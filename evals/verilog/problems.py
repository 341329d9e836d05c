"""The problems of a checkout: words, test and golden of each, read from the benchmark's files."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from tools.hdl.syntax import SourceError, elaborate, rename

Suite = Literal["v2-spec", "v2-complete", "v1-human", "v1-machine", "rtllm"]
SUITES: tuple[Suite, ...] = get_args(Suite)

_V2_FOLDERS = {"v2-spec": "dataset_spec-to-rtl", "v2-complete": "dataset_code-complete-iccad2023"}
_V1_KINDS = {"v1-human": "Human", "v1-machine": "Machine"}
_MODULE = re.compile(r"^\s*module\s+(\w+)", re.MULTILINE)
_INSTANCE = re.compile(r"^\s*(\w+)\s*(?:#\s*\([^;]*?\)\s*)?\w+\s*\(\s*\.", re.MULTILINE)


class NoSuchData(ValueError):
    """The folder does not hold the suite that was asked for."""


@dataclass(frozen=True)
class Problem:
    """One problem. ``top`` is the module the test instantiates, and the golden's name here.

    ``description`` and ``header`` (the given head of the module, or nothing) are all that a
    system may see; ``test``, ``golden`` and ``others`` (further files of the test) never.
    """

    name: str
    suite: Suite
    top: str
    description: str
    header: str
    test: str
    golden: str
    others: Mapping[str, bytes] = field(default_factory=dict)


def load(data: Path, suite: Suite) -> list[Problem]:
    """The problems of ``suite`` in checkout ``data``, by name. Raises NoSuchData."""
    if suite in _V2_FOLDERS:
        found = _v2(data / _V2_FOLDERS[suite], suite)
    elif suite in _V1_KINDS:
        found = _v1(data, suite)
    else:
        found = _rtllm(data)
    if not found:
        raise NoSuchData(f"{data} holds no problems of {suite}: give the benchmark's checkout")
    return found


def suites(data: Path) -> list[Suite]:
    """The suites a checkout holds."""
    found: list[Suite] = [s for s, folder in _V2_FOLDERS.items() if (data / folder).is_dir()]  # type: ignore[misc]
    found += [s for s in _V1_KINDS if (data / _v1_file(s)).is_file()]  # type: ignore[misc]
    return [*found, "rtllm"] if _rtllm_folders(data) else found


def _v2(folder: Path, suite: Suite) -> list[Problem]:
    found = []
    for path in sorted(folder.glob("*_prompt.txt")):
        name = path.name.removesuffix("_prompt.txt")
        header = folder / f"{name}_ifc.txt"
        reference = (folder / f"{name}_ref.sv").read_text()
        found.append(
            Problem(
                name=name,
                suite=suite,
                top="TopModule",
                description=path.read_text(),
                header=header.read_text() if header.is_file() else "",
                test=(folder / f"{name}_test.sv").read_text(),
                golden=re.sub(r"\bRefModule\b", "TopModule", reference),
                others={"ref.sv": reference.encode()},
            )
        )
    return found


def _v1_file(suite: str) -> Path:
    return Path("data") / f"VerilogEval_{_V1_KINDS[suite]}.jsonl"


def _v1(data: Path, suite: Suite) -> list[Problem]:
    path = data / _v1_file(suite)
    words = data / "descriptions" / f"VerilogDescription_{_V1_KINDS[suite]}.jsonl"
    if not path.is_file() or not words.is_file():
        return []
    described = {line["task_id"]: line["detail_description"] for line in _json_lines(words)}
    return [
        Problem(
            name=line["task_id"],
            suite=suite,
            top="top_module",
            description=described[line["task_id"]],
            header=line["prompt"],
            test=line["test"],
            golden=line["prompt"] + "\n" + line["canonical_solution"],
        )
        for line in _json_lines(path)
    ]


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def _rtllm_folders(data: Path) -> list[Path]:
    """Designs lie at the top of v1.1 and three folders down in v2."""
    found = (p.parent for p in data.glob("**/design_description.txt"))
    return sorted((p for p in found if list(p.glob("verified_*.v"))), key=lambda p: p.name)


def _rtllm(data: Path) -> list[Problem]:
    found = []
    known = {"design_description.txt", "makefile", "testbench.v"}
    for folder in _rtllm_folders(data):
        verified = next(iter(sorted(folder.glob("verified_*.v"))))
        test = (folder / "testbench.v").read_text(errors="replace")
        golden = verified.read_text(errors="replace")
        top = _tested_module(test, folder.name)
        others = [p for p in folder.iterdir() if p.is_file() and p.name not in known]
        found.append(
            Problem(
                name=folder.name,
                suite="rtllm",
                top=top,
                description=(folder / "design_description.txt").read_text(errors="replace"),
                header="",
                test=test,
                golden=_renamed(golden, top),
                others={p.name: p.read_bytes() for p in others if p != verified},
            )
        )
    return found


def _tested_module(test: str, default: str) -> str:
    """The module that the test instantiates and does not declare itself."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", test, flags=re.DOTALL)
    own = set(_MODULE.findall(code))
    named = [m for m in _INSTANCE.findall(code) if m not in own]
    return named[0] if named else default


def _renamed(golden: str, top: str) -> str:
    """The golden with its top module, whatever its name, called ``top``."""
    try:
        name = elaborate(golden).top.name
    except SourceError:
        name = _MODULE.findall(golden)[0]
    if name == top:
        return golden
    try:
        return rename(golden, {name: top})
    except SourceError:
        return re.sub(rf"\b{name}\b", top, golden)


def rtllm_listed(data: Path) -> list[str]:
    """The names that RTLLM's own script tests, right or wrong; without the script, the folders."""
    script = data / "auto_run.py"
    if script.is_file():
        for node in ast.walk(ast.parse(script.read_text())):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "design_name":
                return list(ast.literal_eval(node.value))
    return [p.name for p in _rtllm_folders(data)]
