"""Mine a sequential black box, prove its circuit: ``python -m tools.bsd.sequential NAME``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from sandboxes import SandboxError
from sandboxes.probe import open_sandbox
from tools.bsd.aig import AigError
from tools.bsd.learn import Settings
from tools.bsd.sequential.job import SimulationFailed, make
from tools.bsd.sequential.machines import MACHINES
from tools.bsd.sequential.mine import TooManyStates


def main(arguments: list[str] | None = None) -> int:
    """0: proved, and simulated as the box; 1: not, or too many states; 2: no sandbox."""
    parser = argparse.ArgumentParser(prog="python -m tools.bsd.sequential", description=__doc__)
    parser.add_argument("box", choices=MACHINES)
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices")
    parser.add_argument("--states", type=int, default=64, help="the most states to look for")
    parser.add_argument("--sandbox", default="auto", choices=["auto", "bwrap", "docker", "host"])
    parser.add_argument("--verilog", type=Path, help="write the circuit to this file")
    options = parser.parse_args(arguments)
    settings = Settings(seed=options.seed)
    try:
        sandbox = open_sandbox(options.sandbox)
        made = make(MACHINES[options.box], sandbox, settings, options.states)
    except TooManyStates as error:
        print(f"too large: {error}")
        return 1
    except (SandboxError, AigError, SimulationFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.verilog:
        options.verilog.write_text(made.verilog)
    print(json.dumps(made.summary(), indent=1))
    return 0 if made.proved else 1


if __name__ == "__main__":
    raise SystemExit(main())
