"""Yosys in a sandboxed child process: an error inside Yosys ends its process, never ours."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from sandboxes import Command, Limits, Outcome, Sandbox

_RUNNER = """
import sys
from pyosys import libyosys
design = libyosys.Design()
libyosys.run_pass("script script.ys", design)
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
