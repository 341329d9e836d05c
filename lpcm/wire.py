"""The chat-completions format: records to a request body, streamed chunks to a reply."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from lpcm.messages import (
    FinishReason,
    Message,
    ModelError,
    ModelReply,
    ModelRequest,
    ToolCall,
    Usage,
)

_BYTES_PER_TOKEN = 3
"""Deliberately low: an estimate must not let a budget be exceeded."""
_FINISH: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}


def body(request: ModelRequest, model: str) -> dict[str, Any]:
    """The streaming request, but for ``grammar``, which only some servers know."""
    out: dict[str, Any] = {
        "model": model,
        "messages": [_message(m) for m in request.messages],
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.stop:
        out["stop"] = list(request.stop)
    if request.json_schema is not None:
        schema = {"name": "answer", "schema": request.json_schema}
        out["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.tools:
        specs = [t.model_dump(include={"name", "description", "parameters"}) for t in request.tools]
        out["tools"] = [{"type": "function", "function": spec} for spec in specs]
        out["tool_choice"] = request.tool_choice
    return out


def _message(message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        out["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return out


@dataclass
class Assembly:
    """Collects the chunks of one stream, as dictionaries, into a reply."""

    request: ModelRequest
    _text: list[str] = field(default_factory=list)
    _calls: dict[int, dict[str, str]] = field(default_factory=dict)
    _finish: str | None = None
    _usage: Usage | None = None

    def add(self, chunk: dict[str, Any]) -> str:
        """Take one chunk and return its text. Raises LookupError, TypeError, ValueError or
        AttributeError if it has another shape.
        """
        piece = ""
        if usage := chunk.get("usage"):
            self._usage = Usage(
                tokens_in=usage["prompt_tokens"], tokens_out=usage["completion_tokens"]
            )
        for choice in (chunk.get("choices") or [])[:1]:
            self._finish = choice.get("finish_reason") or self._finish
            delta = choice.get("delta") or {}
            for part in delta.get("tool_calls") or []:
                self._add_call(part)
            piece = str(delta.get("content") or "")
        self._text.append(piece)
        return piece

    def _add_call(self, part: dict[str, Any]) -> None:
        call = self._calls.setdefault(part.get("index") or 0, {"id": "", "name": "", "args": ""})
        function = part.get("function") or {}
        call["id"] = part.get("id") or call["id"]
        call["name"] = function.get("name") or call["name"]
        call["args"] += function.get("arguments") or ""

    def usage(self) -> Usage:
        """What the server reported, else an estimate from lengths (also of a cut stream)."""
        if self._usage:
            return self._usage
        sent = len(json.dumps(body(self.request, "")).encode())
        got = sum(len(t.encode()) for t in self._text)
        got += sum(len(c["args"].encode()) for c in self._calls.values())
        return Usage(
            tokens_in=sent // _BYTES_PER_TOKEN,
            tokens_out=-(-got // _BYTES_PER_TOKEN),
            estimated=True,
        )

    def reply(self) -> ModelReply:
        """The whole answer. Raises ModelError when the stream ended early or a call is broken."""
        usage = self.usage()
        if self._finish is None:
            raise ModelError("cut", "the answer stopped in the middle: ask again", usage=usage)
        try:
            calls = tuple(_call(i, c) for i, c in sorted(self._calls.items()))
        except ValueError:
            message = "the arguments of a tool call are not a JSON object: ask again"
            raise ModelError("malformed", message, usage=usage) from None
        return ModelReply(
            text="".join(self._text),
            model=self.request.model,
            tool_calls=calls,
            finish_reason="tool_calls" if calls else _FINISH.get(self._finish, "stop"),
            usage=usage,
        )


def _call(index: int, parts: dict[str, str]) -> ToolCall:
    return ToolCall(
        id=parts["id"] or f"call_{index}",
        name=parts["name"],
        arguments=json.loads(parts["args"] or "{}"),
    )
