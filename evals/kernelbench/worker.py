"""A process that looks at problems, or runs one: jobs are lines of JSON, so are the answers.

The benchmark's files are foreign code and are executed only here. ``look`` recognises a problem
on the meta device and, for a GPU, writes its sources; ``run`` builds, judges and times it.
"""

from __future__ import annotations

import copy
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from evals.kernelbench.answer import Answer, gpu_sources, native, on_gpu
from evals.kernelbench.builder import Unsupported
from evals.kernelbench.problems import Loaded, numbers_of, torch
from evals.kernelbench.programs import NotHere, for_cpu
from evals.kernelbench.recognise import Chain, recognise
from evals.kernelbench.rules import Wrong, official, strict
from evals.kernelbench.timing import Timing, measure
from tools.kernels.arena import Refused
from tools.kernels.c import CompileError
from tools.kernels.c import Unsupported as NoC
from tools.kernels.gpu.cases import compile_kernel, library
from tools.tl import parse

MEMORY = 14 << 30  # bytes of address space on a CPU
NO = (Unsupported, NotHere, NoC)
BROKEN = (CompileError, Refused, RuntimeError, ValueError, KeyError, TypeError, AssertionError)


def look(job: dict[str, Any]) -> dict[str, Any]:
    """``status`` (``ran`` when it can be tried), ``reason``, ``stages``, ``work`` to sort by, and
    for a GPU ``sources``: modules by stage and choice.
    """
    try:
        loaded = Loaded(Path(job["path"]))
        inputs = loaded.inputs("meta", 42)
        chain = recognise(loaded.model("meta"), inputs)
        titles = [stage.title for stage in chain.stages]
        size, flops = _work(chain, inputs)
        found = {"status": "ran", "stages": titles, "work": flops + 10 * size}
        if why := _too_large(size, flops, job):
            return found | {"status": "too large here", "reason": why}
        if job["device"] == "cpu":
            for stage in chain.stages:
                parse(for_cpu(stage)[0].code)
            return found
        return found | {"sources": [*map(gpu_sources, chain.stages)]}
    except NO as problem:
        return {"status": "unsupported", "reason": str(problem)}
    except Exception as problem:  # foreign code may raise anything
        return {"status": "unsupported", "reason": f"{type(problem).__name__}: {problem}"[:300]}


def _work(chain: Chain, inputs: list[Any]) -> tuple[int, int]:
    """Bytes of inputs and results, and operations of the products."""
    made = [torch().empty(stage.out_shape, device="meta") for stage in chain.stages]
    return 4 * numbers_of([*inputs, *made]), sum(stage.flops for stage in chain.stages)


