"""Vectors of the shipped documents, computed beforehand so that the first search need not wait.

``python -m memory.knowledge.shipped`` makes the file anew after a change of ``memory/primers``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from memory.knowledge.embedders import Embedder, Vectors

_FILE = "vectors.json"


class Precomputed:
    """An embedder that looks shipped texts up and leaves all others to ``inner``."""

    def __init__(self, inner: Embedder) -> None:
        self.inner = inner
        self.id, self.dimension, self.digest = inner.id, inner.dimension, inner.digest

    @cached_property
    def _known(self) -> dict[str, str]:
        stored = json.loads(files("memory").joinpath("primers", _FILE).read_text())
        ours = (stored["embedder"], stored["weights"]) == (self.id, self.digest)
        return dict(stored["vectors"]) if ours else {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, those of shipped texts to half precision."""
        keys = [_key(text) for text in texts]
        unknown = [row for row, key in enumerate(keys) if key not in self._known]
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, key in enumerate(keys):
            if key in self._known:
                vectors[row] = np.frombuffer(base64.b64decode(self._known[key]), np.float16)
        if unknown:
            vectors[unknown] = self.inner.embed([texts[row] for row in unknown])
        return vectors


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def dump(embedder: Embedder, texts: Sequence[str]) -> str:
    """The file for these texts."""
    vectors = embedder.embed(texts).astype(np.float16)
    pairs = zip(texts, vectors, strict=True)
    known = {_key(text): base64.b64encode(vector.tobytes()).decode() for text, vector in pairs}
    stored = {"embedder": embedder.id, "weights": embedder.digest, "vectors": known}
    return json.dumps(stored, indent=0) + "\n"


def _main() -> None:
    import tempfile
    from pathlib import Path

    from memory.knowledge.base import DEFAULT_EMBEDDER, KnowledgeBase
    from memory.knowledge.embedders import EMBEDDERS

    with tempfile.TemporaryDirectory() as folder, KnowledgeBase(Path(folder)) as base:
        made = dump(EMBEDDERS[DEFAULT_EMBEDDER](), base.embedded_texts())
    (Path(__file__).parents[1] / "primers" / _FILE).write_text(made)


if __name__ == "__main__":
    _main()
