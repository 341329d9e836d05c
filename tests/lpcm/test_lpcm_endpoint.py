"""The endpoint backend against a chat-completions server that misbehaves on demand."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lpcm.endpoint import Endpoint
from lpcm.gateway import Gateway, Retry
from lpcm.messages import Message, ModelError, ModelRequest, ToolCall, ToolSpec

Handler = BaseHTTPRequestHandler
Act = Callable[[Handler], None]


def ask(text: str = "hello", **fields: Any) -> ModelRequest:
    return ModelRequest(model="m", messages=(Message(role="user", content=text),), **fields)


def event(delta: dict[str, Any], finish: str | None = None, **rest: Any) -> bytes:
    chunk = {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **rest,
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
DONE = b"data: [DONE]\n\n"


def begin(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.end_headers()


def send(*parts: bytes, pause: float = 0.0) -> Act:
    """Stream ``parts`` and close the connection."""

    def act(handler: Handler) -> None:
        begin(handler)
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()
            time.sleep(pause)

    return act


def say(text: str) -> Act:
    return send(event({"content": text}), event({}, "stop", usage=USAGE), DONE)


def fail(status: int, message: str = "no", error: dict[str, Any] | None = None, **h: str) -> Act:
    def act(handler: Handler) -> None:
        body = json.dumps({"error": {"message": message, **(error or {})}}).encode()
        handler.send_response(status)
        for name, value in h.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return act


class FaultyServer(ThreadingHTTPServer):
    """Plays ``script`` one act per completion, the last one for ever; keeps the bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Act] = []
        self.bodies: list[dict[str, Any]] = []
        self.owner = "someone"
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultyServer

    def log_message(self, format: str, *args: Any) -> None: ...

    def do_GET(self) -> None:
        data = json.dumps({"data": [{"id": "m", "object": "model", "owned_by": self.server.owner}]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data.encode())

    def do_POST(self) -> None:
        server = self.server
        server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        act = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        act(self)


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


KEY = "sk-topsecret-0123456789"


def endpoint(server: FaultyServer, **caps: float) -> Endpoint:
    return Endpoint("m", server.url, KEY, **caps)


def error_of(server: FaultyServer, *script, request=None, **caps: float) -> ModelError:
    server.script = list(script)
    with pytest.raises(ModelError) as caught:
        endpoint(server, **caps).complete(request or ask())
    return caught.value


def test_an_answer_streams_and_is_counted(faulty):
    faulty.script = [send(event({"content": "he"}), event({"content": "y"}, "stop", usage=USAGE))]
    pieces: list[str] = []
    reply = endpoint(faulty).complete(ask(max_tokens=9, stop=("x",)), pieces.append)
    assert (reply.text, pieces, reply.finish_reason) == ("hey", ["he", "y"], "stop")
    assert (reply.usage.tokens_in, reply.usage.tokens_out, reply.usage.estimated) == (7, 3, False)
    sent = faulty.bodies[0]
    assert (sent["max_tokens"], sent["stop"], sent["seed"]) == (9, ["x"], 0)
    assert sent["messages"] == [{"role": "user", "content": "hello"}]


def test_usage_that_is_not_reported_is_estimated_not_zero(faulty):
    faulty.script = [send(event({"content": "abcdef"}, "stop"), DONE)]
    usage = endpoint(faulty).complete(ask()).usage
    assert usage.estimated
    assert usage.tokens_in > 0
    assert usage.tokens_out == 2


def test_tool_calls_are_assembled_from_pieces(faulty):
    def part(**function: str) -> bytes:
        return event({"tool_calls": [{"index": 0, "id": "c1", "function": function}]})

    faulty.script = [
        send(part(name="add", arguments='{"a":'), part(arguments="1}"), event({}, "tool_calls"))
    ]
    request = ask(tools=(ToolSpec(name="add"),))
    reply = endpoint(faulty).complete(request)
    assert reply.tool_calls == (ToolCall(id="c1", name="add", arguments={"a": 1}),)
    assert reply.finish_reason == "tool_calls"
    assert faulty.bodies[0]["tools"][0]["function"]["name"] == "add"


def test_tool_results_go_back_in_the_format_of_the_api(faulty):
    call = ToolCall(id="c1", name="add", arguments={"a": 1})
    turns = (
        Message(role="user", content="go"),
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="2", tool_call_id="c1"),
    )
    faulty.script = [say("2")]
    endpoint(faulty).complete(ask().model_copy(update={"messages": turns}))
    _, asked, answered = faulty.bodies[0]["messages"]
    assert asked["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert answered == {"role": "tool", "content": "2", "tool_call_id": "c1"}


BROKEN_CALL = event({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"a"'}}]})


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (fail(429), "rate"),
        (fail(500), "server"),
        (fail(503), "server"),
        (fail(408), "timeout"),
        (fail(400), "bad_request"),
        (fail(404), "bad_request"),
        (fail(422), "bad_request"),
        (fail(401), "auth"),
        (fail(403), "auth"),
        (fail(429, error={"code": "insufficient_quota"}), "auth"),
        (send(event({"content": "half"})), "cut"),
        (send(event({"content": "half"}), DONE), "cut"),
        (send(), "cut"),
        (send(b"data: {not json\n\n"), "malformed"),
        (send(b'data: {"choices": 7}\n\n'), "malformed"),
        (send(b'data: {"choices": [3]}\n\n'), "malformed"),
        (send(b"data: [1]\n\n"), "malformed"),
        (send(BROKEN_CALL, event({}, "tool_calls"), DONE), "malformed"),
        (send(b'data: {"error": {"message": "out of memory"}}\n\n'), "server"),
        (lambda h: h.connection.shutdown(socket.SHUT_RDWR), "cut"),
    ],
)
def test_each_fault_has_its_kind(faulty, act, kind):
    error = error_of(faulty, act)
    assert error.kind == kind
    assert error.retryable == (kind not in ("bad_request", "auth"))
    assert len(faulty.bodies) == 1, "the client must not retry by itself"


def test_silence_is_a_timeout(faulty):
    assert error_of(faulty, send(b": hi\n\n", b"", pause=1.0), silence=0.2).kind == "timeout"


def test_a_slow_drip_ends_at_the_deadline(faulty):
    drip = send(*[b":\n"] * 100, pause=0.05)
    assert error_of(faulty, drip, silence=5.0, deadline=0.3).kind == "timeout"


def test_nobody_listens_is_a_connection_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = Endpoint("m", f"http://127.0.0.1:{free.getsockname()[1]}/v1", KEY)
        with pytest.raises(ModelError, match="check the base URL") as caught:
            dead.complete(ask())
    assert caught.value.kind == "connection"
    assert caught.value.usage.tokens_in == 0  # nothing was sent


def test_a_cut_stream_is_billed_by_estimate(faulty):
    assert error_of(faulty, send(event({"content": "x" * 30}))).usage.tokens_out == 10


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("Thu, 01 Jan 2015 00:00:00 GMT", 0.0), ("soon", None)],
)
def test_retry_after_is_read(faulty, value, seconds):
    assert error_of(faulty, fail(429, Retry_After=value)).retry_after == seconds


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_the_key_appears_nowhere(faulty, status, caplog):
    caplog.set_level(logging.INFO)
    error = error_of(faulty, fail(status, f"bad key {KEY}, also sk-other-98765432", x=KEY))
    shown = "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    shown += repr(endpoint(faulty)) + endpoint(faulty).identity
    assert "topsecret" not in shown
    assert "98765432" not in shown


