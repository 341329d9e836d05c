"""What a user gets beside the C: a header, and a Python module that compiles and calls it."""

from __future__ import annotations

from string import Template

from tools.kernels.attention import Attention
from tools.kernels.c import Source
from tools.kernels.c.storage import C_TYPES
from tools.kernels.notation import Operator, name_of, words_of
from tools.kernels.operators import Conv2d, Elementwise, Gemm, Gemv, Rows
from tools.kernels.reference import signature

_NUMPY = {"fp32": "float32", "bf16": "uint16", "int8": "int8", "int32": "int32"}


def compile_line(source: Source) -> str:
    """The command that makes ``libkernel.so``."""
    # GCC warns of a loop that packing never enters when it has inlined the size.
    flags = " ".join([*source.flags, "-Wno-aggressive-loop-optimizations"])
    return f"{source.compiler} -std=gnu11 -shared -fPIC {flags} kernel.c -o libkernel.so -lm"


def assembly_line(source: Source) -> str:
    """The command that prints the kernel in assembly."""
    return f"{source.compiler} -std=gnu11 -S {' '.join(source.flags)} kernel.c -o -"


def c_file(spec: Operator, source: Source) -> str:
    """The kernel's source with what it is in front."""
    return f"/* {' '.join(words_of(spec))}\n   {compile_line(source)} */\n{source.text}"


def header(spec: Operator, source: Source) -> str:
    """``kernel.h``: the prototype; arrays are row-major and do not overlap."""
    arguments = ", ".join(
        f"{'' if a.output else 'const '}{C_TYPES[a.dtype]} *{a.name}" for a in source.arguments
    )
    shapes = [
        f"   {a.name}: {' x '.join(map(str, a.shape))} {a.dtype}{', written' * a.output}"
        for a in source.arguments
    ]
    notes = ["", "   bf16 arrays are uint16_t bits."] if "bf16" in str(shapes) else [""]
    about = "\n".join([f"/* {' '.join(words_of(spec))}", *shapes, *notes]).rstrip()
    return (
        f"{about} */\n#ifndef KERNEL_H\n#define KERNEL_H\n#include <stdint.h>\n"
        '#ifdef __cplusplus\nextern "C" {\n#endif\n'
        f"void kernel({arguments});\n"
        "#ifdef __cplusplus\n}\n#endif\n#endif\n"
    )


_MODULE = Template('''"""$title

$shapes

``$function`` takes the inputs as C-contiguous numpy arrays and returns the $result. The kernel
is compiled beside this file at the first call. ``python kernel.py`` checks it on random inputs.
"""

import ctypes
import functools
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
COMMAND = "$command"
INPUTS = $inputs
OUTPUTS = $outputs
ORDER = $order


@functools.cache
def library():
    """The compiled kernel."""
    if not (HERE / "libkernel.so").exists():
        subprocess.run(COMMAND.split(), cwd=HERE, check=True)
    found = ctypes.CDLL(str(HERE / "libkernel.so"))
    found.kernel.restype = None
    return found


def $function($parameters):
    """$title"""
    arrays = dict(zip(INPUTS, ($parameters,)))
    for name, array in arrays.items():
        shape, kind = INPUTS[name]
        if array.shape != shape or array.dtype != kind or not array.flags.c_contiguous:
            raise ValueError(f"{name} must be a C-contiguous {kind} array of shape {shape}")
    arrays |= {name: np.empty(shape, kind) for name, (shape, kind) in OUTPUTS.items()}
    library().kernel(*(ctypes.c_void_p(arrays[name].ctypes.data) for name in ORDER))
    results = tuple(arrays[name] for name in OUTPUTS)
    return results[0] if len(results) == 1 else results

$helpers
def self_test():
    """The largest difference from the definition in float64, as a share of the largest value."""
    random = np.random.default_rng()
    inputs = {}
    for name, (shape, kind) in INPUTS.items():
        if kind == "float32":
            inputs[name] = random.standard_normal(shape, np.float32)
        elif kind == "uint16":
            inputs[name] = (random.standard_normal(shape, np.float32).view(np.uint32) >> 16).astype(
                np.uint16
            )
        else:
            low, high = (1, $keys + 1) if name == "Length" else (-128, 128)
            inputs[name] = random.integers(low, high, shape, kind)
    got = $function(**inputs)
    got = wide(got[0] if isinstance(got, tuple) else got)
    want = definition(**{name: wide(array) for name, array in inputs.items()})
    return float(np.abs(got - want).max() / max(np.abs(want).max(), 1e-30))


def wide(array):
    """An array in float64; uint16 holds the bits of bf16."""
    if array.dtype == np.uint16:
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)


def definition($parameters):
    """What the kernel computes, in float64."""
$definition


if __name__ == "__main__":
    worst = self_test()
    print(f"largest error {worst:.2g} of the largest value")
    sys.exit(worst > $tolerance)
''')


