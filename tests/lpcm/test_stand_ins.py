"""Scripted models, cassettes, and models by name."""

from __future__ import annotations

import pytest

from lpcm.cassette import Cassette, Recorder
from lpcm.messages import Message, ModelError, ModelReply, ModelRequest
from lpcm.models import default_model, open_model
from lpcm.scripted import Rule, ScriptedModel


def ask(text: str = "hello", model: str = "m", **fields) -> ModelRequest:
    return ModelRequest(model=model, messages=(Message(role="user", content=text),), **fields)


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """No model, no key, no settings of the person who runs the tests."""
    for prefix in ("QIMENG", "OPENAI"):
        for name in ("BASE_URL", "API_KEY", "MODEL", "MODEL_PATH"):
            monkeypatch.delenv(f"{prefix}_{name}", raising=False)
    monkeypatch.setenv("QIMENG_HOME", str(tmp_path))


def test_a_list_is_played_in_order_then_ends():
    model = ScriptedModel(["a", ModelReply(text="b", model="x")])
    assert [model.complete(ask()).text for _ in range(2)] == ["a", "b"]
    with pytest.raises(ModelError, match="no line"):
        model.complete(ask())
    assert len(model.requests) == 3


def test_a_script_file_answers_by_what_was_said(tmp_path):
    path = tmp_path / "script.jsonl"
    rules = [
        Rule(when=w, reply=ModelReply(text=t, model="s")) for w, t in (("add", "A"), ("", "B"))
    ]
    path.write_text("\n".join(rule.model_dump_json() for rule in rules))
    model = open_model(f"scripted:{path}")
    said = [model.complete(ask(t)).text for t in ("an adder", "a mux", "an adder")]
    assert said == ["A", "B", "A"]


def test_a_recording_replays_under_any_name_and_refuses_the_rest(tmp_path):
    path = tmp_path / "tape.jsonl"
    recorder = Recorder(ScriptedModel(["one", "two", "three"]), path)
    for text in ("a", "b", "a"):
        recorder.complete(ask(text))
    tape = open_model(f"cassette:{path}")
    pieces: list[str] = []
    assert tape.complete(ask("a", model=f"cassette:{path}"), pieces.append).text == "one"
    assert pieces == ["one"]
    assert tape.complete(ask("b")).text == "two"
    with pytest.raises(ModelError, match="record") as caught:
        tape.complete(ask("a", seed=1))
    assert caught.value.kind == "unavailable"


def test_what_is_not_a_cassette_or_a_script_says_so(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"key": 1}\n')
    for name in (path, tmp_path / "absent"):
        with pytest.raises(ModelError, match="not a cassette"):
            Cassette(name)
        with pytest.raises(ModelError, match="not a script"):
            ScriptedModel.from_file(name)


def test_the_embedded_model_is_the_default_and_names_its_command(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert default_model() == "embedded", "a key alone must not spend money"
    with pytest.raises(ModelError, match="qimeng models pull"):
        open_model()
    monkeypatch.setenv("QIMENG_MODEL", "gpt-4o")
    assert "gpt-4o" in open_model().identity


def test_a_server_model_needs_a_server():
    with pytest.raises(ModelError, match="QIMENG_BASE_URL"):
        open_model("some-model")


def test_names_of_server_models(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert open_model("gpt-4o").identity == "endpoint:api.openai.com/v1:gpt-4o"
    assert open_model("gpt-4o") is open_model("endpoint:gpt-4o")
    monkeypatch.setenv("QIMENG_BASE_URL", "http://localhost:8000/v1")
    backend = open_model("qwen3:8b")
    assert backend.identity == "endpoint:localhost:8000/v1:qwen3:8b"
    assert backend._client.api_key != "k", "one service's key must not go to another's server"
