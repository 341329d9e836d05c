"""The gateway as a LangChain chat model, for chains, ``create_agent`` and LangGraph."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from typing import Any, Protocol

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call, tool_call_chunk
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from pydantic import BaseModel, SkipValidation

from lpcm.gateway import OnRetry
from lpcm.messages import Message, ModelError, ModelReply, ModelRequest, OnText, ToolCall, ToolSpec


class Completes(Protocol):
    """A Gateway, or what wraps one."""

    def complete(
        self,
        request: ModelRequest,
        on_text: OnText | None = None,
        on_retry: OnRetry | None = None,
    ) -> ModelReply:
        """See Gateway.complete."""
        ...


class QimengChatModel(BaseChatModel):
    """A named model behind ``gateway``. Errors are the gateway's ModelError, already retried."""

    gateway: SkipValidation[Completes]
    model: str
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 1024
    seed: int = 0

    @property
    def _llm_type(self) -> str:
        return "qimeng"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, **self._sampling()}

    def _sampling(self) -> dict[str, Any]:
        names = ("temperature", "top_p", "max_tokens", "seed")
        return {name: getattr(self, name) for name in names}

    def _request(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> ModelRequest:
        known = {k: v for k, v in options.items() if k in ModelRequest.model_fields}
        fields = {"model": self.model, **self._sampling(), **known}
        turns = tuple(_turn(m) for m in messages)
        return ModelRequest(messages=turns, stop=tuple(stop or ()), **fields)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self.gateway.complete(self._request(messages, stop, kwargs))
        calls = [tool_call(name=c.name, args=c.arguments, id=c.id) for c in reply.tool_calls]
        message = AIMessage(
            content=reply.text,
            tool_calls=calls,
            usage_metadata=_usage(reply),
            response_metadata=_metadata(reply),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs)
        for piece in _pieces(self.gateway, request):
            chunk = _text_chunk(piece) if isinstance(piece, str) else _last_chunk(piece)
            if run_manager and chunk.text:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer ``tools``. ``tool_choice``: "any" or "required" demands a call, a tool's name
        that very one; None and "auto" leave it open.
        """
        functions = [convert_to_openai_tool(tool)["function"] for tool in tools]
        specs = [
            ToolSpec(**{k: f[k] for k in ("name", "description", "parameters") if k in f})
            for f in functions
        ]
        named = [spec for spec in specs if spec.name == tool_choice]
        free = tool_choice in (None, "auto")
        return self.bind(
            tools=tuple(named or specs), tool_choice="auto" if free else "required", **kwargs
        )

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Decode under a JSON schema, and parse into the pydantic class or a dictionary. With
        ``include_raw``: ``{"raw", "parsed", "parsing_error"}``. ``kwargs`` go to the request.
        """
        bound = self.bind(json_schema=convert_to_json_schema(schema), **kwargs)
        parser: BaseOutputParser[Any] = JsonOutputParser()
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            parser = PydanticOutputParser(pydantic_object=schema)
        if not include_raw:
            return bound | parser

        def parse(raw: AIMessage) -> dict[str, Any]:
            try:
                return {"raw": raw, "parsed": parser.invoke(raw), "parsing_error": None}
            except ValueError as err:
                return {"raw": raw, "parsed": None, "parsing_error": err}

        return bound | RunnableLambda(parse)


def _turn(message: BaseMessage) -> Message:
    text = message.text
    match message:
        case SystemMessage():
            return Message(role="system", content=text)
        case HumanMessage():
            return Message(role="user", content=text)
        case ToolMessage():
            return Message(role="tool", content=text, tool_call_id=message.tool_call_id)
        case AIMessage():
            calls = tuple(
                ToolCall(id=c["id"] or f"call_{i}", name=c["name"], arguments=c["args"])
                for i, c in enumerate(message.tool_calls)
            )
            return Message(role="assistant", content=text, tool_calls=calls)
    raise ModelError("bad_request", f"a {message.type!r} message cannot be sent to a model")


def _usage(reply: ModelReply) -> UsageMetadata:
    used = reply.usage
    total = used.tokens_in + used.tokens_out
    return UsageMetadata(
        input_tokens=used.tokens_in, output_tokens=used.tokens_out, total_tokens=total
    )


def _metadata(reply: ModelReply) -> dict[str, Any]:
    return {
        "model_name": reply.model,
        "finish_reason": reply.finish_reason,
        "usd": reply.usd,
        "attempts": reply.attempts,
        "cached": reply.cached,
    }


def _text_chunk(text: str) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=text))


def _last_chunk(reply: ModelReply) -> ChatGenerationChunk:
    calls = [
        tool_call_chunk(name=c.name, args=json.dumps(c.arguments), id=c.id)
        for c in reply.tool_calls
    ]
    message = AIMessageChunk(
        content="",
        tool_call_chunks=calls,
        usage_metadata=_usage(reply),
        response_metadata=_metadata(reply),
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message)


class _Abandoned(Exception):
    """Nobody reads the stream any more, or it cannot be continued."""


def _pieces(gateway: Completes, request: ModelRequest) -> Iterator[str | ModelReply]:
    """The gateway's callbacks turned into an iterator, by a thread.

    An iterator that is given up stops the generation at its next piece.
    """
    out: queue.SimpleQueue[str | ModelReply | BaseException] = queue.SimpleQueue()
    left = threading.Event()
    streamed = False

    def on_text(piece: str) -> None:
        nonlocal streamed
        if left.is_set():
            raise _Abandoned
        streamed = True
        out.put(piece)

    def on_retry(error: ModelError, attempt: int, wait: float) -> None:
        if streamed or left.is_set():  # what was handed out cannot be taken back
            raise error

    def work() -> None:
        try:
            out.put(gateway.complete(request, on_text, on_retry))
        except BaseException as err:
            out.put(err)

    threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    try:
        while True:
            item = out.get()
            if isinstance(item, BaseException):
                raise item
            yield item
            if isinstance(item, ModelReply):
                return
    finally:
        left.set()
