"""Bubblewrap driver: namespaces made per call by an unprivileged helper, no daemon."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import PurePath

from sandboxes import seccomp, view, wire
from sandboxes.base import Command, Limits, Outcome, SandboxError
from sandboxes.cgroup import MemoryCap


class BubblewrapSandbox:
    """Runs each command under ``bwrap`` in namespaces and tmpfs of its own.

    Started by root, it drops to a user id drawn per call; started by anyone else, it enters a
    user namespace in which no further one can be made. Needs ``bwrap`` 0.8 and, as root,
    ``setpriv`` (util-linux). Safe to call from several threads.
    """

    name = "bwrap"

    def __init__(self) -> None:
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxError("bwrap is not installed: apt-get install bubblewrap")
        self._program = program

    def run(self, command: Command) -> Outcome:
        wire.check(command)
        started = time.monotonic()
        limits = command.limits
        with ExitStack() as stack:
            memory = stack.enter_context(MemoryCap((limits.memory_mb + limits.disk_mb) << 20))
            data: list[int] = []
            argv = [self._program, *_isolation(), *_seccomp(stack, data)]
            argv += [*_mounts(limits), *_etc(stack, data), "--remount-ro", "/"]
            channel = _Channel([*argv, "--", *_launcher()], data, memory)
            stack.callback(channel.close)
            return wire.converse(channel, command, self.name, started)


def _isolation() -> list[str]:
    argv = ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        argv += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
        argv += ["--unshare-cgroup-try"]
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):  # setpriv gives them up
            argv += ["--cap-add", capability]
    else:
        argv += ["--unshare-all", "--unshare-user", "--disable-userns"]
        argv += ["--uid", "65534", "--gid", "65534"]
    for name, value in view.environment({}).items():
        argv += ["--setenv", name, value]
    return [*argv, "--hostname", "box"]


def _launcher() -> list[str]:
    launcher = [view.PYTHON, "-I", "-S", view.LAUNCHER]
    if os.geteuid() != 0:
        return launcher
    uid = str(view.fresh_uid())
    drop = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--inh-caps", "-all"]
    # The signal asked for by --die-with-parent is lost on a change of user: ask again.
    return [*drop, "--bounding-set", "-all", "--pdeathsig", "KILL", "--", *launcher]


def _mounts(limits: Limits) -> list[str]:
    argv = ["--proc", "/proc", "--dev", "/dev"]
    # First, so that a Python environment that lies under /tmp is mounted on top, not hidden.
    for writable in view.WRITABLE:
        argv += ["--perms", "1777", "--size", str(limits.disk_mb << 20), "--tmpfs", writable]
    for source, target in view.read_only_binds():
        for folder in reversed(PurePath(target).parents[:-1]):  # bwrap would make some 0700
            argv += ["--perms", "0755", "--dir", str(folder)]
        argv += ["--ro-bind", source, target]
    for path, link in view.symlinks().items():
        argv += ["--symlink", link, path]
    return [*argv, "--remount-ro", "/dev"]


def _seccomp(stack: ExitStack, data: list[int]) -> list[str]:
    program = seccomp.program()
    return [] if program is None else ["--seccomp", _data(program, stack, data)]


def _etc(stack: ExitStack, data: list[int]) -> list[str]:
    argv = []
    for path, text in view.ETC_FILES.items():
        argv += ["--perms", "0644", "--file", _data(text.encode(), stack, data), path]
    return argv


def _data(content: bytes, stack: ExitStack, data: list[int]) -> str:
    """A descriptor to hand to bwrap from which it reads ``content``; also put on ``data``."""
    fd = os.memfd_create("bwrap")
    stack.callback(os.close, fd)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    data.append(fd)
    return str(fd)


class _Channel:
    """A running ``bwrap`` with a socket to its launcher.

    A socket, not pipes: a pipe could be opened anew by the command through ``/proc/1/fd``.
    """

    def __init__(self, argv: list[str], data: list[int], memory: MemoryCap) -> None:
        self._memory = memory
        self._socket, theirs = socket.socketpair()
        info, info_end = os.pipe()
        with theirs, os.fdopen(info, "rb") as report:
            try:
                self._process = subprocess.Popen(
                    [argv[0], "--info-fd", str(info_end), *argv[1:]],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.PIPE,
                    pass_fds=(info_end, *data),
                    env={"PATH": os.defpath},
                    cwd="/",
                )
            finally:
                os.close(info_end)
            self._pidfd = self._adopt(report.read())

    def _adopt(self, report: bytes) -> int | None:
        """Cap the sandbox's process 1 and keep a handle on it; None when it never started."""
        try:
            pid = json.loads(report)["child-pid"]
            self._memory.add(pid)
            return os.pidfd_open(pid)
        except (ValueError, OSError):
            return None

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        return self._socket.recv(1 << 18)

    def kill(self) -> None:
        if self._pidfd is None:
            self._process.kill()
        else:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def out_of_memory(self) -> bool:
        return self._memory.out_of_memory()

    def complaint(self) -> str:
        _, message = self._process.communicate()
        return message.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Wait until the kernel has taken down the whole PID namespace, then let go of it."""
        self.kill()
        self._socket.close()
        with self._process:
            pass
        if self._pidfd is not None:
            os.close(self._pidfd)
