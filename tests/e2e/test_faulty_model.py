"""A model server that misbehaves: the run ends in a clear state, and nothing is lost."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from product import DESIGN, GOAL, REFERENCE, Qimeng


class Server(BaseHTTPRequestHandler):
    """Answers with the faults of ``faults`` one by one, then well."""

    faults: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdigit():
            self.send_response(int(fault))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if fault == "garbage":
            self.wfile.write(b"data: {not json\n\n")
            return
        python = "Python model" in request["messages"][-1]["content"]
        text = f"```\n{REFERENCE if python else DESIGN}```"
        if fault == "empty":
            text = ""
        self._event({"content": text[:20] if fault == "cut" else text})
        if fault == "cut":
            return
        self._event({}, finish="stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        event = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage if finish else None,
        }
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[type[Server]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        environment["QIMENG_BASE_URL"] = f"http://127.0.0.1:{listening.server_port}/v1"
        environment["QIMENG_API_KEY"] = "sk-very-secret"
        yield Server
        listening.shutdown()


@pytest.mark.parametrize("fault", ["500", "429", "cut", "garbage", "empty"])
def test_passing_faults_are_retried(fault: str, server: type[Server], qimeng: Qimeng) -> None:
    server.faults = [fault, "", fault]
    ended = qimeng("run", GOAL, "--model", "m", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["evidence"]["level"] == "agreed"


def test_a_lasting_fault_pauses_and_the_run_goes_on_later(
    server: type[Server], qimeng: Qimeng
) -> None:
    server.faults = ["", "401"]
    paused = qimeng("run", GOAL, "--model", "m", "--json")
    assert paused.returncode == 4
    first = json.loads(paused.stdout)
    assert first["status"] == "paused"
    assert "sk-very-secret" not in paused.stdout + paused.stderr
    assert first["spend"]["tokens_out"] == 5
    server.faults = []
    ended = qimeng("resume", first["run_id"], "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["spend"]["tokens_out"] == 20
