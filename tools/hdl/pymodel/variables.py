"""Variables of the model: what names hold, and lists that change."""

from __future__ import annotations

import ast

from tools.hdl.contract import Contract
from tools.hdl.pymodel.calls import Calls
from tools.hdl.pymodel.fold import (
    binary,
)
from tools.hdl.pymodel.ir import (
    Assign,
    Const,
    Element,
    Expr,
    Fill,
    Shift,
    Statement,
    Store,
    Var,
)
from tools.hdl.pymodel.program import (
    Array,
    Inputs,
    Items,
    Program,
    Record,
    Self,
    Value,
)

MAX_STATEMENTS = 6000
RESULT = "return"
CHANGING = frozenset({"append", "appendleft", "pop", "popleft", "insert", "clear"})


class Grows(Exception):
    """A list that was taken to be of fixed length is not."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Variables(Calls):
    """Assigns, into ``self.block``.

    Lists in ``growing`` change their length; ``frozen`` says that state may not change,
    ``started`` that reset is over.
    """

    def __init__(self, program: Program, contract: Contract, growing: frozenset[str]) -> None:
        super().__init__(program, contract)
        self.contract = contract
        self.growing = growing
        self.block: list[Statement] = []
        self.frozen = False
        self.started = False
        self.sizes: dict[str, int] = {}
        self._stack: list[str] = []
        self._count = 0
        self._temporaries = 0

    def emit(self, statement: Statement) -> None:
        self._count += 1
        if self._count > MAX_STATEMENTS:
            raise self.refuse(f"more than {MAX_STATEMENTS} statements once unrolled")
        self.block.append(statement)

    def bind(self, name: str, value: Value) -> None:
        """Give a variable its value; constants are remembered and not assigned before they must."""
        names = self._names(name)
        if name.startswith("self.") and self.frozen:
            raise self.refuse(f"outputs() changes {name}")
        if isinstance(value, Array) and value.name == name:
            return
        if isinstance(value, Array):
            value = Items(self.items(value))
        if isinstance(value, Items) and not constant(value):
            self._fill(name, value, names)
        elif isinstance(value, Record):
            names[name] = Record({k: self._field(name, k, v) for k, v in value.fields.items()})
        elif isinstance(value, Items | Const | Self | Inputs):
            names[name] = value
        else:
            self._emit_scalar(name, value, names)

    def _field(self, name: str, key: str | int, value: Value) -> Value:
        if isinstance(value, Const | Record | Items | Array | Self | Inputs):
            return value
        self._emit_scalar(f"{name}.{key}", value, {})
        return Var(f"{name}.{key}")

    def _names(self, name: str) -> dict[str, Value]:
        return self.scope.attributes if name.startswith("self.") else self.scope.locals

    def _emit_scalar(self, name: str, value: Expr, names: dict[str, Value]) -> None:
        text = self.is_text(value)
        if self.texts.setdefault(name, text) != text:
            raise self.refuse(f"{name} is a string here and a number there")
        self.emit(Assign(name, value))
        names[name] = Var(name)

    def _fill(self, name: str, value: Items, names: dict[str, Value]) -> None:
        elements = tuple(self._scalar(v) for v in value.values)
        if not elements:
            names[name] = value
            return
        texts = {self.is_text(e) for e in elements}
        if len(texts) > 1 or self.texts.setdefault(name, texts.copy().pop()) not in texts:
            raise self.refuse(f"{name} holds strings and numbers")
        self.emit(Fill(name, elements))
        names[name], names[f"{name}.len"] = Array(name), Const(len(elements))

    def _settle(self, name: str, names: dict[str, Value]) -> None:
        """Put a remembered constant into its variable."""
        value = names.get(name)
        if isinstance(value, Const):
            place = self._result_name() if name == RESULT else name
            self._emit_scalar(place, value, {})
            names[name] = Var(place)
        elif isinstance(value, Items):
            if value.values:
                self._fill(name, value, names)
            else:
                names[name], names[f"{name}.len"] = Array(name), Const(0)
        elif isinstance(value, Record):
            fields: dict[str | int, Value] = {}
            base = self._result_name() if name == RESULT else name
            base = "out" if name == RESULT and not self._stack[1:] else base
            for key, item in value.fields.items():
                place = f"{base}.{key}"
                if not (isinstance(item, Var) and item.name == place):
                    self._emit_scalar(place, self._scalar(item), {})
                fields[key] = Var(place)
            names[name] = Record(fields)
        elif value is not None and not isinstance(value, Array | Self | Inputs):
            place = self._result_name() if name == RESULT else name
            if not (isinstance(value, Var) and value.name == place):
                self._emit_scalar(place, value, {})
            names[name] = Var(place)

    def _result_name(self) -> str:
        name, _, number = self._stack[-1].partition("#")
        return f"{name}.result#{number}"

    def _target(self, target: ast.Name | ast.Attribute) -> str:
        if isinstance(target, ast.Name):
            return self.scope.prefix + target.id
        if not isinstance(self.value(target.value), Self):
            raise self.refuse(f"an assignment to {ast.unparse(target)}")
        return f"self.{target.attr}"

    def hoist(self, value: Expr) -> Expr:
        return value if isinstance(value, Const | Var) else self._temporary(value)

    def _temporary(self, value: Expr) -> Var:
        self._temporaries += 1
        name = f"{self.scope.prefix}value#{self._temporaries}"
        self._emit_scalar(name, value, {})
        return Var(name)

    def _assign_element(self, target: ast.Subscript, value: Value) -> None:
        if isinstance(target.slice, ast.Slice):
            raise self.refuse("an assignment to a slice")
        base = self.value(target.value)
        if isinstance(base, Record) and isinstance(target.value, ast.Name):
            key = self._key(target.slice)
            name = self.scope.prefix + target.value.id
            place = f"{name}.{key}"
            scalar = self._scalar(value)
            if not isinstance(scalar, Const):
                self._emit_scalar(place, scalar, {})
                scalar = Var(place)
            self.scope.locals[name] = Record({**base.fields, key: scalar})
            return
        name = self._list_name(target.value, base)
        index, scalar = self.integer(target.slice), self._scalar(value)
        if isinstance(base, Items) and isinstance(index, Const) and isinstance(scalar, Const):
            values = list(base.values)
            if not -len(values) <= index.value < len(values):
                raise self.refuse("an index outside its list")
            values[index.value] = scalar
            self._unshared(base)
            self.bind(name, Items(tuple(values)))
            return
        array = self._array(target.value, name)
        self._element_kind(name, scalar)
        self.emit(Store(name, self.place(array, index), scalar))

    def _list_name(self, node: ast.expr, base: Value) -> str:
        if not isinstance(node, ast.Name | ast.Attribute):
            raise self.refuse("a list inside a list that changes")
        name = base.name if isinstance(base, Array) else self._target(node)
        if not name.startswith(("self.", self.scope.prefix)):
            raise self.refuse("a caller's list is changed")
        if name.startswith("self.") and self.frozen:
            raise self.refuse(f"outputs() changes {name}")
        return name

    def _unshared(self, base: Value) -> None:
        if isinstance(base, Items) and base.shared:
            raise self.refuse("a list with two names, or a constant one, is changed")

    def _array(self, node: ast.expr, name: str) -> Array:
        """The list as a variable."""
        base = self.value(node)
        self._unshared(base)
        if isinstance(base, Items):
            self._settle(name, self._names(name))
            return Array(name)
        if not isinstance(base, Array):
            raise self.refuse(f"{ast.unparse(node)} is no list")
        return base

    def mutate(self, target: ast.expr, method: str, arguments: list[Value]) -> Value | None:
        if method not in CHANGING:
            return None
        base = self.value(target)
        name = self._list_name(target, base)
        known = all(isinstance(a, Const) for a in arguments)
        if isinstance(base, Items) and constant(base) and known:
            return self._mutate_known(
                name, base, method, [a for a in arguments if isinstance(a, Const)]
            )
        array = self._array(target, name)
        names, length = self._names(name), self.length(array)
        less = binary("-", length, Const(1))
        match method, arguments:
            case "append", [value]:
                self._element_kind(name, self._scalar(value))
                self.emit(Store(name, length, self._scalar(value)))
                self._set_length(name, names, binary("+", length, Const(1)))
            case ("appendleft", [value]) | ("insert", [Const(value=0), value]):
                self._element_kind(name, self._scalar(value))
                self.emit(Shift(name, self._scalar(value)))
                self._set_length(name, names, binary("+", length, Const(1)))
            case ("popleft", []) | ("pop", [Const(value=0)]):
                taken = self._temporary(Element(name, Const(0)))
                self.emit(Shift(name))
                self._set_length(name, names, less)
                return taken
            case ("pop", []) | ("pop", [Const(value=-1)]):
                taken = self._temporary(Element(name, less))
                self._set_length(name, names, less)
                return taken
            case "clear", []:
                self._set_length(name, names, Const(0))
            case _:
                raise self.refuse(f"{method} with these arguments")
        return Const(0)

    def _set_length(self, name: str, names: dict[str, Value], value: Expr) -> None:
        if isinstance(value, Const):
            names[f"{name}.len"] = value
            self.sizes[name] = max(self.sizes.get(name, 0), value.value)
        else:
            self._emit_scalar(f"{name}.len", value, names)

    def _element_kind(self, name: str, value: Expr) -> None:
        if self.texts.setdefault(name, self.is_text(value)) != self.is_text(value):
            raise self.refuse(f"{name} holds strings and numbers")

    def _mutate_known(self, name: str, base: Items, method: str, arguments: list[Const]) -> Value:
        """A list method on a list all of whose elements are constants."""
        self._unshared(base)
        values: list[Value] = list(base.values)
        result: Value = Const(0)
        try:
            match method, arguments:
                case "append", [value]:
                    values.append(value)
                case ("appendleft", [value]) | ("insert", [Const(value=0), value]):
                    values.insert(0, value)
                case "pop", []:
                    result = values.pop()
                case ("popleft", []) | ("pop", [Const(value=0)]):
                    result = values.pop(0)
                case "clear", []:
                    values = []
                case _:
                    raise self.refuse(f"{method} with these arguments")
        except IndexError as error:
            raise self.refuse("pop from an empty list") from error
        self.bind(name, Items(tuple(values)))
        return result


def constant(value: Value) -> bool:
    if isinstance(value, Items):
        return all(map(constant, value.values))
    return isinstance(value, Const)
