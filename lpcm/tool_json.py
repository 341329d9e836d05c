"""Tool calls for a model that has none of its own: described in words, bound by a JSON schema.

The answer is ``{"tool": name, "arguments": {...}}`` or, where a plain answer is allowed,
``{"answer": text}``; the decoder cannot produce anything else.
"""

from __future__ import annotations

import json
from typing import Any

from lpcm.messages import Message, ModelError, ModelReply, ModelRequest, ToolCall, ToolSpec


def constrain(request: ModelRequest) -> ModelRequest:
    """The same conversation in plain turns, its answer bound by one schema in place of tools."""
    options = [_call_schema(tool) for tool in request.tools]
    if request.tool_choice == "auto":
        options.append(_object({"answer": {"type": "string"}}))
    rest = [_plain(m) for m in request.messages]
    rules = _rules(request)
    if rest[0].role == "system":
        rules = f"{rest.pop(0).content}\n\n{rules}"
    schema = options[0] if len(options) == 1 else {"anyOf": options}
    return request.model_copy(
        update={
            "messages": (Message(role="system", content=rules), *rest),
            "json_schema": schema,
            "tools": (),
            "tool_choice": "auto",
        }
    )


def interpret(request: ModelRequest, reply: ModelReply) -> ModelReply:
    """Read the constrained answer back as text or a tool call. Raises ModelError."""
    try:
        said = json.loads(reply.text)
        if "answer" in said:
            return reply.model_copy(update={"text": said["answer"]})
        turn = len(request.messages)
        call = ToolCall(id=f"call_{turn}", name=said["tool"], arguments=said["arguments"])
    except (ValueError, LookupError, TypeError):
        again = reply.finish_reason != "length"
        message = f"the tool call is not complete JSON: raise max_tokens={request.max_tokens}"
        raise ModelError("malformed", message, retryable=again, usage=reply.usage) from None
    return reply.model_copy(
        update={"text": "", "tool_calls": (call,), "finish_reason": "tool_calls"}
    )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _call_schema(tool: ToolSpec) -> dict[str, Any]:
    return _object({"tool": {"const": tool.name}, "arguments": tool.parameters})


def _plain(message: Message) -> Message:
    if message.role == "tool":
        return Message(role="user", content=f"Result of the tool:\n{message.content}")
    if not message.tool_calls:
        return Message(role=message.role, content=message.content)
    calls = [json.dumps({"tool": c.name, "arguments": c.arguments}) for c in message.tool_calls]
    return Message(role="assistant", content="\n".join(filter(None, (message.content, *calls))))


def _rules(request: ModelRequest) -> str:
    lines = ["Tools:"]
    for tool in request.tools:
        lines.append(f"- {tool.name}: {tool.description} Arguments: {json.dumps(tool.parameters)}")
    lines.append('To use one, answer {"tool": name, "arguments": {...}}.')
    if request.tool_choice == "auto":
        lines.append('When you know the answer, answer {"answer": text}.')
    return "\n".join(lines)
