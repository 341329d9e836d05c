"""Bubblewrap driver: namespaces made per call by an unprivileged helper, no daemon."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import PurePath

from sandboxes import view, wire
from sandboxes.base import Command, Limits, Outcome, SandboxError
from sandboxes.cgroup import MemoryCap

_FIRST_UID, _UIDS = 1 << 20, 1 << 30


class BubblewrapSandbox:
    """Runs each command under ``bwrap`` in namespaces and tmpfs of its own.

    Started by root, it drops to a user id drawn per call; started by anyone else, it enters a
    user namespace in which no further one can be made. Needs ``bwrap`` and ``setpriv``
    (util-linux). Safe to call from several threads.
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
            channel = _Channel(self._argv(limits), memory)
            stack.callback(channel.close)
            return wire.converse(channel, command, self.name, started)

    def _argv(self, limits: Limits) -> list[str]:
        argv = [self._program, "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"]
        launcher = [view.PYTHON, "-I", "-S", view.LAUNCHER]
        if os.geteuid() == 0:
            argv += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
            argv += ["--unshare-cgroup-try", "--cap-drop", "ALL"]
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):  # setpriv's need
                argv += ["--cap-add", capability]
            uid = str(_FIRST_UID + secrets.randbelow(_UIDS))
            drop = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups"]
            drop += ["--inh-caps", "-all", "--bounding-set", "-all", "--pdeathsig", "KILL", "--"]
            launcher = [*drop, *launcher]
        else:
            argv += ["--unshare-all", "--unshare-user", "--disable-userns"]
            argv += ["--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]
        for name, value in view.environment({}).items():
            argv += ["--setenv", name, value]
        return [*argv, "--hostname", "box", *_mounts(limits), "--", *launcher]


def _mounts(limits: Limits) -> list[str]:
    argv = ["--proc", "/proc", "--dev", "/dev"]
    for source, target in view.read_only_binds():
        for folder in reversed(PurePath(target).parents[:-1]):  # bwrap would make some 0700
            argv += ["--perms", "0755", "--dir", str(folder)]
        argv += ["--ro-bind", source, target]
    for path, link in view.symlinks().items():
        argv += ["--symlink", link, path]
    for folder in view.WRITABLE:
        argv += ["--perms", "1777", "--size", str(limits.disk_mb << 20), "--tmpfs", folder]
    return [*argv, "--remount-ro", "/dev", "--remount-ro", "/"]


class _Channel:
    """A running ``bwrap`` with a socket to its launcher.

    A socket, not pipes: a pipe could be opened anew by the command through ``/proc/1/fd``.
    """

    def __init__(self, argv: list[str], memory: MemoryCap) -> None:
        self._memory = memory
        self._socket, theirs = socket.socketpair()
        info, info_end = os.pipe()
        with theirs, open(info, "rb") as report:
            try:
                self._process = subprocess.Popen(
                    [argv[0], "--info-fd", str(info_end), *argv[1:]],
                    stdin=theirs,
                    stdout=theirs,
                    stderr=subprocess.PIPE,
                    pass_fds=(info_end,),
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
        if self._pidfd is not None:
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
        if self._pidfd is None:
            self._process.kill()
        else:
            os.close(self._pidfd)
        self._socket.close()
        with self._process:
            pass
