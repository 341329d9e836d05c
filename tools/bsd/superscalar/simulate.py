"""Programs on a core that issues several instructions a cycle, in Verilator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandboxes import Sandbox
from tools.bsd.rv32i.program import RAM_BYTES, Finish
from tools.bsd.rv32i.simulate import run_driver
from tools.bsd.superscalar.speculator import Design

_DRIVER = r"""
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>
#include "Vprocessor.h"
#include "verilated.h"

static const uint32_t LAST = %(last)uu;

static void store(uint32_t& word, uint32_t data, int strobe) {
  uint32_t lanes = 0;
  for (int k = 0; k < 4; ++k) if (strobe >> k & 1) lanes |= 255u << 8 * k;
  word = (word & ~lanes) | (data & lanes);
}

static void run(const char* nonce, const char* name, uint64_t most) {
  VerilatedContext context;
  Vprocessor top{&context};
  std::vector<uint32_t> memory(LAST + 1);
  FILE* image = fopen(name, "rb");
  if (!image || !fread(memory.data(), 1, 4 * memory.size(), image)) exit(3);
  fclose(image);
  auto word = [&](uint32_t address) -> uint32_t& { return memory[address >> 2 & LAST]; };
  top.clock = 0; top.reset = 1; top.eval();
  top.clock = 1; top.eval();
  top.reset = 0;
  uint64_t count = 0, cycles = 0;
  for (;; ++cycles) {
    top.clock = 0;
    %(fetch)s
    top.eval();
    %(load)s
    top.eval();
    if (top.trap || cycles == most) break;
    count += top.issued;
    %(store)s
    top.clock = 1; top.eval();
  }
  printf("%%s %%s %%llu %%u %%d", nonce, name, (unsigned long long)count, top.pc, top.trap);
  printf(" %%llu %%u %%u", (unsigned long long)cycles, top.wrong, top.used);
  for (int k = 0; k < 32; ++k) { top.peek = k; top.eval(); printf(" %%u", top.peeked); }
  putchar('\n');
  char to[256];
  snprintf(to, sizeof to, "%%s.out", name);
  FILE* out = fopen(to, "wb");
  fwrite(memory.data(), 4, memory.size(), out);
  fclose(out);
}

int main(int argc, char** argv) {
  for (int k = 3; k < argc; ++k) run(argv[1], argv[k], strtoull(argv[2], 0, 10));
}
"""


@dataclass(frozen=True, slots=True)
class Issued:
    """A run of a core: how the program ended, the cycles it took, how many speculated results
    were not the slot's own, and how many another slot used."""

    finish: Finish
    cycles: int
    wrong: int
    used: int


def simulate_core(
    verilog: str, design: Design, images: Mapping[str, bytes], sandbox: Sandbox,
    most: int = 10_000_000, seconds: float = 1200,
) -> dict[str, Issued]:  # fmt: skip
    """Run images on ``verilog``, the `core` of a design and its parts, each from reset for at
    most ``most`` cycles. Raises SimulationError."""
    ports = range(design.machine.ports)
    driver = _DRIVER % {
        "last": RAM_BYTES // 4 - 1,
        "fetch": " ".join(f"top.instr{j} = word(top.pc + {4 * j});" for j in range(design.fetched)),
        "load": " ".join(f"top.load{p} = word(top.addr{p});" for p in ports),
        "store": " ".join(f"store(word(top.addr{p}), top.wdata{p}, top.strb{p});" for p in ports),
    }
    return {
        name: Issued(Finish(count, pc, tuple(x), memory, trap == 1), cycles, wrong, used)
        for name, ((count, pc, trap, cycles, wrong, used, *x), memory) in run_driver(
            verilog, driver, images, sandbox, most, seconds
        ).items()
    }
