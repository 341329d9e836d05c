"""A home of its own and a scripted model that also talks."""

import json
from pathlib import Path

import pytest
from product import DESIGN, REFERENCE

TALK = {
    "Message: the other way round": '{"intent": "change"}',
    "Message: nice weather": '{"intent": "talk"}',
    "nice weather": "I only know about designs.",
    "Should a reset be": "It does.",
    "Write the Verilog module": f"```verilog\n{DESIGN}```",
    "Write a cycle-accurate Python model": f"```python\n{REFERENCE}```",
    "hello": "Say what to design.",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QIMENG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "talk.jsonl"
    usage = {"tokens_in": 100, "tokens_out": 50}
    rules = [
        {"when": when, "reply": {"text": text, "model": "scripted", "usage": usage}}
        for when, text in TALK.items()
    ]
    path.write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    return f"scripted:{path}"
