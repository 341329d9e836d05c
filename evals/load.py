"""Many runs at once: do all finish, within bounded memory, without a lock error?

    python -m evals.load --runs 20

Starts that many ``qimeng run`` processes in one home with the scripted model; prints one JSON
object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from evals.crash import GOAL, write_script
from memory.index import Index

POLL = 0.2
COMMAND = (sys.executable, "-m", "qimeng", "run", GOAL, "--json")


def resident(process: subprocess.Popen[bytes]) -> int:
    """Resident bytes of a process, without its sandboxed children; 0 once it has ended."""
    try:
        pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@click.command()
@click.option("--runs", default=20, show_default=True)
def main(runs: int) -> None:
    """Start them all, watch their memory, look at what they left."""
    with tempfile.TemporaryDirectory() as folder:
        home, began, most = Path(folder), time.monotonic(), 0
        model = write_script(home)
        errors = home / "errors.txt"
        with errors.open("wb") as told:
            processes = [
                subprocess.Popen(
                    [*COMMAND, "--model", model, "--seed", str(number)],
                    env=os.environ | {"QIMENG_HOME": str(home)},
                    stdout=subprocess.DEVNULL,
                    stderr=told,
                )
                for number in range(runs)
            ]
            while any(p.poll() is None for p in processes):
                most = max(most, sum(map(resident, processes)))
                time.sleep(POLL)
        index = Index(home / "index.db")
        done = sum(row.status == "done" for row in index.rows())
        index.close()
        text = errors.read_text()
        outcome = {
            "runs": runs,
            "done": done,
            "exit_codes": sorted({p.returncode for p in processes}),
            "seconds": round(time.monotonic() - began, 1),
            "peak_resident_mb": round(most / 1e6),
            "lock_errors": text.count("locked"),
            "cores": os.cpu_count(),
        }
    click.echo(json.dumps(outcome))
    sys.exit(0 if done == runs else 1)


if __name__ == "__main__":
    main()
