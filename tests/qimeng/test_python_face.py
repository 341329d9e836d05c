"""``import qimeng``: the same objects as the command line prints."""

import pytest

import qimeng
from qimeng.goals import BadInput


def test_a_run_is_read_back(tell):
    teller = tell()
    id_ = teller.whole()
    view = qimeng.read(id_[:-1])
    assert (view.id, view.status, view.evidence.label) == (id_, "done", "agreed")
    assert view.text("design.sv").startswith("module gray")
    assert [e.seq for e in view.events()] == list(range(len(teller.run.log.events)))
    assert view.contract["top"] == "gray"
    with pytest.raises(KeyError):
        view.text("nothing.sv")


def test_resuming_a_finished_run_does_nothing(tell):
    id_ = tell().whole()
    before = list(qimeng.read(id_).events())
    heard = []
    assert qimeng.resume(id_, on_event=heard.append).status == "done"
    assert list(qimeng.read(id_).events()) == before
    assert heard == []


@pytest.mark.parametrize(
    "options", [{"budget": "much"}, {"candidates": 99}, {"files": ["/nowhere"]}, {"sandbox": "x"}]
)
def test_bad_input_is_one_exception(options):
    with pytest.raises(BadInput):
        qimeng.run("a counter", **options)


def test_status_of_a_run_that_nobody_works_on(tell):
    teller = tell()
    teller.start()
    assert qimeng.read(teller.run.id).status == "running"
    teller.run.close()
    view = qimeng.read(teller.run.id)
    assert view.status == "interrupted"
    assert view.exit_code == 3
    assert f"qimeng resume {teller.run.id}" in view.result.reasons[0]
