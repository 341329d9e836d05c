"""What goes through the gateway: a request, a reply, and the one error.

All are frozen and JSON-serialisable, so that the same record is sent, cached, traced and
replayed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Literal, Protocol, Self

from pydantic import Field, JsonValue, model_validator

from memory.records import Record

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
OnText = Callable[[str], None]
"""Called with each new piece of text as it is generated."""


class ToolCall(Record):
    """A call the model asks for. ``arguments`` are parsed JSON, not checked against the schema."""

    id: str
    name: str
    arguments: dict[str, JsonValue]


class ToolSpec(Record):
    """A tool the model may call; ``parameters`` is the JSON schema of its arguments."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str = ""
    parameters: dict[str, Any] = Field(default={"type": "object", "properties": {}})


class Message(Record):
    """One turn. ``tool_call_id`` names, in a ``tool`` message, the call it answers."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class ModelRequest(Record):
    """One completion. The output is free text, or bound by at most one of ``json_schema``,
    ``grammar`` (GBNF text) and ``tools``; ``tool_choice`` "required" forbids a plain answer.
    """

    model: str
    messages: tuple[Message, ...] = Field(min_length=1)
    temperature: float = Field(default=0.0, ge=0, le=2, allow_inf_nan=False)
    top_p: float = Field(default=1.0, gt=0, le=1, allow_inf_nan=False)
    max_tokens: int = Field(default=1024, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    stop: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None
    grammar: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: Literal["auto", "required"] = "auto"

    @model_validator(mode="after")
    def _one_constraint(self) -> Self:
        if sum(map(bool, (self.json_schema, self.grammar, self.tools))) > 1:
            raise ValueError("give at most one of json_schema, grammar and tools")
        if self.tool_choice == "required" and not self.tools:
            raise ValueError("tool_choice is 'required' but there are no tools")
        return self

    def key(self) -> str:
        """SHA-256 of the canonical JSON: fields in declared order, no spaces, UTF-8.

        The order of keys inside a schema is kept, not sorted: models write properties in that
        order, so two orders are two requests.
        """
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Usage(Record):
    """Tokens of one or more attempts. ``estimated`` when a server did not report them."""

    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            estimated=self.estimated or other.estimated,
        )


class ModelReply(Record):
    """An answer. A backend fills the first five fields, the gateway the rest.

    ``usage`` and ``usd`` count failed attempts too; ``usd`` is None when the model's price is
    unknown and 0 when ``cached`` (then ``usage`` and ``seconds`` are those of the first time).
    """

    text: str
    model: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    usd: float | None = None
    seconds: float = 0.0
    attempts: int = 1
    cached: bool = False


ErrorKind = Literal[
    "timeout",
    "rate",
    "server",
    "connection",
    "cut",
    "malformed",
    "empty",
    "auth",
    "bad_request",
    "unsupported",
    "unavailable",
]
TRANSIENT: frozenset[ErrorKind] = frozenset(
    ("timeout", "rate", "server", "connection", "cut", "malformed", "empty")
)


class ModelError(Exception):
    """A completion that did not come. The message says what happened and what to do next.

    ``retryable`` follows from ``kind`` unless given. ``retry_after`` is the server's own wish
    in seconds; ``usage`` is what the failed attempts consumed.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        retryable: bool | None = None,
        retry_after: float | None = None,
        usage: Usage = Usage(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = kind in TRANSIENT if retryable is None else retryable
        self.retry_after = retry_after
        self.usage = usage


class Backend(Protocol):
    """One model behind the gateway. Safe to call from several threads."""

    @property
    def identity(self) -> str:
        """What answers, beyond its name (a weights digest, a server's address); keys the cache."""
        ...

    def complete(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """One attempt, without retries. Raises ModelError."""
        ...
