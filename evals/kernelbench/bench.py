"""Runs problems one after the other, each in a process of its own, into a results file."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.kernelbench import results
from evals.kernelbench.problems import Problem
from evals.kernelbench.score import Outcome
from evals.kernelbench.worker import compiles
from tools.kernels.card import processor_facts

LIMITS = {
    "cpu": {"bytes": 1 << 30, "flops": 1.5e11},
    "cuda": {"bytes": 14 << 30, "flops": 1e13},
}
"""What a problem may take here before it is called too large."""
SECONDS = {"cpu": 900.0, "cuda": 120.0}  # a problem may take; torch's float64 on one core is slow
TIMED = {"cpu": 6.0, "cuda": 1.0}  # seconds of timing
COMPILING = 240  # seconds for all kernels of a GPU run together
WAITING = {"cpu": 10, "cuda": 1}  # wall time a limit stands for; a CPU's counts its own time
SPARE = {"cpu": 1, "cuda": 3}  # processes that import torch while others work


@dataclass(frozen=True, slots=True)
class Job:
    """How to run: the device, seconds a problem may take, seconds for everything."""

    device: str
    limit: float
    whole: float


def header(problems: list[Problem], device: str) -> dict[str, Any]:
    """What ran: the benchmark's text, the machine, versions, the date."""
    text = hashlib.sha256(b"".join(p.read_bytes() for p in _all(problems))).hexdigest()[:12]
    code = (
        "import json,platform,torch,datetime as d;"
        "c=torch.cuda.is_available();"
        "print(json.dumps({'torch':torch.__version__,'python':platform.python_version(),"
        "'date':d.date.today().isoformat(),'gpu':torch.cuda.get_device_name() if c else ''}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    about = json.loads(done.stdout)
    gpu = about.pop("gpu")
    machine = gpu if device == "cuda" else f"{_processor()}, one thread"
    return {"benchmark": f"sha256 {text}", "device": device, "machine": machine, **about}


def _all(problems: list[Problem]) -> list[Path]:
    folders = sorted({p.path.parent.parent for p in problems})
    return sorted(path for f in folders for path in f.glob("level[12]/*.py"))


def _processor() -> str:
    facts = processor_facts()
    family, model = (facts.get(key, "?") for key in ("cpu family", "model"))
    return f"{facts.get('model name', '?')} (family {family}, model {model})"


def run(
    problems: list[Problem], path: Path, about: dict[str, Any], job: Job,
    tell: Callable[[str], None],
) -> list[Outcome]:  # fmt: skip
    """Outcomes of the problems that the file lacks, added to it; all that it has then."""
    start = time.monotonic()
    known = {(o.level, o.number) for o in results.begin(path, about)}
    todo = [p for p in problems if (p.level, p.number) not in known]
    looked = dict(zip(todo, _look(todo, job.device), strict=True))
    tried = []
    for problem in todo:
        if looked[problem]["status"] == "ran":
            tried.append(problem)
        else:
            _add(path, problem, looked[problem], tell)
    tried.sort(key=lambda p: float(looked[p]["work"]))  # most are done when time runs out
    if job.device == "cuda" and tried:
        tried = _compiled(tried, looked, path, tell)
    spare: deque[subprocess.Popen[str]] = deque()
    try:
        for problem in tried:
            if time.monotonic() - start > job.whole:
                tell("the time for everything is over: run it again to go on")
                break
            while len(spare) < SPARE[job.device]:
                spare.append(_start(job.device, job.limit))
            _add(path, problem, looked[problem] | _run(spare.popleft(), problem, looked, job), tell)
    finally:
        for process in spare:
            process.kill()
            process.wait()
    return results.read(path)[1]


def _add(path: Path, p: Problem, found: dict[str, Any], tell: Callable[[str], None]) -> None:
    kept = {k: v for k, v in found.items() if k not in ("sources", "work")}
    outcome = Outcome.read({"stages": (), **kept, "level": p.level, "number": p.number,
                            "name": p.name})  # fmt: skip
    results.add(path, outcome)
    right = outcome.strict or "right"
    ratio = f" {outcome.ratio:.2f}x" if outcome.ratio else ""
    words = f"{right}{ratio}" if outcome.status == "ran" else f"{outcome.status} {outcome.reason}"
    tell(f"{p.level}/{p.number} {p.name}: {words}")


def _start(kind: str, limit: float = 0) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "evals.kernelbench.worker", kind, str(int(limit))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _look(problems: list[Problem], device: str) -> Iterator[dict[str, Any]]:
    """What each problem is; a file that ends the process costs only itself."""
    left = deque(problems)
    while left:
        jobs = [{"verb": "look", "path": str(p.path), "device": device, **LIMITS[device]}
                for p in left]  # fmt: skip
        process = _start("look")
        text = "".join(json.dumps(j) + "\n" for j in jobs)
        try:
            output, _ = process.communicate(text, timeout=30 + 3 * len(jobs))
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        for line in output.splitlines():
            left.popleft()
            yield json.loads(line)
        if left:
            left.popleft()
            yield {"status": "failed", "reason": "its process ended while it was looked at"}


def _compiled(
    problems: list[Problem], looked: dict[Problem, dict[str, Any]], path: Path,
    tell: Callable[[str], None],
) -> list[Problem]:  # fmt: skip
    """Compile all choices at once; those that fail are dropped, and problems without any."""
    texts = {tuple(c) for p in problems for choices in looked[p]["sources"] for c in choices}
    tell(f"compiling {len(texts)} kernels for {len(problems)} problems")
    end = time.monotonic() + COMPILING
    verdicts: dict[tuple[str, ...], str] = {}
    with multiprocessing.get_context("spawn").Pool(max(1, (os.cpu_count() or 2) - 2)) as pool:
        asked = {text: pool.apply_async(compiles, (list(text),)) for text in texts}
        for text, answer in asked.items():
            try:
                verdicts[text] = answer.get(max(0.1, end - time.monotonic()))
            except multiprocessing.TimeoutError:
                verdicts[text] = "it was not compiled in time"
        pool.terminate()
    kept = []
    for problem in problems:
        found = looked[problem]
        reasons = [verdicts[tuple(c)] for choices in found["sources"] for c in choices]
        found["sources"] = [[c for c in s if not verdicts[tuple(c)]] for s in found["sources"]]
        if all(found["sources"]):
            kept.append(problem)
        else:
            why = next(r for r in reasons if r)
            _add(path, problem, found | {"status": "failed", "reason": why}, tell)
    return kept


def _run(
    process: subprocess.Popen[str], problem: Problem, looked: dict[Problem, dict[str, Any]],
    job: Job,
) -> dict[str, Any]:  # fmt: skip
    order: dict[str, Any] = {"verb": "run", "path": str(problem.path), "device": job.device}
    seed = int.from_bytes(os.urandom(3), "big")  # not known when the kernel is written
    order |= {"seed": seed, "seconds": TIMED[job.device]}
    order |= {"sources": looked[problem].get("sources", [])}
    try:
        output, _ = process.communicate(
            json.dumps(order) + "\n", timeout=job.limit * WAITING[job.device]
        )
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"status": "failed", "reason": f"not done in {job.limit:.0f} seconds"}
    if not output.strip():
        spent = process.returncode in (-signal.SIGKILL, -signal.SIGXCPU)
        late = f"not done in {job.limit:.0f} seconds of processor"
        reason = late if spent else f"its process ended with {process.returncode}"
        return {"status": "failed", "reason": reason}
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found
