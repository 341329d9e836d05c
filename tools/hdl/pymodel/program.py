"""A reference model as read: its methods, helper functions and named constants."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from tools.hdl.pymodel.ir import Const, Expr, NotTranslatable

_ENUMS = {"Enum": True, "IntEnum": False}
_MODULES = frozenset({"enum", "collections", "typing", "dataclasses", "__future__"})


@dataclass(frozen=True, slots=True)
class Items:
    """A list or tuple of known length. ``shared``: two names hold it, so it must not change."""

    values: tuple[Value, ...]
    name: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A dict with constant keys (strings, integers)."""

    fields: dict[str | int, Value]


@dataclass(frozen=True, slots=True)
class Array:
    """A list variable: its elements live in hardware."""

    name: str


@dataclass(frozen=True, slots=True)
class Self:
    """The model, or its class."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The argument that carries the input ports."""


Value = Expr | Items | Record | Array | Self | Inputs


@dataclass
class Scope:
    """What names mean at one place. ``attributes`` is shared by all methods, ``locals`` is not.

    A value is a constant, ``Var`` of the same name, a list variable, or a constant list; so
    nothing here can go stale when a variable changes.
    """

    attributes: dict[str, Value]
    locals: dict[str, Value] = field(default_factory=dict)
    prefix: str = ""

    def copy(self) -> Scope:
        return Scope(dict(self.attributes), dict(self.locals), self.prefix)


@dataclass
class Program:
    """What the text declares. ``constants`` are expressions by name: ``X`` or ``Class.X``;
    ``symbols`` are members of enumerations, which equal nothing but themselves."""

    methods: dict[str, ast.FunctionDef] = field(default_factory=dict)
    properties: set[str] = field(default_factory=set)
    static: set[str] = field(default_factory=set)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    symbols: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)


def read_program(code: str) -> Program:
    """Read the text of a model. Raises NotTranslatable."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError) as error:
        raise NotTranslatable(f"not Python: {error}") from error
    program = Program()
    for node in tree.body:
        _top_level(program, node)
    if "Model" not in program.classes:
        raise NotTranslatable("there is no class named Model")
    if "outputs" not in program.methods:
        raise NotTranslatable("Model has no method outputs")
    return program


def _top_level(program: Program, node: ast.stmt) -> None:
    match node:
        case ast.ClassDef():
            _class(program, node)
        case ast.FunctionDef():
            program.functions[node.name] = node
        case ast.Assign() | ast.AnnAssign():
            _constants(program, node, "")
        case ast.Import() | ast.ImportFrom():
            module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            if module not in _MODULES:
                raise NotTranslatable(f"imports {module}", node.lineno)
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            pass
        case _:
            raise NotTranslatable("a statement outside class Model", node.lineno)


def _class(program: Program, node: ast.ClassDef) -> None:
    program.classes.add(node.name)
    bases = {ast.unparse(base).removeprefix("enum.") for base in node.bases} - {"object"}
    if bases - set(_ENUMS) or node.decorator_list:
        raise NotTranslatable(f"class {node.name} inherits or is decorated", node.lineno)
    for item in node.body:
        match item:
            case ast.FunctionDef() if node.name == "Model":
                _method(program, item)
            case ast.Assign() | ast.AnnAssign():
                names = _constants(program, item, f"{node.name}.")
                if any(_ENUMS[base] for base in bases):
                    program.symbols |= names
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case _:
                raise NotTranslatable(f"unexpected in class {node.name}", item.lineno)


def _method(program: Program, node: ast.FunctionDef) -> None:
    program.methods[node.name] = node
    for decorator in node.decorator_list:
        match ast.unparse(decorator):
            case "property":
                program.properties.add(node.name)
            case "staticmethod":
                program.static.add(node.name)
            case other:
                raise NotTranslatable(f"decorator {other}", node.lineno)


def _constants(program: Program, node: ast.Assign | ast.AnnAssign, prefix: str) -> set[str]:
    """Note constant names; several may be set at once: ``A, B = 0, 1`` or ``= range(2)``."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names: set[str] = set()
    for target in targets:
        if node.value is None:
            continue
        match target:
            case ast.Name():
                program.constants[prefix + target.id] = node.value
                names.add(prefix + target.id)
            case ast.Tuple():
                for place, item in enumerate(target.elts):
                    value = ast.Subscript(node.value, ast.Constant(place), ast.Load())
                    program.constants[prefix + ast.unparse(item)] = ast.fix_missing_locations(
                        ast.copy_location(value, node)
                    )
                    names.add(prefix + ast.unparse(item))
            case _:
                raise NotTranslatable("a constant with an unusual target", node.lineno)
    return names


def constants_of(value: Value) -> tuple[int, ...] | None:
    """The numbers of a flat constant list, None for anything else."""
    if not isinstance(value, Items):
        return None
    numbers = tuple(v.value for v in value.values if isinstance(v, Const) and not v.text)
    return numbers if len(numbers) == len(value.values) else None
