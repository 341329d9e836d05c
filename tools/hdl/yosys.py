"""Yosys in a sandboxed child process: an error inside Yosys ends its process, never ours."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from sandboxes import Command, Limits, Outcome, Sandbox

_RUNNER = """
import sys
from pyosys import libyosys
design = libyosys.Design()
libyosys.run_pass("script script.ys", design)
"""
_EACH = """
import os, sys
from pyosys import libyosys
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
for script in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        libyosys.run_pass("script " + script, libyosys.Design())
        os._exit(0)
    os.waitpid(child, 0)
"""


def run_yosys(
    sandbox: Sandbox,
    script: str,
    files: Mapping[str, bytes],
    collect: tuple[str, ...] = (),
    wall_seconds: float = 60.0,
) -> Outcome:
    """Run a Yosys script over ``files``; bring back the files it wrote that match ``collect``.

    A failed script gives an outcome with ``ok`` False and Yosys' message in its text.
    """
    return sandbox.run(
        Command(
            argv=(sys.executable, "-c", _RUNNER),
            files={**files, "script.ys": script.encode()},
            collect=collect,
            limits=Limits(wall_seconds=wall_seconds, cpu_seconds=wall_seconds),
        )
    )


def run_yosys_each(
    sandbox: Sandbox,
    scripts: Sequence[str],
    files: Mapping[str, bytes],
    collect: tuple[str, ...],
    wall_seconds: float = 60.0,
) -> Outcome:
    """Run several scripts, each in a process of its own, loading Yosys once.

    A script that fails ends alone: what it has not written is missing among the files.
    """
    named = {f"script_{i}.ys": script.encode() for i, script in enumerate(scripts)}
    return sandbox.run(
        Command(
            argv=(sys.executable, "-c", _EACH, *named),
            files={**files, **named},
            collect=collect,
            limits=Limits(wall_seconds=wall_seconds, cpu_seconds=wall_seconds),
        )
    )
