"""A conversation over one design: tester, critic and designer, as an AutoGen team.

Used where turn-taking is open (the chat's ``/review``). The tester is no model: it runs the
design and its messages are what tools found, so only they are evidence; critic and designer
speak through the run's own gateway, journal and budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.conditions import MaxMessageTermination, SourceMatchTermination
from autogen_agentchat.messages import (
    BaseChatMessage,
    StopMessage,
    TextMessage,
)
from autogen_agentchat.teams import SelectorGroupChat
from autogen_core import CancellationToken
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelFamily,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import Tool, ToolSchema

from agents.role import load_prompt
from agents.workbench import Workbench
from lpcm.messages import Message
from tools.hdl.contract import Contract
from tools.hdl.extract_code import extract_code
from tools.hdl.repair import repair

MAX_MESSAGES = 10
MAX_TOKENS = 900
NEXT = {"user": "tester", "tester": "critic", "critic": "designer", "designer": "tester"}


@dataclass(frozen=True)
class Finding:
    """What tools say of a design. ``passed`` ends the conversation."""

    passed: bool
    text: str


@dataclass(frozen=True)
class Review:
    """How a conversation went: who said what, and the last design that was tested."""

    said: tuple[tuple[str, str], ...]
    source: str
    passed: bool


def review(
    workbench: Workbench,
    goal: str,
    contract: Contract,
    source: str,
    check: Callable[[str], Finding],
) -> Review:
    """Let the team argue about ``source`` until ``check`` passes or ``MAX_MESSAGES`` are spoken.

    Every message is an event of the run. Raises what the gateway and the budget raise.
    """
    tester = _Tester(contract, source, check)
    client = GatewayClient(workbench, "team")
    team = SelectorGroupChat(
        [
            tester,
            _assistant("critic", "team_critic", goal, client),
            _assistant("designer", "team_designer", goal, client),
        ],
        client,
        selector_func=lambda thread: NEXT[thread[-1].source],
        termination_condition=MaxMessageTermination(MAX_MESSAGES) | _passed(),
    )
    # A loop may already run in this thread (a notebook, a server), and loops do not nest.
    with ThreadPoolExecutor(1) as thread:
        talk = thread.submit(asyncio.run, _talk(team, workbench, f"```verilog\n{source}\n```"))
        said = talk.result()
    return Review(tuple(said), tester.source, tester.passed)


async def _talk(team: SelectorGroupChat, workbench: Workbench, task: str) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    async for message in team.run_stream(task=task):
        if isinstance(message, TextMessage | StopMessage):
            said.append((message.source, message.content))
            workbench.run.emit("team.said", message.source, text=message.content)
    return said


def _passed() -> SourceMatchTermination:
    """The tester hands over as ``verdict`` when the design passes."""
    return SourceMatchTermination(["verdict"])


def _assistant(name: str, prompt: str, goal: str, client: ChatCompletionClient) -> AssistantAgent:
    (system,) = load_prompt(prompt, goal=goal)
    return AssistantAgent(name, client, system_message=system.content, description=name)


class _Tester(BaseChatAgent):
    """Runs the newest design in the conversation and says what came of it."""

    def __init__(self, contract: Contract, source: str, check: Callable[[str], Finding]) -> None:
        super().__init__("tester", "runs the design")
        self.source, self.passed = source, False
        self._contract, self._check = contract, check

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> Response:
        last = messages[-1]
        if isinstance(last, TextMessage) and last.source == "designer":
            self.source = repair(extract_code(last.content), self._contract).source
        found = self._check(self.source)
        self.passed = found.passed
        source = "verdict" if found.passed else self.name
        return Response(chat_message=TextMessage(content=found.text, source=source))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        self.passed = False


class GatewayClient(ChatCompletionClient):
    """AutoGen's model client on our gateway: journal, budget, cache and trace hold here too."""

    component_type = "model"

    def __init__(self, workbench: Workbench, actor: str) -> None:
        self._workbench = workbench
        self._actor = actor
        self._total = RequestUsage(prompt_tokens=0, completion_tokens=0)

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[Any] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """One answer. Tools and JSON output are not offered: engines are called by the graph."""
        turns = [_turn(message) for message in messages]
        reply = await asyncio.to_thread(
            self._workbench.ask, self._actor, turns, temperature=0.4, max_tokens=MAX_TOKENS
        )
        usage = RequestUsage(
            prompt_tokens=reply.usage.tokens_in, completion_tokens=reply.usage.tokens_out
        )
        self._total = RequestUsage(
            prompt_tokens=self._total.prompt_tokens + usage.prompt_tokens,
            completion_tokens=self._total.completion_tokens + usage.completion_tokens,
        )
        finish: Literal["stop", "length"] = "length" if reply.finish_reason == "length" else "stop"
        return CreateResult(
            finish_reason=finish, content=reply.text, usage=usage, cached=reply.cached
        )

    async def create_stream(
        self, messages: Sequence[LLMMessage], **options: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        """The whole answer as one piece."""
        yield await self.create(messages, **options)

    async def close(self) -> None:
        """Nothing is held open."""

    def actual_usage(self) -> RequestUsage:
        """Tokens so far."""
        return self._total

    def total_usage(self) -> RequestUsage:
        """Tokens so far."""
        return self._total

    def count_tokens(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []
    ) -> int:
        """An estimate: four characters a token."""
        return sum(len(_turn(message).content) for message in messages) // 4

    def remaining_tokens(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []
    ) -> int:
        """Of the embedded model's window."""
        return 8192 - self.count_tokens(messages)

    @property
    def capabilities(self) -> Any:
        """As ``model_info``; the name that older AutoGen asks for."""
        return self.model_info

    @property
    def model_info(self) -> ModelInfo:
        """Plain text in, plain text out."""
        return ModelInfo(
            vision=False,
            function_calling=False,
            json_output=False,
            structured_output=False,
            multiple_system_messages=False,
            family=ModelFamily.UNKNOWN,
        )


def _turn(message: LLMMessage) -> Message:
    if isinstance(message, SystemMessage):
        return Message(role="system", content=message.content)
    if isinstance(message, AssistantMessage) and isinstance(message.content, str):
        return Message(role="assistant", content=message.content)
    if isinstance(message, UserMessage) and isinstance(message.content, str):
        return Message(role="user", content=f"{message.source}: {message.content}")
    raise TypeError(f"a team speaks in text, not in {type(message).__name__}")
