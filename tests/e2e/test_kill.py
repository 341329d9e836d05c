"""``kill -9`` at every kind of event: the run resumes to the same result, nothing done twice."""

import collections
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from product import GOAL, Qimeng, command, script

KINDS = [
    *("run.created", "run.started", "plan.made", "task.made", "call.started"),
    *("call.finished", "candidate.made", "verdict.given", "measured"),
]


def events(home: Path) -> list[dict[str, object]]:
    logs = list(home.glob("runs/*/events.jsonl"))
    whole = logs[0].read_text().rpartition("\n")[0] if logs else ""
    return [json.loads(line) for line in whole.splitlines()]


def kill_at(kind: str, environment: dict[str, str], *arguments: str) -> None:
    home = Path(environment["QIMENG_HOME"])
    process = subprocess.Popen(
        command(*arguments), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        while process.poll() is None:
            if any(event["kind"] == kind for event in events(home)):
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL, f"the run ended before {kind}"


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_resumed(
    kind: str, tmp_path: Path, environment: dict[str, str], qimeng: Qimeng
) -> None:
    model = script(tmp_path / "script.jsonl")
    whole = json.loads(qimeng("run", GOAL, "--model", model, "--json").stdout)
    environment["QIMENG_HOME"] = str(tmp_path / "killed")
    kill_at(kind, environment, "run", GOAL, "--model", model)
    home = tmp_path / "killed"
    run_id = next((home / "runs").iterdir()).name
    resumed = qimeng("resume", run_id, "--json")
    assert resumed.returncode == 0, resumed.stderr
    result = json.loads(resumed.stdout)
    for field in ("status", "evidence", "metrics", "baseline"):
        assert result[field] == whole[field]
    reports = ("report.md", "report.html")
    digests = [
        {a["name"]: a["sha256"] for a in r["artifacts"] if a["name"] not in reports}
        for r in (whole, result)
    ]
    assert digests[0] == digests[1]
    finished = collections.Counter(
        event["data"]["key"]  # type: ignore[index]
        for event in events(home)
        if event["kind"] == "call.finished"
    )
    assert set(finished.values()) == {1}
    assert result["spend"]["tokens_out"] == whole["spend"]["tokens_out"]
