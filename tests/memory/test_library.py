"""Prior results: what may be an example, what is only a lesson, and which are similar."""

import pytest

from memory.artifacts import Artifacts
from memory.knowledge.embedders import Hashing
from memory.library import Item, Library, item_of
from memory.records import Artifact, Evidence, Goal, Metric, Result


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library.db", Hashing())


@pytest.fixture
def conclude(tmp_path, library):
    """Enters a concluded run and gives the item."""
    artifacts = Artifacts(tmp_path / "artifacts")

    def enter(run: str, task: str, status="done", evidence=Evidence.AGREED, **fields) -> Item:
        files = {"design.sv": f"// {run}", "waveform.svg": "<svg/>"}
        result = Result(
            status=status,
            workflow="rtl",
            evidence=evidence,
            artifacts=tuple(Artifact(name=n, sha256=artifacts.put(t)) for n, t in files.items()),
            metrics={"area": Metric(value=12.5, unit="cells")},
            **fields,
        )
        item = item_of(run, Goal(text=task), result, artifacts)
        library.enter(item)
        return item

    return enter


def test_a_checked_result_is_an_example_with_its_sources(library, conclude):
    conclude("r1", "an 8-bit up counter with enable")
    (item,) = library.examples_for("a 4-bit up counter", "verilog", 3)
    assert (item.run, item.evidence, item.kind) == ("r1", Evidence.AGREED, "example")
    assert item.files == {"design.sv": "// r1"}
    assert item.metrics == {"area": "12.5 cells"}


@pytest.mark.parametrize(
    ("status", "evidence"),
    [
        ("done", Evidence.COMPILED),
        ("done", Evidence.NONE),
        ("not_achieved", Evidence.PROVED),
        ("not_achieved", Evidence.COMPILED),
        ("unsupported", Evidence.NONE),
    ],
)
def test_anything_less_is_a_lesson_without_files(library, conclude, status, evidence):
    item = conclude("r1", "an 8-bit counter", status, evidence, reasons=("they disagree",))
    assert (item.kind, item.files) == ("lesson", {})
    assert library.examples_for("a counter", "verilog", 5) == []
    assert library.lessons_for("a counter", "verilog", 5)[0].reasons == ("they disagree",)


def test_the_most_similar_comes_first(library, conclude):
    conclude("far", "a UART transmitter with a baud divider")
    conclude("near", "a synchronous FIFO of depth 16 with almost-full flag")
    found = library.examples_for("a synchronous FIFO of depth 8", "verilog", 2)
    assert [item.run for item in found] == ["near", "far"]
    assert [i.run for i in library.examples_for("a synchronous FIFO", "verilog", 1)] == ["near"]


def test_never_the_same_words_nor_another_target(library, conclude):
    conclude("r1", "An 8-bit  counter\nwith enable")
    assert library.examples_for("an 8-bit counter with enable", "verilog", 5) == []
    assert library.examples_for("a counter", "cuda", 5) == []


def test_a_run_enters_once_and_is_forgotten(library, conclude):
    conclude("r1", "a counter")
    conclude("r1", "a counter", evidence=Evidence.TESTED)
    assert [item.evidence for item in library.items()] == [Evidence.TESTED]
    assert library.forget("r1")
    assert not library.forget("r1")
    assert library.items() == []


def test_vectors_are_computed_once(library, conclude):
    class Counting(Hashing):
        texts = 0

        def embed(self, texts):
            Counting.texts += len(texts)
            return super().embed(texts)

    conclude("r1", "a counter")
    conclude("r2", "a shifter")
    counted = Library(library.path, Counting())
    for _ in range(3):
        assert len(counted.examples_for("a register", "verilog", 5)) == 2
    assert Counting.texts == 2 + 3