def _too_large(size: int, flops: int, job: dict[str, Any]) -> str:
    if size > job["bytes"]:
        return f"its arrays hold {size / 2**30:.1f} GiB, the limit is {job['bytes'] / 2**30:.1f}"
    if flops > job["flops"]:
        return f"it takes {flops:.1e} operations, the limit is {job['flops']:.1e}"
    return ""


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Judge and time one problem; the fields of an outcome."""
    device = job["device"]
    loaded = Loaded(Path(job["path"]))
    chain = recognise(loaded.model("meta"), loaded.inputs("meta", 42))
    model = loaded.model(device)

    def draw(seed: int) -> list[Any]:
        return loaded.inputs(device, seed)

    with tempfile.TemporaryDirectory() as folder, torch().no_grad():
        try:
            answer = _answer(chain, model, job, Path(folder), draw)
        except NO as problem:
            return {"status": "unsupported", "reason": str(problem)}
        except BROKEN as problem:
            return {"status": "failed", "reason": f"{type(problem).__name__}: {problem}"[-300:]}
        found = _judged(model, copy.deepcopy(model).double(), answer, draw, job["seed"])
        if found["official"] and found["strict"]:
            return found
        inputs = draw(42)
        timing = _timing(answer, model, inputs, device, job["seconds"])
        if why := _wrong_again(model, answer, inputs, draw(job["seed"] + 100)):
            found |= {rule: found[rule] or why for rule in ("official", "strict")}
    return found | _figures(timing)


def _judged(model: Any, wide: Any, answer: Any, draw: Any, seed: int) -> dict[str, Any]:
    """What both rules say: why the answer is wrong, or nothing."""
    found: dict[str, Any] = {"status": "ran", "official": "", "strict": ""}
    try:
        official(model, answer, draw)
    except Wrong as problem:
        found["official"] = str(problem)
    try:
        found["error"] = strict(model, wide, answer, draw, seed)
    except Wrong as problem:
        found["strict"] = str(problem)
    return found


def _wrong_again(model: Any, answer: Any, inputs: list[Any], fresh: list[Any]) -> str:
    """After timing: new numbers at the addresses that were timed."""
    for old, new in zip(inputs, fresh, strict=True):
        if hasattr(old, "copy_"):
            old.copy_(new)
    near = torch().allclose(model(*inputs), answer(*inputs), atol=1e-4, rtol=1e-4)
    return "" if near else "differs after timing"


def _timing(answer: Any, model: Any, inputs: list[Any], device: str, seconds: float) -> Timing:
    return measure(lambda: answer(*inputs), lambda: model(*inputs), device, seconds)


def _figures(timing: Timing) -> dict[str, Any]:
    pairs = len(timing.ours)
    return {
        "mean_ratio": timing.mean_ratio,
        "ratio": timing.ratio,
        "ours_ms": sorted(timing.ours)[pairs // 2],
        "torch_ms": sorted(timing.torch)[pairs // 2],
        "pairs": pairs,
    }


def _answer(chain: Chain, model: Any, job: dict[str, Any], folder: Path, draw: Any) -> Answer:
    """On a GPU the fastest of the choices whose first result is near torch's."""
    if job["device"] == "cpu":
        return Answer(chain, model, [native(stage, folder) for stage in chain.stages])
    found: list[tuple[float, Answer]] = []
    inputs, why = draw(42), "no choice compiles"
    want = model(*inputs)
    for turn in range(max(map(len, job["sources"]))):
        chosen = [choices[min(turn, len(choices) - 1)] for choices in job["sources"]]
        try:
            answer = Answer(chain, model, [on_gpu(modules) for modules in chosen])
            if not torch().allclose(answer(*inputs), want, atol=1e-3, rtol=1e-3):
                why = "every choice differs from torch by more than 1e-3"
                continue
            times = _timing(answer, lambda *_: None, inputs, "cuda", 0.1).ours
            found.append((min(times), answer))
        except Exception as problem:  # TileLang's compiler and driver have their own classes
            why = f"{type(problem).__name__}: {problem}"[-300:]
    if not found:
        raise ValueError(why)
    return min(found, key=lambda pair: pair[0])[1]


def compiles(modules: list[str]) -> str:
    """Compile TileLang modules into its cache on disk; why not, or nothing."""
    try:
        for text in modules:
            compile_kernel(text, fast_math=False)
    except Exception as problem:  # a configuration the compiler refuses is not a result
        return f"{type(problem).__name__}: {str(problem)[-200:]}"
    return ""


def main() -> None:
    """Entry point. What is slow to import is imported before the first job comes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # foreign code prints elsewhere
    t = torch()
    t.set_num_threads(1)
    t.backends.cuda.matmul.allow_tf32 = False
    t.backends.cudnn.allow_tf32 = False
    if sys.argv[1] == "cuda":
        library("tilelang")
        t.zeros(1, device="cuda")
    elif sys.argv[1] == "cpu":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2])))
    for line in sys.stdin:
        job = json.loads(line)
        start = time.monotonic()
        try:
            found = look(job) if job["verb"] == "look" else run(job)
        except Exception as problem:  # memory may end, foreign code may raise anything
            found = {"status": "failed", "reason": f"{type(problem).__name__}: {problem}"[:300]}
        found["seconds"] = round(time.monotonic() - start, 1)
        answers.write(json.dumps(found) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