def test_a_password_in_the_address_appears_nowhere(faulty):
    url = faulty.url.replace("http://", "http://user:hunter2@")
    faulty.script = [fail(500)]
    model = Endpoint("m", url, KEY)
    with pytest.raises(ModelError) as caught:
        model.complete(ask())
    assert "hunter2" not in str(caught.value) + repr(model) + model.identity


def test_settings_that_a_model_refuses_are_left_out(faulty):
    def unsupported(name: str):
        return fail(400, error={"param": name, "code": "unsupported_value"})

    faulty.script = [unsupported("temperature"), unsupported("max_tokens"), say("ok")]
    model = endpoint(faulty)
    assert model.complete(ask(max_tokens=5)).text == "ok"
    assert "temperature" not in faulty.bodies[-1]
    assert faulty.bodies[-1]["max_completion_tokens"] == 5
    model.complete(ask())
    assert len(faulty.bodies) == 4, "it remembers what was refused"


def test_a_setting_that_matters_is_not_left_out(faulty):
    refusal = fail(400, error={"param": "response_format", "code": "unsupported_value"})
    assert error_of(faulty, refusal, request=ask(json_schema={})).kind == "bad_request"
    assert len(faulty.bodies) == 1


def test_a_grammar_goes_only_to_a_server_that_reads_it(faulty):
    request = ask(grammar='root ::= "a"')
    error = error_of(faulty, say("a"), request=request)
    assert (error.kind, faulty.bodies) == ("unsupported", [])
    faulty.owner = "llamacpp"
    endpoint(faulty).complete(request)
    assert faulty.bodies[0]["grammar"] == 'root ::= "a"'


def test_a_schema_goes_as_response_format(faulty):
    faulty.script = [say("{}")]
    endpoint(faulty).complete(ask(json_schema={"type": "object"}))
    assert faulty.bodies[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_an_error_of_the_listener_is_its_own(faulty):
    faulty.script = [say("x")]

    def listener(_: str) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        endpoint(faulty).complete(ask(), listener)


@pytest.mark.parametrize(
    "first",
    [
        fail(429, Retry_After="2"),
        fail(500),
        send(event({"content": "half"})),
        send(b"data: {\n\n"),
        send(event({"content": ""}, "stop", usage=USAGE), DONE),
        send(BROKEN_CALL, event({}, "tool_calls"), DONE),
    ],
)
def test_one_fault_then_success_through_the_gateway(faulty, first):
    faulty.script = [first, say("fine")]
    waits: list[float] = []
    gateway = Gateway(lambda _: endpoint(faulty), retry=Retry(attempts=2), sleep=waits.append)
    reply = gateway.complete(ask())
    assert (reply.text, reply.attempts, len(waits)) == ("fine", 2, 1)
