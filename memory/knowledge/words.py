"""Search terms that keep the names of hardware whole.

Full-text tokenizers cut ``cp.async`` and ``_mm512_dpbusd_epi32`` to pieces. Here a name is a term
of its own, exactly as written but for case, and so are its parts: both ``dpbusd`` and the whole
intrinsic find it.
"""

from __future__ import annotations

import re

_TERM = re.compile(r"\$?\w+(?:[.\-]\w+)*|[=!<>]{2,3}")
_PARTS = re.compile(r"[._$\-]+")


def terms(text: str) -> list[str]:
    """The terms of a text in order, lower case; a compound is followed by what it is made of.

    ``mma.sync.aligned`` gives itself, ``mma.sync``, and its three words. A hyphen binds
    loosely (``AVX-512`` is ``avx512``), a dot and an underscore tightly.
    """
    found: list[str] = []
    for match in _TERM.finditer(text.lower()):
        found += _of(match.group())
    return found


def _of(word: str) -> list[str]:
    if "-" in word:
        pieces = word.split("-")
        return ["".join(pieces), *(term for piece in pieces for term in _of(piece))]
    dotted = word.split(".")
    prefixes = [".".join(dotted[: n + 1]) for n in range(1, len(dotted))]
    parts = [part for part in _PARTS.split(word) if part]
    return list(dict.fromkeys([word, *prefixes, *parts]))
