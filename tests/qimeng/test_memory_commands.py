"""``qimeng memory``: what people type, and what they are told."""

import json

import pytest
from click.testing import CliRunner

from memory.knowledge.embedders import Hashing
from memory.library import Item, Library
from memory.records import Evidence
from qimeng.cli import cli


@pytest.fixture
def memory(monkeypatch):
    monkeypatch.setattr("memory.knowledge.embedders.EMBEDDERS", {"minilm": Hashing})

    def call(*arguments, code=0):
        outcome = CliRunner().invoke(cli, ("memory", *map(str, arguments)), catch_exceptions=False)
        assert outcome.exit_code == code, outcome.output
        return outcome

    return call


@pytest.fixture
def manual(tmp_path):
    path = tmp_path / "zorp.md"
    path.write_text("# Zorp\nThe opcode zfrob.q is reserved.\n")
    return path


def test_a_document_comes_and_goes(memory, manual):
    assert memory("add", manual).stdout == "added: zorp.md (1 passages)\n"
    assert memory("add", manual).stdout.startswith("unchanged")
    assert "zorp.md: Zorp" in memory("search", "zfrob.q").stdout
    assert "zorp.md" in memory("list").stdout
    assert memory("forget", "zorp.md").stdout == "forgotten: zorp.md\n"
    assert "zorp.md" not in memory("list").stdout


def test_search_as_json(memory):
    hits = json.loads(memory("search", "mtvec", "--json", "-k", "3").stdout)
    assert len(hits) == 3
    assert set(hits[0]) == {"document", "page", "heading", "text", "score", "cosine", "named"}
    assert "mtvec" in hits[0]["text"]


def test_list_as_json_with_results_of_runs(memory):
    Library().enter(Item("r1", "a counter", "verilog", "example", Evidence.AGREED))
    listed = json.loads(memory("list", "--json").stdout)
    assert listed["results"][0]["evidence"] == "agreed"
    assert any(d["name"] == "rv32i.md" and d["shipped"] for d in listed["documents"])
    assert memory("forget", "r1").stdout == "forgotten: the result of run r1\n"


def test_refusals_are_one_line(memory, tmp_path):
    assert memory("add", tmp_path / "none.pdf", code=2).stderr.startswith("qimeng: ")
    assert memory("forget", "none.md", code=2).stderr.count("\n") == 1
    (tmp_path / "noise.md").write_bytes(b"\0" * 9)
    refused = memory("add", tmp_path / "noise.md", code=2)
    assert "binary" in refused.stderr
    assert memory("add", tmp_path / "noise.md", "--json", code=2).stdout.startswith("[")


def test_a_folder_without_documents(memory, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no document" in memory("add", tmp_path / "empty", code=2).stderr


def test_text_of_documents_cannot_drive_the_terminal(memory, tmp_path):
    path = tmp_path / "evil.md"
    path.write_text("Plain words. " * 20 + "zevil \x1b]0;owned\x07 [bold red]not markup[/]")
    memory("add", path)
    shown = memory("search", "zevil").stdout
    assert "\x1b]0" not in shown
    assert "[bold red]not markup[/]" in shown
