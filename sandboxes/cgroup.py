"""A memory cap on a process tree, enforced by the kernel, where control groups can be written.

Version 1 and version 2 hierarchies are both understood. Without a writable one the launcher's
own look at the tree (every 50 ms) is what holds the memory limit.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType

_numbers = itertools.count()


class MemoryCap:
    """A control group of its own for one sandbox; a no-op where none can be made."""

    def __init__(self, limit_bytes: int) -> None:
        self._group: Path | None = None
        parent = _writable_parent()
        if parent is None:
            return
        self._v2 = (parent / "cgroup.controllers").exists()
        self._group = parent / f"qimeng-{os.getpid()}-{next(_numbers)}"
        self._group.mkdir()
        if self._v2:
            settings = {"memory.max": limit_bytes, "memory.swap.max": 0, "memory.oom.group": 1}
        else:  # memory first: memory with swap may not be set below it
            settings = {"memory.limit_in_bytes": limit_bytes}
            settings["memory.memsw.limit_in_bytes"] = limit_bytes
        for name, value in settings.items():
            if (self._group / name).exists():
                (self._group / name).write_text(str(value))

    def __enter__(self) -> MemoryCap:
        return self

    def add(self, pid: int) -> None:
        """Move a process under the cap; its later children follow it."""
        if self._group:
            (self._group / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process for reaching the cap."""
        if not self._group:
            return False
        try:
            events = self._group / ("memory.events" if self._v2 else "memory.oom_control")
            counts = dict(line.split() for line in events.read_text().splitlines())
        except OSError:
            return False
        return counts.get("oom_kill", "0") != "0"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._group:
            with suppress(OSError):  # a zombie's last reference; the next process sweeps it up
                self._group.rmdir()


@cache
def _writable_parent() -> Path | None:
    """The nearest group above us in which a capped child can be made, its leftovers swept."""
    for parent in _candidates():
        if os.access(parent, os.W_OK) and os.access(parent / "cgroup.procs", os.W_OK):
            _sweep(parent)
            return parent
    return None


def _candidates() -> list[Path]:
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        if "memory" in controllers.split(","):
            found.append(Path("/sys/fs/cgroup/memory") / own.lstrip("/"))
        elif not controllers:
            group = Path("/sys/fs/cgroup") / own.lstrip("/")
            found += [g for g in (group, *group.parents) if _delegates_memory(g)]
    return found


def _delegates_memory(group: Path) -> bool:
    try:
        return "memory" in (group / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False


def _sweep(parent: Path) -> None:
    """Remove the empty groups of processes that died before they could."""
    for group in parent.glob("qimeng-*-*"):
        if not Path("/proc", group.name.split("-")[1]).exists():
            with suppress(OSError):
                group.rmdir()
