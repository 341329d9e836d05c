"""Is a module's forward a chain of the engine's operators? Told from its graph and its shapes.

The graph is torch.fx's, and tensors are meta tensors: nothing is computed and nothing is
allocated. Names and numbers of problems are never looked at.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from evals.kernelbench.builder import Builder, Pair, Stored, Tile, Unsupported, Vector
from evals.kernelbench.heads import HEADS
from evals.kernelbench.norms import ROWS
from evals.kernelbench.pointwise import ARGUMENTS
from evals.kernelbench.stages import Ref, Stage

_BINARY = {
    **dict.fromkeys(("add", "iadd", "add_"), "Add"),
    **dict.fromkeys(("sub", "subtract", "isub"), "Subtract"),
    **dict.fromkeys(("mul", "multiply", "imul"), "Multiply"),
    **dict.fromkeys(("truediv", "div", "divide", "true_divide", "itruediv"), "Divide"),
    "maximum": "Maximum",
    "minimum": "Minimum",
}
_SAME = ("clone", "detach", "contiguous", "to", "float", "Identity")
_VIEWS = ("view", "reshape", "flatten", "squeeze", "unsqueeze", "Flatten")
_SPELLED = {
    "__pow__": "pow",
    "clamp_min": "clamp_low",
    "negative": "neg",
    "swish": "silu",
    "relu_": "relu",
    "hard_tanh": "hardtanh",
    **{m: m.lower() for m in ("ReLU", "Sigmoid", "Tanh", "SiLU", "GELU", "Mish", "ELU", "SELU")},
    "LeakyReLU": "leaky_relu",
    "Hardtanh": "hardtanh",
    "Hardswish": "hardswish",
    "Hardsigmoid": "hardsigmoid",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Linear": "Linear",
}


@dataclass(frozen=True, slots=True)
class Chain:
    """Stages in order; the last one's array, seen as ``shape``, is the answer."""

    stages: tuple[Stage, ...]
    shape: tuple[int, ...]


def recognise(model: Any, inputs: list[Any]) -> Chain:
    """The chain of a module on the meta device, for inputs there. Raises Unsupported."""
    fx = importlib.import_module("torch.fx")
    try:
        traced = fx.symbolic_trace(model)
        shapes = _Shapes(traced, inputs).found
    except Exception as problem:  # what a tracer meets in foreign code has no common class
        why = str(problem).partition("\n")[0]
        raise Unsupported(f"it cannot be traced: {type(problem).__name__}: {why}") from None
    return _Walk(traced, shapes, inputs).chain()


class _Shapes:
    """The meta value of every node."""

    def __init__(self, traced: Any, inputs: list[Any]) -> None:
        self.found: dict[Any, Any] = {}
        fx = importlib.import_module("torch.fx")
        outer = self

        class Runner(fx.Interpreter):  # type: ignore[name-defined,misc]
            def run_node(self, node: Any) -> Any:
                outer.found[node] = super().run_node(node)
                return outer.found[node]

        Runner(traced).run(*inputs)


class Call:
    """One operation of the graph: its name, its values, and the module where it is one's."""

    def __init__(self, name: str, values: list[Any], options: dict[str, Any], meta: Any) -> None:
        self.name, self.values, self.options = name, values, options
        self.module: Any = None
        self.path = ""
        self.shape = tuple(meta.shape) if hasattr(meta, "shape") else ()

    def get(self, index: int, key: str, otherwise: Any = None) -> Any:
        """An argument by position among the values, by keyword, or by the module's attribute."""
        if self.module is not None:
            return getattr(self.module, key, otherwise)
        return self.values[index] if index < len(self.values) else self.options.get(key, otherwise)


