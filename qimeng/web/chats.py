"""Chat sessions for the page, and for other programs in the form of OpenAI's chat completions.

A turn is worked on in a process of its own (``qimeng.web.turn``) whose lines are passed on as they
come. ``/v1/chat/completions`` takes the last user message; the header ``X-QiMeng-Session`` (given
back with every answer) continues a session, and so does a history that is word for word the one of
an earlier session. Otherwise a new session begins.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from memory.lock import is_running
from memory.runs import NoSuchRun
from memory.sessions import SessionStore
from qimeng.chat import requests
from qimeng.goals import BadInput
from qimeng.web.api import read_body
from qimeng.web.views import Traces

Json = dict[str, Any]

MODEL = "qimeng-chat"
SESSION_HEADER = "X-QiMeng-Session"
_ALIVE_EVERY = 15.0
_LINE = 4_000_000
_MATCHED = 50


def sessions(request: Request) -> Response:
    """All sessions, newest first: id and the first words."""
    found = [
        {"id": id_, "title": state.turns[0].text[:120] if state.turns else "(empty)"}
        for id_, state in SessionStore().list()
    ]
    return JSONResponse({"sessions": found})


def session(request: Request) -> Response:
    """One session as it stands."""
    return JSONResponse(session_now(request.path_params["session"], Traces()))


def session_now(session_id: str, traces: Traces) -> Json:
    """Its turns, the request that waits for an answer with the words of its two buttons, whether
    a process works on it, and what the run of an open turn did last. Raises NoSuchSession.
    """
    store = SessionStore()
    state, folder = store.read(session_id), store.folder(session_id)
    pending, at_work = state.pending, state.unfinished
    return {
        "turns": [asdict(turn) for turn in state.turns],
        "pending": pending and pending.model_dump() | {"buttons": requests.buttons(pending)},
        "working": is_running(folder),
        "doing": _doing(at_work.run_id, traces) if at_work and at_work.run_id else "",
    }


def _doing(run_id: str, traces: Traces) -> str:
    try:
        trace = traces.get(run_id)
    except NoSuchRun:
        return ""
    newest_first = (trace.rows[i] for i in reversed(trace.shown))
    told = (row for row in newest_first if row["group"] not in ("tool", "run"))
    return next((f"{row['actor']}: {row['text']}" for row in told), "")


async def say(request: Request) -> Response:
    """One message of the page; the answer is a stream of the turn's lines."""
    asked = read_body(await request.body())
    process = await _begin(
        asked.get("session"), asked.get("text"), asked.get("model"), asked.get("answers")
    )

    async def lines() -> AsyncIterator[str]:
        async for told in _told(process):
            yield ": working\n\n" if told is None else f"data: {json.dumps(told)}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


def models(request: Request) -> Response:
    """The one model that other programs see."""
    listed = {"id": MODEL, "object": "model", "created": 0, "owned_by": "qimeng"}
    return JSONResponse({"object": "list", "data": [listed]})


async def completions(request: Request) -> Response:
    """A chat completion, streamed or whole."""
    try:
        asked = read_body(await request.body())
        history, text = _messages(asked)
        named = request.headers.get(SESSION_HEADER) or await run_sync(_session_of, history)
        if not text.strip():
            raise BadInput("say something")
        process = await _begin(named, text)
    except BadInput as error:
        return _refused(400, str(error))
    lines = _told(process)
    first = await anext(lines, {"error": "the turn ended without a word"})
    while first is None:
        first = await anext(lines, {"error": "the turn ended without a word"})
    if "session" not in first:
        return _refused(404 if named else 500, str(first.get("error")))
    headers = {SESSION_HEADER: first["session"]}
    if asked.get("stream"):
        stream = _chunks(first["session"], lines)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
    return await _whole(first["session"], lines, headers)


# -- OpenAI's form ------------------------------------------------------------------------


