"""Black boxes that a person brings: a truth table, or a Python function of few inputs.

A table is text. Its first line names ports and widths, each further line is one row, inputs then
outputs, decimal or 0x or 0b; every input must be there once, in any order::

    a[2], up -> y[2]
    0 0 -> 3

A function says the widths in its annotations, and is run on every input, in a sandbox::

    def step(a: 2, up: 1) -> {"y": 2}:
        return a + 1 if up else a - 1 & 3

It returns one number, or for several outputs a tuple of them in the order of the annotation.
Either way the whole behaviour is known, so that what is learned of it can be proved.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from sandboxes import Command, Limits, Sandbox
from tools.bsd.box import Box, BoxError, Port, Words

MAX_INPUT_BITS = 12
SECONDS = 30.0
TABLE = "block"
"""What the module of a table is called; a function has a name."""

_PORT = re.compile(r"([a-zA-Z_]\w*)(?:\[(\d+)\])?")
_HEAD = re.compile(r"\s*[\w\[\], \t]+->[\w\[\], \t]+$", re.MULTILINE)
_RUNNER = """
import itertools, json
job = json.load(open("job.json"))
scope = {}
exec(compile(open("box.py").read(), "box.py", "exec"), scope)
step, rows = scope[job["name"]], []
for values in itertools.product(*(range(1 << width) for width in job["widths"])):
    try:
        answer = step(*values)
        row = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        rows.append([int(value) for value in row])
    except Exception as error:
        raise SystemExit(f"{job['name']}{values}: {type(error).__name__}: {error}")
json.dump(rows, open("rows.json", "w"))
"""


@dataclass(frozen=True, slots=True)
class Table:
    """The whole behaviour of a circuit: ``rows[i]`` are the outputs for the i-th input, counted
    with the last input port fastest."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    rows: tuple[tuple[int, ...], ...]

    def box(self) -> Box:
        """The table as a black box."""
        answers = np.array(self.rows, dtype=np.uint64).T

        def step(batch: Mapping[str, Words]) -> dict[str, Words]:
            index = np.zeros(len(batch[self.inputs[0].name]), dtype=np.uint64)
            for port in self.inputs:
                index = index << np.uint64(port.width) | batch[port.name]
            return {p.name: answers[k][index] for k, p in enumerate(self.outputs)}

        return Box(self.name, self.inputs, self.outputs, step)

    def verilog(self) -> str:
        """The table as a module: a reference for a proof, not a design."""
        sides = (("input", self.inputs), ("output reg", self.outputs))
        ports = [f"  {side} [{p.width - 1}:0] {p.name}" for side, own in sides for p in own]
        bits = sum(p.width for p in self.inputs)
        left = ", ".join(p.name for p in self.outputs)
        cases = [
            f"    {bits}'d{i}: {{{left}}} = {{{', '.join(self._numbers(row))}}};"
            for i, row in enumerate(self.rows)
        ]
        cases[-1] = "    default" + cases[-1][cases[-1].index(":") :]  # no input is left open
        head = f"module {self.name} (\n" + ",\n".join(ports) + "\n);"
        select = ", ".join(p.name for p in self.inputs)
        return "\n".join(
            [head, f"  always @* case ({{{select}}})", *cases, "  endcase\nendmodule\n"]
        )

    def _numbers(self, row: Sequence[int]) -> list[str]:
        return [f"{p.width}'d{value}" for p, value in zip(self.outputs, row, strict=True)]


def looks_like_black_box(text: str) -> bool:
    """Whether a text is a table or a function of the form above, be it usable or not."""
    return _is_table(text) or _function(text) is not None


def _is_table(text: str) -> bool:
    return _HEAD.match(text) is not None


def read_black_box(text: str, sandbox: Sandbox) -> Table | None:
    """The black box in a text; None when the text is neither a table nor a function of the form
    above. Raises BoxError when it is one that cannot be used: it names the input at fault.
    """
    if _is_table(text):
        return _read_table(text)
    function = _function(text)
    return _tabulate(text, function, sandbox) if function else None


