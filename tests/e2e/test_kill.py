"""``kill -9`` at every kind of event: the run resumes to the same result, nothing done twice."""

import collections
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from product import GOAL, command, script

DIE_AT = Path(__file__).parents[1] / "support" / "die_at.py"
POINTS = [
    ("run.created", 1),
    ("run.started", 1),
    ("plan.made", 1),
    ("task.made", 1),
    ("call.started", 1),
    ("call.finished", 4),
    ("candidate.made", 2),
    ("call.finished", 6),
    ("verdict.given", 1),
    ("measured", 1),
    ("run.finished", 1),
]


def events(home: Path) -> Iterator[dict[str, Any]]:
    (log,) = home.glob("runs/*/events.jsonl")
    return map(json.loads, log.read_text().splitlines())


def outcome(result: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on the crash: all but ids, times and the reports that name them."""
    files = {a["name"]: a["sha256"] for a in result["artifacts"] if "report" not in a["name"]}
    spend = {k: v for k, v in result["spend"].items() if k != "seconds"}
    same = ("status", "workflow", "evidence", "metrics", "baseline", "reasons")
    return {"files": files, "spend": spend} | {key: result[key] for key in same}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


def in_home(home: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("QIMENG_", "OPENAI_"))}
    environment = kept | {"QIMENG_HOME": str(home)}
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def model(home: Path) -> str:
    return script(home / "script.jsonl")


@pytest.fixture(scope="module")
def whole(home: Path, model: str) -> dict[str, Any]:
    ended = in_home(home, command("run", GOAL, "--model", model, "--json"))
    return json.loads(ended.stdout)


@pytest.mark.parametrize(("kind", "count"), POINTS)
def test_killed_and_resumed(
    kind: str, count: int, tmp_path: Path, model: str, whole: dict[str, Any]
) -> None:
    dying = [sys.executable, str(DIE_AT), kind, str(count), "run", GOAL, "--model", model]
    assert in_home(tmp_path, dying).returncode == -signal.SIGKILL
    run_id = next((tmp_path / "runs").iterdir()).name
    resumed = in_home(tmp_path, command("resume", run_id, "--json"))
    assert resumed.returncode == 0, resumed.stderr
    assert outcome(json.loads(resumed.stdout)) == outcome(whole)
    finished = collections.Counter(
        event["data"]["key"] for event in events(tmp_path) if event["kind"] == "call.finished"
    )
    assert set(finished.values()) == {1}, "a finished call was made again"