def _messages(asked: Json) -> tuple[list[str], str]:
    """What was said before, in turn, and the new message. Raises BadInput."""
    messages = asked.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise BadInput("messages is a list of objects with role and content")
    spoken = [_words(m.get("content")) for m in messages if m.get("role") in ("user", "assistant")]
    if not messages or messages[-1].get("role") != "user":
        raise BadInput("the last message is the user's")
    return spoken[:-1], spoken[-1]


def _words(content: object) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(content, list):
        parts = [p.get("text") for p in content if isinstance(p, dict) and p.get("type") == "text"]
        content = "\n".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str):
        raise BadInput("the content of a message is text")
    return content


def _session_of(history: list[str]) -> str | None:
    """The session whose turns are, word for word, this history; None when there is none."""
    if not history:
        return None
    for id_, state in SessionStore().list()[:_MATCHED]:
        if [said for turn in state.turns for said in (turn.text, turn.reply)] == history:
            return id_
    return None


async def _whole(session_id: str, lines: AsyncIterator[Json | None], headers: Json) -> Response:
    last: Json = {}
    async for told in lines:
        last = told or last
    if "reply" not in last:
        return _refused(502, str(last.get("error", "the turn was cut short")))
    message = {"role": "assistant", "content": last["reply"]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = _usage(last)
    body = _head(session_id, "chat.completion") | {"choices": [choice], "usage": usage}
    return JSONResponse(body, headers=headers)


async def _chunks(session_id: str, lines: AsyncIterator[Json | None]) -> AsyncIterator[str]:
    """The answer piece by piece. A reply that did not come in pieces is sent when it is there."""
    head = _head(session_id, "chat.completion.chunk")

    def chunk(delta: Json, end: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": end}
        return f"data: {json.dumps(head | {'choices': [choice]})}\n\n"

    yield chunk({"role": "assistant", "content": ""})
    sent = ""
    async for told in lines:
        if told is None or "progress" in told:
            yield ": working\n\n"
        elif "text" in told:
            sent += told["text"]
            yield chunk({"content": told["text"]})
        elif "reply" in told:
            rest = told["reply"].removeprefix(sent)
            if rest.strip():
                yield chunk({"content": rest if rest != told["reply"] or not sent else f"\n{rest}"})
        elif "error" in told:
            yield f"data: {json.dumps({'error': _error(told['error'])})}\n\n"
    yield chunk({}, "stop")
    yield "data: [DONE]\n\n"


def _head(session_id: str, kind: str) -> Json:
    made = int(time.time())
    return {"id": f"chatcmpl-{session_id}", "object": kind, "created": made, "model": MODEL}


def _usage(last: Json) -> Json:
    used = {"prompt_tokens": last["tokens_in"], "completion_tokens": last["tokens_out"]}
    return used | {"total_tokens": sum(used.values())}


def _error(message: str) -> Json:
    return {"message": message, "type": "invalid_request_error", "param": None, "code": None}


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": _error(message)}, status)


# -- the turn's process -------------------------------------------------------------------


async def _begin(
    session_id: object, text: object, model: object = None, answers: object = None
) -> Process:
    """A process that works on one turn; without a text, on the one that was cut off. BadInput."""
    if not isinstance(text, str) or not (text.strip() or session_id):
        raise BadInput("say something")
    if not all(value is None or isinstance(value, str) for value in (session_id, model, answers)):
        raise BadInput("session, model and answers are names")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "qimeng.web.turn",
        stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=_LINE, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    asked = {
        "session": session_id or None, "text": text, "answers": answers or "",
        "model": model or None,
    }  # fmt: skip
    process.stdin.write(json.dumps(asked).encode())
    process.stdin.close()
    return process


async def _told(process: Process) -> AsyncIterator[Json | None]:
    """The lines of a turn; None now and then while nothing comes."""
    assert process.stdout is not None
    ended = False
    while True:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _ALIVE_EVERY)
        except TimeoutError:
            yield None
            continue
        if not line:
            break
        told: Json = json.loads(line)
        ended = ended or "reply" in told or "error" in told
        yield told
    code = await process.wait()
    if not ended:
        yield {"error": f"the turn's process ended with status {code}; it can be asked again"}
