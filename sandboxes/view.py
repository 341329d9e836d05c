"""What a sandboxed command sees: the one place that says so, for every driver.

The host's toolchain, read-only, and nothing else of the host: ``/usr`` with its root-level
companions, the Python environment this process runs in, and a handful of harmless files in
``/etc``. Not the home directory, not this project's source, not its data.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from sandboxes.base import SandboxError

BOX = "/box"
WRITABLE = (BOX, "/tmp", "/dev/shm")
LAUNCHER = "/launcher.py"
PYTHON = os.path.realpath(sys.executable)

ETC_FILES: Mapping[str, str] = {
    "/etc/passwd": "root:x:0:0::/:/bin/false\nbox:x:65534:65534::/box:/bin/sh\n",
    "/etc/group": "root:x:0:\nbox:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def fresh_uid() -> int:
    """A user id of its own for one call, so that no two calls share rights or process counts.

    Low enough for an engine or container that maps only 65536 ids, clear of real users' ids.
    """
    return 20_000 + secrets.randbelow(40_000)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a sandboxed command: none of ours, then the command's own."""
    return {
        "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        **extra,
    }


def read_only_binds() -> list[tuple[str, str]]:
    """Pairs (host path, path in the sandbox) to mount read-only, parents first."""
    system = ["/usr", *(str(p) for p in _root_companions() if not p.is_symlink())]
    etc = [p for p in ("/etc/alternatives", "/etc/ld.so.cache") if Path(p).exists()]
    launcher = str(Path(__file__).with_name("launcher.py"))
    binds = {path: path for path in (*system, *etc)}
    for target in _python_prefixes():
        if not any(Path(target).is_relative_to(seen) for seen in binds):
            binds[target] = os.path.realpath(target)
    return [*((source, target) for target, source in binds.items()), (launcher, LAUNCHER)]


def symlinks() -> dict[str, str]:
    """Root-level links of a merged-/usr system (``/lib`` and its kin): path to target."""
    return {str(p): str(p.readlink()) for p in _root_companions() if p.is_symlink()}


def _root_companions() -> list[Path]:
    return [Path("/bin"), Path("/sbin"), *sorted(Path("/").glob("lib*"))]


def _python_prefixes() -> list[str]:
    """This environment and the interpreter under it, as named and as resolved, parents first."""
    named = {sys.prefix, sys.base_prefix}
    prefixes = sorted(named | {os.path.realpath(path) for path in named})
    try:
        home = Path.home().resolve()
    except RuntimeError:  # a user id without an account has no home to protect
        return prefixes
    for prefix in prefixes:
        if home.is_relative_to(Path(prefix).resolve()) and prefix != "/usr":
            raise SandboxError(
                f"Python lives in {prefix}, which holds your home directory; it will not be shown "
                "to untrusted code. Run from a virtual environment: python3 -m venv .venv"
            )
    return prefixes
