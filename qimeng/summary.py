"""A run as people and machines get it: one plain object, the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memory.artifacts import Artifacts
from memory.budget import spend_of
from memory.events import Event, read_events
from memory.lock import is_running
from memory.records import Artifact, Evidence, Goal, Metric, Result, Spend
from memory.runs import NoSuchRun, RunStore

EXIT_CODES = {"done": 0, "not_achieved": 1, "unsupported": 1, "paused": 3, "running": 3}


@dataclass(frozen=True)
class RunView:
    """A run read from its files; a snapshot.

    ``status`` is ``done``, ``not_achieved``, ``unsupported``, ``paused``, or ``running`` while a
    process works on it (``interrupted`` when that process died).
    """

    id: str
    folder: Path
    status: str
    cause: str
    result: Result
    spend: Spend
    log: tuple[Event, ...] = field(repr=False)

    @classmethod
    def read(cls, run_id: str) -> RunView:
        """Read run ``run_id``. Raises NoSuchRun or EventLogError."""
        folder = RunStore().folder(run_id)
        events = tuple(read_events(folder / "events.jsonl"))
        if not events:
            raise NoSuchRun(run_id)
        status, cause, result = _state(events, folder)
        return cls(folder.name, folder, status, cause, result, spend_of(events), events)

    @property
    def evidence(self) -> Evidence:
        """How well the result was checked."""
        return self.result.evidence

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files of the result."""
        return self.result.artifacts

    @property
    def exit_code(self) -> int:
        """What the command line exits with."""
        return 4 if self.cause == "environment" else EXIT_CODES.get(self.status, 3)

    def events(self) -> Iterator[Event]:
        """Everything that happened, in order."""
        return iter(self.log)

    @property
    def goal(self) -> Goal:
        """What was asked for."""
        return Goal.model_validate(self.log[0].data["goal"])

    @property
    def contract(self) -> dict[str, Any] | None:
        """The interface that was agreed, once it was."""
        return self._task("contract")

    @property
    def kernel(self) -> dict[str, Any] | None:
        """The operator that was understood, once it was."""
        return self._task("kernel")

    def _task(self, kind: str) -> dict[str, Any] | None:
        tasks = [event.data["task"] for event in self.log if event.kind == "task.made"]
        task: dict[str, Any] | None = tasks[-1].get(kind) if tasks else None
        return task

    def text(self, name: str) -> str:
        """The text of the result's file ``name``. KeyError when there is none."""
        return self.stored({a.name: a.sha256 for a in self.result.artifacts}[name])

    def stored(self, digest: str) -> str:
        """The text of any artifact of the run. KeyError when there is none."""
        return Artifacts(self.folder / "artifacts").text(digest)

    def save(self) -> list[Path]:
        """Write the result's files and reports into the run's own folder, ``result``."""
        return self.write_to(self.folder / "result")

    def write_to(self, folder: Path) -> list[Path]:
        """Write ``files`` into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        contents = self.files()
        for name, data in contents.items():
            (folder / name).write_bytes(data)
        return [folder / name for name in contents]

    def files(self) -> dict[str, bytes]:
        """The result's files, ``report.md`` and ``report.html``, by name."""
        from qimeng.report import report_files

        store = Artifacts(self.folder / "artifacts")
        contents = {Path(a.name).name: store.get(a.sha256) for a in self.result.artifacts}
        return contents | {name: text.encode() for name, text in report_files(self).items()}

    def as_json(self, folder: Path | None = None) -> dict[str, Any]:
        """The one object that ``--json`` prints; paths are those under ``folder`` when given."""
        base = folder or self.folder / "result"
        return {
            "run_id": self.id,
            "status": self.status,
            "workflow": self.result.workflow,
            "evidence": {"level": self.evidence.label, "detail": self.result.detail},
            "artifacts": [
                {"name": a.name, "path": str(base / a.name), "sha256": a.sha256}
                for a in self.artifacts
            ],
            "metrics": {name: _metric(metric) for name, metric in self.result.metrics.items()},
            "baseline": self.result.baseline,
            "spend": {
                "tokens_in": self.spend.tokens_in,
                "tokens_out": self.spend.tokens_out,
                "usd": round(self.spend.usd, 6),
                "seconds": round(self.spend.seconds, 2),
            },
            "reasons": list(self.result.reasons),
        }


def _metric(metric: Metric) -> dict[str, Any]:
    return {"value": metric.value, "unit": metric.unit}


def _state(events: Sequence[Event], folder: Path) -> tuple[str, str, Result]:
    for event in reversed(events):
        if event.kind == "run.finished":
            result = Result.model_validate(event.data["result"])
            return result.status, "", result
        if event.kind == "run.paused":
            return "paused", event.data["cause"], _open_result((event.data["reason"],))
        if event.kind == "run.started":
            break
    if is_running(folder):
        return "running", "", _open_result(())
    reason = f"interrupted; `qimeng resume {folder.name}` goes on"
    return "interrupted", "", _open_result((reason,))


def _open_result(reasons: tuple[str, ...]) -> Result:
    return Result(status="not_achieved", workflow="", reasons=reasons)
