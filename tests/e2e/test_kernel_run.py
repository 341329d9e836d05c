"""A kernel from words with the real engine and no model: killed, resumed, handed over."""

import collections
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from product import Qimeng

DIE_AT = Path(__file__).parents[1] / "support" / "die_at.py"
TEXT = "row sums, 16 rows of 48, fp32, for this CPU"
FILES = {"kernel.c", "kernel.h", "kernel.py", "kernel_torch.py", "kernel.tl"}
PICTURES = {"search.svg", "roofline.svg"}


@pytest.mark.timeout(900)
def test_killed_in_the_search_and_resumed(tmp_path: Path, environment: dict[str, str]) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )

    dying = (str(DIE_AT), "call.finished", "5", "run", TEXT, "--candidates", "1")
    assert call(*dying).returncode == -signal.SIGKILL
    runs = tmp_path / "home" / "runs"
    run_id = next(runs.iterdir()).name
    out = tmp_path / "out"
    ended = call("-m", "qimeng", "resume", run_id, "--json", "--out", str(out))
    assert ended.returncode == 0, ended.stderr + ended.stdout
    result = json.loads(ended.stdout)
    assert (result["status"], result["evidence"]["level"]) == ("done", "tested")
    assert {a["name"] for a in result["artifacts"]} == FILES | PICTURES
    assert result["metrics"]["speed"]["value"] > 0 and result["metrics"]["ratio"]["value"] > 0
    assert "numpy" in result["baseline"]["name"] or "torch" in result["baseline"]["name"]
    assert result["spend"]["tokens_out"] == 0

    events = [
        json.loads(line) for line in (runs / run_id / "events.jsonl").read_text().splitlines()
    ]
    calls = collections.Counter(e["data"]["key"] for e in events if e["kind"] == "call.finished")
    assert set(calls.values()) == {1}, "a finished call was made again"
    for words in (["kernel.py"], ["-c", "import kernel; assert kernel.self_test() < 1e-4"]):
        tested = subprocess.run(
            [sys.executable, *words], cwd=out, capture_output=True, text=True, timeout=120
        )
        assert tested.returncode == 0, tested.stderr
    page = (out / "report.html").read_text()
    assert page.count("data:image/svg+xml") == 2
    assert "rows kind=sum rows=16 columns=48" in page and "float64 definition" in page
    assert len(list((tmp_path / "home" / "kernels").glob("*.json"))) == 1


def test_contradictions_are_said_without_a_model(qimeng: Qimeng) -> None:
    ended = qimeng("run", "a GEMM, 512x256 times 128x64, for this CPU", "--json")
    assert ended.returncode == 1
    result = json.loads(ended.stdout)
    assert result["status"] == "unsupported" and "do not fit" in result["reasons"][0]
