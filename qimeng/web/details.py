"""One event in full: the texts that went to and fro, the files, and the picture of a difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from memory.artifacts import Artifacts
from memory.events import Event
from qimeng.timeline import texts
from qimeng.web.trace import Json, Trace
from qimeng.wording import clean
from tools.hdl.contract import Contract
from tools.hdl.trace import Stimulus
from tools.hdl.trace import Trace as Signals
from tools.hdl.waveform import to_svg

CYCLES = 10
"""Cycles of a counterexample that are drawn: its last."""
HEAD, TAIL = 12_000, 4_000
"""Characters kept of a text at its beginning and its end; the whole is in the artifacts."""


def details(trace: Trace, seq: int) -> Json:
    """Event ``seq``, with that of the call's end when it is a call.

    ``sections`` are ``{"label", "text", "left_out"}``, ``files`` ``{"name", "digest"}``,
    ``picture`` an SVG document or None. Raises IndexError.
    """
    row, event = trace.rows[seq], trace.events[seq]
    events = [event] + ([trace.events[row["end"]]] if "end" in row else [])
    store = Artifacts(trace.folder / "artifacts")
    return {
        "row": row,
        "at": event.at,
        "data": [e.data for e in events],
        "sections": [
            section(label, trace.hider.hide_in(text))
            for e in events
            for label, text in _readable(e, store)
        ],
        "files": [file for e in events for file in _files(e, store)],
        "picture": _picture(event, trace, store),
    }  # fmt: skip


def section(label: str, text: str) -> Json:
    """A text as it is served: its head and tail when it is long."""
    text = clean(text)
    left_out = max(0, len(text) - HEAD - TAIL)
    kept = f"{text[:HEAD]}\n… {left_out:,} characters …\n{text[-TAIL:]}" if left_out else text
    return {"label": label, "text": kept, "left_out": left_out}


def _readable(event: Event, store: Artifacts) -> Iterator[tuple[str, str]]:
    """``texts``, also of events that are not as they should be."""
    try:
        yield from texts(event, store)
    except (TypeError, AttributeError, OSError) as error:
        yield "lost", str(error)


def _files(event: Event, store: Artifacts) -> Iterator[Json]:
    """The files of a tool call, a candidate or a result."""
    data = event.data
    try:
        if event.kind in ("call.started", "call.finished") and data["type"] == "tool":
            record = json.loads(store.text(data["request" if "request" in data else "reply"]))
            yield from ({"name": n, "digest": d} for n, d in record["files"].items())
        elif event.kind == "candidate.made":
            files = data["candidate"]["files"]
            yield from ({"name": n, "digest": d} for n, d in files.items())
        elif event.kind == "run.finished":
            for artifact in data["result"]["artifacts"]:
                yield {"name": artifact["name"], "digest": artifact["sha256"]}
    except (KeyError, ValueError, TypeError, AttributeError):
        return


def _picture(event: Event, trace: Trace, store: Artifacts) -> str | None:
    """The waveform of a verdict's counterexample; None where there is none to draw."""
    if event.kind != "verdict.given":
        return None
    try:
        table = store.text(event.data["verdict"]["counterexample"])
        return waveform(table, _contract(trace))
    except (KeyError, ValueError, TypeError, IndexError, OSError):
        return None


def _contract(trace: Trace) -> Contract:
    tasks = [e.data["task"] for e in trace.events if e.kind == "task.made"]
    return TypeAdapter(Contract).validate_python(tasks[-1]["contract"])


def waveform(table: str, contract: Contract) -> str:
    """The picture of a counterexample, from its table of cycles (``str`` of a Counterexample).

    Raises ValueError when the table is not one of this contract.
    """
    lines = table.split("\n")
    head = [name.removesuffix(" expected/got") for name in lines[0].split("  ") if name]
    inputs = [port.name for port in contract.driven]
    outputs = [port.name for port in contract.outputs]
    if head != ["cycle", *inputs, *outputs]:
        raise ValueError("the table has other columns than the contract has ports")
    rows: list[tuple[int, ...]] = []
    sides: tuple[list[Any], list[Any]] = ([], [])
    for line in lines[1:]:
        cells = line.strip().split("  ")
        if len(cells) != len(head) or cells[0].strip() != str(len(rows)):
            break
        rows.append(tuple(map(int, cells[1 : 1 + len(inputs)])))
        pairs = [[p.split("/") for p in cell.split(" ")] for cell in cells[1 + len(inputs) :]]
        for side, values in enumerate(sides):
            phases = zip(*([pair[side] for pair in of_output] for of_output in pairs), strict=True)
            values.append([tuple(phase) for phase in phases])
    stimulus = Stimulus(tuple(inputs), tuple(rows))
    expected, got = (_signals(outputs, values) for values in sides)
    last = max(0, len(rows) - CYCLES)  # the difference is at the end
    return to_svg(contract, stimulus, got, expected, last, CYCLES)


def _signals(outputs: list[str], cycles: list[list[tuple[str, ...]]]) -> Signals:
    before = tuple(phases[0] for phases in cycles)
    after = tuple(phases[1] for phases in cycles if len(phases) > 1)
    return Signals(tuple(outputs), before, after)
