"""The rules of ``python_repair`` on the syntax tree of a model.

A rule is a function that changes the tree in place where it fits and says whether it did.
Their order matters: names of methods first, then how inputs arrive, then what bodies do.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.hdl.contract import Contract, Reset

_TICK_NAMES = ("update", "clock", "clk", "step", "cycle", "posedge", "on_clock", "next_state")
_OUTPUT_NAMES = ("output", "get_outputs", "get_output", "out", "comb")
_STEP_NAMES = ("step", "update", "cycle", "run", "process", "tick", "evaluate")


@dataclass
class Answer:
    """A model under repair."""

    tree: ast.Module
    model: ast.ClassDef
    contract: Contract

    def method(self, name: str) -> ast.FunctionDef | None:
        found = [n for n in self.model.body if isinstance(n, ast.FunctionDef) and n.name == name]
        return found[-1] if found else None

    @property
    def methods(self) -> list[ast.FunctionDef]:
        return [n for n in self.model.body if isinstance(n, ast.FunctionDef)]

    @property
    def takers(self) -> list[ast.FunctionDef]:
        """The methods the harness passes inputs to."""
        return [m for m in self.methods if m.name in ("outputs", "tick")]

    @property
    def inputs(self) -> set[str]:
        return {p.name for p in self.contract.ports if p.direction == "input"}


Rule = Callable[[Answer], bool]


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
        isinstance(n, ast.Attribute) and n.attr == name and _is_name(n.value, "self")
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
    if len(returns) != 1 or returns[0] is not last or last.value is None:  # type: ignore[union-attr]
        return False
    value = last.value  # type: ignore[union-attr]
    names = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
    if not isinstance(value, ast.Dict | ast.Tuple | ast.Attribute) or names - {"self", "int"}:
        return False
    step.name, step.body = "tick", step.body[:-1] or [ast.Pass()]
    outputs = _function("outputs", [ast.Return(value)])
    answer.model.body.append(outputs)
    return True


def outputs_missing(answer: Answer) -> bool:
    """No ``outputs``, but every output is an attribute that is set."""
    ports = [p.name for p in answer.contract.outputs]
    if answer.method("outputs") is not None or not set(ports) <= _stored(answer.model):
        return False
    answer.model.body.append(_function("outputs", [ast.Return(_dict_of_attributes(ports))]))
    return True


def parameters(answer: Answer) -> bool:
    """Inputs as separate parameters, or no parameter where one is passed."""
    changed = False
    for method in answer.takers:
        arguments = method.args
        own = [a.arg for a in [*arguments.args[1:], *arguments.kwonlyargs]]
        if own and not set(own) <= answer.inputs:
            continue
        if len(own) == 1 and _has_attributes(method, own[0]):
            continue
        used = {n.id for n in ast.walk(method) if isinstance(n, ast.Name)}
        name = "i" if "i" not in used | set(own) else "inputs"
        method.body = [_Substitute(own, name).visit(s) for s in method.body]
        method.args = _arguments("self", name)
        changed = True
    return changed


def _has_attributes(method: ast.FunctionDef, name: str) -> bool:
    return any(
        isinstance(n, ast.Attribute | ast.Subscript) and _is_name(n.value, name)
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
    return any([_transform(m, _Items(_inputs_name(m))) for m in answer.takers])


class _Rewriter(ast.NodeTransformer):
    """A transformer that knows whether it changed anything."""

    def __init__(self) -> None:
        self.changed = False


class _Items(_Rewriter):
    def __init__(self, owner: str) -> None:
        super().__init__()
        self._owner = owner

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if _is_name(node.value, self._owner) and isinstance(node.ctx, ast.Load):
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
    return _transform(tick, _Clock(_inputs_name(tick), clock.port, int(clock.edge == "posedge")))


class _Clock(_Rewriter):
    def __init__(self, owner: str, clock: str, level: int) -> None:
        super().__init__()
        self._owner, self._clock, self._level = owner, clock, level

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if _is_name(node.value, self._owner) and node.attr == self._clock:
            self.changed = True
            return ast.Constant(self._level)
        return node


def reset_branch(answer: Answer) -> bool:
    """The harness resets: of an ``if`` on a reset input the other branch is kept."""
    changed = False
    for method in answer.takers:
        body, found = _without_reset(method.body, _inputs_name(method), answer.contract)
        if found:
            method.body = body or [ast.Pass()]
            changed = True
    return changed


def _without_reset(
    body: list[ast.stmt], owner: str, contract: Contract
) -> tuple[list[ast.stmt], bool]:
    result: list[ast.stmt] = []
    changed = False
    for statement in body:
        kept = _kept_branch(statement, owner, contract)
        if kept is None:
            result.append(statement)
        else:
            inner, _ = _without_reset(kept, owner, contract)
            result += inner
            changed = True
    return result, changed


def _kept_branch(statement: ast.stmt, owner: str, contract: Contract) -> list[ast.stmt] | None:
    """What runs without a reset, None when the statement does not ask for one."""
    if not isinstance(statement, ast.If):
        return None
    for reset in contract.resets:
        high = _tests_level(statement.test, owner, reset)
        if high is not None:
            resets = [_is_reset(branch) for branch in (statement.body, statement.orelse)]
            if resets == [True, False] and (statement.orelse or high == reset.active_high):
                return statement.orelse
            if resets == [False, True]:
                return statement.body
            return statement.orelse if high == reset.active_high else statement.body
    return None


def _tests_level(test: ast.expr, owner: str, reset: Reset) -> bool | None:
    """The level of the reset for which the condition holds, None for another condition."""
    match test:
        case ast.Attribute(value=ast.Name(id=name), attr=port) if (name, port) == (
            owner,
            reset.port,
        ):
            return True
        case ast.UnaryOp(op=ast.Not()):
            level = _tests_level(test.operand, owner, reset)
            return None if level is None else not level
        case ast.Compare(
            ops=[ast.Eq() | ast.NotEq() | ast.Is() as op],
            comparators=[ast.Constant(value=0 | 1 | True | False as value)],
        ):
            level = _tests_level(test.left, owner, reset)
            same = bool(value) != isinstance(op, ast.NotEq)
            return None if level is None else level == same
        case _:
            return None


def _is_reset(body: list[ast.stmt]) -> bool:
    """True for statements that only put constants into state, or call reset()."""

    def constant(node: ast.stmt) -> bool:
        match node:
            case ast.Assign():
                return not any(isinstance(n, ast.Name) for n in ast.walk(node.value))
            case ast.Return():
                names = ast.walk(node.value) if node.value else iter(())
                return not any(isinstance(n, ast.Name) for n in names)
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="reset"))) | ast.Pass():
                return True
            case _:
                return False

    return bool(body) and all(map(constant, body))


def init_arguments(answer: Answer) -> bool:
    """The harness calls ``Model()``: parameters without a default get 0."""
    init = answer.method("__init__")
    if init is None:
        return False
    missing = len(init.args.args) - 1 - len(init.args.defaults)
    if missing <= 0:
        return False
    init.args.defaults = [*(ast.Constant(0) for _ in range(missing)), *init.args.defaults]
    return True


def state_not_reset(answer: Answer) -> bool:
    """State that reset() does not set: it gets the value from __init__, or 0."""
    changing = _changed(answer)
    reset, init = answer.method("reset"), answer.method("__init__")
    if _calls_reset(init) and reset is None:
        return False
    done = _stored(reset) if reset else set()
    values = _initial_values(init)
    known = _stored(init) | done if init else done
    members = {m.name for m in answer.methods} | _class_names(answer.model)
    needed = {n: values[n] for n in values if n in changing - done}
    for name in sorted(_read(answer.model) - known - members):
        needed[name] = ast.Constant(0)
    if not needed:
        return False
    if reset is None:
        reset = _function("reset", [])
        reset.args = _arguments("self")
        answer.model.body.insert(0, reset)
    for name, value in needed.items():
        target = ast.Attribute(ast.Name("self", ast.Load()), name, ast.Store())
        reset.body.append(ast.Assign([target], value))
    reset.body = [s for s in reset.body if not isinstance(s, ast.Pass)]
    return True


def _calls_reset(init: ast.FunctionDef | None) -> bool:
    return init is not None and any(
        isinstance(n, ast.Attribute) and n.attr == "reset" for n in ast.walk(init)
    )


def _initial_values(init: ast.FunctionDef | None) -> dict[str, ast.expr]:
    """Attributes that __init__ sets to what needs no parameter."""
    found: dict[str, ast.expr] = {}
    for node in init.body if init else []:
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self")) as target]):
                names = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
                if not names - {"self", "range", "int", "bool"}:
                    found[target.attr] = node.value
    return found


def _changed(answer: Answer) -> set[str]:
    """Attributes that any method but reset and __init__ sets, also by element or list method."""
    found: set[str] = set()
    for method in answer.methods:
        if method.name in ("__init__", "reset"):
            continue
        found |= _stored(method)
        for node in ast.walk(method):
            match node:
                case ast.Subscript(
                    value=ast.Attribute(value=ast.Name(id="self")) as owner, ctx=ast.Store()
                ):
                    found.add(owner.attr)
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="self")) as owner)
                ):
                    found.add(owner.attr)
    return found


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


def bit_slices(answer: Answer) -> bool:
    """``i.d[7]`` and ``self.q[3:0]`` on integers."""
    lists = {
        node.targets[0].attr
        for node in ast.walk(answer.model)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Attribute)
        and not _is_number(node.value)
    }
    numbers = _stored(answer.model) - lists
    return any([_transform(m, _Bits(_inputs_name(m), numbers)) for m in answer.methods])


def _is_number(node: ast.expr) -> bool:
    match node:
        case ast.Constant():
            return isinstance(node.value, int)
        case ast.BinOp():
            return _is_number(node.left) and _is_number(node.right)
        case ast.Compare() | ast.UnaryOp() | ast.Attribute():
            return True
        case ast.IfExp():
            return _is_number(node.body) and _is_number(node.orelse)
        case ast.Subscript():
            if isinstance(node.slice, ast.Slice):
                return _is_verilog_slice(node.slice)
            return isinstance(node.value, ast.Attribute) and not _is_name(node.value.value, "self")
        case _:
            return False


def _is_verilog_slice(node: ast.Slice) -> bool:
    match node:
        case ast.Slice(
            lower=ast.Constant(value=int() as high),
            upper=ast.Constant(value=int() as low),
            step=None,
        ):
            return high >= low
        case _:
            return False


class _Bits(_Rewriter):
    def __init__(self, owner: str, numbers: set[str]) -> None:
        super().__init__()
        self._owner, self._numbers = owner, numbers

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        base = node.value
        known = isinstance(base, ast.Attribute) and (
            _is_name(base.value, self._owner)
            or (_is_name(base.value, "self") and base.attr in self._numbers)
        )
        if not known or not isinstance(node.ctx, ast.Load):
            return node
        if isinstance(node.slice, ast.Slice):
            if not _is_verilog_slice(node.slice):
                return node
            high, low = node.slice.lower.value, node.slice.upper.value  # type: ignore[union-attr]
            return self._taken(base, ast.Constant(low), (1 << (high - low + 1)) - 1)
        return self._taken(base, node.slice, 1)

    def _taken(self, base: ast.expr, low: ast.expr, mask: int) -> ast.expr:
        self.changed = True
        return ast.BinOp(ast.BinOp(base, ast.RShift(), low), ast.BitAnd(), ast.Constant(mask))


def impure_attributes(answer: Answer) -> list[str]:
    """Attributes that ``outputs`` sets: it may be called any number of times a cycle."""
    outputs = answer.method("outputs")
    return sorted(_stored(outputs)) if outputs else []


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
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


def _transform(method: ast.FunctionDef, rewriter: _Rewriter) -> bool:
    method.body = [rewriter.visit(statement) for statement in method.body]
    return rewriter.changed


def _inputs_name(method: ast.FunctionDef) -> str:
    names = [a.arg for a in method.args.args]
    return names[1] if len(names) > 1 else ""


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _attributes(node: ast.AST) -> Iterator[ast.Attribute]:
    return (n for n in ast.walk(node) if isinstance(n, ast.Attribute) and _is_name(n.value, "self"))


def _stored(node: ast.AST) -> set[str]:
    return {n.attr for n in _attributes(node) if isinstance(n.ctx, ast.Store)}


def _read(node: ast.AST) -> set[str]:
    """Attributes that are read, also by ``+=``."""
    found = {n.attr for n in _attributes(node) if isinstance(n.ctx, ast.Load)}
    for n in ast.walk(node):
        if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Attribute):
            found.add(n.target.attr)
    return found


def _class_names(model: ast.ClassDef) -> set[str]:
    return {
        n.id
        for s in model.body
        if isinstance(s, ast.Assign | ast.AnnAssign)
        for n in ast.walk(s)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def _arguments(*names: str) -> ast.arguments:
    return ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])


def _function(name: str, body: list[ast.stmt]) -> ast.FunctionDef:
    return ast.FunctionDef(name, _arguments("self", "i"), body, [])  # type: ignore[call-overload, no-any-return]


def _dict_of_attributes(names: list[str]) -> ast.Dict:
    keys: list[ast.expr | None] = [ast.Constant(n) for n in names]
    return ast.Dict(
        keys, [ast.Attribute(ast.Name("self", ast.Load()), n, ast.Load()) for n in names]
    )
