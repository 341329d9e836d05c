"""The knowledge base over both stores, with the hashing embedder (no weights needed)."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memory.knowledge.base import KnowledgeBase, KnowledgeError
from memory.knowledge.embedders import EMBEDDERS, Hashing
from memory.lock import lock


@pytest.fixture
def base(tmp_path):
    with KnowledgeBase(tmp_path / "kb", Hashing()) as opened:
        yield opened


@pytest.fixture
def manual(tmp_path):
    path = tmp_path / "zorp.md"
    path.write_text("# Zorp unit\n## Frobnication\nThe opcode zfrob.q sets CSR zstat9.\n")
    return path


def pdf(pages, outline=(), password=None) -> bytes:
    """A small PDF of text pages, made by hand so that it has real text in it."""
    from io import BytesIO

    from pypdf import PdfReader, PdfWriter

    objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for n, lines in enumerate(pages):
        shown = " ".join(f"({line}) Tj 0 -14 Td" for line in lines)
        stream = f"BT /F1 12 Tf 72 720 Td {shown} ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    start = len(out)
    size = len(objects) + 1
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}".encode()
    out += f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF".encode()
    writer = PdfWriter(clone_from=PdfReader(BytesIO(out)))
    for title, page in outline:
        writer.add_outline_item(title=title, page_number=page)
    if password is not None:
        writer.encrypt(password)
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


# -- finding ----------------------------------------------------------------------------------


def test_shipped_documents_are_there_from_the_first_search(base):
    hit = base.search("_mm512_dpbusd_epi32", 1)[0]
    assert hit.document == "x86-simd.md"
    assert "vpdpbusd" in hit.text
    assert hit.citation.startswith("x86-simd.md: ")


EXACT = ["mstatus", "cp.async.wait_group", "vfmadd231ps", "vluxei32.v", "satp", "svwhilelt_b32"]


@pytest.mark.parametrize("name", EXACT)
def test_exact_names_come_first(base, name):
    assert any(name in hit.text for hit in base.search(name, 3))


def test_a_pdf_is_cited_by_page_and_outline(base, tmp_path):
    path = tmp_path / "core.pdf"
    path.write_bytes(pdf([["Intro"], ["Traps", "The zquux register."]], [("Traps", 1)]))
    assert base.add(path)[0].outcome == "new"
    hit = base.search("zquux", 1)[0]
    assert (hit.document, hit.page, hit.heading) == ("core.pdf", 2, "Traps")
    assert hit.citation == "core.pdf, page 2: Traps"


# -- adding, replacing, forgetting -----------------------------------------------------------


def test_adding_again_replaces(base, manual):
    assert [a.outcome for a in base.add(manual)] == ["new"]
    assert [a.outcome for a in base.add(manual)] == ["unchanged"]
    manual.write_text("# Zorp unit\nNow it is called zblarg.x instead.\n")
    assert [a.outcome for a in base.add(manual)] == ["replaced"]
    assert base.search("zblarg.x", 1)[0].document == "zorp.md"
    assert not any("zfrob.q" in hit.text for hit in base.search("zfrob.q zstat9", 50))
    assert both_stores_agree(base)


def test_forget_removes_from_both_stores(base, manual):
    before = base.documents()
    base.add(manual)
    base.forget("zorp.md")
    assert base.documents() == before
    assert not any("zfrob" in hit.text for hit in base.search("zfrob.q", 50))
    assert both_stores_agree(base)


def test_forget_refuses_what_is_not_the_users(base):
    with pytest.raises(KnowledgeError, match="belongs to QiMeng"):
        base.forget("rv32i.md")
    with pytest.raises(KnowledgeError, match="no document"):
        base.forget("nothing.md")


def test_files_of_the_same_name_get_their_folders_name(base, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "spec.md").write_text(f"The {folder} unit.")
    names = [base.add(tmp_path / f / "spec.md")[0].name for f in ("a", "b")]
    assert names == ["spec.md", "b/spec.md"]


def both_stores_agree(base: KnowledgeBase) -> bool:
    """No vector without a chunk and no chunk without a vector."""
    in_chroma = base._vectors._collection.get(include=[])["ids"]
    return {int(id_) for id_ in in_chroma} == base._catalogue.chunk_ids()


# -- hostile files ---------------------------------------------------------------------------

HOSTILE = {
    "binary.txt": b"a\0b" * 100,
    "noise.md": bytes(range(256)) * 40,
    "empty.md": b" \n",
    "broken.pdf": b"%PDF-1.7\n1 0 obj\n<< garbage",
    "not-a.pdf": b"hello",
    "locked.pdf": pdf([["secret"]], password="pw"),
    "scanned.pdf": pdf([[]]),
    "huge.txt": b"x" * ((32 << 20) + 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_nothing_is_lost(base, manual, tmp_path, name):
    base.add(manual)
    before = base.documents()
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    (added,) = base.add(path)
    assert (added.outcome, bool(added.reason)) == ("refused", True)
    assert base.documents() == before


def test_a_damaged_new_version_keeps_the_old_one(base, tmp_path):
    path = tmp_path / "core.pdf"
    path.write_bytes(pdf([["The zquux register."]]))
    base.add(path)
    path.write_bytes(b"%PDF-1.7 cut off")
    assert base.add(path)[0].outcome == "refused"
    assert base.search("zquux", 1)[0].document == "core.pdf"


def test_a_folder_with_links_pipes_and_hostile_names(base, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "self.md").symlink_to(folder / "self.md")
    (folder / "secret.md").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.md")
    (folder / "\x1b[31m\nred.md").write_text("Escape zesc1.")
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.md")).write_text("Bytes zesc2.")
    (folder / "'; DROP TABLE chunks; --.md").write_text("Quotes zesc3.")
    added = base.add(folder)
    assert [a.outcome for a in added] == ["new"] * 3
    assert all(d.name.isprintable() for d in base.documents())
    assert {h.document for h in base.search("zesc1 zesc2 zesc3", 3)} == {a.name for a in added}


@pytest.mark.parametrize("path", ["nowhere.md", "loop", "nul\0.md"])
def test_a_path_that_does_not_exist(base, tmp_path, path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(KnowledgeError):
        base.add(tmp_path / path)


HOSTILE_QUERIES = [
    '"',
    '" OR 1',
    "NEAR(",
    "a* AND",
    "\0",
    "",
    "-",
    "x" * 10_000,
    "'); --",
    "\ud800",
]


@pytest.mark.parametrize("query", HOSTILE_QUERIES)
def test_any_query_is_answered(base, query):
    assert isinstance(base.search(query), list)


# -- crashes, other processes, other weights ---------------------------------------------------

CHILD = """
import os, signal, sys
from pathlib import Path
from memory.knowledge.base import KnowledgeBase
from memory.knowledge.embedders import Hashing
from memory.knowledge import vectors
base = KnowledgeBase(Path(sys.argv[1]), Hashing())
base.search("warm")
calls = 0
embed = Hashing.embed
def die(self, texts):
    os.kill(os.getpid(), signal.SIGKILL)
