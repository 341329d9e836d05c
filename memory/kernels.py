"""The kernel library: what was found fast before, by operator, shape and hardware.

One small JSON file a kernel under ``$QIMENG_HOME/kernels``, named by its digest.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from memory.artifacts import digest_of
from memory.home import home
from memory.records import Record

NEIGHBOURHOOD = 8.0
"""Sum of |log2| of the ratios of all sizes up to which a shape counts as near."""


class KnownKernel(Record):
    """A kernel that passed its check: ``spec`` are the operator's fields, ``point`` its choices."""

    operator: str
    spec: dict[str, Any]
    processor: str
    isa: str
    point: dict[str, Any]
    gflops: float
    ratio: float
    run: str


class KernelLibrary:
    """All known kernels of this user."""

    def __init__(self, root: Path | None = None) -> None:
        self.folder = (root or home()) / "kernels"

    def put(self, known: KnownKernel) -> None:
        """Keep a kernel; the same one twice is one."""
        data = known.model_dump_json(indent=1).encode()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{digest_of(data)[:20]}.json"
        if not path.exists():
            partial = path.with_suffix(".part")
            partial.write_bytes(data)
            partial.rename(path)

    def near(
        self, operator: str, spec: dict[str, Any], processor: str, isa: str, count: int = 2
    ) -> list[KnownKernel]:
        """The ``count`` nearest kernels of this operator and instruction set: those of this
        processor first, then by shape, then by ratio. Variants (types, masks) must be the same.
        """
        found = []
        for known in self._all():
            far = distance(known.spec, spec)
            if (known.operator, known.isa) == (operator, isa) and far <= NEIGHBOURHOOD:
                found.append((known.processor != processor, far, -known.ratio, known))
        found.sort(key=lambda entry: entry[:3])
        return [entry[-1] for entry in found[:count]]

    def _all(self) -> list[KnownKernel]:
        known = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                known.append(KnownKernel.model_validate_json(path.read_bytes()))
            except (OSError, ValidationError):  # of another version: as good as absent
                continue
        return known


def distance(one: dict[str, Any], other: dict[str, Any]) -> float:
    """How far apart two shapes are, in octaves over all sizes; infinite for other variants."""
    if one.keys() != other.keys():
        return math.inf
    total = 0.0
    for name, value in one.items():
        if value == other[name]:
            continue
        sizes = (value, other[name])
        if any(type(size) is not int or size < 1 for size in sizes):
            return math.inf
        total += abs(math.log2(sizes[0] / sizes[1]))
    return total
