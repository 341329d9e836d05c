"""From words to an operator: what is said plainly is read by rule, and nothing is guessed.

``read`` takes what it understands out of the text piece by piece, so that no number counts
twice; the numbers left over at the end are told, and are the only ones that a model may use to
fill what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.kernels.c.isa import ISAS, TARGETS
from tools.kernels.notation import (
    OPERATORS,
    BadOperator,
    Operator,
    make,
    values_of,
    written,
)
from tools.kernels.operators import Gemm
from tools.kernels.word_rules import RULES, Unclear, Words

KINDS: dict[str, str] = {
    "attention": r"\battention\b(?! to\b)|\b(?:sdpa|mha|mqa|gqa|mla)\b",
    "conv2d": r"\bconv(?:2d)?\b|\bconvolutions?\b",
    "gemv": r"\bgemv\b|\bmatrix[- ]vector\b",
    "gemm": r"\b\w?gemm\b|\bmat-?muls?\b|\bmatrix (?:multipl\w+|products?)\b"
    r"|\bmatrix[- ]matrix\b|\bmultipl\w+\b[^.]{0,40}\bmatri(?:x|ces)\b|\b(?:linear|dense) layer\b",
    "softmax": r"\bsoft-?max\b",
    "layernorm": r"\blayer[- ]?norm(?:ali[sz]ation)?\b",
    "rmsnorm": r"\brms[- ]?norm(?:ali[sz]ation)?\b",
    "sum": r"\brow[- ](?:wise )?sums?\b|\bsums? of (?:each|every|all|the) rows?\b"
    r"|\bsum reduction\b",
    "max": r"\brow[- ](?:wise )?max(?:im\w+)?\b|\bmax\w* of (?:each|every|all|the) rows?\b"
    r"|\bmax reduction\b",
    "mean": r"\brow[- ](?:wise )?means?\b|\bmeans? of (?:each|every|all|the) rows?\b"
    r"|\bmean reduction\b",
}
"""Words that name an operator, or a kind of ``rows``."""
FUNCTIONS = {
    "Relu": r"\brelu\b",
    "Gelu": r"\bgelu\b",
    "Silu": r"\bsilu\b|\bswish\b",
    "Tanh": r"\btanh\b",
    "Sigmoid": r"\bsigmoid\b",
    "Exp": r"\bexp(?:onential)?\b",
}
OPERATOR_WORDS = re.compile(
    "|".join([*KINDS.values(), r"\bgelu\b|\bsilu\b|\bswish\b|\brelu\b"]), re.I
)
_ROWS = ("softmax", "layernorm", "rmsnorm", "sum", "max", "mean")
_PAIR = re.compile(r"[a-z_]+=[A-Za-z0-9_.]+")
_GPU = r"\b(?:gpus?|cuda|[ah][12]00|hopper|ampere|tilelang|triton|nvidia|sm_\d+\w?)\b"
CPU = r"\bcpus?\b|\bavx\w*|\bprocessor\b"
_ELSEWHERE = r"\b(?:rocm|amd gpu|npu|tpu|metal)\b"
_SETS = {"avx512": r"\bavx-?512\w*\b", "avx2": r"\bavx-?2\b", "amx": r"\bamx\b"}
_FAMILIES = {
    "sve": r"\bsve[- ]?(\d{3,4})?\b",
    "rvv": r"\b(?:rvv|risc-?v)[- ]?(\d{3,4})?\b",
    "neon": r"\b(?:neon|arm|aarch64)()\b",
}
"""Words for processors that are emulated here, with the bits of a vector register."""
_LANES = 256
"""Bits of a vector register where the words do not say."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. ``name`` and ``values`` are for ``notation.make``; ``numbers`` were not
    used. ``isa`` is an instruction set that the words demand.
    """

    name: str
    values: dict[str, Any]
    numbers: tuple[int, ...]
    gpu: bool
    isa: str

    def operator(self, more: dict[str, int] | None = None) -> Operator:
        """The operator, with ``more`` values. BadOperator names what is missing, Unclear says
        what the words rule out.
        """
        values = {**(more or {}), **self.values}
        if self.isa == "amx" and values.get("dtype") not in ("bf16", "int8"):
            raise Unclear("amx multiplies bf16 and int8: the words ask for neither")
        return _consistent(make(self.name, values))

    @property
    def missing(self) -> tuple[str, ...]:
        """Fields that the words leave open."""
        try:
            make(self.name, self.values)
        except BadOperator as error:
            return tuple(str(error).rpartition("needs ")[2].split(", "))
        return ()


def read(text: str) -> Reading:
    """Read a request, in words or in the notation that ``revised`` writes. Unclear when it
    contradicts itself or asks for what is not made.
    """
    if is_notation(text):
        return _noted(text)
    words = Words(text)
    gpu, isa = machine(words)
    name = operator_name(words)
    element_type(words, name)
    RULES[name](words)
    epilogue(words, name)
    return Reading(name, words.values, words.numbers(), gpu, isa)


def is_notation(text: str) -> bool:
    """Whether a text is the notation of an operator: ``gemm m=512 n=512 k=512 isa=avx2``."""
    name, *pairs = text.split() or [""]
    return name in OPERATORS and bool(pairs) and all(_PAIR.fullmatch(pair) for pair in pairs)


def _noted(text: str) -> Reading:
    name, *pairs = text.split()
    said: dict[str, str] = {}
    for key, _, value in (pair.partition("=") for pair in pairs):
        if key in said:
            raise Unclear(f"the words give {said[key]} and {value} for {key}")
        said[key] = value
    gpu, isa = said.pop("gpu", "0") != "0", said.pop("isa", "")
    if isa and isa not in ISAS:
        raise Unclear(f"there is no {isa}; there are {', '.join(ISAS)}")
    try:
        values = values_of(name, written(said))
    except BadOperator as error:
        raise Unclear(str(error)) from error
    return Reading(name, values, (), gpu, isa)


def machine(words: Words) -> tuple[bool, str]:
    """Whether a GPU is meant, and an instruction set."""
    gpu, cpu = bool(words.take(_GPU)), bool(words.has(CPU))
    if gpu and cpu:
        raise Unclear("the words name a CPU and a GPU: a kernel is for one of them")
    if other := words.take(_ELSEWHERE):
        raise Unclear(
            f"no kernel is made for {other[0]}: there are AVX, AMX, NEON, SVE, RVV and TileLang"
        )
    wanted = {name for name, pattern in _SETS.items() if words.take(pattern)}
    if foreign := _emulated(words):
        wanted.add(foreign)
    if len(wanted) > 1:
        raise Unclear(f"the words name {' and '.join(sorted(wanted))}: a kernel is for one of them")
    threads = words.number(r"N[- ](?:threads?|cores?)\b")
    if threads and threads > 1:
        raise Unclear("kernels run on one thread: call them from your own threads, one part each")
    if words.take(r"\bbackward\b|\bgradients?\b|\bdropout\b"):
        raise Unclear("only forward operators without dropout are made from words")
    return gpu, "".join(wanted)


def _emulated(words: Words) -> str:
    """A target of another processor, with the length of its vector registers; empty for none."""
    said = {name: words.take(pattern) for name, pattern in _FAMILIES.items()}
    family = next((name for name, match in said.items() if match), "")
    bits = words.number(r"\bvlen\s*(?:=|:|of|is)?\s*N", r"N[- ]?bits? vectors?\b")
    if family in ("", "neon"):
        return family
    bits = int(next((m[1] for m in said.values() if m and m[1]), bits or _LANES))
    known = [int(name.removeprefix(family)) for name in TARGETS[family]]
    if bits not in known:
        lengths = ", ".join(map(str, known))
        raise Unclear(f"{family.upper()} kernels are made for registers of {lengths} bits")
    return f"{family}{bits}"


def operator_name(words: Words) -> str:
    """The operator; a kind of ``rows`` or ``elementwise`` is put among the values."""
    named = [name for name, pattern in KINDS.items() if words.has(pattern)]
    if "attention" in named:
        named = ["attention"]
    if len(named) > 1:
        raise Unclear(f"one operator at a time: the words name {' and '.join(named)}")
    if named:
        name = named[0]
        if name in _ROWS:
            words.put("kind", name)
            return "rows"
        return name
    functions = [kind for kind, pattern in FUNCTIONS.items() if words.take(pattern)]
    if len(functions) == 1:
        words.put("kind", functions[0])
        return "elementwise"
    known = "matrix product, matrix-vector product, convolution, attention, softmax, layer norm"
    raise Unclear(f"which operator? There are {known}, RMS norm, row sums, GELU and its kin")


def element_type(words: Words, name: str) -> None:
    """Element types; what is accumulated is not asked for."""
    words.take(
        r"\b(?:fp32|float32|f32|int32) accum\w+|\baccumulat\w+ (?:in|into|to) (?:fp32|int32)\b"
    )
    patterns = {
        "fp32": r"\b(?:fp32|float32|f32|single[- ]precision|sgemm)\b",
        "fp16": r"\b(?:fp16|float16|f16|half[- ]precision)\b",
        "bf16": r"\b(?:bf16|bfloat16)\b",
        "int8": r"\b(?:int8|i8|s8|vnni)\b|\b8[- ]bit integers?\b",
    }
    named = [kind for kind, pattern in patterns.items() if words.take(pattern)]
    if other := words.take(r"\b(?:fp64|float64|double|fp8|int4|int16|u?int\d+|fp4)\b"):
        raise Unclear(f"{other[0]} is not made: fp32, bf16 and int8 are, and fp16 on GPUs")
    if len(named) > 1:
        raise Unclear(f"the words name the types {' and '.join(named)}: one is needed")
    if not named:
        return
    if name in ("gemm", "attention"):
        words.put("dtype", named[0])
    elif named != ["fp32"]:
        raise Unclear(f"this operator is made in fp32, not in {named[0]}")


def epilogue(words: Words, name: str) -> None:
    """Bias and activation of a product."""
    if name != "gemm":
        return
    if words.has(r"\bbias\b"):
        words.put("bias", not words.take(r"\b(?:no|without(?: a)?) bias\b"))
    functions = [k for k, pattern in FUNCTIONS.items() if k != "Exp" and words.take(pattern)]
    if len(functions) > 1:
        raise Unclear(f"one activation at a time: the words name {' and '.join(functions)}")
    if functions:
        words.put("activation", functions[0])


def _consistent(spec: Operator) -> Operator:
    """The operator itself. Unclear when no kernel can have these values."""
    checks: list[tuple[str, Callable[[Any], bool]]] = [
        ("heads must be a multiple of the key heads", lambda s: s.heads % s.kv_heads == 0),
        ("sizes must be at least 1", lambda s: min(_sizes(s)) >= 1),
        ("the filter exceeds the padded image", lambda s: min(s.out_height, s.out_width) >= 1),
        ("the stride must divide the width of the image", lambda s: s.width % s.stride == 0),
        ("a depthwise convolution has as many output as input channels",
         lambda s: not s.depthwise or s.ci == s.co),
        ("the value width must not exceed the latent width",
         lambda s: not s.latent or s.value_width <= s.width),
    ]  # fmt: skip
    for message, holds in checks:
        try:
            good = holds(spec)
        except AttributeError:  # a property of other operators
            continue
        if not good:
            raise Unclear(message)
    if isinstance(spec, Gemm) and spec.dtype == "int8" and (spec.bias or spec.activation):
        raise Unclear("an int8 product gives int32 and takes no bias or activation")
    return spec


def _sizes(spec: Operator) -> list[int]:
    """Extents of the arrays: fields that must be positive."""
    optional = {"window", "prefix", "pad", "softcap"}
    values = ((name, getattr(spec, name)) for name in spec.__dataclass_fields__)
    return [v for name, v in values if type(v) is int and name not in optional]
