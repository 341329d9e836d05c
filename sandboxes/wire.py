"""The host's side of a conversation with the launcher: request out, outcome back.

Everything that comes back is untrusted: it is capped, its paths are checked, and a stream that
makes no sense ends the call as if the command had been killed.
"""

from __future__ import annotations

import marshal
import struct
import threading
import time
from typing import Protocol, get_args

from sandboxes import view
from sandboxes.base import Command, Killed, Limits, Outcome, SandboxError

_HEADER = struct.Struct(">cI")
_WATCH_SECONDS = 0.05
_FRAME_CAP = 1 << 32
_BROKEN = -9


class Channel(Protocol):
    """A started sandbox whose launcher waits for its request."""

    def send(self, data: bytes) -> None: ...

    def receive(self) -> bytes:
        """The next bytes of the launcher's stream; empty at its end."""
        ...

    def kill(self) -> None:
        """End the whole tree. Callable from any thread, any number of times."""
        ...

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process of the tree for lack of memory."""
        ...

    def complaint(self) -> str:
        """What the driver said when the launcher never started."""
        ...


def safe_path(path: str) -> bool:
    """Whether ``path`` is a plain relative path that stays in the working directory."""
    return bool(path) and "\0" not in path and not set(path.split("/")) & {"", ".", ".."}


def check(command: Command) -> None:
    """Raise ValueError when a path in ``files`` or ``collect`` leaves the working directory."""
    for path in (*command.files, *command.collect):
        if not safe_path(path):
            raise ValueError(f"not a plain path inside the working directory: {path!r}")
    if not command.argv:
        raise ValueError("argv is empty")


def clip(output: bytes, cap: int) -> bytes:
    """``output`` within ``cap`` bytes: its head and its tail, and between them what is missing."""
    if len(output) <= cap:
        return output
    head, tail = output[: cap // 2], output[len(output) - (cap - cap // 2) :]
    return head + f"\n[{len(output) - cap} bytes left out]\n".encode() + tail


def encode(command: Command) -> bytes:
    """The request for one command, as the launcher reads it."""
    limits = command.limits
    body = marshal.dumps(
        {
            "argv": list(command.argv),
            "env": view.environment(command.env),
            "files": dict(command.files),
            "stdin": command.stdin,
            "collect": list(command.collect),
            "box": view.BOX,
            "writable": list(view.WRITABLE),
            "processes": limits.processes,
            "cpu": limits.cpu_seconds,
            "memory": limits.memory_mb << 20,
            "disk": limits.disk_mb << 20,
        }
    )
    return struct.pack(">Q", len(body)) + body


class Reply:
    """Reads the launcher's frames; ``done`` once there is nothing more to wait for."""

    def __init__(self, limits: Limits) -> None:
        self.streams = {b"O": bytearray(), b"E": bytearray()}
        self.files: dict[str, bytes] = {}
        self.started = self.done = False
        self.exit_code: int | None = None
        self.killed: Killed | None = None
        self.refused = ""
        self._limits = limits
        self._pending = bytearray()

    def feed(self, data: bytes) -> None:
        self._pending += data
        while not self.done and len(self._pending) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._pending)
            if length > self._frame_cap(kind):
                self._end(exit_code=_BROKEN)
                return
            if len(self._pending) < _HEADER.size + length:
                return
            payload = bytes(self._pending[_HEADER.size : _HEADER.size + length])
            del self._pending[: _HEADER.size + length]
            self._take(kind, payload)

    def _frame_cap(self, kind: bytes) -> int:
        return (self._limits.disk_mb << 20) + (1 << 13) if kind == b"F" else 1 << 17

    def _end(self, exit_code: int | None = None, killed: Killed | None = None) -> None:
        self.exit_code, self.killed, self.done = exit_code, killed, True

    def _take(self, kind: bytes, payload: bytes) -> None:
        text = payload.decode("utf-8", "replace")
        if kind == b"S":
            self.started = True
        elif kind in self.streams:
            self.streams[kind] += payload
            if sum(map(len, self.streams.values())) > self._limits.output_kb << 10:
                self._end(killed="output")
        elif kind == b"F":
            self._take_file(payload)
        elif kind == b"K" and text in get_args(Killed):
            self._end(killed=text)  # type: ignore[arg-type]
        elif kind == b"R":
            self.refused, self.done = text, True
        elif kind == b"X" and text.lstrip("-").isdigit():
            self._end(exit_code=int(text))
        else:
            self._end(exit_code=_BROKEN)

    def _take_file(self, payload: bytes) -> None:
        length = int.from_bytes(payload[:4], "big")
        name = payload[4 : 4 + length].decode("utf-8", "replace")
        if safe_path(name):
            self.files[name] = payload[4 + length :]
        if sum(map(len, self.files.values())) > self._limits.disk_mb << 20:
            self._end(killed="disk")


class _Watchdog:
    """Kills the sandbox at its deadline, or when the kernel ran it out of memory."""

    def __init__(self, channel: Channel, deadline: float) -> None:
        self.killed: Killed | None = None
        self._channel, self._deadline = channel, deadline
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(min(_WATCH_SECONDS, max(0, self._deadline - time.monotonic()))):
            if self._channel.out_of_memory():
                self.killed = "memory"
            elif time.monotonic() >= self._deadline:
                self.killed = "wall"
            if self.killed:
                self._channel.kill()
                return

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def converse(channel: Channel, command: Command, driver: str, started: float) -> Outcome:
    """Hand ``command`` to the launcher behind ``channel`` and follow it to its end.

    The tree is dead on return, whatever happened. ``started`` is the monotonic time at which
    the call began; the wall limit counts from there. Raises SandboxError if the launcher never
    came up.
    """
    reply = Reply(command.limits)
    watchdog = _Watchdog(channel, started + command.limits.wall_seconds)
    try:
        channel.send(encode(command))
        while not reply.done and (data := channel.receive()):
            reply.feed(data)
    except OSError:  # the sandbox went away under us: killed, or it never started
        pass
    finally:
        channel.kill()
        watchdog.stop()
    return _outcome(reply, channel, watchdog.killed, command.limits, driver, started)


def _outcome(
    reply: Reply,
    channel: Channel,
    stopped: Killed | None,
    limits: Limits,
    driver: str,
    started: float,
) -> Outcome:
    killed = reply.killed
    if killed is None and (stopped == "memory" or channel.out_of_memory()):
        killed = "memory"
    if killed is None and reply.exit_code is None:
        killed = stopped
    if reply.refused or not (reply.started or killed):
        raise SandboxError(f"{driver}: {reply.refused or channel.complaint() or 'no answer'}")
    cap = limits.output_kb << 10
    return Outcome(
        exit_code=None if killed else _BROKEN if reply.exit_code is None else reply.exit_code,
        stdout=clip(bytes(reply.streams[b"O"]), cap),
        stderr=clip(bytes(reply.streams[b"E"]), cap),
        files={} if killed else reply.files,
        seconds=time.monotonic() - started,
        driver=driver,
        killed=killed,
    )
