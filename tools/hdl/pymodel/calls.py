"""Calls in expressions: builtins, list and number methods, comprehensions, own functions."""

from __future__ import annotations

import ast
from abc import abstractmethod

from tools.hdl.pymodel.expressions import Expressions
from tools.hdl.pymodel.fold import (
    binary,
    choice,
    compare,
    logic,
    total,
    unary,
)
from tools.hdl.pymodel.ir import (
    Binary,
    Choice,
    Compare,
    Const,
    Element,
    Expr,
    Logic,
    Lookup,
    Unary,
    Var,
)
from tools.hdl.pymodel.program import (
    Array,
    Items,
    Record,
    Self,
    Value,
)


class Calls(Expressions):
    """Evaluates calls; those of the model's own functions are inlined."""

    @abstractmethod
    def mutate(self, target: ast.expr, method: str, arguments: list[Value]) -> Value | None:
        """Run a list method that changes the list; None when it is none."""

    @abstractmethod
    def hoist(self, value: Expr) -> Expr:
        """The value of an expression as a variable or constant."""

    def _comprehend(self, node: ast.ListComp | ast.GeneratorExp) -> list[Value]:
        """The values, each already guarded where a condition is not known now (as 0)."""
        if len(node.generators) != 1:
            raise self.refuse("a comprehension with several loops")
        loop = node.generators[0]
        outer, self.scope = self.scope, self.scope.copy()
        results: list[Value] = []
        try:
            for item in self.items(self.value(loop.iter)):
                self.destructure(loop.target, item)
                test = logic("and", [self.truth(c) for c in loop.ifs]) if loop.ifs else Const(1)
                if isinstance(test, Const):
                    results += [self.value(node.elt)] if test.value else []
                elif isinstance(node, ast.GeneratorExp):
                    results.append(choice(test, self.integer(node.elt), Const(0)))
                else:
                    raise self.refuse("a list whose length depends on data")
        finally:
            self.scope = outer
        return results

    def destructure(self, target: ast.expr, value: Value) -> None:
        """Give loop variables their value, without hardware of their own."""
        match target:
            case ast.Name():
                self.scope.locals[self.scope.prefix + target.id] = value
            case ast.Tuple() | ast.List():
                for part, item in zip(target.elts, self.items(value), strict=True):
                    self.destructure(part, item)
            case _:
                raise self.refuse("a loop variable that is no name")

    def _call(self, node: ast.Call, whole: bool) -> Value:
        if any(isinstance(a, ast.Starred) for a in node.args):
            raise self.refuse("* in a call")
        match node.func:
            case ast.Name(id="dict") if not node.args:
                return Record({k.arg or "": self.value(k.value) for k in node.keywords})
            case ast.Name() if node.func.id in self.program.functions:
                function = self.program.functions[node.func.id]
                return self.inline(function, self._arguments(function, node), whole)
            case ast.Name():
                return self._builtin(node.func.id, node)
            case ast.Attribute():
                return self._method(node.func, node, whole)
            case _:
                raise self.refuse(f"the call {ast.unparse(node)}")

    def _arguments(self, function: ast.FunctionDef, node: ast.Call) -> list[Value]:
        """Values of the explicit arguments in the order of the parameters, defaults filled in."""
        names = [a.arg for a in function.args.args]
        offset = int(bool(names) and names[0] == "self")
        given: dict[str, Value] = {}
        for name, argument in zip(names[offset:], node.args, strict=False):
            given[name] = self.value(argument)
        for keyword in node.keywords:
            given[keyword.arg or ""] = self.value(keyword.value)
        for name, default in zip(reversed(names), reversed(function.args.defaults), strict=False):
            given.setdefault(name, self.value(default))
        if set(given) != set(names[offset:]) or len(node.args) > len(names) - offset:
            raise self.refuse(f"the arguments of {function.name}")
        return [given[name] for name in names[offset:]]

    def _method(self, func: ast.Attribute, node: ast.Call, whole: bool) -> Value:
        if ast.unparse(node).startswith("bin(") and func.attr == "count":
            inner = func.value
            if isinstance(inner, ast.Call) and ast.unparse(node.args[0]) in ("'1'", '"1"'):
                return unary("ones", self.hoist(self.integer(inner.args[0])))
        if func.attr in ("bit_length", "bit_count"):
            op = "bits" if func.attr == "bit_length" else "ones"
            return unary(op, self.hoist(self.integer(func.value)))
        if (isinstance(func.value, ast.Name) and func.value.id == "self") or (
            isinstance(func.value, ast.Name) and func.value.id in self.program.classes
        ):
            function = self.program.methods.get(func.attr)
            if function is None:
                raise self.refuse(f"there is no method {func.attr}")
            owner: list[Value] = [] if func.attr in self.program.static else [Self()]
            return self.inline(function, owner + self._arguments(function, node), whole)
        changed = self.mutate(func.value, func.attr, [self.value(a) for a in node.args])
        if changed is not None:
            if not whole:
                raise self.refuse(f"{ast.unparse(node)} inside a larger expression")
            return changed
        return self._pure_method(func, node)

    def _pure_method(self, func: ast.Attribute, node: ast.Call) -> Value:
        base = self.value(func.value)
        if isinstance(base, Record) and func.attr == "get":
            default = self.number(node.args[1]) if len(node.args) > 1 else None
            return self._select(base, node.args[0], default)
        if isinstance(base, Items | Array) and func.attr == "copy":
            return Items(self.items(base))
        if isinstance(base, Items | Array) and func.attr == "count":
            same = [
                self._same("==", self._scalar(v), self.number(node.args[0]))
                for v in self.items(base)
            ]
            return total(same)
        raise self.refuse(f"the method {func.attr}")

    def _builtin(self, name: str, node: ast.Call) -> Value:
        if node.keywords:
            raise self.refuse(f"{name} with keywords")
        if name == "range":
            bounds = [self._static(a) for a in node.args]
            return Items(tuple(Const(k) for k in range(*bounds)))  # type: ignore[arg-type]
        if name == "bool" and len(node.args) == 1:
            return compare("!=", self.truth(node.args[0]), Const(0))
        return self._of_values(name, [self.value(a) for a in node.args])

    def _of_values(self, name: str, values: list[Value]) -> Value:
        match name, values:
            case "int", [
                Const()
                | Var()
                | Unary()
                | Binary()
                | Compare()
                | Logic()
                | Choice()
                | Element()
                | Lookup() as x
            ]:
                return self._no_text(x)
            case "abs", [x]:
                return unary("abs", self._no_text(self._scalar(x)))
            case "len", [x]:
                return self.length(x)
            case (("list" | "tuple" | "deque"), [x]):
                return Items(self.items(x))
            case (("list" | "tuple" | "deque"), []):
                return Items(())
            case "reversed", [x]:
                return Items(self.items(x)[::-1])
            case "enumerate", [x]:
                return Items(tuple(Items((Const(k), v)) for k, v in enumerate(self.items(x))))
            case "zip", [x, y]:
                pairs = zip(self.items(x), self.items(y), strict=False)
                return Items(tuple(Items(pair) for pair in pairs))
            case "divmod", [x, y]:
                a, b = self._scalar(x), self._scalar(y)
                return Items((binary("//", a, b), binary("%", a, b)))
            case _:
                return self._reduction(name, values)

    def _reduction(self, name: str, values: list[Value]) -> Expr:
        parts = list(self.items(values[0])) if len(values) == 1 else values
        numbers = [self._no_text(self._scalar(p)) for p in parts]
        match name:
            case "sum" if len(values) == 1:
                return total(numbers)
            case "any" | "all" if len(values) == 1:
                if not numbers:
                    return Const(int(name == "all"))
                return logic("or" if name == "any" else "and", numbers)
            case "min" | "max" if numbers:
                result = numbers[0]
                for number in numbers[1:]:
                    result = binary(name, result, number)
                return result
            case _:
                raise self.refuse(f"the function {name}")
