"""No sandbox: the host itself, for people who asked for exactly that."""

from __future__ import annotations

import math
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from sandboxes import launcher, view, wire
from sandboxes.base import Command, Killed, Limits, Outcome, SandboxError

_GRACE_SECONDS = 0.2
_SIGNALS: Mapping[int, Killed] = {-signal.SIGXCPU: "cpu", -signal.SIGXFSZ: "disk"}


class HostSandbox:
    """Runs commands on the host with limits but without isolation. Never chosen by default.

    It stops accidents: wall time, CPU time and file size per process, address space, output, a
    clean environment and a fresh working directory. It does **not** protect against malice: the
    command has this user's rights, so it can read and write whatever this user can, reach the
    network, fork without bound, fill the disk with many files, and leave behind a process that
    has moved to a session of its own. Running out of address space shows as the command's own
    failure, not as ``killed="memory"``.
    """

    name = "host"

    def run(self, command: Command) -> Outcome:
        wire.check(command)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="qimeng-", ignore_cleanup_errors=True) as folder:
            box = Path(folder, "box")
            box.mkdir()
            for path, content in command.files.items():
                (box / path).parent.mkdir(parents=True, exist_ok=True)
                (box / path).write_bytes(content)
                (box / path).chmod(0o755)
            Path(folder, "stdin").write_bytes(command.stdin)
            call = _Call(command, started + command.limits.wall_seconds)
            try:
                call.run(box)
            except FileNotFoundError as error:
                raise SandboxError("prlimit is missing: apt-get install util-linux") from error
            files, fits = _collect(box, command)
        killed: Killed | None = call.killed or (None if fits else "disk")
        cap = command.limits.output_kb << 10
        return Outcome(
            exit_code=None if killed else call.exit_code,
            stdout=wire.clip(bytes(call.output["stdout"]), cap),
            stderr=wire.clip(bytes(call.output["stderr"]), cap),
            files={} if killed else files,
            seconds=time.monotonic() - started,
            driver=self.name,
            killed=killed,
        )


class _Call:
    """One command, followed until it ends or reaches a limit; its process group is then dead."""

    def __init__(self, command: Command, deadline: float) -> None:
        self.exit_code = 0
        self.killed: Killed | None = None
        self.output = {"stdout": bytearray(), "stderr": bytearray()}
        self._command, self._deadline = command, deadline

    def run(self, box: Path) -> None:
        home = str(box.parent)
        environment = view.environment({"HOME": home, "TMPDIR": home, **self._command.env})
        with (
            (box.parent / "stdin").open("rb") as stdin,
            subprocess.Popen(
                [*_prlimit(self._command.limits), *self._command.argv],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=box,
                start_new_session=True,
            ) as process,
        ):
            assert process.stdout and process.stderr
            try:
                self._follow(process, {"stdout": process.stdout, "stderr": process.stderr})
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            self.exit_code = process.wait()
            self.killed = self.killed or _SIGNALS.get(self.exit_code)

    def _follow(self, process: subprocess.Popen[bytes], pipes: dict[str, IO[bytes]]) -> None:
        with selectors.DefaultSelector() as selector:
            for name, pipe in pipes.items():
                selector.register(pipe, selectors.EVENT_READ, name)
            deadline = self._deadline
            while selector.get_map() and not self.killed:
                ended = process.poll() is not None
                if ended:  # a grandchild may hold a pipe open for ever: wait for no end of file
                    deadline = min(deadline, time.monotonic() + _GRACE_SECONDS)
                ready = selector.select(0 if ended else min(0.05, deadline - time.monotonic()))
                for key, _ in ready:
                    self._read(selector, key)
                if ended and not ready:
                    return
                if time.monotonic() >= self._deadline:
                    self.killed = "wall"
            while not self.killed and process.poll() is None:  # it closed its outputs, and lives
                time.sleep(0.01)
                if time.monotonic() >= self._deadline:
                    self.killed = "wall"

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        data = os.read(key.fd, launcher.CHUNK)
        if not data:
            selector.unregister(key.fileobj)
        self.output[key.data] += data
        if sum(map(len, self.output.values())) > self._command.limits.output_kb << 10:
            self.killed = "output"


def _prlimit(limits: Limits) -> list[str]:
    cpu, disk = math.ceil(limits.cpu_seconds), limits.disk_mb << 20
    caps = [f"--cpu={cpu}:{cpu + 1}", f"--as={limits.memory_mb << 20}", f"--fsize={disk}"]
    return ["prlimit", *caps, "--core=0", "--"]


def _collect(box: Path, command: Command) -> tuple[dict[str, bytes], bool]:
    """The files asked for, and whether together they stay under the disk cap."""
    files: dict[str, bytes] = {}
    room = command.limits.disk_mb << 20
    for path in launcher.wanted(str(box), list(command.collect)):
        with open(os.open(box / path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123
            files[path] = file.read(room + 1)
        room -= len(files[path])
        if room < 0:
            return {}, False
    return files, True
