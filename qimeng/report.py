"""The report of a run: what was asked, what came out, how well it was checked, and what was not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from memory.artifacts import Artifacts
from qimeng.document import Block, Code, Heading, Paragraph, Picture, Table, to_html, to_markdown
from qimeng.summary import RunView
from qimeng.wording import amount, clean, headline, interface, meaning
from tools.bsd.catalogue import MACHINE_PRIORS, PRIORS

PICTURES = {
    "waveform.svg": "Waveform",
    "search.svg": "Search: every point tried, and the best so far",
    "roofline.svg": "Roofline of one core",
    "diagrams.svg": "Decision nodes by output port",
    "rounds.svg": "Wrong vectors by round of refutation",
    "area.svg": "Size beside the reference, after the same script",
    "ipc.svg": "Instructions per cycle on programs that the selector did not see",
}
"""What the pictures of a result show."""
_TONES = {"done": "good", "paused": "warn", "running": "warn", "interrupted": "warn"}


def report_files(view: RunView) -> dict[str, str]:
    """``report.md`` and ``report.html``, name to text."""
    title = _title(view)
    blocks = list(_blocks(view))
    return {"report.md": to_markdown(title, blocks), "report.html": to_html(title, blocks)}


def _title(view: RunView) -> str:
    if view.contract:
        return f"{view.contract['top']}: {view.result.workflow or 'run'} report"
    return f"{view.kernel['operator']}: kernel report" if view.kernel else f"Run {view.id}"


def _blocks(view: RunView) -> Iterator[Block]:
    yield Paragraph(headline(view), _TONES.get(view.status, "bad"))
    means, not_checked = meaning(view.result.workflow, view.evidence.label)
    if view.status == "done" or view.artifacts:
        yield Paragraph(means)
        yield Paragraph(f"Not checked: {not_checked}")
    for reason in view.result.reasons:
        yield Paragraph(clean(reason))
    yield Heading("Goal")
    yield Paragraph(clean(view.goal.text))
    yield from _interface(view)
    yield from _files(view)
    yield from _metrics(view)
    yield from _priors(view)
    yield from _candidates(view)
    yield from _baseline(view)
    yield from _spend(view)
    yield from _provenance(view)


def _interface(view: RunView) -> Iterator[Block]:
    if view.contract:
        yield Heading(f"Interface of module {view.contract['top']}")
        yield Table(("port", "direction", "width", "role"), interface(view.contract))
    if view.kernel:
        yield Heading("Operator")
        yield Paragraph(f"{view.kernel['operator']}, for {view.kernel['processor']}, one thread")
        arrays = view.kernel["arrays"]
        shapes = [" x ".join(map(str, a["shape"])) for a in arrays]
        sides = ["output" if a["output"] else "input" for a in arrays]
        names, types = ([a[key] for a in arrays] for key in ("name", "dtype"))
        rows = list(zip(names, sides, shapes, types, strict=True))
        yield Table(("array", "direction", "shape", "type"), rows)


def _files(view: RunView) -> Iterator[Block]:
    texts = {a.name: view.text(a.name) for a in view.artifacts}
    for name, text in texts.items():
        if name.endswith(".svg"):
            yield Heading(PICTURES.get(name, name))
            yield Picture(name, text)
    for name, text in texts.items():
        if name.startswith("design.") or name in ("kernel.c", "kernel_tilelang.py"):
            yield Heading(name)
            yield Code(name, clean(text))
    if texts:
        yield Heading("Files beside this report")
        rows = [(name, f"{text.count(chr(10)):,}") for name, text in texts.items()]
        yield Table(("file", "lines"), rows, frozenset({1}))
    if "testbench.sv" in texts:
        yield Heading("Run the testbench yourself")
        yield Code("shell.sh", "iverilog -g2012 -o sim design.sv testbench.sv\nvvp sim")
    if "kernel.py" in texts:
        yield Heading("Check it yourself")
        yield Code("shell.sh", "python kernel.py")


def _metrics(view: RunView) -> Iterator[Block]:
    if view.result.metrics:
        yield Heading("Measured")
        rows = [(n, amount(m.value), m.unit) for n, m in view.result.metrics.items()]
        yield Table(("metric", "value", "unit"), rows, frozenset({1}))


def _priors(view: RunView) -> Iterator[Block]:
    if priors := {"learn": PRIORS, "machine": MACHINE_PRIORS}.get(view.result.workflow):
        yield Heading("What the learner was told beside the answers")
        yield Table(("",), [(prior,) for prior in priors])


def _candidates(view: RunView) -> Iterator[Block]:
    attempts = _attempts(view)
    if not attempts:
        return
    yield Heading("Candidates")
    rows = [(a.id, a.origin, a.outcome, a.reason) for a in attempts]
    yield Table(("candidate", "origin", "verdict", "reason"), rows)
    store = Artifacts(view.folder / "artifacts")
    for attempt in attempts:
        if attempt.counterexample:
            yield Paragraph(f"Counterexample of {attempt.id}:", "faint")
            yield Code("counterexample.txt", clean(store.text(attempt.counterexample)))


@dataclass
class _Attempt:
    """A candidate with the last verdict on it."""

    id: str
    origin: str
    outcome: str = "not judged"
    reason: str = ""
    counterexample: str | None = None


def _attempts(view: RunView) -> list[_Attempt]:
    found: dict[str, _Attempt] = {}
    for event in view.events():
        if event.kind == "candidate.made":
            made = event.data["candidate"]
            origin = made["origin"] + "".join(f", from {parent}" for parent in made["parents"])
            found[made["id"]] = _Attempt(made["id"], clean(f"{made['kind']}, {origin}"))
        elif event.kind == "verdict.given":
            verdict = event.data["verdict"]
            attempt = found[verdict["candidate"]]
            agrees = verdict["evidence"] == "agreed"
            attempt.outcome = verdict["outcome"] + ", in the agreeing group" * agrees
            attempt.reason = clean(verdict["reason"])
            attempt.counterexample = verdict["counterexample"]
    return list(found.values())


def _baseline(view: RunView) -> Iterator[Block]:
    if view.result.baseline:
        model = view.result.workflow == "rtl"
        yield Heading("The same model alone" if model else "Baseline")
        rows = [(name.replace("_", " "), clean(str(v))) for name, v in view.result.baseline.items()]
        yield Table(("", ""), rows)


def _spend(view: RunView) -> Iterator[Block]:
    agents: dict[str, list[float]] = {}
    for event in view.events():
        if event.kind == "call.finished":
            sums = agents.setdefault(event.actor, [0, 0, 0, 0, 0, 0])
            model = event.data["type"] == "model"
            sums[0 if model else 3] += 1
            sums[4 if model else 5] += event.data["seconds"]
            if model:
                sums[1] += event.data["tokens_in"]
                sums[2] += event.data["tokens_out"]
    spend = view.spend
    yield Heading("Spent")
    money = f", ${spend.usd:.4f}" if spend.usd else ""
    yield Paragraph(
        f"{spend.tokens_in:,} tokens in, {spend.tokens_out:,} out, {spend.candidates} candidates, "
        f"{amount(spend.seconds)} s of work{money}."
    )
    if agents:
        head = ("agent", "answers", "tokens in", "tokens out", "tools", "model s", "tool s")
        rows = [
            (name, *(f"{n:,.0f}" for n in sums[:4]), *(f"{s:,.1f}" for s in sums[4:]))
            for name, sums in agents.items()
        ]
        yield Table(head, rows, frozenset(range(1, 7)))


def _provenance(view: RunView) -> Iterator[Block]:
    started: list[dict[str, Any]] = [e.data for e in view.events() if e.kind == "run.started"]
    versions = view.log[0].data["versions"]
    rows = [("run", view.id)]
    if started:
        rows += [("model", started[-1]["model"]), ("sandbox", started[-1]["sandbox"])]
    rows += [("seed", str(view.goal.seed)), *sorted(versions.items())]
    yield Heading("Made with")
    yield Table(("", ""), [(name, clean(str(value))) for name, value in rows])
    yield Paragraph(f"What the agents did, step by step: qimeng trace {view.id}", "faint")
