"""Bare-metal RV32I programs, compiled in a sandbox to images that the machine can load.

Needs riscv64-unknown-elf-gcc. The same sources, compiled by this machine's gcc, say what the
results must be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandboxes import Command, Sandbox

RISCV = "riscv64-unknown-elf-"
MACHINE = ("-march=rv32i", "-mabi=ilp32", "-ffreestanding", "-fno-builtin", "-nostdlib")


class BuildError(RuntimeError):
    """A compiler refused a program, or the compiled program failed; the message is its own."""


def image(files: Mapping[str, bytes], arguments: Sequence[str], sandbox: Sandbox) -> bytes:
    """The memory image of a program: ``files`` as they lie in the working directory,
    ``arguments`` what gcc is told besides the machine. Raises BuildError.
    """
    build = " ".join([f"{RISCV}gcc", *MACHINE, *arguments, "-lgcc", "-o", "program.elf"])
    script = f"{build} && {RISCV}objcopy -O binary program.elf program.bin"
    done = sandbox.run(Command(("/bin/sh", "-c", script), files=files, collect=("program.bin",)))
    if not done.ok:
        raise BuildError(done.text()[-2000:])
    return done.files["program.bin"]


def native(source: bytes, sandbox: Sandbox) -> int:
    """What the function ``run`` of a C text returns, compiled by and for this machine."""
    main = b'#include <stdio.h>\nint main(void) { printf("%u", run()); }\n'
    script = "gcc -O1 -fwrapv -funsigned-char native.c -o native && ./native"
    files = {"native.c": source + main}
    done = sandbox.run(Command(("/bin/sh", "-c", script), files=files))
    if not done.ok:
        raise BuildError(done.text()[-2000:])
    return int(done.stdout)
