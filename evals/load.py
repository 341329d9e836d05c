"""Many runs at once: do all finish, within bounded memory, without a lock error, and does the page
answer meanwhile?

    python -m evals.load --runs 20 --out RESULT.json

Starts that many ``qimeng run`` processes in one home with the scripted model, and ``qimeng serve``
beside them, whose page is asked all the time for the list of runs, for the newest run and for its
first rows; prints one JSON object. Memory is that of the run processes together, without their
sandboxed children.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import httpx2

from evals.crash import GOAL, write_script
from memory.index import Index

POLL = 0.2
COMMAND = (sys.executable, "-m", "qimeng", "run", GOAL, "--json")
KEY = "the-key-of-the-load-test"
LOAD_BEFORE = os.getloadavg()[0]
"""How busy the machine was before the runs began: other work makes every figure worse."""


def resident(process: subprocess.Popen[bytes]) -> int:
    """Resident bytes of a process, without its sandboxed children; 0 once it has ended."""
    try:
        pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Page:
    """The page's server in that home, and how long its answers took, in milliseconds."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.server = subprocess.Popen(
            [sys.executable, "-m", "qimeng", "serve", "--port", "0", "--token", KEY],
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert self.server.stdout
        url = self.server.stdout.readline().decode().split()[-1].partition("/?")[0]
        headers = {"authorization": f"Bearer {KEY}"}
        self.client = httpx2.Client(base_url=url, headers=headers, timeout=60)
        self.took: dict[str, list[float]] = {"runs": [], "run": [], "rows": []}
        self.refused = 0

    def look(self) -> None:
        """What a person with the list and one run open asks for."""
        listed = self._timed("runs", "/api/runs")
        if newest := next((run["id"] for run in listed.get("runs", [])), None):
            self._timed("run", f"/api/runs/{newest}")
            self._timed("rows", f"/api/runs/{newest}/rows?count=200")

    def _timed(self, name: str, address: str) -> dict[str, list[dict[str, str]]]:
        began = time.perf_counter()
        answer = self.client.get(address)
        self.took[name].append(1000 * (time.perf_counter() - began))
        self.refused += answer.status_code != 200
        return dict(answer.json())

    def close(self) -> dict[str, object]:
        """Stop serving; requests made, those refused, and the 95th percentile of each kind."""
        self.client.close()
        self.server.terminate()
        self.server.wait()
        kinds = self.took.items()
        p95 = {n: round(statistics.quantiles(t, n=20)[-1]) for n, t in kinds if len(t) > 1}
        most = {n: round(max(t)) for n, t in kinds if t}
        asked = sum(map(len, self.took.values()))
        return {"requests": asked, "refused": self.refused, "p95_ms": p95, "longest_ms": most}


@click.command()
@click.option("--runs", default=20, show_default=True)
@click.option("--out", type=Path, help="Also write the object to this file.")
def main(runs: int, out: Path | None) -> None:
    """Start them all, watch their memory and the page, look at what they left."""
    with tempfile.TemporaryDirectory() as folder:
        home, began, most = Path(folder), time.monotonic(), 0
        model = write_script(home)
        errors = home / "errors.txt"
        environment = os.environ | {"QIMENG_HOME": str(home)}
        page = Page(environment)
        with errors.open("wb") as told:
            processes = [
                subprocess.Popen(
                    [*COMMAND, "--model", model, "--seed", str(number)],
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=told,
                )
                for number in range(runs)
            ]
            while any(p.poll() is None for p in processes):
                most = max(most, sum(map(resident, processes)))
                page.look()
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
            "page": page.close(),
            "cores": os.cpu_count(),
            "load_before": round(LOAD_BEFORE, 1),
        }
    line = json.dumps(outcome)
    click.echo(line)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(line + "\n")
    sys.exit(0 if done == runs else 1)


if __name__ == "__main__":
    main()
