"""A machine that a person brings: a Python class, run in a sandbox.

Made anew it is at reset; each call of ``step`` is a clock. The annotations of ``step`` say the
widths; it returns one number, or for several outputs a tuple of them in the annotation's order::

    class Counter:
        def __init__(self):
            self.n = 0

        def step(self, enable: 1) -> {"digit": 4}:
            digit = self.n
            self.n = (self.n + enable) % 10
            return digit

What it keeps between clocks is hidden from whoever learns it.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sandboxes import Command, Limits, Sandbox
from tools.bsd.box import BoxError, Port, Words
from tools.bsd.sequential.box import MOST_LETTERS, SequentialBox, unpacked
from tools.bsd.table import signature

if TYPE_CHECKING:  # whoever only looks at a text loads no compiler
    from tools.bsd.netlist import Ints

CLOCKS = 1 << 20
"""How many clocks one call of the sandbox plays."""
SECONDS, MOST_SAID = 60.0, 1000
_RUNNER = """
import json
from array import array
from operator import index
job = json.load(open("job.json"))
scope = {"__name__": "box"}
exec(compile(open("box.py").read(), "box.py", "exec"), scope)
letters, answers = open("letters", "rb").read(), array("Q")
for start in range(0, len(letters), job["length"]):
    word = letters[start : start + job["length"]]
    clock = -1
    try:
        made = scope[job["name"]]()
        for clock, letter in enumerate(word):
            answer = made.step(*job["values"][letter])
            row = answer if isinstance(answer, (tuple, list)) else (answer,)
            packed = low = 0
            for value, width in zip(row, job["widths"], strict=True):
                if index(value) >> width:
                    raise ValueError(f"gave {answer!r}, which does not fit the output ports")
                packed |= index(value) << low
                low += width
            answers.append(packed)
    except Exception as error:
        told = f"{job['name']}: {type(error).__name__}: {error}"
        if clock < 0:
            raise SystemExit(f"{told}, when made")
        before = ", ".join(str(job["values"][letter]) for letter in word[:clock]) or "nothing"
        raise SystemExit(f"{told}, for the inputs {job['values'][word[clock]]} after {before}")
answers.tofile(open("answers", "wb"))
"""


def looks_like_machine(text: str) -> bool:
    """Whether a text is a class of the form above, be it usable or not."""
    return _class(text) is not None


def read_machine(text: str, sandbox: Sandbox) -> SequentialBox | None:
    """The machine in a text; None when the text holds no class of the form above. Raises
    BoxError when its ports cannot be used. What its code does wrong shows when it is played.

    ``sandbox`` must run each call anew: the box is asked the same words again to see whether it
    answers as before.
    """
    found = _class(text)
    if found is None:
        return None
    name, step = found
    inputs, outputs = signature(step, skipped=1)
    return SequentialBox(name, inputs, outputs, _Player(text, name, inputs, outputs, sandbox))


@dataclass(frozen=True)
class _Player:
    """Plays words on a class in the sandbox."""

    text: str
    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    sandbox: Sandbox

    def __call__(self, words: Ints) -> Words:
        return np.concatenate([self._part(part) for part in _parts(words)]).reshape(words.shape)

    def _part(self, words: Ints) -> Words:
        job = {
            "name": self.name,
            "length": words.shape[1],
            "values": unpacked(self.inputs, np.arange(MOST_LETTERS)).T.tolist(),
            "widths": [port.width for port in self.outputs],
        }
        files = {"job.json": json.dumps(job).encode(), "run.py": _RUNNER.encode()}
        files |= {"box.py": self.text.encode(), "letters": words.astype(np.uint8).tobytes()}
        limits = Limits(wall_seconds=SECONDS, cpu_seconds=SECONDS)
        command = Command((sys.executable, "run.py"), files, ("answers",), limits=limits)
        done = self.sandbox.run(command)
        if not done.ok:
            slow = f"{self.name}: {words.size} clocks were stopped by the limit of {done.killed}"
            said = done.stderr.decode("utf-8", "replace").strip()[-MOST_SAID:]
            raise BoxError(slow if done.killed else said)
        return np.frombuffer(done.files["answers"], dtype=np.uint64)


def _parts(words: Ints) -> Iterator[Ints]:
    rows = max(1, CLOCKS // max(1, words.shape[1]))
    yield from (words[at : at + rows] for at in range(0, len(words), rows))


def _class(text: str) -> tuple[str, ast.FunctionDef] | None:
    """The last class at the top of a Python text whose ``step`` has widths for annotations."""
    try:
        classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError):
        return None
    for made in reversed(classes):
        for node in made.body:
            if not isinstance(node, ast.FunctionDef):
                continue
            if node.name == "step" and isinstance(node.returns, ast.Dict):
                return made.name, node
    return None
