"""What is said of each operator: sizes, heads, masks. One function an operator.

In a pattern ``N`` stands for a number; ``8k`` is 8192.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_NUMBER = r"(?<![\w.])(\d+)(k)?(?!\w|\.\d)"
_IS = r"(?:\s*(?:=|:|of|is|size|length|at)\s*|\s+)"


class Unclear(ValueError):
    """The words contradict themselves or ask for what is not made; the message says how."""


class Words:
    """A text from which rules take what they understand, and the values read so far."""

    def __init__(self, text: str) -> None:
        text = text.lower().replace("×", "x").replace("³", " cubed").replace("^3", " cubed")
        text = re.sub(r"\b(\d{1,2}),(\d{3})\b", r"\1\2", text)
        self.text = re.sub(r"(?<=[\dk])\s*(?:x|\*|\bby\b)\s*(?=\d)", " x ", text)
        self.values: dict[str, Any] = {}

    def has(self, pattern: str) -> bool:
        """Whether the pattern is still there."""
        return re.search(pattern, self.text) is not None

    def take(self, pattern: str) -> re.Match[str] | None:
        """The first match, taken out of the text."""
        found = re.search(pattern.replace("N", _NUMBER), self.text)
        if found:
            gap = " " * (found.end() - found.start())
            self.text = self.text[: found.start()] + gap + self.text[found.end() :]
        return found

    def taken(self, pattern: str) -> list[int] | None:
        """The numbers of the first match."""
        found = self.take(pattern)
        if found is None:
            return None
        pairs = zip(found.groups()[::2], found.groups()[1::2], strict=True)
        return [int(digits) * (1024 if kilo else 1) for digits, kilo in pairs]

    def number(self, *patterns: str) -> int | None:
        """The number that the patterns find. Unclear when they find different ones."""
        found: list[int] = []
        for pattern in patterns:
            while (numbers := self.taken(pattern)) is not None:
                found += numbers
        if len(set(found)) > 1:
            raise Unclear(f"the words give {' and '.join(map(str, found))} for one size")
        return found[0] if found else None

    def put(self, field: str, value: Any) -> None:
        """Set a value; None is nothing. Unclear when another one is there."""
        if value is None:
            return
        if self.values.setdefault(field, value) != value:
            raise Unclear(f"the words give {field} as {self.values[field]} and as {value}")

    def numbers(self) -> tuple[int, ...]:
        """Numbers that nothing has taken."""
        found = re.findall(_NUMBER, self.text)
        return tuple(int(digits) * (1024 if kilo else 1) for digits, kilo in found)


def _named(words: Words, field: str, *names: str) -> None:
    """``name = N`` for any of the names."""
    every = "|".join(names)
    words.put(field, words.number(rf"\b(?:{every})\s*[=:]\s*N"))


def _batch(words: Words) -> None:
    words.put("batch", words.number(rf"\bbatch(?:ed)?(?: size)?{_IS}N", r"N batch(?:es)?\b"))
    if words.has(r"\bbatched\b") and "batch" not in words.values:
        raise Unclear("how many are in the batch?")


def _square(words: Words) -> int | None:
    """One number for all extents."""
    return words.number(
        r"N cubed\b", r"N[- ]square\b", rf"\bsquare(?: matri\w+)?(?: of)?(?: size)?{_IS}N",
        rf"\bsize{_IS}N(?! x)",
    )  # fmt: skip


def gemm(words: Words) -> None:
    _batch(words)
    if words.take(r"\bnt\b|\bb transposed\b|\btransposed b\b|\bb\s*(?:\^t\b|\.t\b|ᵀ|')"):
        words.put("transposed", True)
    if words.take(r"\ba transposed\b|\btransposed a\b|\ba\s*(?:\^t\b|\.t\b|ᵀ|')"):
        raise Unclear("A is taken as it is, (m, k): only B may be transposed")
    for field in "mnk":
        _named(words, field, field)
    if sizes := words.taken("N x N x N"):
        for field, size in zip("mnk", sizes, strict=True):
            words.put(field, size)
    elif left := words.taken("N x N"):
        _two_matrices(words, left, words.taken("N x N"))
    if (side := _square(words)) is not None:
        for field in "mnk":
            words.put(field, side)


def _two_matrices(words: Words, left: list[int], right: list[int] | None) -> None:
    """(m, k) times (k, n), or two square ones of one size."""
    if right is None:
        if left[0] != left[1]:
            raise Unclear("a product has three sizes: say m x n x k, or both matrices")
        right = left
    inner, outer = reversed(right) if words.values.get("transposed") else right
    if left[1] != inner:
        raise Unclear(f"{left[1]} columns of A do not fit {inner} rows of B")
    for field, size in zip("mnk", (left[0], outer, inner), strict=True):
        words.put(field, size)


def gemv(words: Words) -> None:
    _named(words, "m", "m", "rows")
    _named(words, "k", "k", "n", "columns")
    _pair(words, "m", "k")


def _pair(words: Words, first: str, second: str) -> None:
    if sizes := words.taken("N x N"):
        words.put(first, sizes[0])
        words.put(second, sizes[1])
    elif (size := _square(words)) is not None:
        words.put(first, size)
        words.put(second, size)


def matrix(words: Words) -> None:
    """Rows and elementwise: one matrix."""
    _named(words, "rows", "rows", "m", "tokens")
    _named(words, "columns", "columns", "cols", "n", "hidden", "width")
    words.put("rows", words.number(r"N (?:rows|tokens|vectors)\b"))
    words.put(
        "columns",
        words.number(r"N (?:columns|features)\b", rf"\b(?:hidden|row)(?: size| length)?{_IS}N"),
    )
    _pair(words, "rows", "columns")
    if "rows" in words.values:
        words.put("columns", words.number(r"\bof N\b"))
    elif (size := words.number(r"N (?:elements|values|numbers|floats)\b")) is not None:
        words.put("rows", 1)
        words.put("columns", size)


def conv2d(words: Words) -> None:
    if words.has(r"\bnchw\b"):
        raise Unclear("images are NHWC, not NCHW")
    if words.take(r"\bdilat\w+|\bgroup(?:s|ed)\b"):
        raise Unclear("dilated and grouped convolutions are not made; depthwise ones are")
    words.put("stride", words.number(rf"\bstrides?{_IS}N"))
    if words.take(r"\bdepth-?wise\b"):
        words.put("depthwise", True)
    _batch(words)
    if sizes := words.taken("N x N x N x N") or words.taken("N x N x N"):
        for field, size in zip(("ci", "width", "height", "batch"), reversed(sizes), strict=False):
            words.put(field, size)
    _filter(words)
    _named(words, "ci", "ci", "in[ _]channels")
    _named(words, "co", "co", "out[ _]channels")
    words.put("ci", words.number(r"N (?:input |in )channels\b", r"N channels in\b"))
    words.put(
        "co", words.number(r"N (?:output |out )channels\b", r"N filters\b", r"N channels out\b")
    )
    if both := words.taken(r"N (?:to|->|→) N channels\b"):
        words.put("ci", both[0])
        words.put("co", both[1])
    if sizes := words.taken("N x N"):
        words.put("height", sizes[0])
        words.put("width", sizes[1])
    channels = words.number(r"N channels\b")
    words.put("ci", channels)
    if channels is not None or words.values.get("depthwise"):
        words.values.setdefault("co", words.values.get("ci"))
        if words.values["co"] is None:
            del words.values["co"]


def _filter(words: Words) -> None:
    """The filter's size and the padding."""
    _named(words, "kernel", "kernel", "filter")
    if "kernel" not in words.values:
        sides = words.taken(r"N x N (?=(?:kernel|filter|weight))")
        sides = sides or words.taken(r"N x N (?=(?:conv|depth))") or [0, 0]
        if sides[0] != sides[1]:
            raise Unclear("filters are square")
        words.put("kernel", sides[0] or None)
    words.put("pad", words.number(rf"\bpad(?:ding|ded)?{_IS}N"))
    if words.take(r"\bsame padding\b|\bpadding same\b") and "kernel" in words.values:
        words.put("pad", words.values["kernel"] // 2)


def attention(words: Words) -> None:
    _batch(words)
    words.put("window", _sized(words, "window", r"N[- ]token (?:sliding )?window\b"))
    words.put("prefix", _sized(words, "prefix", r"N[- ](?:token )?prefix(?: tokens)?\b"))
    cap = words.take(r"\bsoft-?cap(?:ped|ping)?(?:\s*(?:=|:|of|at|is)\s*|\s+)(\d+(?:\.\d+)?)")
    if cap is None and words.has(r"\bsoft-?cap"):
        raise Unclear("at what value is the soft cap?")
    words.put("softcap", float(cap[1]) if cap else None)
    _heads(words)
    tokens = words.number(
        r"N[- ]tokens?\b",
        rf"\bseq(?:uence|_?len)?(?: length)?{_IS}N",
        rf"\b(?:context|tokens){_IS}N",
    )
    named = words.number(r"N quer(?:y|ies)(?: tokens)?\b", r"\bqueries\s*[=:]\s*N")
    words.put("queries", tokens if named is None else named)
    words.put("keys", words.number(r"N (?:keys|key tokens|cached tokens)\b", r"\bkeys\s*[=:]\s*N"))
    if "keys" not in words.values:
        words.put("keys", tokens)
    words.put("value_width", words.number(rf"\b(?:dv|value (?:width|dim\w*)){_IS}N"))
    width = rf"\b(?:head[ _-]?(?:dim\w*|size|width)|width|dim|d){_IS}N"
    words.put("width", words.number(width))
    _variants(words)


def _sized(words: Words, name: str, before: str) -> int | None:
    """The size of a variant that needs one when it is named."""
    size = words.number(before, rf"\b{name}(?: size| length)?{_IS}N")
    if size is None and words.has(rf"\b{name}\b"):
        raise Unclear(f"how large is the {name}?")
    return size


def _heads(words: Words) -> None:
    kv = r"(?:kv|k/v|key[-/ ]?value|key)"
    words.put(
        "kv_heads", words.number(rf"N {kv}[- _]?heads?\b", rf"\b{kv}[- _]?heads?\s*[=:]?\s*N")
    )
    words.put("heads", words.number(r"N (?:query |q |attention )?heads?\b", r"\bheads\s*[=:]\s*N"))
    if words.take(r"\bmqa\b|\bmulti-?query\b"):
        words.put("kv_heads", 1)
    if words.take(r"\bmha\b") and "heads" in words.values:
        words.put("kv_heads", words.values["heads"])
    if words.take(r"\bgqa\b|\bgrouped[- ]query\b") and "kv_heads" not in words.values:
        raise Unclear("grouped queries: how many key heads are there?")


def _variants(words: Words) -> None:
    full = words.take(
        r"\b(?:non-?causal|not causal|bidirectional|no mask|full(?! precision)|unmasked)\b"
    )
    causal = words.take(r"\bcausal\b")
    if full and causal:
        raise Unclear("the words ask for causal and for full attention")
    flags = {
        "causal": causal,
        "alibi": words.take(r"\balibi\b"),
        "ragged": words.take(r"\bragged\b|\bvariable[- ]lengths?\b|\bvarlen\b"),
        "statistics": words.take(r"\blog-?sum-?exp\b|\blse\b"),
        "latent": words.take(r"\bmla\b|\blatent\b"),
    }
    for field, said in flags.items():
        words.put(field, True if said else None)
    if full:
        words.put("causal", False)
    if words.values.get("latent"):
        words.values.setdefault("kv_heads", 1)
        if "value_width" not in words.values:
            raise Unclear("latent attention: how wide are the values (value width=…)?")


RULES: dict[str, Callable[[Words], None]] = {
    "gemm": gemm,
    "gemv": gemv,
    "rows": matrix,
    "elementwise": matrix,
    "conv2d": conv2d,
    "attention": attention,
}
"""Operator to the rule that reads what is said of it."""
