"""Small sequential machines: mined from behaviour, encoded, learned, proved, simulated.

python -m evals.bsd_sequential --out evals/results/bsd/sequential.json
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from sandboxes import Sandbox
from sandboxes.probe import open_sandbox
from tools.bsd.learn import Settings
from tools.bsd.sequential.encode import nodes, state_bits
from tools.bsd.sequential.job import make
from tools.bsd.sequential.machines import MACHINES
from tools.bsd.sequential.mine import Mined, TooManyStates

RANDOM_TRIES = 200


def main() -> int:
    """0 when every machine is proved and answers as its box, or is refused for its size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sandbox = open_sandbox()
    _measured("quadrature", options.seed, sandbox)  # compiles what numba compiles
    records = [_measured(name, options.seed, sandbox) for name in MACHINES]
    document = {
        "machine": f"{platform.machine()}, shared with other work: compare CPU seconds",
        "command": "python -m evals.bsd_sequential --out FILE",
        "machines": records,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if all(r.get("right", "why" in r) for r in records) else 1


def _measured(name: str, seed: int, sandbox: Sandbox) -> dict[str, Any]:
    started = time.process_time()
    record: dict[str, Any] = {"box": name, "seed": seed}
    try:
        made = make(MACHINES[name], sandbox, Settings(seed=seed))
        record |= made.summary() | {"right": made.proved}
        record["nodes_random_encoding"] = _random(made.mined, seed)
    except TooManyStates as error:
        record["why"] = str(error)
    record["cpu_seconds"] = round(time.process_time() - started, 2)
    print(json.dumps(record), flush=True)
    return record


def _random(mined: Mined, seed: int) -> float:
    """The mean cost of random encodings."""
    rng, every = np.random.default_rng(seed), 1 << state_bits(mined)
    codes = (rng.permutation(every)[: mined.states] for _ in range(RANDOM_TRIES))
    return round(sum(nodes(mined, c) for c in codes) / RANDOM_TRIES, 1)


if __name__ == "__main__":
    raise SystemExit(main())
