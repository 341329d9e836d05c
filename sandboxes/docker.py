"""Docker driver: one container per call on a local engine; nothing is ever pulled.

The image is made here and holds only mount points and a few ``/etc`` files; the host's
toolchain is mounted into it read-only, so both drivers run the very same tools.
"""

from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig, Mount, Ulimit
from docker.utils import parse_host

from sandboxes import view, wire
from sandboxes.base import Command, Limits, Outcome, SandboxError

_REPOSITORY = "qimeng-sandbox"
_LABEL = "qimeng.sandbox.owner"
_ENGINE_PROCESSES = 32  # the launcher, and the threads of the runtime that starts it
_STDERR = 2
_UNIX = "http+unix://"


class DockerSandbox:
    """Runs each command in a container of its own, removed before the call returns.

    Needs a Docker engine on this host that the current user may talk to (``DOCKER_HOST`` or the
    default socket). Safe to call from several threads.
    """

    name = "docker"

    def __init__(self) -> None:
        try:
            _knock()
            self._api = docker.from_env().api
        except (DockerException, OSError) as error:
            raise SandboxError(f"no Docker engine answers: {error}") from error
        try:
            self._image = _image(self._api)
            _reap(self._api)
        except APIError as error:
            raise SandboxError(f"the Docker engine refused: {error}") from error

    def close(self) -> None:
        """Let go of the connections to the engine."""
        self._api.close()

    def run(self, command: Command) -> Outcome:
        wire.check(command)
        started = time.monotonic()
        try:
            channel = _Channel(self._api, self._create(command.limits))
        except (DockerException, requests.RequestException) as error:
            raise SandboxError(f"the Docker engine refused: {error}") from error
        try:
            return wire.converse(channel, command, self.name, started)
        finally:
            channel.close()

    def _create(self, limits: Limits) -> str:
        uid = view.fresh_uid()
        container = self._api.create_container(
            self._image,
            [view.PYTHON, "-I", "-S", view.LAUNCHER],
            user=f"{uid}:{uid}",
            environment=view.environment({}),
            hostname="box",
            stdin_open=True,
            labels={_LABEL: _owner()},
            host_config=self._host_config(limits),
        )
        return str(container["Id"])

    def _host_config(self, limits: Limits) -> Any:
        memory, disk = (limits.memory_mb + limits.disk_mb) << 20, limits.disk_mb << 20
        tmpfs = f"rw,exec,nosuid,nodev,size={disk},mode=1777"
        return self._api.create_host_config(
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            ipc_mode="private",
            pids_limit=limits.processes + _ENGINE_PROCESSES,
            mem_limit=memory,
            memswap_limit=memory,
            shm_size=disk,
            tmpfs={folder: tmpfs for folder in view.WRITABLE if folder != "/dev/shm"},
            ulimits=[Ulimit(name="core", soft=0, hard=0)],
            log_config=LogConfig(type=LogConfig.types.NONE),
            mounts=[
                Mount(target, source, type="bind", read_only=True)
                for source, target in view.read_only_binds()
            ],
        )


class _Channel:
    """A started container with a stream to its launcher."""

    def __init__(self, api: Any, container: str) -> None:
        self._api, self._container, self._over = api, container, False
        self._pending, self._complaint = bytearray(), bytearray()
        try:
            where = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            self._stream = api.attach_socket(container, params=where)
            self._socket = self._stream._sock
            self._socket.settimeout(None)  # the watchdog bounds the wait
            api.start(container)
        except BaseException:
            self.close()
            raise

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """The launcher's next bytes, out of the engine's frames (type, 3 zeros, length)."""
        while True:
            header = self._exactly(8)
            payload = self._exactly(int.from_bytes(header[4:], "big"))
            if not header or header[0] != _STDERR:
                return payload
            self._complaint += payload[: 1 << 16]

    def _exactly(self, count: int) -> bytes:
        while len(self._pending) < count:
            data = self._socket.recv(1 << 18)
            if not data:
                return b""
            self._pending += data
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken

    def kill(self) -> None:
        with suppress(OSError):  # or the engine waits for us to read all that was printed
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(APIError, requests.RequestException):  # it has ended already
            self._api.kill(self._container)
        self._over = True

    def out_of_memory(self) -> bool:
        if not self._over:
            return False
        self._api.wait(self._container)
        return bool(self._api.inspect_container(self._container)["State"]["OOMKilled"])

    def complaint(self) -> str:
        return self._complaint.decode("utf-8", "replace").strip()

    def close(self) -> None:
        stream = getattr(self, "_stream", None)
        if stream is not None:
            self._socket.close()
            stream.close()
        with suppress(NotFound):
            self._api.remove_container(self._container, force=True, v=True)


def _knock() -> None:
    """Raise OSError if nothing listens; the client library would leak a socket finding out."""
    host = parse_host(os.environ.get("DOCKER_HOST"))
    if host.startswith(_UNIX):
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(host.removeprefix(_UNIX))


def _image(api: Any) -> str:
    """The name of the image of mount points for today's view, made if it is not there."""
    content = _root_tar()
    tag = hashlib.sha256(content).hexdigest()[:16]
    try:
        api.inspect_image(f"{_REPOSITORY}:{tag}")
    except ImageNotFound:
        api.import_image_from_data(content, repository=_REPOSITORY, tag=tag)
    return f"{_REPOSITORY}:{tag}"


def _root_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for _, target in view.read_only_binds():
            kind = tarfile.DIRTYPE if Path(target).is_dir() else tarfile.REGTYPE
            tar.addfile(_entry(target, kind))
        for folder in ("/proc", "/dev", "/sys"):
            tar.addfile(_entry(folder, tarfile.DIRTYPE))
        for folder in view.WRITABLE:  # a tmpfs takes the mode of the folder it is mounted on
            tar.addfile(_entry(folder, tarfile.DIRTYPE, mode=0o1777))
        for path, target in view.symlinks().items():
            link = _entry(path, tarfile.SYMTYPE)
            link.linkname = target
            tar.addfile(link)
        for path, text in view.ETC_FILES.items():
            file = _entry(path, tarfile.REGTYPE)
            file.size = len(text.encode())
            tar.addfile(file, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _entry(path: str, kind: bytes, mode: int = 0o755) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.type, entry.mode = kind, mode
    return entry


def _owner() -> str:
    """This process, told apart from a later one of the same id: boot, PID namespace, id, start."""
    pid = os.getpid()
    return ":".join((*_here(), str(pid), _start_time(pid)))


def _here() -> tuple[str, str]:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return boot, str(Path("/proc/self/ns/pid").stat().st_ino)


def _start_time(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "gone"


def _reap(api: Any) -> None:
    """Remove containers whose owning process is certainly dead; others' are left alone."""
    boot, namespace = _here()
    for container in api.containers(all=True, filters={"label": _LABEL}):
        owner_boot, owner_namespace, pid, start = container["Labels"][_LABEL].split(":")
        dead = owner_namespace == namespace and _start_time(int(pid)) != start
        if owner_boot != boot or dead:
            with suppress(APIError):  # another process sweeps too
                api.remove_container(container["Id"], force=True, v=True)
