"""Compile emitted C into a shared library."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from tools.kernels.c.emitter import Source


class CompileError(RuntimeError):
    """The compiler refused the source; the message is its own."""


def build(source: Source, folder: Path) -> Path:
    """The shared library of a source in ``folder``; the same source is compiled once.

    Raises CompileError, and FileNotFoundError when there is no compiler.
    """
    return _compiled(source, folder, ".so", ("-shared", "-fPIC"), ("-lm",))


def build_object(source: Source, folder: Path) -> Path:
    """The object file of a source, likewise."""
    return _compiled(source, folder, ".o", ("-c",), ())


def assembly(source: Source) -> str:
    """The assembly a source becomes. Raises as ``build``."""
    with tempfile.TemporaryDirectory() as folder:
        return _compiled(source, Path(folder), ".s", ("-S",), ()).read_text()


def _compiled(
    source: Source, folder: Path, suffix: str, first: tuple[str, ...], last: tuple[str, ...]
) -> Path:
    key = hashlib.sha256("\0".join((source.text, *source.flags)).encode()).hexdigest()[:16]
    result = folder / f"kernel_{key}{suffix}"
    if result.exists():
        return result
    code = folder / f"kernel_{key}.c"
    code.write_text(source.text)
    partial = result.with_suffix(".part")
    compile_with(source, *first, str(code), "-o", str(partial), *last)
    partial.rename(result)
    return result


def compile_with(source: Source, *words: str) -> None:
    """Run a source's compiler with its flags. Raises CompileError and FileNotFoundError."""
    done = subprocess.run(
        [source.compiler, "-std=gnu11", "-U_FORTIFY_SOURCE", *source.flags, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise CompileError(done.stderr[:4000])
