"""Compile emitted C into a shared library."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from tools.kernels.c.emitter import Source


class CompileError(RuntimeError):
    """The compiler refused the source; the message is its own."""


def build(source: Source, folder: Path) -> Path:
    """The shared library of a source in ``folder``; the same source is compiled once.

    Raises CompileError, and FileNotFoundError when there is no compiler.
    """
    key = hashlib.sha256("\0".join((source.text, *source.flags)).encode()).hexdigest()[:16]
    library = folder / f"kernel_{key}.so"
    if library.exists():
        return library
    code = folder / f"kernel_{key}.c"
    code.write_text(source.text)
    partial = library.with_suffix(".part")
    command = [source.compiler, "-std=gnu11", "-shared", "-fPIC", *source.flags]
    done = subprocess.run(
        [*command, str(code), "-o", str(partial), "-lm"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise CompileError(done.stderr[:4000])
    partial.rename(library)
    return library
