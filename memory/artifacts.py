"""Content-addressed files of a run: a file's name is the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def digest_of(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


class Artifacts:
    """A folder of files named by their digest. Writing the same bytes twice writes once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes | str) -> str:
        """Store ``data`` (text as UTF-8) atomically and return its digest."""
        raw = data.encode() if isinstance(data, str) else data
        digest = digest_of(raw)
        path = self.folder / digest
        if not path.exists():
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
            Path(temporary).rename(path)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes stored under ``digest``. KeyError when there are none, or they changed."""
        try:
            data = (self.folder / digest).read_bytes()
        except FileNotFoundError:
            raise KeyError(digest) from None
        if digest_of(data) != digest:
            raise KeyError(f"{digest}: the stored bytes do not match their digest")
        return data

    def text(self, digest: str) -> str:
        """``get``, decoded as UTF-8."""
        return self.get(digest).decode()
