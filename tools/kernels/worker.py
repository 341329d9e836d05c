"""The candidate's process: maps the evaluator's memory, loads a kernel, runs it when told.

It is told ``run FIRST COUNT SETS`` on standard input and answers ``done``. It never sees a
reference, a clock that counts, or a verdict.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import mmap
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

_KINDS = {
    "fp32": np.float32,
    "bf16": np.uint16,
    "int8": np.int8,
    "int32": np.int32,
    "fp16": np.float16,
}


def _memory(path: str) -> mmap.mmap:
    with Path(path).open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def _native(library: str, views: list[list[Any]]) -> list[Callable[[], Any]]:
    kernel = ctypes.CDLL(library).kernel
    kernel.restype = None
    pointers = [[ctypes.c_void_p(a.ctypes.data) for a in arrays] for arrays in views]
    return [partial(kernel, *p) for p in pointers]


def _python(where: str, views: list[list[Any]]) -> list[Callable[[], Any]]:
    module, _, call = where.partition(":")
    function, *words = call.split()
    target = getattr(importlib.import_module(module), function)
    if words:
        target = target(*words)
    return [partial(target, *arrays) for arrays in views]


def main() -> None:
    """Entry point: the job arrives as one line of JSON on standard input."""
    job = json.loads(sys.stdin.readline())
    memory = _memory(job["memory"])
    views = [
        [
            np.frombuffer(memory, _KINDS[kind], int(np.prod(shape)), offset).reshape(shape)
            for shape, kind, offset in arrays
        ]
        for arrays in job["sets"]
    ]
    make = _native if job["native"] else _python
    calls = make(job["target"], views)
    print("ready", flush=True)
    for line in sys.stdin:
        first, count = (int(word) for word in line.split())
        for turn in range(first, first + count):
            calls[turn % len(calls)]()
        print("done", flush=True)


if __name__ == "__main__":
    main()
