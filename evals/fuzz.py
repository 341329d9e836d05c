"""Malformed bytes at the page's door: does the server stay up, answer no 5xx, and lose nothing?

    python -m evals.fuzz --times 20000 --seed 1

Starts ``qimeng serve`` over a home with one run and sends it, over raw sockets, requests that were
valid before bytes of them were flipped, cut, doubled, or swapped for what breaks parsers. Now and
then a whole request must still be answered. At the end the run's files are those of the beginning.
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from memory.records import Goal
from memory.runs import RunStore

KEY = "the-key-of-the-fuzz-test"
PATIENCE = 0.25
"""Seconds to wait for an answer: a request that was cut short is rightly never answered."""
CHECK_EVERY = 50
_BREAKERS = (
    b"\x00", b"\xff\xfe", b"\r\n\r\n", b"\n", b"%00", b"%2e%2e%2f", b"../" * 30, b"A" * 70_000,
    b"Content-Length: -1\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Transfer-Encoding: chunked\r\n", b"\r\nZZZ\r\n", b"Host: evil.example\r\n", b"HTTP/9.9",
    b"\xed\xa0\x80", b"[" * 20_000, b'{"a":' * 5000,
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Expect: 100-continue\r\n", b"Cookie: a=\"\\\r\n", b"Range: bytes=9-1\r\n", b"1e999", b"-0",
)  # fmt: skip


def whole_requests(host: str, run: str) -> list[bytes]:
    """Valid requests, none of which starts a process whatever becomes of its bytes."""
    addresses = [
        "/", "/static/main.js", "/api/runs", "/api/search?q=module", f"/api/runs/{run}",
        f"/api/runs/{run}/rows?from=0&count=9&groups=note&q=x&seq=1", f"/api/runs/{run}/events/0",
        f"/api/runs/{run}/artifacts/{'0' * 64}?name=x", f"/api/runs/{run}/export/json",
        f"/api/runs/{run}/report", "/api/sessions", "/v1/models", f"/?token={KEY}",
    ]  # fmt: skip
    bodies = {"/api/runs": b'{"goal": 7}', "/api/chat": b'{"text": 7}',
              "/v1/chat/completions": b'{"messages": 7}'}  # fmt: skip
    head = f"Host: {host}\r\nAuthorization: Bearer {KEY}\r\n"
    asked = [f"GET {address} HTTP/1.1\r\n{head}\r\n".encode() for address in addresses]
    for address, body in bodies.items():
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        asked.append(f"POST {address} HTTP/1.1\r\n{head}{more}\r\n".encode() + body)
    return asked


def spoiled(data: bytes, dice: random.Random) -> bytes:
    """A request with one to four things wrong."""
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        how = dice.randrange(5)
        if how == 0:
            data = data[:at] + dice.choice(_BREAKERS) + data[at:]
        elif how == 1:
            data = data[:at]
        elif how == 2:
            data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
        elif how == 3:
            data = data[:at] + data[at // 2 : at] + data[at:]
        else:
            data = data[:at] + data[at + dice.randint(1, 9) :]
    return data


def answered(port: int, data: bytes, patience: float = PATIENCE) -> int:
    """The status of the first answer on a connection of its own; 0 when there is none."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            line.settimeout(patience)
            line.sendall(data)
            if data.count(b"\r\n\r\n") == 0:
                line.shutdown(socket.SHUT_WR)
            first = line.recv(64)
    except OSError:
        return 0
    words = first.split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def attack(port: int, run: str, times: int, seed: int) -> collections.Counter[int]:
    """How often each status was answered. AssertionError when the server no longer answers."""
    dice, counts = random.Random(seed), collections.Counter[int]()
    whole = whole_requests(f"127.0.0.1:{port}", run)
    for number in range(times):
        counts[answered(port, spoiled(dice.choice(whole), dice))] += 1
        if number % CHECK_EVERY == 0:
            assert answered(port, whole[2], 60) == 200, f"it is dead after request {number}"
    return counts


def fingerprint(folder: Path) -> str:
    """A digest of every file of a run."""
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()


@click.command()
@click.option("--times", default=2000, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(times: int, seed: int) -> None:
    """Serve, attack, look at what is left; one JSON object."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        with RunStore(Path(home)).create(
            Goal(text="module <script>alert(1)</script>"), {}, {}
        ) as run:
            pass
        before = fingerprint(run.folder)
        server = subprocess.Popen(
            [sys.executable, "-m", "qimeng", "serve", "--port", "0", "--token", KEY],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=os.environ | {"QIMENG_HOME": home},
        )  # fmt: skip
        assert server.stdout
        port = int(server.stdout.readline().split(b"/?")[0].rpartition(b":")[2])
        try:
            counts = attack(port, run.id, times, seed)
            alive = server.poll() is None
        finally:
            server.terminate()
            server.wait()
        same = fingerprint(run.folder) == before
    failed = sum(n for status, n in counts.items() if status >= 500)
    told = {"requests": times, "server_errors": failed, "alive": alive, "files_unchanged": same}
    statuses = {str(status): n for status, n in sorted(counts.items())}
    seconds = round(time.monotonic() - began)
    click.echo(json.dumps(told | {"statuses": statuses, "seconds": seconds}))
    sys.exit(0 if alive and same and not failed else 1)


if __name__ == "__main__":
    main()
