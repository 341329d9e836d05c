"""``qimeng models`` without any model: listing, progress lines, and a scripted answer."""

import json

from click.testing import CliRunner

from lpcm.pull import EMBEDDED
from qimeng import model_commands
from qimeng.cli import cli


def models(*arguments):
    return CliRunner().invoke(cli, ["models", *arguments], catch_exceptions=False)


def test_the_list_says_what_is_missing_and_how_to_get_it():
    (row,) = json.loads(models("list", "--json").stdout)
    assert row["name"] == "embedded"
    assert "qimeng models pull" in row["state"]
    assert "* embedded" in models("list").stdout


def test_the_default_comes_first(monkeypatch):
    monkeypatch.setenv("QIMENG_MODEL", "big-model")
    monkeypatch.setenv("QIMENG_BASE_URL", "http://127.0.0.1:9/v1")
    names = [row["name"] for row in json.loads(models("list", "--json").stdout)]
    assert names[0] == "big-model" and "embedded" in names


def test_progress_without_a_terminal_is_a_line_for_every_tenth(monkeypatch, tmp_path):
    def pull(progress):
        for done in range(101):
            progress(done * EMBEDDED.size // 100, EMBEDDED.size)
        return tmp_path / EMBEDDED.file

    monkeypatch.setattr(model_commands, "pull", pull)
    outcome = models("pull")
    assert outcome.exit_code == 0
    lines = outcome.stderr.splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("embedded model: 0 %") and lines[-1].startswith(
        "embedded model: 100 %"
    )
    assert outcome.stdout == f"ready: {tmp_path / EMBEDDED.file}\n"


def test_a_first_question_streams_safely(tmp_path):
    script = tmp_path / "script.jsonl"
    reply = {"text": "assign y = ~a;\x1b[31m", "model": "x"}
    script.write_text(json.dumps({"when": "inverter", "reply": reply}) + "\n")
    outcome = models("try", f"scripted:{script}")
    assert outcome.exit_code == 0
    assert "assign y = ~a;" in outcome.stdout and "\x1b" not in outcome.stdout
    assert "tokens" in outcome.stderr


def test_a_model_that_is_not_there_is_4_in_one_line(tmp_path):
    outcome = models("try", f"scripted:{tmp_path / 'none'}")
    assert outcome.exit_code == 4
    assert outcome.stderr.startswith("qimeng: ") and outcome.stderr.count("\n") == 1
