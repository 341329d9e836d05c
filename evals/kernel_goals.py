"""Kernels: the model alone, asked for C, beside the system with the same model.

    python -m evals.kernel_goals --out FILE

The model is told the operator as numpy code, the processor and the C prototype, and its first
answer at temperature 0 is compiled with the flags, checked by the evaluator and timed beside the
baseline that a kernel of the system gets. The system is ``qimeng run`` with the goal's words.
Goals already in the file are not run again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

import qimeng
from agents.software import KernelTask
from lpcm.gateway import Gateway
from lpcm.messages import Message, ModelRequest
from lpcm.models import default_model, open_model
from memory.records import Record
from sandboxes import Command, Sandbox
from sandboxes.probe import open_sandbox
from tools.kernels import sandboxed
from tools.kernels.c import Source
from tools.kernels.package import assembly_line, definition, header
from tools.kernels.sandboxed import KernelRefused, Subject
from tools.kernels.space import default, kernel
from tools.kernels.words import read

GOALS = (
    "fp32 GEMM, 256 x 256 x 256",
    "fp32 GEMM with bias and GELU, m=16 n=1024 k=1024",
    "int8 GEMM, 256 x 256 x 256",
    "GEMV 2048 x 2048",
    "softmax of 1024 rows of 1024",
    "layer norm, 1024 x 1024",
    "RMS norm, 1024 x 1024",
    "GELU, 1024 x 1024",
    "3x3 convolution, 28x28 image, 32 to 32 channels, padding 1, batch 1",
    "causal attention, 4 heads, 256 tokens, d=64",
)
PROMPT = """Write a C function, as fast as you can make it on one thread of this processor:
{processor} ({isa}).

It is for this: {goal}. It computes what this numpy code computes:

{definition}

Its prototype, which must be kept as it is:

{header}

Answer with one block of C that defines the function and includes what it needs."""
_FENCE = re.compile(r"```[a-zA-Z]*\n(.*?)(?:```|\Z)", re.S)


class Row(Record):
    """One goal: what the model's own kernel was, and what the system's was. ``ratio`` is the
    baseline's time over the kernel's; the system's speed over the model's is their quotient.
    """

    goal: str
    compiled: bool
    correct: bool
    reason: str = ""
    tokens_out: int
    alone_ratio: float | None = None
    alone_gflops: float | None = None
    status: str
    claimed: str
    ratio: float | None = None
    gflops: float | None = None
    baseline: str = ""
    seconds: float

    @property
    def factor(self) -> float | None:
        """How many times faster the system's kernel is; None when the model's is not right."""
        if self.gflops is None or not self.alone_gflops:
            return None
        return self.gflops / self.alone_gflops


def compare(goal: str, model: str, sandbox: Sandbox) -> Row:
    """Both kernels of one goal."""
    task = KernelTask(read(goal).operator(), sandboxed.card(sandbox))
    point = default(task.spec, task.card)
    _, source = kernel(task.spec, point, task.card)
    code, tokens = _answer(goal, task, source, model)
    made = Source(code, source.arguments, source.compiler, source.flags)
    subject, found, reason = Subject(task.spec, point, code), None, ""
    try:
        found = sandboxed.measure(subject, task.card, sandbox)
    except KernelRefused as error:
        reason = str(error)[:200]
    view = qimeng.run(goal, model=model)
    metrics = view.result.metrics
    return Row(
        goal=goal,
        compiled=_compiles(made, sandbox),
        correct=found is not None,
        reason=reason,
        tokens_out=tokens,
        alone_ratio=found["ratio"] if found else None,
        alone_gflops=found["gflops"] if found else None,
        status=view.status,
        claimed=view.evidence.label,
        ratio=metrics["ratio"].value if "ratio" in metrics else None,
        gflops=metrics["speed"].value if "speed" in metrics else None,
        baseline=str((view.result.baseline or {}).get("name", "")),
        seconds=round(view.spend.seconds, 1),
    )


def _answer(goal: str, task: KernelTask, source: Source, model: str) -> tuple[str, int]:
    prompt = PROMPT.format(
        processor=task.card.model,
        isa=task.card.isa,
        goal=goal,
        definition=definition(task.spec),
        header=header(task.spec, source),
    )
    request = ModelRequest(
        model=model, messages=(Message(role="user", content=prompt),), max_tokens=1500
    )
    reply = Gateway(open_model).complete(request)
    blocks = _FENCE.findall(reply.text)
    return max(blocks, key=len, default=reply.text), reply.usage.tokens_out


def _compiles(source: Source, sandbox: Sandbox) -> bool:
    argv = tuple(assembly_line(source).split())
    return sandbox.run(Command(argv=argv, files={"kernel.c": source.text.encode()})).ok


def table(rows: list[Row]) -> str:
    """A Markdown table, a line a goal."""
    lines = [
        "| goal | model alone | its speed | system | its speed | system over model |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        alone = "right" if row.correct else "wrong" if row.compiled else "does not compile"
        speeds = [f"{r:.2f}x" if r else "" for r in (row.alone_ratio, row.ratio)]
        factor = f"{row.factor:.1f}x" if row.factor else ""
        lines.append(
            f"| {row.goal} | {alone} | {speeds[0]} | {row.status}, {row.claimed} "
            f"| {speeds[1]} | {factor} |"
        )
    return "\n".join(lines)


@click.command()
@click.option("--model", default=default_model)
@click.option("--out", type=Path, required=True, help="Rows are appended here, as JSON lines.")
def main(model: str, out: Path) -> None:
    """Run the goals that are not in the file yet, and print the table."""
    known = out.read_text().splitlines() if out.exists() else []
    rows = [Row.model_validate(json.loads(line)) for line in known]
    sandbox = open_sandbox()
    for goal in GOALS:
        if any(row.goal == goal for row in rows):
            continue
        rows.append(compare(goal, model, sandbox))
        click.echo(rows[-1].model_dump_json(), err=True)
        with out.open("a") as file:
            file.write(rows[-1].model_dump_json() + "\n")
    click.echo(table(rows))


if __name__ == "__main__":
    main()
