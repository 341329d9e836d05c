"""The rules of ``python_repair`` on the syntax tree of a model.

A rule is a function that changes the tree in place where it fits and says whether it did.
Their order matters: names of methods first, then how inputs arrive, then what bodies do.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from tools.hdl.python_answer import (
    Answer,
    Rewriter,
    arguments,
    dict_of_attributes,
    function,
    is_name,
    stored,
    transform,
)
from tools.hdl.python_body_rules import bit_slices, init_arguments, reset_branch, state_not_reset

_TICK_NAMES = ("update", "clock", "clk", "step", "cycle", "posedge", "on_clock", "next_state")
_OUTPUT_NAMES = ("output", "get_outputs", "get_output", "out", "comb")
_STEP_NAMES = ("step", "update", "cycle", "run", "process", "tick", "evaluate")


Rule = Callable[[Answer], bool]


def class_name(answer: Answer) -> bool:
    """The one class of the text is the model, whatever it is called."""
    name, answer.model.name = answer.model.name, "Model"
    return name != "Model"


def method_names(answer: Answer) -> bool:
    """``update`` for ``tick``, ``output`` for ``outputs``, where the other one is right."""
    changed = False
    if answer.method("outputs") is None:
        changed = _rename(answer, _OUTPUT_NAMES, "outputs")
    if answer.contract.clocks and answer.method("tick") is None and answer.method("outputs"):
        changed = _rename(answer, _TICK_NAMES, "tick") or changed
    return changed


def _rename(answer: Answer, candidates: tuple[str, ...], name: str) -> bool:
    found = [m for m in answer.methods if m.name in candidates and not _called(answer, m.name)]
    if len(found) != 1:
        return False
    found[0].name = name
    return True


def _called(answer: Answer, name: str) -> bool:
    return any(
        isinstance(n, ast.Attribute) and n.attr == name and is_name(n.value, "self")
        for n in ast.walk(answer.model)
    )


def step_method(answer: Answer) -> bool:
    """One method that updates state and ends by returning the outputs, all of them attributes:
    the outputs are a function of state, so it is ``tick`` and ``outputs`` in one."""
    if answer.method("outputs") is not None or not answer.contract.clocks:
        return False
    found = [m for m in answer.methods if m.name in _STEP_NAMES]
    if len(found) != 1:
        return False
    step = found[0]
    returns = [n for n in ast.walk(step) if isinstance(n, ast.Return)]
    last = step.body[-1]
    if len(returns) != 1 or returns[0] is not last or last.value is None:
        return False
    value = last.value
    names = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
    if not isinstance(value, ast.Dict | ast.Tuple | ast.Attribute) or names - {"self", "int"}:
        return False
    step.name, step.body = "tick", step.body[:-1] or [ast.Pass()]
    outputs = function("outputs", [ast.Return(value)])
    answer.model.body.append(outputs)
    return True


def outputs_missing(answer: Answer) -> bool:
    """No ``outputs``, but every output is an attribute that is set."""
    ports = [p.name for p in answer.contract.outputs]
    if answer.method("outputs") is not None or not set(ports) <= stored(answer.model):
        return False
    answer.model.body.append(function("outputs", [ast.Return(dict_of_attributes(ports))]))
    return True


def parameters(answer: Answer) -> bool:
    """Inputs as separate parameters, or no parameter where one is passed."""
    changed = False
    for method in answer.takers:
        given = method.args
        own = [a.arg for a in [*given.args[1:], *given.kwonlyargs]]
        if own and not set(own) <= answer.inputs:
            continue
        if len(own) == 1 and _has_attributes(method, own[0]):
            continue
        used = {n.id for n in ast.walk(method) if isinstance(n, ast.Name)}
        name = "i" if "i" not in used | set(own) else "inputs"
        method.body = [_Substitute(own, name).visit(s) for s in method.body]
        method.args = arguments("self", name)
        changed = True
    return changed


def _has_attributes(method: ast.FunctionDef, name: str) -> bool:
    return any(
        isinstance(n, ast.Attribute | ast.Subscript) and is_name(n.value, name)
        for n in ast.walk(method)
    )


class _Substitute(ast.NodeTransformer):
    """Names that are read become attributes of the inputs."""

    def __init__(self, names: list[str], owner: str) -> None:
        self._names, self._owner = set(names), owner

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._names or not isinstance(node.ctx, ast.Load):
            return node
        return ast.Attribute(ast.Name(self._owner, ast.Load()), node.id, ast.Load())


def input_items(answer: Answer) -> bool:
    """``i["x"]`` and ``i.get("x")`` for ``i.x``."""
    return transform(answer.takers, lambda name: _Items(name))


class _Items(Rewriter):
    def __init__(self, owner: str) -> None:
        super().__init__()
        self._owner = owner

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if is_name(node.value, self._owner) and isinstance(node.ctx, ast.Load):
            return self._attribute(node, node.slice)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node.func:
            case ast.Attribute(value=ast.Name(id=self._owner), attr="get") if node.args:
                return self._attribute(node, node.args[0])
        return node

    def _attribute(self, node: ast.expr, key: ast.expr) -> ast.expr:
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            return node
        self.changed = True
        return ast.Attribute(ast.Name(self._owner, ast.Load()), key.value, ast.Load())


def clock_level(answer: Answer) -> bool:
    """``tick`` runs at the active edge: the clock then has the level after it."""
    clock, tick = answer.contract.pulsed, answer.method("tick")
    if clock is None or tick is None:
        return False
    return transform([tick], lambda name: _Clock(name, clock.port, int(clock.edge == "posedge")))


class _Clock(Rewriter):
    def __init__(self, owner: str, clock: str, level: int) -> None:
        super().__init__()
        self._owner, self._clock, self._level = owner, clock, level

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if is_name(node.value, self._owner) and node.attr == self._clock:
            self.changed = True
            return ast.Constant(self._level)
        return node


def returned_values(answer: Answer) -> bool:
    """A tuple in port order, a single number, or a missing return, for the dict of outputs."""
    outputs = answer.method("outputs")
    ports = [p.name for p in answer.contract.outputs]
    if outputs is None:
        return False
    changed = False
    returns = [n for n in ast.walk(outputs) if isinstance(n, ast.Return) and n.value is not None]
    for node in returns:
        match node.value:
            case ast.Tuple() | ast.List() if len(node.value.elts) == len(ports):
                pairs = [ast.Constant(name) for name in ports]
                node.value, changed = ast.Dict(list(pairs), node.value.elts), True
            case ast.Attribute() | ast.BinOp() | ast.Compare() | ast.IfExp() | ast.BoolOp() if (
                len(ports) == 1
            ):
                node.value, changed = ast.Dict([ast.Constant(ports[0])], [node.value]), True
    if not returns:
        return _add_return(outputs, ports)
    return changed


def _add_return(outputs: ast.FunctionDef, ports: list[str]) -> bool:
    local = {
        n.id for n in ast.walk(outputs) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    if not set(ports) <= local:
        return False
    keys: list[ast.expr | None] = [ast.Constant(name) for name in ports]
    values: list[ast.expr] = [ast.Name(name, ast.Load()) for name in ports]
    outputs.body.append(ast.Return(ast.Dict(keys, values)))
    return True


def output_case(answer: Answer) -> bool:
    """Output names in the wrong case."""
    outputs = answer.method("outputs")
    ports = {p.name.lower(): p.name for p in answer.contract.outputs}
    exact = set(ports.values())
    if outputs is None or len(ports) != len(answer.contract.outputs):
        return False
    changed = False
    for node in ast.walk(outputs):
        keys = node.keys if isinstance(node, ast.Dict) else []
        for key in keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                right = ports.get(key.value.lower())
                if right and key.value not in exact:
                    key.value, changed = right, True
    return changed


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        class_name,
        method_names,
        step_method,
        outputs_missing,
        parameters,
        input_items,
        clock_level,
        reset_branch,
        init_arguments,
        returned_values,
        output_case,
        bit_slices,
        state_not_reset,
    )
}
