"""The retrieval benchmark counts what it says it counts."""

from evals.retrieval.__main__ import Asked, ask_all, row
from memory.knowledge.fusion import RANK, fuse


def asked(*rankings, right=(7,), kind="exact", held_out=True):
    return Asked(kind, held_out, rankings, frozenset(right))


def test_reciprocal_rank_fusion():
    fused = fuse([(1.0, [1, 2]), (2.0, [2, 3])])
    assert fused == [
        (2, 1 / (RANK + 2) + 2 / (RANK + 1)),
        (3, 2 / (RANK + 2)),
        (1, 1 / (RANK + 1)),
    ]


def test_the_rank_of_the_first_right_passage():
    question = asked([1, 2, 7], [7, 1], [3])
    assert question.rank((1, 0, 0)) == 3
    assert question.rank((0, 1, 0)) == 1
    assert question.rank((0, 0, 1)) is None


def test_figures():
    questions = [
        asked([7], [], []),
        asked([1, 7], [], [], kind="words"),
        asked([1, 2, 3, 4, 5, 7], [], [], held_out=False),
        asked([1], [], []),
    ]
    figures = row("names", (1, 0, 0), questions)
    assert (figures.recall_at_5, figures.mrr) == (0.5, round((1 + 1 / 2 + 1 / 6) / 4, 3))
    assert (figures.held_out_recall_at_5, figures.held_out_mrr) == (round(2 / 3, 3), 0.5)
    assert (figures.exact_recall_at_5, figures.exact_mrr) == (
        round(1 / 3, 3),
        round((1 + 1 / 6) / 3, 3),
    )


def test_every_question_has_an_answer_and_full_text_finds_most(tmp_path):
    questions, _ = ask_all("hashing", tmp_path)
    assert len(questions) >= 60
    assert all(question.right for question in questions)
    assert row("names + words", (1, 1, 0), questions).recall_at_5 > 0.9
    # A right passage is not found by asking something else.
    shuffled = [
        Asked(q.kind, q.held_out, other.rankings, q.right)
        for q, other in zip(questions, questions[30:] + questions[:30], strict=True)
    ]
    assert row("shuffled", (1, 1, 0), shuffled).recall_at_5 < 0.15
