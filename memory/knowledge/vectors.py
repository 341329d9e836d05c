"""The chunks' vectors in an embedded Chroma: derived from the catalogue, never the truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

    from memory.knowledge.embedders import Embedder

_NAME = "chunks"


class VectorStore:
    """One Chroma collection that belongs to one catalogue and one embedder.

    Chroma gets vectors only, no embedding function of its own: its default one downloads.
    """

    def __init__(self, folder: Path, identity: str, embedder: Embedder) -> None:
        self.embedder = embedder
        self._folder = folder
        self._client: Client | None
        self._owner = {
            "catalogue": identity,
            "embedder": embedder.id,
            "dimension": embedder.dimension,
            "weights": embedder.digest,
        }
        self._collection: Collection | None = None
        try:
            self._client = self._connect()
            self._collection = self._ours()
        except Exception:
            self._client = None

    def _connect(self) -> Client:
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        return cast("Client", chromadb.PersistentClient(str(self._folder), settings))

    def _ours(self) -> Collection | None:
        assert self._client is not None
        for found in self._client.list_collections():
            if found.name == _NAME and found.metadata == self._owner:
                collection = self._client.get_collection(_NAME, embedding_function=None)
                collection.count()
                return collection
        return None

    @property
    def usable(self) -> bool:
        """False when the collection is missing, damaged, or was made by other weights."""
        return self._collection is not None

    def follow(self, wanted: set[int], text_of: Callable[[Sequence[int]], list[str]]) -> None:
        """Hold vectors of exactly the ``wanted`` chunks; ``text_of(ids)`` gives their texts.

        Safe to kill at any point: the next call goes on. One process at a time.
        """
        collection = self._collection or self._fresh()
        have = {int(id_) for id_ in collection.get(include=[])["ids"]}
        for batch in _batches(sorted(have - wanted)):
            collection.delete(ids=[str(id_) for id_ in batch])
        for batch in _batches(sorted(wanted - have)):
            vectors = self.embedder.embed(text_of(batch))
            collection.add(ids=[str(id_) for id_ in batch], embeddings=vectors)

    def _fresh(self) -> Collection:
        if self._client is None:
            from chromadb.api.client import Client

            Client.clear_system_cache()  # it keeps the client that failed to start
            shutil.rmtree(self._folder, ignore_errors=True)
            self._client = self._connect()
        if any(found.name == _NAME for found in self._client.list_collections()):
            self._client.delete_collection(_NAME)
        self._collection = self._client.create_collection(
            _NAME,
            embedding_function=None,
            metadata=self._owner,
            configuration={"hnsw": {"space": "cosine"}},
        )
        return self._collection

    def nearest(self, query: str, k: int) -> list[int]:
        """Ids of the ``k`` chunks nearest in meaning, nearest first."""
        if self._collection is None or not self._collection.count():
            return []
        vectors = self.embedder.embed([query])
        found = self._collection.query(query_embeddings=vectors, n_results=k, include=[])
        return [int(id_) for id_ in found["ids"][0]]

    def close(self) -> None:
        """Release the files."""
        if self._client is not None:
            self._client.close()


def _batches(ids: Sequence[int], size: int = 256) -> list[list[int]]:
    return [list(ids[start : start + size]) for start in range(0, len(ids), size)]
