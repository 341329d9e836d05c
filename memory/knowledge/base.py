"""The knowledge base: add, search, list and forget documents; every answer cites its source."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from memory.artifacts import digest_of
from memory.home import home
from memory.knowledge.blocks import pack
from memory.knowledge.catalogue import Catalogue, Document, Stored
from memory.knowledge.fusion import fuse
from memory.knowledge.readers import SUFFIXES, Unreadable, load, read_blocks
from memory.knowledge.words import names, terms
from memory.lock import RunBusy, lock

if TYPE_CHECKING:
    from memory.knowledge.embedders import Embedder
    from memory.knowledge.vectors import VectorStore

DEFAULT_EMBEDDER = "minilm"
WEIGHTS = (1.0, 1.0, 1.0)
"""Of exact names, words and meaning in the fusion; evals/results/retrieval says why these."""
DEPTH = 50
"""How far down each ranking the fusion looks."""
_PATIENCE = 30.0
_SHIPPED = "qimeng:"
"""Begins the source of the documents that come with QiMeng."""


class KnowledgeError(ValueError):
    """Something a person can mend: no such document, or another process is writing."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one file: ``new``, ``replaced``, ``unchanged`` or ``refused`` (and why)."""

    path: Path
    outcome: str
    name: str = ""
    chunks: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a search. ``score`` compares answers of one search only.

    ``cosine`` is how near it is in meaning, 0 when others were nearer; ``named`` says that a
    technical name of the query stands in it.
    """

    document: str
    page: int | None
    heading: str
    text: str
    score: float
    cosine: float
    named: bool

    @property
    def citation(self) -> str:
        """Where it stands: document, page where there are pages, and headings."""
        page = f", page {self.page}" if self.page else ""
        return f"{self.document}{page}" + (f": {self.heading}" if self.heading else "")


class KnowledgeBase:
    """The documents under ``folder`` (by default in QiMeng's home) and those shipped.

    Safe between threads and processes; one process writes at a time. What a killed process left
    half done is finished by the next one that searches or writes. Use as a context manager.
    """

    def __init__(self, folder: Path | None = None, embedder: Embedder | None = None) -> None:
        self.folder = folder or home() / "knowledge"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._guard = threading.RLock()
        self._embedder = embedder
        self._opened: VectorStore | None = None
        self._catalogue = Catalogue(self.folder / "catalogue.db")
        try:
            self._ship()
        except BaseException:
            self._catalogue.close()
            raise

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the files."""
        if self._opened:
            self._opened.close()
        self._catalogue.close()

    # -- what people do -------------------------------------------------------------------

    def add(self, path: Path) -> list[Added]:
        """Add a file, or every readable document below a folder; links in it are not followed.

        A file that is there already is replaced; one that cannot be read is refused and changes
        nothing. KnowledgeError when ``path`` does not exist or another process writes.
        """
        try:
            path = path.expanduser().resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise KnowledgeError(f"{path}: {reason}") from None
        with self._writing():
            added = [self._add(file) for file in _files(path)]
            self._follow()
        return added

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """The ``k`` best passages for a question or a name."""
        query = query.encode(errors="replace").decode().replace("\0", " ")
        with self._guard:
            self._catch_up()
            near = self._nearest(query)
            scores = dict(fuse(list(zip(WEIGHTS, self._rankings(query, near), strict=True))))
            # A vector may outlive its chunk for a moment: read more than are wanted.
            found = self.chunks(list(scores)[: k + DEPTH])[:k]
        asked = set(names(query))
        return [
            Hit(
                *(chunk.document, chunk.page, chunk.heading, chunk.text),
                score=scores[chunk.id],
                cosine=near.get(chunk.id, 0.0),
                named=not asked.isdisjoint(terms(f"{chunk.heading} {chunk.text}")),
            )
            for chunk in found
        ]

    def rankings(self, query: str) -> tuple[list[int], list[int], list[int]]:
        """Chunk ids by exact names, by words, and by meaning: the best first, at most DEPTH."""
        with self._guard:
            self._catch_up()
            return self._rankings(query, self._nearest(query))

    def _rankings(
        self, query: str, near: dict[int, float]
    ) -> tuple[list[int], list[int], list[int]]:
        catalogue = self._catalogue
        return catalogue.by_name(query, DEPTH), catalogue.by_word(query, DEPTH), list(near)

    def chunks(self, ids: Sequence[int]) -> list[Stored]:
        """The chunks of these ids, in their order; those that are gone are left out."""
        with self._guard:
            return self._catalogue.chunks(ids)

    def embedded_texts(self) -> list[str]:
        """What the embedder is given: every chunk under its headings."""
        with self._guard:
            return self._texts(sorted(self._catalogue.chunk_ids()))

    def documents(self) -> list[Document]:
        """All documents, the user's first."""
        with self._guard:
            return self._catalogue.documents()

    def forget(self, name: str) -> Document:
        """Take a document out wholly. KnowledgeError when there is none, or it is shipped."""
        with self._writing():
            known = self._catalogue.documents(name=name)
            if not known:
                raise KnowledgeError(f"no document is called {name!r}")
            if known[0].shipped:
                raise KnowledgeError(f"{name!r} belongs to QiMeng and cannot be forgotten")
            self._catalogue.remove(known[0].source)
            self._follow()
        return known[0]

    # -- adding ---------------------------------------------------------------------------

    def _add(self, path: Path) -> Added:
        source = _storable(str(path))
        before = next(iter(self._catalogue.documents(source=source)), None)
        try:
            data = load(path)
            digest = digest_of(data)
            same = [d for d in self._catalogue.documents(digest=digest) if not d.shipped]
            if same and (before is None or before.digest == digest):
                return Added(path, "unchanged", same[0].name, same[0].chunks)
            chunks = list(pack(read_blocks(path, data)))
        except Unreadable as error:
            return Added(path, "refused", reason=str(error))
        name = before.name if before else self._free_name(path)
        self._catalogue.put(Document(name, source, digest, False, time.time()), chunks)
        return Added(path, "replaced" if before else "new", name, len(chunks))

    def _free_name(self, path: Path) -> str:
        """The file's name, with as many of its folders as make it unique."""
        parts = [_storable(part) for part in path.parts[1:]]
        names = ["/".join(parts[-n:]) for n in range(1, len(parts) + 1)]
        free = (name for name in names if not self._catalogue.documents(name=name))
        return next(free, _storable(str(path)))

    def _ship(self) -> None:
        """Enter the shipped documents that are new or changed, and drop those that are gone."""
        shipped = files("memory").joinpath("primers").iterdir()
        texts = {f.name: f.read_bytes() for f in shipped if f.name.endswith(".md")}
        wanted = {name: digest_of(data) for name, data in texts.items()}
        if self._shipped() == wanted:
            return
        with self._writing():
            have = self._shipped()
            for name in have.keys() - wanted.keys():
                self._catalogue.remove(_SHIPPED + name)
            for name in sorted(name for name in wanted if have.get(name) != wanted[name]):
                document = Document(name, _SHIPPED + name, wanted[name], True, time.time())
                self._catalogue.put(document, pack(read_blocks(Path(name), texts[name])))

    def _shipped(self) -> dict[str, str]:
        return {d.name: d.digest for d in self._catalogue.documents() if d.shipped}

    # -- the two stores -------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._guard:
            try:
                held = lock(self.folder, _PATIENCE)
            except RunBusy:
                raise KnowledgeError("another process is changing the knowledge base") from None
            with held:
                yield

    @property
    def _vectors(self) -> VectorStore:
        """The vectors in use: another process may have moved on to another folder."""
        from memory.knowledge.embedders import EMBEDDERS
        from memory.knowledge.shipped import Precomputed
        from memory.knowledge.vectors import VectorStore

        folder = self.folder / f"vectors-{self._catalogue.generation}"
        if self._opened is None or self._opened.folder != folder:
            self._embedder = self._embedder or Precomputed(EMBEDDERS[DEFAULT_EMBEDDER]())
            self._opened = VectorStore(folder, self._catalogue.identity, self._embedder)
        return self._opened

    def _nearest(self, query: str) -> dict[int, float]:
        from memory.knowledge.vectors import VectorsDamaged

        try:
            return self._vectors.nearest(query, DEPTH)
        except VectorsDamaged:
            with self._writing():
                self._start_over()
            return self._vectors.nearest(query, DEPTH)

    def _catch_up(self) -> None:
        """Bring the vectors up to date, unless a process that is writing will do so."""
        from memory.knowledge.vectors import VectorsDamaged

        with suppress(VectorsDamaged):
            if not self._catalogue.pending and self._vectors.usable:
                return
        try:
            held = lock(self.folder)
        except RunBusy:
            return
        with held:
            self._follow()

    def _follow(self) -> None:
        from memory.knowledge.vectors import VectorsDamaged

        try:
            self._vectors.follow(self._catalogue.chunk_ids(), self._texts)
            self._catalogue.settle()
        except VectorsDamaged:
            self._start_over()

    def _start_over(self) -> None:
        """Make the vectors in a folder of their own: others may still read the damaged one."""
        damaged = self.folder / f"vectors-{self._catalogue.generation}"
        self._catalogue.next_generation()
        self._vectors.follow(self._catalogue.chunk_ids(), self._texts)
        self._catalogue.settle()
        shutil.rmtree(damaged, ignore_errors=True)

    def _texts(self, ids: Sequence[int]) -> list[str]:
        return [f"{chunk.heading}\n{chunk.text}" for chunk in self._catalogue.chunks(ids)]


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in SUFFIXES and not file.is_symlink() and file.is_file():
            yield file


def _storable(name: str) -> str:
    """A path as valid, printable text: file names may hold any bytes."""
    text = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
