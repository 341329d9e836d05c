"""Requests to an ASGI application without a server in between."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TOKEN = "a-token-of-the-tests"
HOST = "127.0.0.1:8765"
EVIL = '<script>window.owned=1</script><img src=x onerror="window.owned=1">\'"`${1}'
SECRET = "sk-this-must-never-be-served-42"


@dataclass
class Answer:
    """What the application answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self):
        return json.loads(self.body)


def call(app, method, address, headers=None, body=b""):
    """One request to the application, to its end; server errors are raised."""
    return run(called(app, method, address, headers, body))


def run(work):
    """``asyncio.run`` in a thread of its own: a browser in the tests has a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def called(app, method, address, headers=None, body=b""):
    parts = urlsplit(address)
    given = {"host": HOST, "authorization": f"Bearer {TOKEN}"} | (headers or {})
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": parts.path, "raw_path": parts.path.encode(), "root_path": "",
        "query_string": parts.query.encode(), "client": ("127.0.0.1", 1), "server": ("x", 80),
        "headers": [
            (n.lower().encode("latin-1", "replace"), v.encode("latin-1", "replace"))
            for n, v in given.items() if v is not None
        ],
    }  # fmt: skip
    answer = Answer()

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {n.decode(): v.decode() for n, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    return answer