class _Walk:
    """Goes through the nodes in order and lets a builder make stages of them."""

    def __init__(self, traced: Any, shapes: dict[Any, Any], inputs: list[Any]) -> None:
        self.traced, self.shapes = traced, shapes
        self.inputs = iter(enumerate(inputs))
        self.values: dict[Any, Any] = {}
        self.done: set[Any] = set()
        self.builder = Builder()
        self.builder.live, self.builder.rename = self.live, self.replace

    def chain(self) -> Chain:
        for node in self.traced.graph.nodes:
            self.node = node
            if node.op == "output":
                answer = self.values.get(node.args[0])
                if not isinstance(answer, Stored | Tile | Vector):
                    raise Unsupported("its answer is not one tensor")
                kept = self.builder.stored(answer)
                if kept.ref.kind != "stage" or kept.ref.name != str(len(self.builder.stages) - 1):
                    raise Unsupported("its answer is not what is computed last")
                return Chain(tuple(self.builder.stages), tuple(self.shapes[node].shape))
            self.values[node] = self.value(node)
            self.done.add(node)
        raise Unsupported("it has no answer")

    def live(self, value: Any) -> bool:
        """Whether a node that comes after this one needs the value."""
        holders = [n for n, v in self.values.items() if v is value]
        users = {u for n in holders for u in n.users}
        return bool(users - self.done - {self.node})

    def replace(self, old: Any, new: Any) -> None:
        """The stage of ``old`` ends; another value in it would be lost."""
        for node, value in self.values.items():
            if value is old:
                self.values[node] = new
            elif isinstance(value, Tile | Vector | Pair) and self.live(value):
                raise Unsupported("two results of one pass are needed later")

    def value(self, node: Any) -> Any:
        match node.op:
            case "placeholder":
                at, given = next(self.inputs)
                if not hasattr(given, "shape"):
                    return given
                if str(given.dtype) != "torch.float32":
                    raise Unsupported(f"an input of type {given.dtype}")
                return Stored(Ref("input", str(at)), tuple(given.shape))
            case "get_attr":
                if not hasattr(self.shapes[node], "shape"):
                    return self.shapes[node]
                if self.shapes[node].device.type != "meta" and self.shapes[node].ndim == 0:
                    return float(self.shapes[node])  # a constant of the program's text
                return Stored(Ref("parameter", node.target), tuple(self.shapes[node].shape))
            case "call_module":
                call = self.call(type(self.traced.get_submodule(node.target)).__name__, node)
                call.module = self.traced.get_submodule(node.target)
                call.path = node.target
            case _:
                name = node.target if isinstance(node.target, str) else node.target.__name__
                call = self.call(name, node)
        return self.lower(call)

    def call(self, name: str, node: Any) -> Call:
        look = importlib.import_module("torch.fx").node.map_arg
        values = list(look(node.args, self.values.__getitem__))
        options = dict(look(node.kwargs, self.values.__getitem__))
        return Call(name, values, options, self.shapes[node])

    def lower(self, call: Call) -> Any:
        name = _SPELLED.get(call.name, call.name)
        first = call.values[0] if call.values else call.options.get("input")
        if name == "einsum" or name in HEADS:
            return HEADS[name](self.builder, call)
        if name in _BINARY or (name in ("max", "min") and _two(call)):
            return self.binary(_BINARY.get(name, name.title() + "imum"), call)
        if name in _SAME or (name == "Dropout" and not call.module.training):
            return first
        if name in _VIEWS:
            return _viewed(first, call.shape)
        if name in ("getattr", "getitem"):
            return _attribute(self.builder, call, first)
        if name in ROWS:
            return ROWS[name](self.builder, call, first)
        if name == "clamp_low":
            return self.builder.unary("clamp", first, {"min": call.get(1, "min"), "max": None})
        if name in ARGUMENTS and not isinstance(first, float | int | None):
            return self.function(name, call, first)
        raise Unsupported(f"no operator for {call.name}")

    def function(self, name: str, call: Call, first: Any) -> Tile:
        numbers = {key: call.get(at + 1, key) for at, key in enumerate(ARGUMENTS[name])}
        if any(not isinstance(v, float | int | None) for v in numbers.values()):
            raise Unsupported(f"{name} with a tensor for a number")
        if name == "gelu" and call.get(99, "approximate", "none") == "tanh":
            name = "gelu_tanh"
        return self.builder.unary(name, first, numbers)

    def binary(self, operation: str, call: Call) -> Any:
        a, b = (*call.values, *call.options.values())[:2]
        if call.options.get("alpha", 1) != 1 or call.options.get("rounding_mode"):
            raise Unsupported("a sum or quotient with options")
        if isinstance(a, float | int) and isinstance(b, float | int):
            raise Unsupported("numbers that are computed while it runs")
        if isinstance(b, float | int):
            return self.builder.with_number(operation, a, float(b), False)
        if isinstance(a, float | int):
            return self.builder.with_number(operation, b, float(a), True)
        if not all(isinstance(v, Stored | Tile | Vector) for v in (a, b)):
            raise Unsupported("an operand that is no tensor")
        return self.builder.binary(operation, a, b, call.shape)


def _two(call: Call) -> bool:
    """torch.max(x, y), not torch.max(x, dim)."""
    other = call.get(1, "other")
    return isinstance(other, Stored | Tile | Vector | float)


def _viewed(value: Any, shape: tuple[int, ...]) -> Any:
    """The same numbers in the same order under another shape."""
    if isinstance(value, Stored) and not value.transposed:
        return Stored(value.ref, shape)
    if isinstance(value, Tile | Vector):
        return type(value)(value.name, shape)
    raise Unsupported("a view of a transposed tensor")


def _attribute(builder: Builder, call: Call, first: Any) -> Any:
    what = call.values[1]
    if isinstance(first, Pair) and what in (0, "values"):
        return first.values
    if isinstance(first, Stored) and what in ("T", "mT"):
        return HEADS["transpose"](builder, call)
    raise Unsupported(f"no operator for [{what}]")
