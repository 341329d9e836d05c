"""The documents, their chunks, and full-text search over them: one SQLite file, the truth.

The vectors are derived from it: ``pending`` is set in the same transaction as any change of the
chunks, and cleared when the vectors have followed.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from memory.knowledge.blocks import Chunk
from memory.knowledge.words import names, terms
from memory.write_ahead import write_ahead

_SCHEMA = 1
_TABLES = """
CREATE TABLE state (
    pending INTEGER NOT NULL, generation INTEGER NOT NULL, identity TEXT NOT NULL);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT UNIQUE NOT NULL,
    digest TEXT NOT NULL, shipped INTEGER NOT NULL, added REAL NOT NULL, UNIQUE (name, shipped));
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    page INTEGER, heading TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX chunks_document ON chunks (document);
CREATE VIRTUAL TABLE exact USING fts5 (
    heading, text, tokenize = "unicode61 remove_diacritics 0 tokenchars '_.$=<>!'");
CREATE VIRTUAL TABLE stems USING fts5 (heading, text, tokenize = "porter unicode61");
"""
_HEADING = 2.0
"""What a word in a heading counts, against one in the text."""
_RANKED = "SELECT rowid FROM {0} WHERE {0} MATCH ? ORDER BY bm25({0}, {1}, 1.0), rowid LIMIT ?"


@dataclass(frozen=True, slots=True)
class Document:
    """One document. ``source`` is where it came from; ``shipped`` ones belong to QiMeng."""

    name: str
    source: str
    digest: str
    shipped: bool
    added: float
    chunks: int = 0
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A chunk as it is kept, with the name of its document. Ids are never used twice."""

    id: int
    document: str
    page: int | None
    heading: str
    text: str


class Catalogue:
    """The SQLite file. Not safe between threads: the knowledge base sees to that.

    Raises sqlite3.DatabaseError when the file is damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=30, check_same_thread=False)
        write_ahead(self._db)
        self._db.execute("PRAGMA foreign_keys=ON")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, _SCHEMA):
            self._db.close()
            raise sqlite3.DatabaseError(f"{path} is of version {version}, not {_SCHEMA}")
        if version == 0:
            self._create()

    def _create(self) -> None:
        start = f"INSERT INTO state VALUES (0, 1, '{secrets.token_hex(16)}');"
        try:
            done = f"{_TABLES}{start}PRAGMA user_version={_SCHEMA};"
            self._db.executescript(f"BEGIN EXCLUSIVE;{done}COMMIT;")
        except sqlite3.OperationalError:
            self._db.rollback()
            if not self._db.execute("PRAGMA user_version").fetchone()[0]:
                raise  # otherwise another process was faster

    @property
    def identity(self) -> str:
        """Names this file, so that vectors of another one are known."""
        (identity,) = self._db.execute("SELECT identity FROM state").fetchone()
        return str(identity)

    @property
    def pending(self) -> bool:
        """True when the vectors may lag behind."""
        return bool(self._db.execute("SELECT pending FROM state").fetchone()[0])

    @property
    def generation(self) -> int:
        """Which folder of vectors is in use; another one follows when it was damaged."""
        return int(self._db.execute("SELECT generation FROM state").fetchone()[0])

    def next_generation(self) -> None:
        """Give the vectors up: they are made anew in another folder."""
        with self._db:
            self._db.execute("UPDATE state SET generation = generation + 1, pending = 1")

    def settle(self) -> None:
        """The vectors have followed."""
        with self._db:
            self._db.execute("UPDATE state SET pending = 0")

    def put(self, document: Document, chunks: Iterable[Chunk]) -> None:
        """Enter a document in the place of the one from the same source, all or nothing."""
        with self._db:
            self._remove(document.source)
            row = self._db.execute(
                "INSERT INTO documents (name, source, digest, shipped, added) VALUES (?,?,?,?,?)",
                (document.name, document.source, document.digest, document.shipped, document.added),
            ).lastrowid
            for chunk in chunks:
                self._insert(row, document.name, chunk)
            self._db.execute("UPDATE state SET pending = 1")

    def _insert(self, document: int | None, name: str, chunk: Chunk) -> None:
        values = (document, chunk.page, chunk.heading, chunk.text)
        row = self._db.execute(
            "INSERT INTO chunks (document, page, heading, text) VALUES (?,?,?,?)", values
        ).lastrowid
        heading = f"{Path(name).stem} {chunk.heading}"
        exact = (row, " ".join(terms(heading)), " ".join(terms(chunk.text)))
        self._db.execute("INSERT INTO exact (rowid, heading, text) VALUES (?,?,?)", exact)
        self._db.execute(
            "INSERT INTO stems (rowid, heading, text) VALUES (?,?,?)", (row, heading, chunk.text)
        )

    def remove(self, source: str) -> None:
        """Take the document of this source out, with its chunks."""
        with self._db:
            self._remove(source)
            self._db.execute("UPDATE state SET pending = 1")

    def _remove(self, source: str) -> None:
        ours = (
            "SELECT chunks.id FROM chunks JOIN documents ON documents.id = chunks.document "
            "WHERE source = ?"
        )
        for table in ("exact", "stems"):
            self._db.execute(f"DELETE FROM {table} WHERE rowid IN ({ours})", (source,))
        self._db.execute("DELETE FROM documents WHERE source = ?", (source,))

    def documents(self, **fields: str) -> list[Document]:
        """The documents whose ``name``, ``source`` or ``digest`` is as given, without any all; by
        name, the shipped ones last.
        """
        chosen = " AND ".join(f"documents.{field} = ?" for field in fields) or "1"
        rows = self._db.execute(
            "SELECT name, source, digest, shipped, added, count(chunks.id), max(page) "
            "FROM documents LEFT JOIN chunks ON chunks.document = documents.id "
            f"WHERE {chosen} GROUP BY documents.id ORDER BY shipped, name",
            tuple(fields.values()),
        )
        return [Document(n, s, d, bool(own), *rest) for n, s, d, own, *rest in rows]

    def chunk_ids(self) -> set[int]:
        """Every chunk there is."""
        return {id_ for (id_,) in self._db.execute("SELECT id FROM chunks")}

    def chunks(self, ids: Sequence[int]) -> list[Stored]:
        """The chunks of these ids, in their order; those that are gone are left out."""
        marks = ",".join("?" * len(ids))
        rows = self._db.execute(
            "SELECT chunks.id, name, page, heading, text FROM chunks "
            f"JOIN documents ON documents.id = chunks.document WHERE chunks.id IN ({marks})",
            list(ids),
        )
        found = {row[0]: Stored(*row) for row in rows}
        return [found[id_] for id_ in ids if id_ in found]

    def by_name(self, query: str, k: int) -> list[int]:
        """Chunks with the query's terms exactly as written, best first.

        When a query names something technical that is known, the names alone decide.
        """
        return self._ranked("exact", names(query), k) or self._ranked("exact", terms(query), k)

    def by_word(self, query: str, k: int) -> list[int]:
        """Chunks with the query's words in any inflection, best first."""
        return self._ranked("stems", query.replace('"', " ").split(), k)

    def _ranked(self, table: str, words: Sequence[str], k: int) -> list[int]:
        asked = " OR ".join(f'"{word}"' for word in dict.fromkeys(words))
        if not asked:
            return []
        rows = self._db.execute(_RANKED.format(table, _HEADING), (asked, k))
        return [row for (row,) in rows]

    def close(self) -> None:
        """Release the file."""
        self._db.close()
