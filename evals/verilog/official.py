"""The benchmarks' own scoring: each with its compiler line, its time limit and its rule.

Two things differ from the originals, and neither is part of a rule: everything runs in the
sandbox, and a time limit counts CPU seconds, so that a busy machine fails nobody. RTLLM names a
commercial simulator; Icarus takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from evals.verilog.problems import Problem
from sandboxes import Command, Limits, Outcome, Sandbox

VERILOG_EVAL_SECONDS = 30.0
RTLLM_SECONDS = 8.0
_FLAGS = "-Wall -Winfloop -Wno-timescale -g2012 -s tb"
_V2 = f"iverilog {_FLAGS} -o sim dut.sv test.sv ref.sv 2>&1; vvp sim 2>&1 </dev/null"
_V1 = f"iverilog {_FLAGS} -o test.vvp test.sv; vvp -n test.vvp"
_RTLLM = "iverilog -g2012 -o sim timescale.v dut.v testbench.v || exit 90; vvp -n sim"

_DECISIVE = (
    ("syntax error", "S"),
    ("error: This assignment requires an explicit cast", "e"),
    ("error: Sized numeric constant must have a size greater than zero", "0"),
    ("warning: always_comb process has no sensitivities", "n"),
    ("found no sensitivities so it will never trigger", "n"),
    ("is declared here as wire", "w"),
    ("Unknown module type", "m"),
    ("Unable to bind wire/reg/memory `clk'", "c"),
    ("TIMEOUT", "T"),
)
"""What VerilogEval v2 looks for in each line, in this order; the first found in a log decides."""
_V2_MISMATCHES = re.compile(r"^Mismatches: (\d+) in \d+ samples$")
_V1_MISMATCHES = re.compile(r"Mismatches: ([0-9]*) in ([0-9]*) samples")
_RESETS = ("posedge reset", "negedge reset", "posedge r)")


@dataclass(frozen=True)
class Official:
    """A benchmark's own judgement. ``code`` is its word or letter for the outcome."""

    passed: bool
    code: str
    mismatches: int | None = None
    """Of VerilogEval: wrong samples, None when the test did not come that far."""


def judge(problem: Problem, design: str, sandbox: Sandbox) -> Official:
    """Run ``design`` (its whole text) through the problem's own test."""
    return _JUDGES[problem.suite](problem, design, sandbox)


def _v2(problem: Problem, design: str, sandbox: Sandbox) -> Official:
    files = {"dut.sv": design.encode(), "test.sv": problem.test.encode(), **problem.others}
    outcome = _run(_V2, files, VERILOG_EVAL_SECONDS, sandbox)
    log = outcome.stdout.decode("utf-8", "replace")
    if outcome.killed is not None:
        log += "\nTIMEOUT\n"
    code, mismatches = classify_v2(log, design)
    return Official(code == ".", code, mismatches)


def classify_v2(log: str, design: str) -> tuple[str, int | None]:
    """VerilogEval v2's letter for a log (``.`` is a pass), and its last count of mismatches."""
    lines = log.splitlines()
    counts = [int(match[1]) for line in lines if (match := _V2_MISMATCHES.match(line))]
    mismatches = counts[-1] if counts else None
    for line in lines:
        for text, letter in _DECISIVE:
            if text in line:
                return letter, mismatches
    if "Unable to bind wire/reg" in log:
        return "p", mismatches
    if "error" in log:
        return "C", mismatches
    if 0 in counts:
        return ".", mismatches
    return ("r" if any(r in design for r in _RESETS) else "R"), mismatches


def _v1(problem: Problem, design: str, sandbox: Sandbox) -> Official:
    files = {"test.sv": f"{problem.test}\n{design}".encode()}
    outcome = _run(_V1, files, VERILOG_EVAL_SECONDS, sandbox)
    if outcome.killed is not None:
        return Official(False, "timed out")
    complaint = outcome.stderr.decode("utf-8", "replace")
    match = _V1_MISMATCHES.search(outcome.stdout.decode("utf-8", "replace"))
    mismatches = int(match[1]) if match else None
    if "syntax error" in complaint:
        return Official(False, "syntax error")
    if complaint:
        return Official(False, "compile error")
    if mismatches is None:
        return Official(False, "no verdict")
    return Official(mismatches == 0, "mismatches" if mismatches else "passed", mismatches)


def _rtllm(problem: Problem, design: str, sandbox: Sandbox) -> Official:
    files = {
        "timescale.v": b"`timescale 1ns/1ns\n",  # what the original's compiler line sets
        "dut.v": design.encode(),
        "testbench.v": problem.test.encode(),
        **problem.others,
    }
    outcome = _run(_RTLLM, files, RTLLM_SECONDS, sandbox)
    if outcome.killed is not None:
        return Official(False, "timed out")
    if outcome.exit_code == 90:
        return Official(False, "compile error")
    text = outcome.stdout.decode("utf-8", "replace")
    passed = "Pass" in text or "pass" in text
    return Official(passed, "passed" if passed else "no pass line")


def _run(script: str, files: dict[str, bytes], seconds: float, sandbox: Sandbox) -> Outcome:
    limits = Limits(wall_seconds=20 * seconds, cpu_seconds=seconds, disk_mb=512)
    return sandbox.run(Command(("/bin/sh", "-c", script), files, limits=limits))


_JUDGES: dict[str, Callable[[Problem, str, Sandbox], Official]] = {
    "v2-spec": _v2,
    "v2-complete": _v2,
    "v1-human": _v1,
    "v1-machine": _v1,
    "rtllm": _rtllm,
}
