"""Python statements to the small language: loops unrolled, calls inlined, early exits nested.

A block is compiled as a list of statements with markers where a ``break``, ``continue`` or
``return`` resumes. Where an ``if`` holds such an exit, the rest of the list goes into both its
branches, each of which then ends where Python would go.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from tools.hdl.contract import Contract
from tools.hdl.pymodel.expressions import Expressions, Scope, binary, choice, compare, named
from tools.hdl.pymodel.ir import (
    Assign,
    Block,
    Const,
    Element,
    Expr,
    Fill,
    If,
    NotTranslatable,
    Shift,
    Statement,
    Store,
    Var,
    reads,
)
from tools.hdl.pymodel.program import (
    Array,
    Inputs,
    Items,
    Program,
    Record,
    Self,
    Value,
    read_program,
)

MAX_STATEMENTS = 6000
MAX_UNROLLED = 1024
_RESULT = "return"
_CHANGING = frozenset({"append", "appendleft", "pop", "popleft", "insert", "clear"})


@dataclass(frozen=True)
class Lowered:
    """A model in the small language. ``reset`` gives each register's value after reset, a list
    for a list; ``held`` are registers that reset() does not set. ``encoded`` maps strings to
    their numbers; ``texts`` are the registers that hold such. ``growing`` are the lists whose
    length changes, ``sizes`` the most elements a list is known to reach."""

    reset: dict[str, int | tuple[int, ...]]
    held: frozenset[str]
    tick: Block
    outputs: Block
    encoded: dict[str, int]
    growing: frozenset[str]
    texts: frozenset[str]
    sizes: dict[str, int]


@dataclass(frozen=True)
class _Bind:
    """A loop variable takes its next value; ``continue`` resumes here."""

    target: ast.expr
    value: Value


_Item = ast.stmt | _Bind


def lower(code: str, contract: Contract) -> Lowered:
    """Read a model into the small language. Raises NotTranslatable."""
    try:
        program = read_program(code)
        growing: frozenset[str] = frozenset()
        while True:
            try:
                return _Lowering(program, contract, growing).model()
            except _Grows as error:
                growing |= {error.name}
    except RecursionError as error:
        raise NotTranslatable("nested too deeply") from error


class _Grows(Exception):
    """A list that was taken to be of fixed length is not."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Lowering(Expressions):
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

    def model(self) -> Lowered:
        values, held = self._initial()
        self.started = True
        reset = {name: _numbers(value, name) for name, value in values.items()}
        changed = self._changed_attributes(values)
        constant = {n: named(v, n[5:]) for n, v in values.items() if n not in changed}
        start = constant | {n: self._register(n, values[n]) for n in values if n in changed}
        for name in [n for n in start if isinstance(start[n], Array)]:
            fixed = Const(len(_as_tuple(reset[name])))
            start[f"{name}.len"] = fixed if name not in self.growing else Var(f"{name}.len")
        tick: Block = ()
        if self.contract.clocks and "tick" in self.program.methods:
            tick = self._tick(dict(start), {n for n in values if n in changed})
        outputs = self._outputs(dict(start))
        registers = {n: reset[n] for n in values if n in changed}
        growing = self.growing & set(registers)
        lengths = {f"{n}.len": len(_as_tuple(registers[n])) for n in growing}
        texts = frozenset(n for n in registers if self.texts.get(n))
        return Lowered(
            registers | lengths,
            frozenset(held & changed),
            tick,
            outputs,
            self.codes,
            growing,
            texts,
            self.sizes,
        )

    def _initial(self) -> tuple[dict[str, Value], set[str]]:
        """Attribute values after ``Model()`` and ``reset()``, and those reset() leaves alone."""
        self.scope = Scope({})
        for name in ("__init__", "reset"):
            if name in self.program.methods:
                before = dict(self.scope.attributes)
                touched = self._assigned_in(name)
                self.inline(self.program.methods[name], [Self()], True)
            else:
                before, touched = dict(self.scope.attributes), set()
        if self.block:
            raise self.refuse("reset() computes something that is not constant")
        values = {n: v for n, v in self.scope.attributes.items() if not n.endswith(".len")}
        return values, {n for n in before if n not in touched}

    def _assigned_in(self, name: str, seen: frozenset[str] = frozenset()) -> set[str]:
        """Attributes that a method, or a method it calls, may change."""
        if name in seen or name not in self.program.methods:
            return set()
        found: set[str] = set()
        for node in ast.walk(self.program.methods[name]):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()):
                    found.add(f"self.{node.attr}")
                case ast.Subscript(value=ast.Attribute() as owner, ctx=ast.Store()):
                    found.add(f"self.{owner.attr}")
                case ast.Call(func=ast.Attribute(value=ast.Attribute() as owner, attr=attr)):
                    found |= {f"self.{owner.attr}"} if attr in _CHANGING else set()
                case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=callee)):
                    found |= self._assigned_in(callee, seen | {name})
        return found

    def _changed_attributes(self, values: dict[str, Value]) -> set[str]:
        """Attributes that tick() may change, even under another name of their list."""
        if not self.contract.clocks:
            return set()
        changed = self._assigned_in("tick")
        for method in set(self.program.methods) - {"__init__", "reset"}:
            for node in ast.walk(self.program.methods[method]):
                match node:
                    case ast.Assign(value=ast.Attribute(value=ast.Name(id="self")) as source):
                        name = f"self.{source.attr}"
                        changed |= {name} if isinstance(values.get(name), Items) else set()
        return changed

    def _register(self, name: str, value: Value) -> Value:
        if isinstance(value, Items):
            self.texts[name] = any(self.is_text(v) for v in value.values if isinstance(v, Const))
            return Array(name)
        if isinstance(value, Const):
            self.texts[name] = value.text
            return Var(name)
        raise NotTranslatable(f"{name} is neither a number nor a list of numbers")

    def _tick(self, start: dict[str, Value], registers: set[str]) -> Block:
        self.scope = Scope(start)
        self.inline(self.program.methods["tick"], [Self(), Inputs()], True)
        for name in registers:
            self._settle(name, self.scope.attributes)
            length = self.scope.attributes.get(f"{name}.len")
            if name in self.growing:
                self._settle(f"{name}.len", self.scope.attributes)
            elif f"{name}.len" in start and not _same(length, start[f"{name}.len"]):
                raise _Grows(name)
        return self._finish()

    def _outputs(self, start: dict[str, Value]) -> Block:
        self.scope, self.frozen = Scope(start), True
        result = self.inline(self.program.methods["outputs"], [Self(), Inputs()], True)
        if not isinstance(result, Record):
            raise self.refuse("outputs() does not return a dict")
        for port in self.contract.outputs:
            value = result.fields.get(port.name)
            if value is None:
                raise self.refuse(f"outputs() gives no {port.name}")
            scalar = self._no_text(self._scalar(value))
            if not (isinstance(scalar, Var) and scalar.name == f"out.{port.name}"):
                self.emit(Assign(f"out.{port.name}", scalar))
        return self._finish()

    def _finish(self) -> Block:
        block, self.block = tuple(self.block), []
        return block

    def emit(self, statement: Statement) -> None:
        self._count += 1
        if self._count > MAX_STATEMENTS:
            raise self.refuse(f"more than {MAX_STATEMENTS} statements once unrolled")
        self.block.append(statement)

    # --- names -------------------------------------------------------------------------------

    def bind(self, name: str, value: Value) -> None:
        """Give a variable its value; constants are remembered and not assigned before they must."""
        names = self._names(name)
        if name.startswith("self.") and self.frozen:
            raise self.refuse(f"outputs() changes {name}")
        if isinstance(value, Array) and value.name == name:
            return
        if isinstance(value, Array):
            value = Items(self.items(value))
        if isinstance(value, Items) and not _constant(value):
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
            place = self._result_name() if name == _RESULT else name
            self._emit_scalar(place, value, {})
            names[name] = Var(place)
        elif isinstance(value, Items):
            if value.values:
                self._fill(name, value, names)
            else:
                names[name], names[f"{name}.len"] = Array(name), Const(0)
        elif isinstance(value, Record):
            fields: dict[str | int, Value] = {}
            base = self._result_name() if name == _RESULT else name
            base = "out" if name == _RESULT and not self._stack[1:] else base
            for key, item in value.fields.items():
                place = f"{base}.{key}"
                if not (isinstance(item, Var) and item.name == place):
                    self._emit_scalar(place, self._scalar(item), {})
                fields[key] = Var(place)
            names[name] = Record(fields)
        elif value is not None and not isinstance(value, Array | Self | Inputs):
            place = self._result_name() if name == _RESULT else name
            if not (isinstance(value, Var) and value.name == place):
                self._emit_scalar(place, value, {})
            names[name] = Var(place)

    def _result_name(self) -> str:
        name, _, number = self._stack[-1].partition("#")
        return f"{name}.result#{number}"

    # --- statements --------------------------------------------------------------------------

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
                    if self._branch(_as_if(item) if isinstance(item, ast.Match) else item, rest):
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

    def _target(self, target: ast.Name | ast.Attribute) -> str:
        if isinstance(target, ast.Name):
            return self.scope.prefix + target.id
        if not isinstance(self.value(target.value), Self):
            raise self.refuse(f"an assignment to {ast.unparse(target)}")
        return f"self.{target.attr}"

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
        if method not in _CHANGING:
            return None
        base = self.value(target)
        name = self._list_name(target, base)
        known = all(isinstance(a, Const) for a in arguments)
        if isinstance(base, Items) and _constant(base) and known:
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

    # --- control -----------------------------------------------------------------------------

    def _return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.scope.locals[_RESULT] = self.value(node.value, whole=True)

    def _branch(self, node: ast.If, rest: Sequence[_Item]) -> bool:
        """Compile an ``if``; True when it took the rest of the list with it."""
        test = self.truth(node.test)
        exits = _leaves(node)
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
        if any(isinstance(n, ast.Return) for n in _exits([node])):
            for scope, _ in ends:  # both reach the end of the function: its locals are done with
                result = scope.locals.get(_RESULT)
                scope.locals = {_RESULT: result} if result is not None else {}
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
                if _same(names_a.get(name), names_b.get(name)):
                    continue
                for scope, block in (a, b):
                    self.scope, self.block = scope, block
                    self._settle(name, getattr(scope, space))
                left, right = names_a.get(name), names_b.get(name)
                if left is None or right is None:
                    names_a[name] = left or right
                elif not _same(left, right):
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
        kinds = {type(n) for n in _exits(node.body)}
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
        if node.orelse or any(True for _ in _exits(node.body)):
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
        body = [n for n in function.body if not _is_docstring(n)]
        direct = len(body) == 1 and isinstance(body[0], ast.Return)
        for parameter, value in zip(names, arguments, strict=True):
            fixed = isinstance(value, Var) and value.name.startswith("i.")
            fixed = fixed and parameter not in _stored(function)
            self._bind_parameter(prefix + parameter, value, direct or fixed)
        self.run(body)
        result = self.scope.locals.get(_RESULT)
        if len(self._stack) > 1 and result is not None and not direct:
            self._settle_result()
            result = self.scope.locals[_RESULT]
        self._stack.pop()
        attributes, self.scope = self.scope.attributes, outer
        outer.attributes = attributes
        if not whole and (_differ(before, attributes) or self._writes(mark)):
            raise self.refuse(f"{name} changes state and is called inside an expression")
        return result if result is not None else Const(0)

    def _bind_parameter(self, name: str, value: Value, direct: bool) -> None:
        constant = isinstance(value, Items) and _constant(value)
        if direct or constant or isinstance(value, Array | Record | Self | Inputs | Const):
            if isinstance(value, Items):
                value = Items(value.values, value.name, shared=True)
            self.scope.locals[name] = value
        else:
            self.bind(name, value)

    def _settle_result(self) -> None:
        result = self.scope.locals[_RESULT]
        if isinstance(result, Items):
            if not _constant(result):
                name = self._result_name()
                self._fill(name, result, self.scope.locals)
                size = len(result.values)
                elements = tuple(Element(name, Const(k)) for k in range(size))
                self.scope.locals[_RESULT] = Items(elements)
        elif not isinstance(result, Const):
            self._settle(_RESULT, self.scope.locals)

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
    return set(before) != set(after) or any(not _same(before[n], after[n]) for n in before)


