"""Process 1 inside a sandbox: unpacks a request, runs its command, reports what it did.

Runs as a lone file under ``python -I -S``, so it may import the standard library only, and
little of it: its start-up time is paid on every call. The kernel enforces the caps; this
process only notices which one was reached, ends the tree and names it. It has the command's
own rights, so the host trusts nothing it says beyond what the command could have done anyway.

Wire format. In: 8-byte big-endian length, then a marshalled dict (same interpreter on both
sides; only the host writes it). Out: frames of 1-byte kind, 4-byte big-endian length, payload:
``S`` started, ``O``/``E`` output, ``F`` file (4-byte name length, name, content), and last
one of ``X`` exit status, ``K`` name of the limit that was exceeded, ``R`` why it could not start.
"""

# pathlib takes longer to import than all of this takes to run:
# ruff: noqa: PTH101, PTH103, PTH118, PTH123, PTH208
from __future__ import annotations

import errno
import marshal
import os
import resource
import select
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

TICK_SECONDS = 0.05
CHUNK = 1 << 16
SPARE_PROCESSES = 16  # room above the limit, so that exceeding it can be seen
_PAGE = resource.getpagesize()
_CLOCK = os.sysconf("SC_CLK_TCK")


def write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def send(kind: bytes, payload: bytes = b"") -> None:
    write(kind + struct.pack(">I", len(payload)) + payload)


def read_exactly(count: int) -> bytes:
    parts = []
    while count:
        part = os.read(0, min(count, 1 << 20))
        if not part:
            sys.exit("the request ended early")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def unpack(files: dict[str, bytes]) -> None:
    for path, content in files.items():
        if "/" in path:
            os.makedirs(path.rpartition("/")[0], exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, 0o755)  # a program built by one call can be run by the next


def start(request: dict[str, Any], out: int, err: int) -> int:
    """Start the command in a session of its own; returns its process id."""
    tasks = request["processes"] + SPARE_PROCESSES
    resource.setrlimit(resource.RLIMIT_NPROC, (tasks, tasks))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stdin = os.memfd_create("stdin")
    with open(stdin, "wb", closefd=False) as file:
        file.write(request.pop("stdin"))
    os.lseek(stdin, 0, os.SEEK_SET)
    os.environ["PATH"] = request["env"]["PATH"]
    return os.posix_spawnp(
        request["argv"][0],
        request["argv"],
        request["env"],
        file_actions=[(os.POSIX_SPAWN_DUP2, fd, n) for n, fd in enumerate((stdin, out, err))],
        setsid=True,
        setsigdef=[13, 25],  # SIGPIPE and SIGXFSZ, which Python ignores
    )


def usage() -> tuple[int, float, int]:
    """Tasks, CPU seconds and anonymous bytes of every process here but this one."""
    tasks, ticks, pages = 0, 0, 0
    own = str(os.getpid())
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                stat = file.read().rpartition(b")")[2].split()
            with open(f"/proc/{pid}/statm", "rb") as file:
                statm = file.read().split()
        except OSError:
            continue
        ticks += int(stat[13]) + int(stat[14])  # of children already waited for
        if pid != own:
            ticks += int(stat[11]) + int(stat[12])
            tasks += int(stat[17])
            pages += int(statm[1]) - int(statm[2])
    return tasks, ticks / _CLOCK, pages * _PAGE


def proportional_bytes() -> int:
    """Anonymous memory with pages shared after a fork counted once; dear, so asked second."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in lines if line[:9] == b"Pss_Anon:")
    return total


def disk_full(request: dict[str, Any]) -> bool:
    used, cap = 0, int(request["disk"])
    for folder in request["writable"]:
        space = os.statvfs(folder)
        used += (space.f_blocks - space.f_bfree) * space.f_frsize
    return used >= cap


def exceeded(request: dict[str, Any]) -> str | None:
    """The name of a limit that has been reached, or None."""
    tasks, cpu_seconds, memory = usage()
    if tasks > request["processes"]:
        return "processes"
    if cpu_seconds > request["cpu"]:
        return "cpu"
    if memory > request["memory"] and proportional_bytes() > request["memory"]:
        return "memory"
    return "disk" if disk_full(request) else None


def reap(main: int, flags: int) -> int | None:
    """Wait for whatever has ended (this is process 1); returns the command's wait status."""
    status = None
    while True:
        try:
            pid, waited = os.waitpid(-1, flags)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == main:
            status = waited


