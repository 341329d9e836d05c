"""The chunks' vectors in an embedded Chroma: derived from the catalogue, never the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

    from memory.knowledge.embedders import Embedder

_NAME = "chunks"


class VectorsDamaged(RuntimeError):
    """Chroma cannot use its folder: make a new one."""


@contextmanager
def _damage() -> Iterator[None]:
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, ValueError, AttributeError) as error:  # a failed start raises all three
        raise VectorsDamaged(str(error)) from error


class VectorStore:
    """One Chroma collection that belongs to one catalogue and one embedder.

    Chroma gets vectors only, no embedding function of its own: its default one downloads. Every
    method may raise VectorsDamaged.
    """

    def __init__(self, folder: Path, identity: str, embedder: Embedder) -> None:
        import chromadb
        from chromadb.config import Settings

        self.embedder = embedder
        self.folder = folder
        self._owner = {
            "catalogue": identity,
            "embedder": embedder.id,
            "dimension": embedder.dimension,
            "weights": embedder.digest,
        }
        settings = Settings(anonymized_telemetry=False)
        with _damage():
            self._client = cast("Client", chromadb.PersistentClient(str(folder), settings))
            self._collection = self._ours()

    def _ours(self) -> Collection | None:
        for found in self._client.list_collections():
            if found.name == _NAME and found.metadata == self._owner:
                collection = self._client.get_collection(_NAME, embedding_function=None)
                collection.count()
                return collection
        return None

    @property
    def usable(self) -> bool:
        """False when the collection is missing, or was made by other weights."""
        return self._collection is not None

    def follow(self, wanted: set[int], text_of: Callable[[Sequence[int]], list[str]]) -> None:
        """Hold vectors of exactly the ``wanted`` chunks; ``text_of(ids)`` gives their texts.

        Safe to kill at any point: the next call goes on. One process at a time.
        """
        with _damage():
            collection = self._collection or self._fresh()
            have = {int(id_) for id_ in collection.get(include=[])["ids"]}
            for batch in _batches(sorted(have - wanted)):
                collection.delete(ids=[str(id_) for id_ in batch])
            for batch in _batches(sorted(wanted - have)):
                vectors = self.embedder.embed(text_of(batch))
                collection.add(ids=[str(id_) for id_ in batch], embeddings=vectors)

    def _fresh(self) -> Collection:
        if any(found.name == _NAME for found in self._client.list_collections()):
            self._client.delete_collection(_NAME)
        self._collection = self._client.create_collection(
            _NAME,
            embedding_function=None,
            metadata=self._owner,
            configuration={"hnsw": {"space": "cosine"}},
        )
        return self._collection

    def nearest(self, query: str, k: int) -> dict[int, float]:
        """The ``k`` chunks nearest in meaning, nearest first: their ids and cosines."""
        if self._collection is None:
            return {}
        vectors = self.embedder.embed([query])
        with _damage():
            found = self._collection.query(
                query_embeddings=vectors, n_results=k, include=["distances"]
            )
        ids, distances = found["ids"][0], (found["distances"] or [[]])[0]
        return {int(id_): 1 - far for id_, far in zip(ids, distances, strict=True)}

    def close(self) -> None:
        """Release the files."""
        self._client.close()


def _batches(ids: Sequence[int], size: int = 256) -> list[list[int]]:
    return [list(ids[start : start + size]) for start in range(0, len(ids), size)]