def follow(self, *_):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "add":
    Hashing.embed = die
    base.add(Path(sys.argv[3]))
else:
    vectors.VectorStore.follow = follow
    base.forget(sys.argv[3])
"""


def killed(*arguments) -> None:
    child = subprocess.run([sys.executable, "-c", CHILD, *map(str, arguments)], check=False)
    assert child.returncode == -signal.SIGKILL


def test_a_kill_between_the_stores_is_repaired(tmp_path, manual):
    folder = tmp_path / "kb"
    killed(folder, "add", manual)
    with KnowledgeBase(folder, Hashing()) as base:
        assert base.search("zfrob.q", 1)[0].document == "zorp.md"
        assert both_stores_agree(base)
    killed(folder, "forget", "zorp.md")
    with KnowledgeBase(folder, Hashing()) as base:
        assert not any("zfrob" in hit.text for hit in base.search("zfrob.q", 50))
        assert both_stores_agree(base)


def test_vectors_of_other_weights_are_made_anew(tmp_path, manual):
    class Other(Hashing):
        digest = "other weights of the same name"

    folder = tmp_path / "kb"
    with KnowledgeBase(folder, Hashing()) as base:
        base.add(manual)
    with KnowledgeBase(folder, Other()) as base:
        assert base._vectors.usable is False
        base.search("zfrob.q")
        assert base._vectors._collection.metadata["weights"] == Other.digest
        assert both_stores_agree(base)


def test_damaged_vectors_are_made_anew(tmp_path, manual):
    folder = tmp_path / "kb"
    with KnowledgeBase(folder, Hashing()) as base:
        base.add(manual)
    (folder / "vectors" / "chroma.sqlite3").write_bytes(b"damaged" * 1000)
    with KnowledgeBase(folder, Hashing()) as base:
        assert base.search("zfrob.q", 1)[0].document == "zorp.md"
        assert both_stores_agree(base)


def test_a_second_writer_waits_and_is_then_told(base, manual, monkeypatch):
    monkeypatch.setattr("memory.knowledge.base._PATIENCE", 0.1)
    with lock(base.folder), pytest.raises(KnowledgeError, match="another process"):
        base.add(manual)
    assert base.add(manual)[0].outcome == "new"


def test_searching_goes_on_while_another_process_writes(base):
    with lock(base.folder):
        assert base.search("mstatus", 1)


def test_threads_share_one_base(base, tmp_path):
    failures = []

    def work(number: int) -> None:
        try:
            path = tmp_path / f"t{number}.md"
            path.write_text(f"Unit zthr{number}.")
            base.add(path)
            assert base.search(f"zthr{number}", 1)[0].document == path.name
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# -- embedders -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EMBEDDERS)
def test_embedders_give_unit_vectors_that_tell_meaning(name):
    embedder = EMBEDDERS[name]()
    texts = ["a cat sat on the mat", "the cat sat on a mat", "tensor core matrix product", ""]
    vectors = embedder.embed(texts)
    assert vectors.shape == (4, embedder.dimension)
    assert embedder.embed([]).shape == (0, embedder.dimension)
    assert abs((vectors[:3] ** 2).sum(axis=1) - 1).max() < 1e-5
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_shipped_vectors_cover_every_shipped_passage(base):
    from memory.knowledge.base import DEFAULT_EMBEDDER
    from memory.knowledge.shipped import Precomputed

    class Never:
        """Stands for the default embedder; must not be asked."""

        default = EMBEDDERS[DEFAULT_EMBEDDER]
        id, dimension, digest = default.id, default.dimension, default.digest

        def embed(self, texts):
            raise AssertionError(f"python -m memory.knowledge.shipped is due: {texts[0]}")

    assert len(Precomputed(Never()).embed(base.embedded_texts())) > 100


def test_a_hit_is_json(base):
    from dataclasses import asdict

    assert json.dumps([asdict(hit) for hit in base.search("mtvec")])
