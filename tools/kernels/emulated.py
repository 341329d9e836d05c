"""Kernels for other processors, run under an emulator: the same check, and never a time.

A kernel is linked with a small main that maps the evaluator's memory and answers as the worker
does (``tools.kernels.worker``), so that ``judge.check`` judges it like a native one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from tools.kernels.arena import Arena, Worker
from tools.kernels.c import ISAS, TARGETS, Source, build_object, compile_with
from tools.kernels.c.storage import C_TYPES
from tools.kernels.card import Card, processor_features
from tools.kernels.judge import Checked, check, imports
from tools.kernels.notation import Operator

_MAIN = """
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
void kernel(TYPES);
int main(int count, char **words) {
  struct stat about;
  const int file = open(words[1], O_RDWR);
  if (count != 2 + ARGUMENTS || fstat(file, &about)) return 1;
  char *memory = mmap(0, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return 1;
  for (long first, turns; scanf("%ld %ld", &first, &turns) == 2;) {
    for (long turn = 0; turn < turns; turn++) kernel(PLACES);
    puts("done");
    fflush(stdout);
  }
  return 0;
}
"""


class NoEmulator(RuntimeError):
    """The machine lacks a cross compiler or an emulator; the message names the packages."""


def card_of(name: str) -> Card:
    """The hardware card of an emulated target; no ceiling is known of a machine that is not
    there.
    """
    isa = ISAS[name]
    return Card(isa.emulator, name, isa.needs, 32768, 1 << 20, 0.0, 0.0)


def cards(target: str) -> list[Card]:
    """The cards of a family of targets, one for each of its register lengths."""
    return [card_of(name) for name in TARGETS[target]]


def emulated(card: Card) -> bool:
    """Whether a card's kernels run here only under an emulator."""
    isa = ISAS[card.isa]
    return bool(isa.emulator) and not isa.needs <= processor_features()


def missing_tools(card: Card) -> str:
    """What must be installed for a card's kernels to be checked here; empty for nothing."""
    isa = ISAS[card.isa]
    lacking = [w for w in (isa.compiler, isa.emulator.split()[0]) if not shutil.which(w)]
    return f"{isa.name} needs {' and '.join(lacking)}: install {isa.packages}" if lacking else ""


class EmulatedWorker(Worker):
    """A worker that is a program of another processor; it has one set of arrays."""

    def __init__(self, program: Path, arena: Arena, emulator: str) -> None:
        places = [str(place) for place in arena.places[0].values()]
        self.start([*emulator.split(), str(program), str(arena.path), *places])
        self.say("0 0", "done")


def link(source: Source, folder: Path) -> Path:
    """The executable of a source, with what it takes from outside checked.

    Raises CompileError and Refused.
    """
    kernel = build_object(source, folder)
    imports(kernel)
    types = [f"{C_TYPES[a.dtype]} *" for a in source.arguments]
    places = [f"({t})(memory + atol(words[{n}]))" for n, t in enumerate(types, 2)]
    text = _MAIN.replace("TYPES", ", ".join(types)).replace("PLACES", ", ".join(places))
    main = kernel.with_suffix(".main.c")
    main.write_text(text.replace("ARGUMENTS", str(len(types))))
    program = kernel.with_suffix("")
    compile_with(source, "-static", str(main), str(kernel), "-o", str(program), "-lm")
    return program


def check_emulated(spec: Operator, source: Source, card: Card, folder: Path) -> Checked:
    """Compile for the card's target and check under its emulator. Raises NoEmulator,
    CompileError and Refused.
    """
    if lacking := missing_tools(card):
        raise NoEmulator(lacking)
    program = link(source, folder)
    arena = Arena(spec, tuple(a.name for a in source.arguments), 1, folder)
    with EmulatedWorker(program, arena, ISAS[card.isa].emulator) as worker:
        return check(worker, arena, np.random.default_rng())
