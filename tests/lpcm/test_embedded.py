"""The real embedded model, with very short prompts; and its tool calls, without it."""

from __future__ import annotations

import json

import pytest

from lpcm import tool_json
from lpcm.messages import Message, ModelError, ModelReply, ModelRequest, ToolCall, ToolSpec

ADD = ToolSpec(
    name="add",
    description="Adds two integers.",
    parameters={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
)


def ask(text: str, **fields) -> ModelRequest:
    messages = (Message(role="user", content=text),)
    return ModelRequest(model="embedded", messages=messages, max_tokens=24, **fields)


def test_tools_become_one_schema_and_plain_turns():
    call = ToolCall(id="c", name="add", arguments={"a": 1, "b": 2})
    turns = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="1+2?"),
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="3", tool_call_id="c"),
    )
    bound = tool_json.constrain(ModelRequest(model="m", messages=turns, tools=(ADD,)))
    assert [m.role for m in bound.messages] == ["system", "user", "assistant", "user"]
    assert bound.messages[0].content.startswith("Be brief.\n")
    assert json.loads(bound.messages[2].content)["arguments"] == {"a": 1, "b": 2}
    assert not bound.tools
    kinds = [list(option["properties"]) for option in bound.json_schema["anyOf"]]
    assert kinds == [["tool", "arguments"], ["answer"]]


def test_a_required_call_leaves_no_way_out():
    bound = tool_json.constrain(ask("x", tools=(ADD,), tool_choice="required"))
    assert bound.json_schema["properties"]["tool"] == {"const": "add"}


@pytest.mark.parametrize(
    "said", ["", "{", "[]", "{}", '{"tool": "add"}', '{"tool": 1, "arguments": 2}']
)
def test_a_broken_call_is_malformed(said):
    with pytest.raises(ModelError) as caught:
        tool_json.interpret(ask("x", tools=(ADD,)), ModelReply(text=said, model="m"))
    assert caught.value.kind == "malformed"


@pytest.fixture(scope="module")
def model():
    from lpcm.models import open_model

    try:
        backend = open_model("embedded")
    except ModelError as err:
        pytest.skip(str(err))
    yield backend
    backend.close()


@pytest.mark.model
def test_text_streams_and_repeats_under_its_seed(model):
    pieces: list[str] = []
    request = ask("Say one word.", temperature=1.0, seed=5)
    first = model.complete(request, pieces.append)
    assert "".join(pieces) == first.text
    assert first.usage.tokens_out > 0
    assert not first.usage.estimated
    again = [model.complete(request).text for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.model
def test_output_is_bound_by_schema_and_by_grammar(model):
    schema = {"type": "object", "properties": {"n": {"enum": [3, 5]}}, "required": ["n"]}
    said = model.complete(ask("A number?", json_schema=schema)).text
    assert json.loads(said)["n"] in (3, 5)
    assert model.complete(ask("Hi", grammar='root ::= "zig" | "zag"')).text in ("zig", "zag")
    with pytest.raises(ModelError, match="grammar"):
        model.complete(ask("Hi", grammar='root ::= "zig'))


@pytest.mark.model
def test_an_agent_calls_a_tool_with_the_embedded_model(model):
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    from lpcm.chat_model import QimengChatModel
    from lpcm.gateway import Gateway

    called: list[tuple[int, int]] = []

    @tool
    def add(a: int, b: int) -> int:
        """Adds two integers."""
        called.append((a, b))
        return a + b

    chat = QimengChatModel(gateway=Gateway(lambda _: model), model="embedded", max_tokens=32)
    question = {"messages": ["Use the tool: 12 + 30?"]}
    out = create_agent(chat, [add]).invoke(question, {"recursion_limit": 8})
    assert called[0] == (12, 30)
    assert "42" in out["messages"][-1].text


@pytest.mark.model
def test_a_prompt_that_does_not_fit_is_refused_at_once(model):
    with pytest.raises(ModelError, match="context") as caught:
        model.complete(ask("x " * 9000))
    assert caught.value.kind == "bad_request"


@pytest.mark.model
def test_the_server_on_loopback_wants_its_key(model):
    from lpcm.endpoint import Endpoint

    model.complete(ask("Hi", grammar='root ::= "a"'))
    stranger = Endpoint("embedded", f"{model._server.listening_address}/v1", "guess")
    with pytest.raises(ModelError) as caught:
        stranger.complete(ask("Hi"))
    assert caught.value.kind == "auth"
