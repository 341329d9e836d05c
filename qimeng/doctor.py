"""``qimeng doctor``: what works on this machine, and the one command for what does not."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal

import click

from lpcm.messages import ModelError
from lpcm.models import default_model
from lpcm.pull import EMBEDDED, located
from memory.home import home
from sandboxes.probe import probe

State = Literal["ok", "missing", "optional"]

_PROGRAMS = {
    "g++": "apt-get install g++",
    "make": "apt-get install make",
    "perl": "apt-get install perl",
    "iverilog": "apt-get install iverilog",
}
_OPTIONAL = {
    "clang-19": ("kernels for RISC-V", "apt-get install clang-19 gcc-riscv64-linux-gnu"),
    "aarch64-linux-gnu-gcc": ("kernels for Arm", "apt-get install gcc-aarch64-linux-gnu"),
    "qemu-riscv64": ("kernels for RISC-V and Arm", "apt-get install qemu-user"),
    "riscv64-unknown-elf-gcc": (
        "programs on learned processors", "apt-get install gcc-riscv64-unknown-elf"
    ),
}  # fmt: skip
"""Programs that only some goals need: for what, and the command that installs them."""
_NEEDED_BYTES = 2 << 30
_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "missing": ("missing", "red"),
    "optional": ("optional", "yellow"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination. ``fix`` is the command that mends what is not ``ok``."""

    name: str
    state: State
    detail: str
    fix: str = ""


def examine(as_json: bool) -> bool:
    """Print the findings; True when nothing that a run by default needs is missing."""
    findings = list(_findings())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            _show(finding)
    ready = all(finding.state != "missing" for finding in findings)
    if not as_json:
        click.echo("Ready." if ready else "Not ready: run the commands after the arrows.")
    return ready


def _show(finding: Finding) -> None:
    word, colour = _MARKS[finding.state]
    click.echo(f"{click.style(f'{word:<8}', fg=colour)} {finding.name:<24} {finding.detail}")
    if finding.fix:
        click.echo(f"{'':<20}→ {finding.fix}")


def _findings() -> Iterator[Finding]:
    yield _python()
    yield _packages()
    for name, fix in _PROGRAMS.items():
        path = shutil.which(name)
        yield Finding(name, "ok", path) if path else Finding(name, "missing", "not on PATH", fix)
    yield from _sandboxes()
    for name, (use, fix) in _OPTIONAL.items():
        path = shutil.which(name)
        missing = Finding(name, "optional", f"not on PATH, needed for {use}", fix)
        yield Finding(name, "ok", path) if path else missing
    yield _embedded()
    yield _endpoint()
    yield _disk()
    yield Finding("cores", "ok", f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}")


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} ({sys.executable})")


def _packages() -> Finding:
    wanted = [r for r in requires("qimeng") or [] if "extra ==" not in r]
    lost = []
    for requirement in wanted:
        name = requirement.split(";")[0].strip()
        for stop in "<>=!~[ ":
            name = name.split(stop)[0]
        try:
            version(name)
        except PackageNotFoundError:
            lost.append(name)
    if lost:
        fix = f"{sys.executable} -m pip install {' '.join(lost)}"
        return Finding("packages", "missing", f"not installed: {', '.join(lost)}", fix)
    return Finding("packages", "ok", f"all {len(wanted)} are installed")


def _sandboxes() -> Iterator[Finding]:
    """One that works is enough: the other one is then optional."""
    probes = [probe("bwrap"), probe("docker")]
    enough = any(p.usable for p in probes)
    for found in probes:
        state: State = "ok" if found.usable else "optional" if enough else "missing"
        yield Finding(found.name, state, found.reason, found.fix)


def _embedded() -> Finding:
    absent: State = "missing" if default_model() == EMBEDDED.name else "optional"
    try:
        return Finding("embedded", "ok", f"model file {located()}")
    except ModelError as error:
        return Finding("embedded", absent, str(error).split(":")[0], "qimeng models pull")


def _endpoint() -> Finding:
    for prefix in ("QIMENG", "OPENAI"):
        url, key = (os.environ.get(f"{prefix}_{n}") for n in ("BASE_URL", "API_KEY"))
        if url or key:
            where = url or f"{prefix}'s own server"
            return Finding("endpoint", "ok", f"{where}, key {'set' if key else 'unset'}")
    fix = "export QIMENG_BASE_URL=… QIMENG_API_KEY=… QIMENG_MODEL=…"
    return Finding("endpoint", "optional", "no model server is configured", fix)


def _disk() -> Finding:
    folder = home()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**30:.1f} GiB free for {home()}"
    if free >= _NEEDED_BYTES:
        return Finding("disk", "ok", detail)
    return Finding("disk", "missing", f"{detail}; 2 GiB are needed", "export QIMENG_HOME=…")
