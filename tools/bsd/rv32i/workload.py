"""C programs for the bare RV32I machine, compiled in a sandbox to images that it can load.

Needs riscv64-unknown-elf-gcc. The eight programs of PROGRAMS return a checksum; they are what a
processor is tried on, and what the state selector sees (four of them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sandboxes import Command, Sandbox

RISCV = "riscv64-unknown-elf-"
MACHINE = ("-march=rv32i", "-mabi=ilp32", "-ffreestanding", "-fno-builtin", "-nostdlib")
PROGRAMS = Path(__file__).parent / "programs"
START, LINK = PROGRAMS / "start.S", PROGRAMS / "program.ld"
LEVELS = ("-O0", "-O2")
TRAINING = ("sort", "crc", "matmul", "text")
HELD_OUT = ("sieve", "list", "sha", "recurse")


class BuildError(RuntimeError):
    """A compiler is missing, refused a program, or the compiled program failed; it says how."""


def image(files: Mapping[str, bytes], arguments: Sequence[str], sandbox: Sandbox) -> bytes:
    """The memory image of a program: ``files`` as they lie in the working directory,
    ``arguments`` what gcc is told besides the machine. Raises BuildError.
    """
    build = " ".join([f"{RISCV}gcc", *MACHINE, *arguments, "-lgcc", "-o", "program.elf"])
    script = f"{build} && {RISCV}objcopy -O binary program.elf program.bin"
    done = sandbox.run(Command(("/bin/sh", "-c", script), files=files, collect=("program.bin",)))
    if not done.ok:
        raise BuildError(f"{RISCV}gcc compiled no image: {done.text()[-2000:]}")
    return done.files["program.bin"]


def compiled_program(name: str, level: str, sandbox: Sandbox) -> bytes:
    """The image of one of PROGRAMS at one compiler level. Raises BuildError."""
    source = PROGRAMS / f"{name}.c"
    files = {path.name: path.read_bytes() for path in (START, LINK, source)}
    arguments = [level, START.name, "-T", LINK.name, source.name]
    return image(files, arguments, sandbox)


def workload(
    sandbox: Sandbox,
    names: Sequence[str] = TRAINING + HELD_OUT,
    levels: Sequence[str] = LEVELS,
) -> dict[str, bytes]:
    """Images of programs at compiler levels, by names such as ``sha-O2``. Raises BuildError."""
    return {n + level: compiled_program(n, level, sandbox) for n in names for level in levels}
