from __future__ import annotations

import threading

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from lpcm.chat_model import QimengChatModel
from lpcm.gateway import Gateway, Retry
from lpcm.messages import ModelError, ModelReply, ModelRequest, ToolCall, Usage
from lpcm.scripted import ScriptedModel


class Answer(BaseModel):
    """The answer."""

    value: int


@tool
def add(a: int, b: int) -> int:
    """Adds two integers."""
    return a + b


CALL = ToolCall(id="c1", name="add", arguments={"a": 2, "b": 3})
CALLING = ModelReply(text="", model="s", tool_calls=(CALL,), finish_reason="tool_calls")


def chat(*lines, **fields) -> tuple[QimengChatModel, ScriptedModel]:
    script = ScriptedModel(lines)
    door = Gateway(lambda _: script, retry=Retry(attempts=3), sleep=lambda _: None)
    return QimengChatModel(gateway=door, model="scripted:x", **fields), script


def test_messages_settings_and_usage():
    model, script = chat(
        ModelReply(text="hi", model="s", usage=Usage(tokens_in=4, tokens_out=2)),
        temperature=0.5,
        seed=3,
    )
    turns = [
        SystemMessage("be brief"),
        HumanMessage("2+3?"),
        AIMessage("", tool_calls=[{"name": "add", "args": {"a": 2}, "id": "c1"}]),
        ToolMessage("5", tool_call_id="c1"),
    ]
    reply = model.invoke(turns, stop=["END"])
    assert reply.text == "hi"
    assert reply.usage_metadata == {"input_tokens": 4, "output_tokens": 2, "total_tokens": 6}
    request = script.requests[0]
    assert [m.role for m in request.messages] == ["system", "user", "assistant", "tool"]
    assert (request.temperature, request.seed, request.stop) == (0.5, 3, ("END",))
    assert request.messages[2].tool_calls[0].arguments == {"a": 2}
    assert request.messages[3].tool_call_id == "c1"


def test_an_agent_calls_a_tool_and_answers():
    model, script = chat(CALLING, "It is 5.")
    agent = create_agent(model, [add], system_prompt="Use tools.")
    out = agent.invoke({"messages": [HumanMessage("2+3?")]}, {"recursion_limit": 10})
    assert [m.type for m in out["messages"]] == ["human", "ai", "tool", "ai"]
    assert out["messages"][2].content == "5"
    assert out["messages"][-1].text == "It is 5."
    assert script.requests[0].tools[0].parameters["required"] == ["a", "b"]
    assert script.requests[1].messages[-1].content == "5"


def test_an_agent_with_a_response_format_is_made_to_call():
    final = ToolCall(id="c2", name="Answer", arguments={"value": 5})
    model, script = chat(CALLING, CALLING.model_copy(update={"tool_calls": (final,)}))
    out = create_agent(model, [add], response_format=Answer).invoke({"messages": ["2+3?"]})
    assert out["structured_response"] == Answer(value=5)
    assert script.requests[0].tool_choice == "required"


def test_tool_choice_by_name_offers_that_tool_only():
    model, script = chat(CALLING)

    @tool
    def other() -> str:
        """Another."""
        return ""

    model.bind_tools([add, other], tool_choice="add").invoke("x")
    assert [t.name for t in script.requests[0].tools] == ["add"]
    assert script.requests[0].tool_choice == "required"


def test_structured_output():
    model, script = chat('{"value": 7}', '{"value": 8}', '{"value": "x"}')
    assert model.with_structured_output(Answer).invoke("7?") == Answer(value=7)
    assert script.requests[0].json_schema["properties"]["value"]["type"] == "integer"
    schema = {"title": "A", "type": "object", "properties": {"value": {"type": "integer"}}}
    assert model.with_structured_output(schema).invoke("8?") == {"value": 8}
    raw = model.with_structured_output(Answer, include_raw=True).invoke("x?")
    assert raw["parsed"] is None
    assert raw["parsing_error"] is not None


class Typing(ScriptedModel):
    """Says its lines word by word, and an error after the words."""

    def complete(self, request: ModelRequest, on_text=None) -> ModelReply:
        words = super().complete(request)
        for word in words.text.split(" "):
            if word == "CUT":
                raise ModelError("cut", "cut")
            if on_text:
                on_text(word)
        return words


def typing(*lines: str) -> QimengChatModel:
    script = Typing(lines)
    return QimengChatModel(gateway=Gateway(lambda _: script, sleep=lambda _: None), model="m")


def test_streaming_gives_pieces_then_the_account():
    chunks = list(typing("one two three").stream("x"))
    assert [c.text for c in chunks if c.text] == ["one", "two", "three"]
    assert chunks[-1].response_metadata["attempts"] == 1
    assert sum(c.usage_metadata is not None for c in chunks) == 1


def test_a_streamed_tool_call_arrives_whole():
    model, _ = chat(CALLING)
    message = None
    for chunk in model.bind_tools([add]).stream("x"):
        message = chunk if message is None else message + chunk
    assert message.tool_calls == [
        {"name": "add", "args": {"a": 2, "b": 3}, "id": "c1", "type": "tool_call"}
    ]


def test_text_already_streamed_is_never_said_twice():
    assert "".join(c.text for c in typing("CUT", "fine").stream("x")) == "fine"
    pieces = []
    with pytest.raises(ModelError, match="cut"):
        pieces.extend(typing("half CUT", "whole").stream("x"))
    assert [p.text for p in pieces] == ["half"]


def test_an_abandoned_stream_stops_the_generation():
    ended = threading.Event()
    seen: list[int] = []

    class Endless(ScriptedModel):
        def complete(self, request: ModelRequest, on_text=None) -> ModelReply:
            try:
                for i in range(10**9):
                    seen.append(i)
                    on_text("x")
            finally:
                ended.set()

    door = Gateway(lambda _: Endless([]))
    stream = QimengChatModel(gateway=door, model="m").stream("x")
    next(stream)
    stream.close()
    assert ended.wait(30)