def _read_table(text: str) -> Table:
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    inputs, outputs = (_ports(side, lines[0][1]) for side in _sides(*lines[0]))
    _small(TABLE, inputs)
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    for number, line in lines[1:]:
        try:
            given, answer = (
                tuple(int(word, 0) for word in side.replace(",", " ").split())
                for side in _sides(number, line)
            )
        except ValueError as error:
            raise BoxError(f"line {number}: {error}") from error
        if len(given) != len(inputs) or any(v > p.ones for v, p in zip(given, inputs, strict=True)):
            raise BoxError(f"line {number}: {given} is no input")
        if given in found:
            raise BoxError(f"line {number}: input {given} was given before")
        found[given] = answer
    return _checked(TABLE, inputs, outputs, found)


def _sides(number: int, line: str) -> tuple[str, str]:
    left, arrow, right = line.partition("->")
    if not arrow:
        raise BoxError(f"line {number}: there is no ->")
    return left, right


def _ports(side: str, line: str) -> tuple[Port, ...]:
    names = [part.strip() for part in side.split(",")]
    matched = [_PORT.fullmatch(name) for name in names]
    if bad := [name for name, match in zip(names, matched, strict=True) if not match]:
        raise BoxError(f"{bad[0]!r} in {line!r} is no port; write name or name[width]")
    return tuple(Port(m[1], int(m[2] or 1)) for m in matched if m)


def _function(text: str) -> ast.FunctionDef | None:
    """The last function at the top of a Python text, when its annotations are widths."""
    try:
        functions = [n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)]
    except (SyntaxError, ValueError):
        return None
    return functions[-1] if functions and isinstance(functions[-1].returns, ast.Dict) else None


def _tabulate(text: str, function: ast.FunctionDef, sandbox: Sandbox) -> Table:
    inputs, outputs = signature(function)
    _small(function.name, inputs)
    job = {"name": function.name, "widths": [p.width for p in inputs]}
    files = {"box.py": text.encode(), "job.json": json.dumps(job).encode()}
    files["run.py"] = _RUNNER.encode()
    limits = Limits(wall_seconds=SECONDS, cpu_seconds=SECONDS)
    command = Command((sys.executable, "run.py"), files, ("rows.json",), limits=limits)
    done = sandbox.run(command)
    if not done.ok:
        raise BoxError(done.text()[-300:] or f"{function.name}: stopped by {done.killed}")
    rows = json.loads(done.files["rows.json"])
    found = dict(zip(_every(inputs), (tuple(row) for row in rows), strict=True))
    return _checked(function.name, inputs, outputs, found)


def signature(
    function: ast.FunctionDef, skipped: int = 0
) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Input and output ports by a function's annotations, the first ``skipped`` parameters left
    out. Raises BoxError."""
    try:
        given = function.args.args[skipped:]
        inputs = tuple(Port(a.arg, _width(a.annotation)) for a in given)
        result = ast.literal_eval(function.returns) if function.returns else {}
        outputs = tuple(Port(str(name), int(width)) for name, width in result.items())
    except (TypeError, ValueError) as error:
        raise BoxError(f"{function.name}: annotations must be widths: {error}") from error
    return inputs, outputs


def _width(annotation: ast.expr | None) -> int:
    return int(ast.literal_eval(annotation)) if annotation else 1


def _small(name: str, inputs: Sequence[Port]) -> None:
    bits = sum(p.width for p in inputs)
    if bits > MAX_INPUT_BITS:
        raise BoxError(f"{name}: {bits} input bits; at most {MAX_INPUT_BITS} can be tabulated")


def _every(inputs: Sequence[Port]) -> list[tuple[int, ...]]:
    return list(product(*(range(p.ones + 1) for p in inputs)))


def _checked(
    name: str,
    inputs: tuple[Port, ...],
    outputs: tuple[Port, ...],
    found: Mapping[tuple[int, ...], tuple[int, ...]],
) -> Table:
    """A complete table whose outputs fit, or BoxError with the input at fault."""
    for given in _every(inputs):
        if given not in found:
            raise BoxError(f"{name}: input {given} is missing")
        row = found[given]
        fits = [0 <= value <= p.ones for value, p in zip(row, outputs, strict=False)]
        if len(row) != len(outputs) or not all(fits):
            raise BoxError(f"{name}{given} gave {row}, which does not fit the output ports")
    table = Table(name, inputs, outputs, tuple(found[given] for given in _every(inputs)))
    table.box()  # the port list must be well formed
    return table
