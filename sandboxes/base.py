"""The contract every sandbox driver keeps.

A sandboxed call is a pure function: files in, files out. The driver makes an empty
working directory holding ``Command.files``, runs ``argv`` there with no network, a
read-only root that shows the host's toolchain (``/usr``, ``/lib*``, ``/bin``, this Python
environment), a size-capped ``/tmp`` and working directory, and returns what it printed and
the files named in ``collect``. Nothing else survives the call; the whole process tree is
dead when it returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Killed = Literal["wall", "cpu", "memory", "processes", "output", "disk"]


class SandboxError(RuntimeError):
    """The sandbox itself could not be used (never: the command failed). Says what to do next."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on one call. Exceeding one kills the whole tree; ``Outcome.killed`` names it."""

    wall_seconds: float = 60.0
    cpu_seconds: float = 120.0
    memory_mb: int = 2048
    processes: int = 64
    disk_mb: int = 256
    output_kb: int = 1024


@dataclass(frozen=True, slots=True)
class Command:
    """One call. ``files`` maps relative paths to contents; ``collect`` lists glob patterns,
    relative to the working directory, of regular files to bring back (links are not followed).
    """

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    collect: tuple[str, ...] = ()
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call did. ``exit_code`` is None exactly when ``killed`` names the limit that ended it.

    ``stdout`` and ``stderr`` keep head and tail when the output is longer than the cap, with
    one line between them that says how many bytes were left out.
    """

    exit_code: int | None
    stdout: bytes
    stderr: bytes
    files: Mapping[str, bytes]
    seconds: float
    driver: str
    killed: Killed | None = None

    @property
    def ok(self) -> bool:
        """True when the command ended by itself with status 0."""
        return self.exit_code == 0

    def text(self) -> str:
        """Standard output and error, decoded leniently: what a tool's message is read from."""
        return (self.stdout + b"\n" + self.stderr).decode("utf-8", "replace").strip()


class Sandbox(Protocol):
    """A driver. ``name`` is recorded with every result (``docker``, ``bwrap``, ``host``)."""

    @property
    def name(self) -> str: ...

    def run(self, command: Command) -> Outcome:
        """Run one command to its end or its first exceeded limit.

        Raises SandboxError when the sandbox itself is unusable, ValueError on a path in
        ``files`` or ``collect`` that leaves the working directory.
        """
        ...
