"""Python statements to the small language: loops unrolled, calls inlined, early exits nested.

A block is compiled as a list of statements with markers where a ``break``, ``continue`` or
``return`` resumes. Where an ``if`` holds such an exit, the rest of the list goes into both its
branches, each of which then ends where Python would go.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from tools.hdl.pymodel.fold import (
    binary,
    choice,
)
from tools.hdl.pymodel.ir import (
    Assign,
    Const,
    Element,
    Expr,
    If,
    Shift,
    Statement,
    Var,
    reads,
)
from tools.hdl.pymodel.program import (
    Array,
    Inputs,
    Items,
    Record,
    Scope,
    Self,
    Value,
)
from tools.hdl.pymodel.shape import as_if, exits_of, is_docstring, leaves, stored_names
from tools.hdl.pymodel.variables import RESULT, Variables, constant

MAX_UNROLLED = 1024


@dataclass(frozen=True)
class _Bind:
    """A loop variable takes its next value; ``continue`` resumes here."""

    target: ast.expr
    value: Value


_Item = ast.stmt | _Bind


class Statements(Variables):
    """Compiles statements, into ``self.block``."""

    def run(self, items: Sequence[_Item]) -> None:
        """Compile statements up to the end of the list or the exit they reach."""
        for place, item in enumerate(items):
            self.line = getattr(item, "lineno", self.line)
            rest = items[place + 1 :]
            match item:
                case _Bind():
                    self.assign(item.target, item.value, False)
                case ast.Return():
                    self._return(item)
                    return
                case ast.Break():
                    return
                case ast.Continue():
                    nexts = [k for k, other in enumerate(rest) if isinstance(other, _Bind)]
                    self.run(rest[nexts[0] :] if nexts else ())
                    return
                case ast.If() | ast.Match():
                    if self._branch(as_if(item) if isinstance(item, ast.Match) else item, rest):
                        return
                case ast.For():
                    if self._for(item, rest):
                        return
                case ast.While():
                    self._while(item)
                case _:
                    self._simple(item)

    def _simple(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign() if self._drops_first(node):
                pass
            case ast.Assign():
                value = self.value(node.value, whole=True)
                alias = isinstance(node.value, ast.Name | ast.Attribute)
                for target in node.targets:
                    self.assign(target, value, alias or len(node.targets) > 1)
            case ast.AnnAssign():
                if node.value is not None:
                    self.assign(node.target, self.value(node.value, whole=True), False)
            case ast.AugAssign():
                read = ast.copy_location(ast.BinOp(node.target, node.op, node.value), node)
                self.assign(node.target, self.value(read), False)
            case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Assert():
                pass
            case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
                pass
            case ast.Expr(value=ast.Call()):
                self.value(node.value, whole=True)
            case _:
                raise self.refuse(f"{ast.unparse(node).splitlines()[0]} is not supported")

    def _drops_first(self, node: ast.Assign) -> bool:
        """``self.q = self.q[1:]`` on a list whose length changes."""
        match node:
            case ast.Assign(
                targets=[ast.Attribute() as target],
                value=ast.Subscript(
                    value=ast.Attribute() as source,
                    slice=ast.Slice(lower=ast.Constant(value=1), upper=None, step=None),
                ),
            ) if ast.unparse(target) == ast.unparse(source):
                array = self.value(source)
                if not isinstance(array, Array):
                    return False
                name, length = array.name, self.length(array)
                if not isinstance(length, Const):
                    shorter = choice(length, binary("-", length, Const(1)), Const(0))
                    self.emit(Shift(name))
                    self._set_length(name, self._names(name), shorter)
                    return True
        return False

    def assign(self, target: ast.expr, value: Value, alias: bool) -> None:
        """Give a target its value; ``alias``: the value has another name already."""
        match target:
            case ast.Name() | ast.Attribute():
                self._assign_name(self._target(target), value, alias)
            case ast.Tuple() | ast.List():
                self._assign_several(target.elts, value)
            case ast.Subscript():
                self._assign_element(target, value)
            case _:
                raise self.refuse(f"an assignment to {ast.unparse(target)}")

    def _assign_name(self, name: str, value: Value, alias: bool) -> None:
        if alias and isinstance(value, Array):
            raise self.refuse("two names for one list; write list(...) to copy it")
        if alias and isinstance(value, Items):
            value = Items(value.values, value.name, shared=True)
        if self.started and name in self.growing and self._moved(name, value):
            return
        self.bind(name, value)

    def _moved(self, name: str, value: Value) -> bool:
        """A list of changing length set to constants: its length is a register as well."""
        if isinstance(value, Items) and not value.values:
            self.scope.attributes[name] = Array(name)
            self.scope.attributes[f"{name}.len"] = Const(0)
            return True
        return False

    def _assign_several(self, targets: list[ast.expr], value: Value) -> None:
        values = list(self.items(value))
        if len(values) != len(targets):
            raise self.refuse("an assignment of the wrong number of values")
        written: set[str] = set()
        for place, target in enumerate(targets):
            item = values[place]
            if (
                not isinstance(item, Items | Record | Array | Self | Inputs)
                and reads(item) & written
            ):
                values[place] = self._temporary(item)
            written.add(self._root(target))
        for target, item in zip(targets, values, strict=True):
            self.assign(target, item, False)

    def _root(self, target: ast.expr) -> str:
        """The variable an assignment to ``target`` changes."""
        while isinstance(target, ast.Subscript):
            target = target.value
        return self._target(target) if isinstance(target, ast.Name | ast.Attribute) else ""

    def _return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.scope.locals[RESULT] = self.value(node.value, whole=True)

    def _branch(self, node: ast.If, rest: Sequence[_Item]) -> bool:
        """Compile an ``if``; True when it took the rest of the list with it."""
        test = self.truth(node.test)
        exits = leaves(node)
        if isinstance(test, Const):
            body = node.body if test.value else node.orelse
            if exits:
                self.run([*body, *rest])
                return True
            self.run(body)
            return False
        tail = list(rest) if exits else []
        before, outer = self.scope, self.block
        ends = []
        for body in (node.body, node.orelse):
            self.scope, self.block = before.copy(), []
            self.run([*body, *tail])
            ends.append((self.scope, self.block))
        self.block = outer
        if any(isinstance(n, ast.Return) for n in exits_of([node])):
            for scope, _ in ends:  # both reach the end of the function: its locals are done with
                result = scope.locals.get(RESULT)
                scope.locals = {RESULT: result} if result is not None else {}
        self._join(test, ends[0], ends[1])
        return exits

    def _join(
        self, test: Expr, a: tuple[Scope, list[Statement]], b: tuple[Scope, list[Statement]]
    ) -> None:
        """Bring two branches together: what they disagree on becomes a variable."""
        outer = self.block
        for space in ("attributes", "locals"):
            names_a, names_b = getattr(a[0], space), getattr(b[0], space)
            present = list(dict.fromkeys([*names_a, *names_b]))
            present = [n for n in present if not n.endswith(".len")]
            for name in present + [f"{n}.len" for n in present]:
                if same(names_a.get(name), names_b.get(name)):
                    continue
                for scope, block in (a, b):
                    self.scope, self.block = scope, block
                    self._settle(name, getattr(scope, space))
                left, right = names_a.get(name), names_b.get(name)
                if left is None or right is None:
                    names_a[name] = left or right
                elif not same(left, right):
                    self._disagree(name, names_a, left, right)
        self.scope, self.block = a[0], outer
        if a[1] or b[1]:
            self.emit(If(test, tuple(a[1]), tuple(b[1])))

    def _disagree(self, name: str, names: dict[str, Value], left: Value, right: Value) -> None:
        if isinstance(left, Record) and isinstance(right, Record):
            names[name] = Record({k: v for k, v in left.fields.items() if k in right.fields})
        elif name.startswith("self."):
            raise self.refuse(f"{name} is of two kinds")
        else:
            names.pop(name)

    def _for(self, node: ast.For, rest: Sequence[_Item]) -> bool:
        """Unroll a loop; True when a ``return`` in it took the rest of the list with it."""
        if node.orelse:
            raise self.refuse("for with else")
        values = self.items(self.value(node.iter))
        if len(values) > MAX_UNROLLED:
            raise self.refuse(f"a loop of more than {MAX_UNROLLED} rounds")
        kinds = {type(n) for n in exits_of(node.body)}
        if ast.Break not in kinds and ast.Return not in kinds:
            for value in values:
                self.run([_Bind(node.target, value), *node.body])
            return False
        unrolled: list[_Item] = []
        for value in values:
            unrolled += [_Bind(node.target, value), *node.body]
        if ast.Return in kinds:
            if ast.Break in kinds or any(isinstance(r, _Bind) for r in rest):
                raise self.refuse("return from a loop that has a break or is in a loop")
            end = _Bind(ast.Name("_", ast.Store()), Const(0))
            self.run([*unrolled, end, *rest])
            return True
        self.run(unrolled)
        return False

    def _while(self, node: ast.While) -> None:
        """Unroll a loop whose condition is known in each round."""
        if node.orelse or any(True for _ in exits_of(node.body)):
            raise self.refuse("while with else, break, continue or return")
        for _ in range(MAX_UNROLLED):
            test = self.truth(node.test)
            if not isinstance(test, Const):
                raise self.refuse("a while loop whose end depends on data")
            if not test.value:
                return
            self.run(node.body)
        raise self.refuse(f"a loop of more than {MAX_UNROLLED} rounds")

    def inline(self, function: ast.FunctionDef, arguments: list[Value], whole: bool) -> Value:
        name = function.name
        if any(entry.split("#")[0] == name for entry in self._stack):
            raise self.refuse(f"{name} calls itself")
        names = [a.arg for a in function.args.args]
        if len(names) != len(arguments) or function.args.vararg or function.args.kwarg:
            raise self.refuse(f"{name} is called with the wrong number of arguments")
        outer, mark = self.scope, len(self.block)
        before = dict(outer.attributes)
        self._temporaries += 1
        self._stack.append(f"{name}#{self._temporaries}")
        prefix = (f"{name}." if len(self._stack) > 1 else "") + ("outputs." if self.frozen else "")
        lengths = {n: v for n, v in outer.locals.items() if n.endswith(".len")}
        self.scope = Scope(outer.attributes, lengths, prefix)
        body = [n for n in function.body if not is_docstring(n)]
        direct = len(body) == 1 and isinstance(body[0], ast.Return)
        for parameter, value in zip(names, arguments, strict=True):
            fixed = isinstance(value, Var) and value.name.startswith("i.")
            fixed = fixed and parameter not in stored_names(function)
            self._bind_parameter(prefix + parameter, value, direct or fixed)
        self.run(body)
        result = self.scope.locals.get(RESULT)
        if len(self._stack) > 1 and result is not None and not direct:
            self._settle_result()
            result = self.scope.locals[RESULT]
        self._stack.pop()
        attributes, self.scope = self.scope.attributes, outer
        outer.attributes = attributes
        if not whole and (_differ(before, attributes) or self._writes(mark)):
            raise self.refuse(f"{name} changes state and is called inside an expression")
        return result if result is not None else Const(0)

    def _bind_parameter(self, name: str, value: Value, direct: bool) -> None:
        known = isinstance(value, Items) and constant(value)
        if direct or known or isinstance(value, Array | Record | Self | Inputs | Const):
            if isinstance(value, Items):
                value = Items(value.values, value.name, shared=True)
            self.scope.locals[name] = value
        else:
            self.bind(name, value)

    def _settle_result(self) -> None:
        result = self.scope.locals[RESULT]
        if isinstance(result, Items):
            if not constant(result):
                name = self._result_name()
                self._fill(name, result, self.scope.locals)
                size = len(result.values)
                elements = tuple(Element(name, Const(k)) for k in range(size))
                self.scope.locals[RESULT] = Items(elements)
        elif not isinstance(result, Const):
            self._settle(RESULT, self.scope.locals)

    def _writes(self, mark: int) -> bool:
        return any(_writes_state(statement) for statement in self.block[mark:])


def _writes_state(node: Statement) -> bool:
    match node:
        case If():
            return any(map(_writes_state, node.then + node.orelse))
        case Assign():
            return node.name.startswith("self.")
        case _:
            return node.array.startswith("self.")


def _differ(before: dict[str, Value], after: dict[str, Value]) -> bool:
    return set(before) != set(after) or any(not same(before[n], after[n]) for n in before)


def same(a: Value | None, b: Value | None) -> bool:
    match a, b:
        case Const(), Const():
            return (a.value, a.text) == (b.value, b.text)
        case Var(), Var():
            return a.name == b.name
        case Items(), Items():
            return len(a.values) == len(b.values) and all(map(same, a.values, b.values))
        case Record(), Record():
            return list(a.fields) == list(b.fields) and all(
                same(a.fields[k], b.fields[k]) for k in a.fields
            )
        case _:
            return a is b or (
                type(a) is type(b) and isinstance(a, Array | Self | Inputs) and a == b
            )
