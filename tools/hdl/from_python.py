"""Synthesisable Verilog from a cycle-accurate reference model in Python.

The model is a class ``Model`` as ``tools.hdl.reference`` runs it; clock edge, resets, polarity
and kind come from the contract. Wherever the model runs without an exception the module gives
the same outputs, cycle by cycle. The subset: attributes that hold integers, truth values,
strings (states) or flat lists of integers; locals; ``if``/``match``, conditional expressions,
chained comparisons, ``and``/``or``/``not``; integer operators, of which ``//`` and ``%`` by what
is never negative; ``for`` over what is known beforehand (unrolled), with ``break``, ``continue``
and ``return``; ``while`` whose rounds are known; ``min max abs sum any all len range enumerate
zip reversed int bool``; ``bin(x).count("1")``, ``bit_length``; constant lists and dicts as
tables; list ``append``, ``pop``, ``insert(0, x)``, ``clear``; helper methods and functions that
do not call themselves; enumerations; constants of class and module. Anything else is refused.

A register is as wide as range analysis finds. Where that does not settle (a counter that is
never masked) it gets the given width, or else that of an output that shows it; it then wraps,
and a comment in the Verilog says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sandboxes import Sandbox
from tools.hdl.contract import Contract
from tools.hdl.pymodel import ranges
from tools.hdl.pymodel.analysis import analyse
from tools.hdl.pymodel.ir import Assign, NotTranslatable, Var
from tools.hdl.pymodel.lower import Lowered, lower
from tools.hdl.pymodel.module import Module
from tools.hdl.reference import run_program
from tools.hdl.trace import Stimulus

__all__ = ["NotTranslatable", "observed_widths", "to_verilog"]

_OBSERVER = """
import json
from types import SimpleNamespace

job = json.load(open("job.json"))
scope = {"__name__": "reference"}
exec(compile(open("model.py").read(), "model.py", "exec"), scope)
model = scope["Model"]()
reset = getattr(model, "reset", lambda: None)
tick = getattr(model, "tick", lambda i: None)
seen = {}


def note():
    for name, value in vars(model).items():
        for number in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(number, int):
                low, high = seen.get(name, (0, 0))
                seen[name] = (min(low, number), max(high, number))


reset()
note()
for row in job["rows"]:
    i = SimpleNamespace(**dict(zip(job["inputs"], row)))
    active = any(getattr(i, n) == level for n, level, _ in job["resets"])
    reset() if active else tick(i)
    note()
bits = {n: max(1, h.bit_length(), (~l).bit_length() + 1 if l < 0 else 0)
        for n, (l, h) in seen.items()}
json.dump(bits, open("widths.json", "w"))
"""


def to_verilog(code: str, contract: Contract, widths: Mapping[str, int] | None = None) -> str:
    """The module ``contract.top`` that does what the model does. Raises NotTranslatable.

    ``widths`` gives bits for attributes (``observed_widths``), used only where range analysis
    does not settle.
    """
    if contract.clocks and contract.pulsed is None:
        raise NotTranslatable("several clocks, or one used on both edges")
    model = lower(code, contract)
    inputs = {port.name: port.width for port in contract.driven}
    bounds = analyse(model, inputs, {})
    notes: dict[str, str] = {}
    if bounds.open:
        given: dict[str, ranges.Range] = {}
        for name in sorted(bounds.open):
            found = _width(name, model, contract, widths or {})
            if found is not None:
                signed = bounds.registers[name].signed
                given[name] = ranges.of_width(found[0] + int(signed), signed)
                notes[name] = found[1]
        bounds = analyse(model, inputs, given)
        for name in sorted(bounds.open):
            raise NotTranslatable(f"{name} may grow without bound")
    if not all(found.bounded for found in bounds.places.values()):
        raise NotTranslatable(f"a number may need more than {ranges.MAX_BITS} bits")
    return Module(model, contract, bounds, notes).text()


def observed_widths(
    code: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox
) -> dict[str, int]:
    """Bits each integer attribute, or element of a list attribute, needed in a run.

    Raises BadReference when the model does not run.
    """
    result = run_program(_OBSERVER, "widths.json", code, contract, stimulus, sandbox)
    widths: dict[str, int] = json.loads(result)
    return widths


def _width(
    name: str, model: Lowered, contract: Contract, widths: Mapping[str, int]
) -> tuple[int, str] | None:
    """Bits for a register whose range does not settle, and where they come from."""
    attribute = name.removeprefix("self.")
    if attribute in widths:
        bits = widths[attribute]
        return bits, f"{bits} bits as seen in a run; its range does not settle"
    for port in contract.outputs:
        for statement in model.outputs:
            match statement:
                case Assign(name=shown, value=Var(name=source)) if (
                    shown == f"out.{port.name}" and source == name
                ):
                    return port.width, f"as wide as output {port.name}; its range does not settle"
    return None
