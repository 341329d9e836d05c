"""Cycle-accurate reference models written in Python, run on a stimulus in the sandbox.

A reference is a class ``Model`` with three methods, so that reset and clock need no thought:
``reset()`` sets the state after reset, ``outputs(i)`` returns a dict of the output values for the
present state and inputs ``i`` (attributes named like the ports, unsigned integers; a port whose
name is a Python keyword has ``_`` behind it), ``tick(i)`` updates the state as the active clock
edge does. A combinational model needs ``outputs`` only.
The harness applies resets by the contract: an asynchronous one at once, a synchronous one at the
edge.
"""

from __future__ import annotations

import ast
import json
import keyword
import sys

from sandboxes import Command, Limits, Sandbox
from tools.hdl.contract import Contract
from tools.hdl.trace import Stimulus, Trace

_HARNESS = """
import json
from types import SimpleNamespace

job = json.load(open("job.json"))
scope = {"__name__": "reference"}
exec(compile(open("model.py").read(), "model.py", "exec"), scope)
model = scope["Model"]()
reset = getattr(model, "reset", lambda: None)
tick = getattr(model, "tick", lambda i: None)


def sample(i):
    values = model.outputs(i)
    return [format(int(values[n]) % (1 << w), f"0{w}b") for n, w in job["outputs"]]


before, after = [], []
reset()
for number, row in enumerate(job["rows"]):
    try:
        i = SimpleNamespace(**dict(zip(job["inputs"], row)))
        active = [a for n, level, a in job["resets"] if getattr(i, n) == level]
        if any(active):
            reset()
        before.append(sample(i))
        if job["sequential"]:
            reset() if active else tick(i)
            after.append(sample(i))
    except Exception as error:
        raise SystemExit(f"cycle {number}: {type(error).__name__}: {error}")
json.dump([before, after], open("trace.json", "w"))
"""


class BadReference(ValueError):
    """The reference model cannot be used: says why, in one line a model can act on."""


def python_name(port: str) -> str:
    """What a reference model calls a port."""
    return f"{port}_" if keyword.iskeyword(port) else port


def run_reference(code: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox) -> Trace:
    """The trace of a reference model. Raises BadReference."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError) as error:
        raise BadReference(f"not Python: {error}") from error
    if not any(isinstance(node, ast.ClassDef) and node.name == "Model" for node in tree.body):
        raise BadReference("there is no class named Model")
    result = run_program(_HARNESS, "trace.json", code, contract, stimulus, sandbox)
    before, after = json.loads(result)
    return Trace(
        tuple(port.name for port in contract.outputs),
        tuple(map(tuple, before)),
        tuple(map(tuple, after)),
    )


def run_program(
    program: str, result: str, code: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox
) -> bytes:
    """The file ``result`` that a Python program leaves behind in the sandbox, where it finds the
    model in ``model.py`` and names, rows and resets in ``job.json``. Raises BadReference.
    """
    job = {
        "inputs": [python_name(name) for name in stimulus.inputs],
        "rows": stimulus.rows,
        "outputs": [(port.name, port.width) for port in contract.outputs],
        "resets": [
            (python_name(r.port), int(r.active_high), r.asynchronous) for r in contract.resets
        ],
        "sequential": bool(contract.clocks),
    }
    outcome = sandbox.run(
        Command(
            argv=(sys.executable, "-I", "program.py"),
            files={
                "program.py": program.encode(),
                "model.py": code.encode(),
                "job.json": json.dumps(job).encode(),
            },
            collect=(result,),
            limits=Limits(wall_seconds=20, memory_mb=1024),
        )
    )
    if not outcome.ok or result not in outcome.files:
        why = f"stopped by the {outcome.killed} limit" if outcome.killed else outcome.text()
        raise BadReference(why.splitlines()[-1] if why else f"it ended without {result}")
    return outcome.files[result]