def _same(a: Value | None, b: Value | None) -> bool:
    match a, b:
        case Const(), Const():
            return (a.value, a.text) == (b.value, b.text)
        case Var(), Var():
            return a.name == b.name
        case Items(), Items():
            return len(a.values) == len(b.values) and all(map(_same, a.values, b.values))
        case Record(), Record():
            return list(a.fields) == list(b.fields) and all(
                _same(a.fields[k], b.fields[k]) for k in a.fields
            )
        case _:
            return a is b or (
                type(a) is type(b) and isinstance(a, Array | Self | Inputs) and a == b
            )


def _constant(value: Value) -> bool:
    if isinstance(value, Items):
        return all(map(_constant, value.values))
    return isinstance(value, Const)


def _numbers(value: Value, name: str) -> int | tuple[int, ...]:
    match value:
        case Const():
            return value.value
        case Items() if all(isinstance(v, Const) for v in value.values):
            return tuple(v.value for v in value.values if isinstance(v, Const))
        case _:
            return ()


def _as_tuple(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _exits(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """``return`` statements below, and those ``break``/``continue`` that leave this body."""
    found: list[ast.stmt] = []
    for node in body:
        match node:
            case ast.Return() | ast.Break() | ast.Continue():
                found.append(node)
            case ast.If():
                found += _exits([*node.body, *node.orelse])
            case ast.For() | ast.While():
                found += [n for n in _exits(node.body) if isinstance(n, ast.Return)]
            case ast.Match():
                found += _exits([s for c in node.cases for s in c.body])
    return found


def _leaves(node: ast.If) -> bool:
    return bool(_exits([node]))


def _stored(function: ast.FunctionDef) -> set[str]:
    """Names a function assigns."""
    return {
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _as_if(node: ast.Match) -> ast.If:
    """``match`` over constants as a chain of ``if``."""
    chain: list[ast.stmt] = []
    for case in reversed(node.cases):
        test = _pattern(node.subject, case.pattern)
        if case.guard is not None and test is not None:
            test = ast.BoolOp(ast.And(), [test, case.guard])
        elif case.guard is not None:
            test = case.guard
        test = test if test is not None else ast.Constant(True)
        chain = [ast.If(test, case.body, chain)]
    first = chain[0]
    assert isinstance(first, ast.If)
    return ast.fix_missing_locations(ast.copy_location(first, node))


def _pattern(subject: ast.expr, pattern: ast.pattern) -> ast.expr | None:
    """The condition under which a pattern matches, None for always."""
    match pattern:
        case ast.MatchValue():
            return ast.Compare(subject, [ast.Eq()], [pattern.value])
        case ast.MatchSingleton():
            return ast.Compare(subject, [ast.Eq()], [ast.Constant(pattern.value)])
        case ast.MatchOr():
            tests = [_pattern(subject, p) for p in pattern.patterns]
            known = [t for t in tests if t is not None]
            return ast.BoolOp(ast.Or(), known) if len(known) == len(tests) else None
        case ast.MatchAs(name=None):
            return None
        case _:
            raise NotTranslatable("this match pattern", pattern.lineno)