def supervise(request: dict[str, Any], main: int, out: int, err: int) -> int | str:
    """Relay output until the command ends or a limit is reached: wait status or limit."""
    kinds = {out: b"O", err: b"E"}
    poller = select.poll()
    for fd in (0, os.pidfd_open(main), out, err):
        poller.register(fd, select.POLLIN)
    next_look = time.monotonic() + TICK_SECONDS
    while True:
        for fd, _ in poller.poll(TICK_SECONDS * 1000):
            if fd == 0:
                os._exit(1)  # the host is gone
            if fd in kinds:
                chunk = os.read(fd, CHUNK)
                if chunk:
                    send(kinds[fd], chunk)
                else:
                    poller.unregister(fd)
        status = reap(main, os.WNOHANG)
        if status is not None:
            return status
        if time.monotonic() >= next_look:
            limit = exceeded(request)
            if limit:
                return limit
            next_look = time.monotonic() + TICK_SECONDS


def end_everything() -> None:
    try:
        os.kill(-1, 9)
    except ProcessLookupError:
        return
    reap(0, 0)


def drain(fd: int, kind: bytes) -> None:
    while chunk := os.read(fd, CHUNK):  # ends: every writer is dead
        send(kind, chunk)


def regular_files(root: str) -> Iterator[str]:
    """Relative paths of the regular files under ``root``; links are neither followed nor named."""
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(os.path.join(root, folder)), key=lambda e: e.name)
        except OSError:
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield path


def matches(path: list[str], pattern: list[str]) -> bool:
    """Shell-style match, part by part; a part ``**`` stands for any number of folders."""
    from fnmatch import fnmatchcase  # costs milliseconds, and most calls collect nothing

    if not pattern:
        return not path
    if pattern[0] == "**":
        return matches(path, pattern[1:]) or (bool(path) and matches(path[1:], pattern))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and matches(path[1:], pattern[1:])


def wanted(root: str, patterns: list[str]) -> list[str]:
    """Relative paths of the regular files under ``root`` that match one of ``patterns``."""
    if not patterns:
        return []
    split = [pattern.split("/") for pattern in patterns]
    return [p for p in regular_files(root) if any(matches(p.split("/"), s) for s in split)]


def send_files(request: dict[str, Any]) -> bool:
    """Send the collected files; False when together (holes counted) they exceed the disk cap."""
    paths = [path for path in wanted(".", request["collect"]) if os.access(path, os.R_OK)]
    if sum(os.lstat(path).st_size for path in paths) > request["disk"]:
        return False
    for path in paths:
        name = os.fsencode(path)
        head = struct.pack(">I", len(name)) + name
        with open(path, "rb") as file:
            write(b"F" + struct.pack(">I", len(head) + os.lstat(path).st_size) + head)
            while chunk := file.read(CHUNK):
                write(chunk)
    return True


def serve(request: dict[str, Any]) -> None:
    os.chdir(request["box"])
    try:
        unpack(request.pop("files"))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return send(b"K", b"disk")
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    try:
        main = start(request, out_end, err_end)
    except OSError as error:
        send(b"E", f"{request['argv'][0]}: {error.strerror}\n".encode())
        return send(b"X", b"127")
    os.close(out_end)
    os.close(err_end)
    ended = supervise(request, main, out, err)
    end_everything()
    drain(out, b"O")
    drain(err, b"E")
    if isinstance(ended, str):
        return send(b"K", ended.encode())
    if disk_full(request) or not send_files(request):
        return send(b"K", b"disk")
    return send(b"X", str(os.waitstatus_to_exitcode(ended)).encode())


def main() -> None:
    if os.getpid() != 1:
        sys.exit("only as process 1 of a sandbox: it kills every process it can see")
    send(b"S")
    os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
    request = marshal.loads(read_exactly(int.from_bytes(read_exactly(8), "big")))
    try:
        serve(request)
    except Exception as error:
        send(b"R", f"{type(error).__name__}: {error}".encode())


if __name__ == "__main__":
    main()