def python_module(spec: Operator, source: Source) -> str:
    """``kernel.py``: compiles ``kernel.c`` beside it, calls it on numpy arrays, tests itself."""
    arrays = signature(spec)
    given = {n: (a.shape, _NUMPY[a.dtype]) for n, a in arrays.items() if not a.output}
    made = {n: (a.shape, _NUMPY[a.dtype]) for n, a in arrays.items() if a.output}
    shapes = [f"    {n:8} {k:8} {s}" for n, (s, k) in {**given, **made}.items()]
    body = [f"    {line}" for line in _definition(spec)]
    half = getattr(spec, "dtype", "fp32") == "bf16"
    return _MODULE.substitute(
        title=f"{' '.join(words_of(spec))}, made by QiMeng.",
        shapes="\n".join(shapes),
        function=name_of(spec),
        result=" and ".join(made),
        command=compile_line(source),
        inputs=given,
        outputs=made,
        order=tuple(a.name for a in source.arguments),
        parameters=", ".join(given),
        keys=spec.keys if isinstance(spec, Attention) else 0,
        helpers=_HELPERS[_needs_erf(spec)],
        definition="\n".join(body),
        tolerance="2e-2" if half else "1e-4",
    )


_HELPERS = {
    False: "",
    True: """
def erf(x):
    from math import erf as one

    return np.vectorize(one, otypes=[float])(x)

""",
}


def _needs_erf(spec: Operator) -> bool:
    return "Gelu" in (getattr(spec, "activation", ""), getattr(spec, "kind", ""))


_FUNCTIONS = {
    "Relu": "np.maximum({x}, 0)",
    "Gelu": "{x} * (1 + erf({x} / 2**0.5)) / 2",
    "Silu": "{x} / (1 + np.exp(-{x}))",
    "Tanh": "np.tanh({x})",
    "Sigmoid": "1 / (1 + np.exp(-{x}))",
    "Exp": "np.exp({x})",
}


def definition(spec: Operator) -> str:
    """A numpy function that computes the operator, as text."""
    names = ", ".join(name for name, a in signature(spec).items() if not a.output)
    return "\n".join([f"def {name_of(spec)}({names}):", *(f"    {x}" for x in _definition(spec))])


def _definition(spec: Operator) -> list[str]:
    """The body of a numpy function that computes the operator."""
    match spec:
        case Gemm():
            lines = [f"c = A @ {'B.swapaxes(1, 2)' if spec.transposed else 'B'}"]
            lines += ["c = c + Bias"] * spec.bias
            result = _FUNCTIONS[spec.activation].format(x="c") if spec.activation else "c"
            return [*lines, f"return {result}"]
        case Gemv():
            return ["return A @ X"]
        case Elementwise():
            return [f"return {_FUNCTIONS[spec.kind].format(x='X')}"]
        case Rows():
            return _rows(spec)
        case Conv2d():
            taps = "rsc->nyxc" if spec.depthwise else "rsco->nyxo"
            p, s, view = spec.pad, spec.stride, "np.lib.stride_tricks.sliding_window_view"
            return [
                f"x = np.pad(X, ((0, 0), ({p}, {p}), ({p}, {p}), (0, 0)))",
                f"windows = {view}(x, ({spec.kernel},) * 2, (1, 2))[:, ::{s}, ::{s}]",
                f'return np.einsum("nyxcrs,{taps}", windows, F, optimize=True)',
            ]
        case Attention():
            return _attention(spec)


def _rows(spec: Rows) -> list[str]:
    if spec.kind in ("sum", "max", "mean"):
        return [f"return X.{spec.kind}(1)"]
    if spec.kind == "softmax":
        return ["e = np.exp(X - X.max(1, keepdims=True))", "return e / e.sum(1, keepdims=True)"]
    centre = ["X = X - X.mean(1, keepdims=True)"] if spec.kind == "layernorm" else []
    shift = " + B" if spec.kind == "layernorm" else ""
    return [*centre, f"return X / np.sqrt((X**2).mean(1, keepdims=True) + 1e-5) * G{shift}"]


def _attention(spec: Attention) -> list[str]:
    """Scores, masks, softmax, values; a row that sees no key gives zero."""
    group, shift = spec.heads // spec.kv_heads, spec.keys - spec.queries
    value = f"K[..., :{spec.value_width}]" if spec.latent else "V"
    lines = [
        f"key, value = (np.repeat(a, {group}, 1) for a in (K, {value}))",
        f"score = Q @ key.swapaxes(2, 3) / {spec.width}**0.5",
        f"row, column = np.arange({spec.queries})[:, None], np.arange({spec.keys})",
    ]
    if spec.softcap:
        lines.append(f"score = {spec.softcap} * np.tanh(score / {spec.softcap})")
    if spec.alibi:
        lines.append("score = score + Slope[:, None, None] * (column - row)")
    lines.append(f"seen = np.ones(({spec.batch}, 1, {spec.queries}, {spec.keys}), bool)")
    if spec.masked:
        lines.append(f"seen &= (column <= row + {shift}) | (column < {spec.prefix})")
    if spec.window:
        lines.append(f"seen &= column > row + {shift - spec.window}")
    if spec.ragged:
        lines.append("seen &= column < Length[:, None, None, None]")
    return [
        *lines,
        "score = np.where(seen, score, -1e300)",
        "weight = np.exp(score - score.max(-1, keepdims=True)) * seen",
        "total = weight.sum(-1, keepdims=True)",
        "return weight @ value / np.where(total > 0, total, 1)",
    ]
