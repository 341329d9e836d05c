"""Python expressions to the small language, evaluating what is known while reading."""

from __future__ import annotations

import ast
import re
from abc import ABC, abstractmethod

from tools.hdl.contract import Contract
from tools.hdl.pymodel.fold import (
    BINARY,
    COMPARE,
    binary,
    choice,
    compare,
    logic,
    named,
    truthful,
    unary,
)
from tools.hdl.pymodel.ir import (
    Choice,
    Const,
    Element,
    Expr,
    Lookup,
    NotTranslatable,
    Var,
)
from tools.hdl.pymodel.program import (
    Array,
    Inputs,
    Items,
    Program,
    Record,
    Scope,
    Self,
    Value,
    constants_of,
)


class Expressions(ABC):
    """Evaluates expressions in ``self.scope``."""

    def __init__(self, program: Program, contract: Contract) -> None:
        self.program = program
        self.inputs = {port.name: port.width for port in contract.driven}
        self.scope = Scope({})
        self.codes: dict[str, int] = {}
        self.texts: dict[str, bool] = {}
        self.line = 0
        self._evaluating: set[str] = set()

    @abstractmethod
    def _call(self, node: ast.Call, whole: bool) -> Value:
        """A call. ``whole``: it is a whole right-hand side, so it may change state."""

    @abstractmethod
    def _comprehend(self, node: ast.ListComp | ast.GeneratorExp) -> list[Value]:
        """The values of a comprehension."""

    @abstractmethod
    def inline(self, function: ast.FunctionDef, arguments: list[Value], whole: bool) -> Value:
        """Run a function of the model here."""

    def refuse(self, reason: str) -> NotTranslatable:
        return NotTranslatable(reason, self.line)

    def value(self, node: ast.expr, whole: bool = False) -> Value:
        """Any value. Raises NotTranslatable."""
        self.line = getattr(node, "lineno", self.line)
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._name(node.id)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Call():
                return self._call(node, whole)
            case ast.List() | ast.Tuple():
                return Items(tuple(self.value(item) for item in node.elts))
            case ast.ListComp() | ast.GeneratorExp():
                return Items(tuple(self._comprehend(node)))
            case ast.Dict():
                return Record({self._key(k): self.value(v) for k, v in self._pairs(node)})
            case ast.BinOp():
                return self._binary(node)
            case _:
                return self._logical(node)

    def number(self, node: ast.expr) -> Expr:
        """An integer, a truth value or a string."""
        value = self.value(node)
        if isinstance(value, Items | Record | Array | Self | Inputs):
            raise self.refuse(f"{ast.unparse(node)} is not a number")
        return value

    def integer(self, node: ast.expr) -> Expr:
        return self._no_text(self.number(node))

    def truth(self, node: ast.expr) -> Expr:
        """The truth of any value; a list is true when it is not empty."""
        match node:
            case ast.BoolOp():
                parts = [self.truth(part) for part in node.values]
                return logic("and" if isinstance(node.op, ast.And) else "or", parts)
            case ast.UnaryOp(op=ast.Not()):
                return logic("not", [self.truth(node.operand)])
        value = self.value(node)
        if isinstance(value, Items | Array):
            return compare("!=", self.length(value), Const(0))
        if isinstance(value, Record | Self | Inputs):
            raise self.refuse(f"{ast.unparse(node)} as a condition")
        return self._no_text(value)

    def length(self, value: Value) -> Expr:
        if isinstance(value, Items):
            return Const(len(value.values))
        if isinstance(value, Array):
            known = self._lookup(f"{value.name}.len")
            if not isinstance(known, Const | Var):
                raise self.refuse(f"the length of {value.name} is not known here")
            return known
        raise self.refuse("len of something that is no list")

    def items(self, value: Value) -> tuple[Value, ...]:
        """The elements of a list whose length is known."""
        if isinstance(value, Items):
            return value.values
        if isinstance(value, Array):
            length = self.length(value)
            if isinstance(length, Const):
                return tuple(Element(value.name, Const(k)) for k in range(length.value))
            raise self.refuse(f"the length of {value.name} changes, so it cannot be walked over")
        if isinstance(value, Record):
            return tuple(self._literal(key) for key in value.fields)
        raise self.refuse("this cannot be walked over")

    def is_text(self, node: Expr) -> bool:
        match node:
            case Const():
                return node.text
            case Var():
                return self.texts.get(node.name, False)
            case Element():
                return self.texts.get(node.array, False)
            case Choice():
                return self.is_text(node.a)
            case _:
                return False

    def symbol(self, text: str, label: str) -> Const:
        """A string or enumeration member as a number of its own."""
        code = self.codes.setdefault(text, len(self.codes))
        return Const(code, re.sub(r"\W", "_", label) or "EMPTY", text=True)

    def _no_text(self, node: Expr) -> Expr:
        if self.is_text(node):
            raise self.refuse("a string where a number is needed")
        return node

    def _lookup(self, name: str) -> Value | None:
        scope = self.scope
        return scope.attributes.get(name) if name.startswith("self.") else scope.locals.get(name)

    def _literal(self, value: object) -> Expr:
        if isinstance(value, str):
            return self.symbol(value, value)
        if isinstance(value, int):
            return Const(int(value))
        raise self.refuse(f"the constant {value!r}")

    def _constant(self, node: ast.Constant) -> Value:
        return self._literal(node.value)

    def _name(self, name: str) -> Value:
        found = self.scope.locals.get(self.scope.prefix + name)
        if found is not None:
            return found
        if name in self.program.constants:
            return self._named_constant(name, name)
        if name in self.program.classes:
            return Self()
        raise self.refuse(f"{name} has no value here")

    def _named_constant(self, name: str, label: str) -> Value:
        if name in self.program.symbols:
            return self.symbol(name, label)
        if name in self._evaluating:
            raise self.refuse(f"{name} is defined by itself")
        self._evaluating.add(name)
        before, self.scope = self.scope, Scope(self.scope.attributes)
        owner = name.rpartition(".")[0]
        try:
            if owner:
                for other in self.program.constants:
                    if other.startswith(f"{owner}.") and other not in self._evaluating:
                        self.scope.locals[other.removeprefix(f"{owner}.")] = self._named_constant(
                            other, other
                        )
            value = self.value(self.program.constants[name])
        finally:
            self.scope = before
            self._evaluating.discard(name)
        return named(value, label)

    def _attribute(self, node: ast.Attribute) -> Value:
        if isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" in (
            self.program.constants
        ):
            return self._named_constant(f"{node.value.id}.{node.attr}", node.attr)
        owner = self.value(node.value)
        if isinstance(owner, Inputs):
            if node.attr not in self.inputs:
                raise self.refuse(f"there is no input {node.attr}")
            return Var(f"i.{node.attr}")
        if isinstance(owner, Self):
            found = self.scope.attributes.get(f"self.{node.attr}")
            if found is not None:
                return found
            if node.attr in self.program.properties:
                return self.inline(self.program.methods[node.attr], [Self()], False)
            if f"Model.{node.attr}" in self.program.constants:
                return self._named_constant(f"Model.{node.attr}", node.attr)
            raise self.refuse(f"self.{node.attr} is not set in reset()")
        raise self.refuse(f"{ast.unparse(node)} is not supported")

    def _subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        if isinstance(node.slice, ast.Slice):
            bounds = [
                self._static(b) for b in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            return Items(self.items(base)[slice(*bounds)])
        if isinstance(base, Record):
            return self._select(base, node.slice, None)
        return self.element(base, self.integer(node.slice))

    def element(self, base: Value, index: Expr) -> Value:
        """One element of a list."""
        if isinstance(index, Const) and isinstance(base, Items):
            if not -len(base.values) <= index.value < len(base.values):
                raise self.refuse("an index outside its list")
            return base.values[index.value]
        if isinstance(base, Array):
            return Element(base.name, self.place(base, index))
        numbers = constants_of(base)
        if numbers and isinstance(base, Items):
            return Lookup(base.name or "TABLE", numbers, index)
        if not isinstance(base, Items) or not base.values:
            raise self.refuse("an index into something that is no list")
        choices = [self._scalar(v) for v in base.values]
        result = choices[-1]
        for k in range(len(choices) - 2, -1, -1):
            result = choice(compare("==", index, Const(k)), choices[k], result)
        return result

    def place(self, base: Array, index: Expr) -> Expr:
        """An index with a constant negative one counted from the end."""
        if isinstance(index, Const) and index.value < 0:
            return binary("+", self.length(base), index)
        return index

    def _select(self, base: Record, key: ast.expr, default: Expr | None) -> Value:
        """An entry of a dict; with a key not known now, a choice between all."""
        if isinstance(key, ast.Constant) and isinstance(key.value, str | int):
            found = base.fields.get(key.value)
            if found is None and default is None:
                raise self.refuse(f"no entry {key.value!r}")
            return found if found is not None else default  # type: ignore[return-value]
        index = self.number(key)
        entries = [(self._literal(k), self._scalar(v)) for k, v in base.fields.items()]
        if not entries:
            raise self.refuse("an empty dict")
        result = default if default is not None else entries.pop()[1]
        for name, value in reversed(entries):
            result = choice(self._same("==", index, name), value, result)
        return result

    def _scalar(self, value: Value) -> Expr:
        if isinstance(value, Items | Record | Array | Self | Inputs):
            raise self.refuse("a list of lists with an index not known beforehand")
        return value

    def _static(self, node: ast.expr | None) -> int | None:
        if node is None:
            return None
        value = self.value(node)
        if not isinstance(value, Const) or value.text:
            raise self.refuse(f"{ast.unparse(node)} is not a constant")
        return value.value

    def _pairs(self, node: ast.Dict) -> list[tuple[ast.expr, ast.expr]]:
        if None in node.keys:
            raise self.refuse("** in a dict")
        return list(zip(node.keys, node.values, strict=True))  # type: ignore[arg-type]

    def _key(self, node: ast.expr) -> str | int:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        value = self.value(node)
        if isinstance(value, Const):
            texts = {code: text for text, code in self.codes.items()}
            return texts[value.value] if value.text else value.value
        raise self.refuse("a dict key that is not a constant")

    def _binary(self, node: ast.BinOp) -> Value:
        if type(node.op) not in BINARY:
            raise self.refuse(f"{ast.unparse(node)}: this operator is not supported")
        op = BINARY[type(node.op)][0]
        left, right = self.value(node.left), self.value(node.right)
        lists = (Items, Array)
        if isinstance(left, lists) and isinstance(right, lists) and op == "+":
            return Items(self.items(left) + self.items(right))
        if isinstance(left, lists) and isinstance(right, Const) and op == "*":
            return Items(self.items(left) * right.value)
        self.line = node.lineno
        a, b = self._no_text(self._scalar(left)), self._no_text(self._scalar(right))
        try:
            return binary(op, a, b)
        except (ArithmeticError, ValueError) as error:
            raise self.refuse(f"{ast.unparse(node)}: {error}") from error

    def _logical(self, node: ast.expr) -> Value:
        match node:
            case ast.UnaryOp(op=ast.Not()):
                return self.truth(node)
            case ast.UnaryOp():
                return unary(
                    {ast.USub: "-", ast.Invert: "~", ast.UAdd: "+"}[type(node.op)],
                    self.integer(node.operand),
                )
            case ast.BoolOp():
                return self._short_circuit(node)
            case ast.Compare():
                return self._compare(node)
            case ast.IfExp():
                return self._conditional(node)
            case _:
                raise self.refuse(f"{ast.unparse(node)[:60]} is not supported")

    def _conditional(self, node: ast.IfExp) -> Value:
        test = self.truth(node.test)
        if isinstance(test, Const):
            return self.value(node.body if test.value else node.orelse)
        a, b = self.value(node.body), self.value(node.orelse)
        if isinstance(a, Items) and isinstance(b, Items) and len(a.values) == len(b.values):
            pairs = zip(a.values, b.values, strict=True)
            return Items(tuple(choice(test, self._scalar(x), self._scalar(y)) for x, y in pairs))
        x, y = self._scalar(a), self._scalar(b)
        if self.is_text(x) != self.is_text(y):
            raise self.refuse("a choice between a string and a number")
        return choice(test, x, y)

    def _short_circuit(self, node: ast.BoolOp) -> Expr:
        """``and``/``or`` give one of their values; a false number is 0."""
        parts = [self.integer(part) for part in node.values]
        result = parts[-1]
        for part in reversed(parts[:-1]):
            if isinstance(node.op, ast.And):
                both = truthful(part) and truthful(result)
                result = logic("and", [part, result]) if both else choice(part, result, Const(0))
            else:
                both = truthful(part) and truthful(result)
                result = logic("or", [part, result]) if both else choice(part, part, result)
        return result

    def _compare(self, node: ast.Compare) -> Expr:
        parts, left = [], node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            parts.append(self._comparison(left, op, right))
            left = right
        return parts[0] if len(parts) == 1 else logic("and", parts)

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Expr:
        if isinstance(op, ast.In | ast.NotIn):
            value, members = self.number(left), self.items(self.value(right))
            found = [self._same("==", value, self._scalar(m)) for m in members]
            inside = logic("or", found) if found else Const(0)
            return inside if isinstance(op, ast.In) else logic("not", [inside])
        a, b = self.value(left), self.value(right)
        if isinstance(a, Items | Array) and isinstance(b, Items) and not b.values:
            return compare(COMPARE[type(op)][0], self.length(a), Const(0))
        if isinstance(a, Items | Array) and isinstance(b, Items | Array):
            pairs = list(zip(self.items(a), self.items(b), strict=True))
            equal = logic(
                "and", [self._same("==", self._scalar(x), self._scalar(y)) for x, y in pairs]
            )
            return equal if isinstance(op, ast.Eq) else logic("not", [equal])
        return self._same(COMPARE[type(op)][0], self._scalar(a), self._scalar(b))

    def _same(self, op: str, a: Expr, b: Expr) -> Expr:
        if self.is_text(a) != self.is_text(b) or (self.is_text(a) and op not in ("==", "!=")):
            raise self.refuse("a string is compared with a number, or by size")
        return compare(op, a, b)
