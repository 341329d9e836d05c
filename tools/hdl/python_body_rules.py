"""Rules of ``python_repair`` on what methods do: resets, state, bits of numbers."""

from __future__ import annotations

import ast

from tools.hdl.contract import Contract, Reset
from tools.hdl.python_answer import (
    Answer,
    Rewriter,
    arguments,
    class_names,
    function,
    inputs_name,
    is_name,
    read,
    stored,
    transform,
)


def reset_branch(answer: Answer) -> bool:
    """The harness resets: of an ``if`` on a reset input the other branch is kept."""
    changed = False
    for method in answer.takers:
        body, found = _without_reset(method.body, inputs_name(method), answer.contract)
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
    done = stored(reset) if reset else set()
    values = _initial_values(init)
    known = stored(init) | done if init else done
    members = {m.name for m in answer.methods} | class_names(answer.model)
    needed = {n: values[n] for n in values if n in changing - done}
    for name in sorted(read(answer.model) - known - members):
        needed[name] = ast.Constant(0)
    if not needed:
        return False
    if reset is None:
        reset = function("reset", [])
        reset.args = arguments("self")
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
        found |= stored(method)
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


def bit_slices(answer: Answer) -> bool:
    """``i.d[7]`` and ``self.q[3:0]`` on integers."""
    lists = {
        node.targets[0].attr
        for node in ast.walk(answer.model)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Attribute)
        and not _is_number(node.value)
    }
    numbers = stored(answer.model) - lists
    return transform(answer.methods, lambda name: _Bits(name, numbers))


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
            return isinstance(node.value, ast.Attribute) and not is_name(node.value.value, "self")
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


class _Bits(Rewriter):
    def __init__(self, owner: str, numbers: set[str]) -> None:
        super().__init__()
        self._owner, self._numbers = owner, numbers

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        base = node.value
        known = isinstance(base, ast.Attribute) and (
            is_name(base.value, self._owner)
            or (is_name(base.value, "self") and base.attr in self._numbers)
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
    return sorted(stored(outputs)) if outputs else []
