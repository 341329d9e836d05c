"""The hardware card: what this machine's processor can do, detected and measured."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.kernels.c import ISAS, Source, build
from tools.tl import Limits

_PEAK = """
typedef float v __attribute__((vector_size(BYTES)));
float peak(long n) {
  v x[12], a = {1.0000001f}, b = {1e-9f};
  for (int i = 0; i < 12; i++) x[i] = a * (float)i;
  for (long k = 0; k < n; k++)
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) x[i] = x[i] * a + b;
  v s = {0};
  for (int i = 0; i < 12; i++) s += x[i];
  return s[0];
}
"""
_COPY = """
void copy(float *to, const float *from, long count) {
  for (long i = 0; i < count; i += VL) v_stream(to + i, v_load(from + i));
  streamed();
}
"""


@dataclass(frozen=True, slots=True)
class Card:
    """One core of this machine. ``flops`` and ``bytes`` are measured ceilings a second."""

    model: str
    isa: str
    features: frozenset[str]
    l1: int
    l2: int
    flops: float
    bytes: float

    @property
    def limits(self) -> Limits:
        """Budgets of the TL checker: packed tiles share L2, result tiles half of it."""
        return Limits(shared_bytes=4 * self.l2, register_bytes=2 * self.l2)

    def record(self) -> dict[str, Any]:
        """The card as JSON-serialisable data."""
        return asdict(self) | {"features": sorted(self.features)}

    @classmethod
    def read(cls, record: dict[str, Any]) -> Card:
        """A card from its record."""
        return cls(**record | {"features": frozenset(record["features"])})


def processor_facts() -> dict[str, str]:
    """What /proc says of the first processor, by name; empty where there is no /proc."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = [line.partition(":") for line in lines]
    return {name.strip(): value.strip() for name, _, value in reversed(pairs)}


def processor_features() -> frozenset[str]:
    """Feature words of the first processor."""
    facts = processor_facts()
    return frozenset((facts.get("flags") or facts.get("Features") or "").split())


def best_isa(features: frozenset[str]) -> str:
    """The widest instruction set that is there. ValueError when none is."""
    for name in ("amx", "avx512", "avx2", "neon"):
        if ISAS[name].needs <= features:
            return name
    raise ValueError("no instruction set of the C emitter is on this processor")


def detect() -> Card:
    """Look at this machine and measure it (about half a second)."""
    features = processor_features()
    isa = best_isa(features)
    return Card(
        model=_model(),
        isa=isa,
        features=features,
        l1=_cache("LEVEL1_DCACHE_SIZE", 32768),
        l2=_cache("LEVEL2_CACHE_SIZE", 1 << 20),
        flops=_peak(isa),
        bytes=_bandwidth(isa),
    )


def _model() -> str:
    facts = processor_facts()
    words = ("model name", "cpu family", "model")
    return " / ".join(facts.get(word, "?") for word in words)


def _cache(name: str, otherwise: int) -> int:
    """Bytes of a cache as the C library knows it: a sandbox does not show /sys."""
    done = subprocess.run(["getconf", name], capture_output=True, text=True, check=False)
    return int(done.stdout.strip() or 0) or otherwise


def _peak(isa: str) -> float:
    """Fused multiply-adds a second on independent registers, counted as two operations."""
    target = ISAS[isa]
    peak = _compiled(_PEAK.replace("BYTES", str(4 * target.lanes)), isa).peak
    peak.argtypes, peak.restype = [ctypes.c_long], ctypes.c_float
    turns = 1_000_000
    best = min(_timed(lambda: peak(turns)) for _ in range(25))
    return turns * 12 * target.lanes * 2 / best


def _bandwidth(isa: str) -> float:
    """Bytes read and written a second by a large copy, with stores that go past the caches."""
    copy = _compiled(ISAS[isa].prelude(frozenset()) + _COPY, isa).copy
    copy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
    source = np.ones(16 << 20, np.float32)
    target = np.zeros_like(source)
    places = target.ctypes.data, source.ctypes.data
    skip = -places[0] % 64  # a stream needs whole cache lines
    count = source.size - 64
    best = min(_timed(lambda: copy(*(p + skip for p in places), count)) for _ in range(7))
    return 8 * count / best


def _compiled(text: str, isa: str) -> ctypes.CDLL:
    target = ISAS[isa]
    flags = ("-O3", "-ffp-contract=fast", *target.flags)
    with tempfile.TemporaryDirectory() as folder:
        return ctypes.CDLL(str(build(Source(text, (), target.compiler, flags), Path(folder))))


def _timed(call: object) -> float:
    assert callable(call)
    start = time.thread_time()
    call()
    return time.thread_time() - start
