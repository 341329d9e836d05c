"""Which drivers work on this machine, found out by using them, and opening the one to use."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandboxes import view
from sandboxes.base import Command, Limits, Sandbox, SandboxError

DriverName = Literal["bwrap", "docker", "host"]

_FIXES = {
    "bwrap": "apt-get install bubblewrap",
    "docker": "apt-get install docker.io",
    "host": "apt-get install util-linux",
}
_USER_NAMESPACE_SWITCHES = {
    "kernel.apparmor_restrict_unprivileged_userns": "0",
    "kernel.unprivileged_userns_clone": "1",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a driver can be used here; if not, why, and the one command that fixes it."""

    name: DriverName
    usable: bool
    reason: str
    fix: str = ""


# Tries what must be refused; prints one word for each thing that was not.
_INTRUDER = """
import os, socket, sys
port, secret = int(sys.argv[1]), sys.argv[2]
try:
    socket.create_connection(("127.0.0.1", port), timeout=1)
    print("network")
except OSError:
    pass
if os.path.exists(secret):
    print("read")
for place in ("/", "/usr", "/etc", sys.prefix):
    try:
        os.mkdir(os.path.join(place, ".qimeng-intruder"))
        os.rmdir(os.path.join(place, ".qimeng-intruder"))
        print("write")
    except OSError:
        pass
if os.getuid() == 0:
    print("root")
if any(name.startswith("QIMENG_") for name in os.environ):
    print("environment")
open("/dev/null", "w").close()
print("done")
"""


def probe(name: DriverName) -> Probe:
    """Run a small command in driver ``name`` and check that what must be refused is refused.

    The host driver is usable when it runs; it refuses nothing, and the reason says so.
    """
    try:
        sandbox = _DRIVERS[name]()
        if name == "host":
            sandbox.run(Command(("true",)))
            return Probe(name, True, "no isolation: the command has your rights")
        leaks = _leaks(sandbox)
    except (SandboxError, OSError) as error:
        return Probe(name, False, str(error), _fix(name))
    if leaks:
        return Probe(name, False, f"does not isolate: {leaks}", _fix(name))
    return Probe(name, True, "isolates: no network, no outside reads or writes")


def open_sandbox(name: DriverName | Literal["auto"] = "auto") -> Sandbox:
    """The driver ``name``, probed; ``auto`` is bwrap if it works, else docker, never host.

    Raises SandboxError, naming the command that fixes it, when there is none to be had.
    """
    wanted: tuple[DriverName, ...] = ("bwrap", "docker") if name == "auto" else (name,)
    probes = []
    for driver in wanted:
        found = probe(driver)
        if found.usable:
            return _DRIVERS[driver]()
        probes.append(found)
    reasons = "; ".join(f"{found.name}: {found.reason}" for found in probes)
    raise SandboxError(f"no usable sandbox ({reasons}). Fix it with: {probes[0].fix}")


def _leaks(sandbox: Sandbox) -> str:
    """What the intruder got away with, in words; empty when nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.NamedTemporaryFile() as secret:
        Path(secret.name).chmod(0o644)
        port = str(server.getsockname()[1])
        outcome = sandbox.run(
            Command(
                (view.PYTHON, "-I", "-S", "-c", _INTRUDER, port, secret.name),
                limits=Limits(wall_seconds=20, memory_mb=256, disk_mb=16),
            )
        )
    if outcome.stdout != b"done\n":
        return outcome.text() or f"ended with {outcome.killed or outcome.exit_code}"
    return ""


def _fix(name: DriverName) -> str:
    """The command most likely to make driver ``name`` work here."""
    if name == "bwrap" and Path("/usr/bin/bwrap").exists():
        if Path("/dev/null").stat().st_mode & 0o666 != 0o666:
            return "chmod 666 /dev/null"
        for switch, value in _USER_NAMESPACE_SWITCHES.items():
            file = Path("/proc/sys", *switch.split("."))
            if os.geteuid() != 0 and file.exists() and file.read_text().strip() != value:
                return f"sudo sysctl -w {switch}={value}"
    if name == "docker" and Path("/usr/bin/dockerd").exists():
        return "sudo systemctl start docker"
    return _FIXES[name]


def _open_bwrap() -> Sandbox:
    from sandboxes.bubblewrap import BubblewrapSandbox

    return BubblewrapSandbox()


def _open_docker() -> Sandbox:
    from sandboxes.docker import DockerSandbox  # the engine's client is slow to import

    return DockerSandbox()


def _open_host() -> Sandbox:
    from sandboxes.host import HostSandbox

    return HostSandbox()


_DRIVERS: dict[DriverName, Callable[[], Sandbox]] = {
    "bwrap": _open_bwrap,
    "docker": _open_docker,
    "host": _open_host,
}
