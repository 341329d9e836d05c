"""The trace as the server folds it: followed, paged, complete, and never broken by a bad log."""

import json

import pytest
from pydantic import TypeAdapter
from told_runs import CONTRACT, Story, counterexample, huge

from memory.events import read_events
from memory.runs import RunStore
from qimeng.web.details import details, waveform
from qimeng.web.tail import Tail
from qimeng.web.trace import Trace
from tools.hdl.contract import Contract

ORDERED = ["model", "tool", "candidate", "verdict", "measured"]


@pytest.fixture
def whole(home):
    return Trace(RunStore().folder(Story().whole())).refresh()


def test_a_log_cut_at_every_byte_of_its_last_record_loses_nothing_else(home, tmp_path):
    log = RunStore().folder(Story().whole()) / "events.jsonl"
    data = log.read_bytes()
    start = data.rstrip(b"\n").rfind(b"\n") + 1
    before = list(read_events(log))[:-1]
    path = tmp_path / "events.jsonl"
    for cut in range(start, len(data)):
        path.write_bytes(data[:cut])
        tail = Tail(path)
        assert tail.new() == before and not tail.damage
        path.write_bytes(data)
        assert [event.seq for event in tail.new()] == [len(before)]
        assert tail.new() == []


def test_a_trace_followed_byte_by_byte_is_the_trace_read_at_once(whole, tmp_path):
    data = (whole.folder / "events.jsonl").read_bytes()
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"")
    followed = Trace(tmp_path)
    for end in range(0, len(data) + 211, 211):
        path.write_bytes(data[:end])
        followed.refresh()
    assert followed.rows == whole.rows and followed.shown == whole.shown
    assert followed.candidates == whole.candidates and followed.lanes() == whole.lanes()


@pytest.mark.parametrize(
    "line", [b"{}", b"not json", b"[1]", b"\xff\xfe", b'{"v": 99}', b"null", b'{"v":1,"seq":0}']
)
def test_what_stands_before_damage_is_shown_and_the_damage_is_named(get, home, line):
    log = RunStore().folder(Story().whole()) / "events.jsonl"
    lines = log.read_bytes().splitlines()
    log.write_bytes(b"\n".join([*lines[:10], line, *lines[11:]]) + b"\n")
    summary = get(f"/api/runs/{log.parent.name}").json["summary"]
    assert summary["events"] == 10 and "line 11" in summary["damage"]
    assert get(f"/api/runs/{log.parent.name}/export/html").status == 200


def test_events_whose_fields_are_wrong_are_shown_as_such(get, home):
    story = Story()
    story.start()
    for kind in ("call.started", "call.finished", "candidate.made", "verdict.given", "measured",
                 "task.made", "plan.made", "run.paused", "budget.warned", "some.day"):  # fmt: skip
        for data in ({}, {"candidate": 3, "verdict": [], "key": {}, "type": "tool"}):
            story.run.log.append(kind, "somebody", data)
    story.run.close()
    run = story.run.id
    rows = get(f"/api/runs/{run}/rows?count=900").json
    assert rows["total"] == len(story.run.log.events)
    for row in rows["rows"]:
        assert get(f"/api/runs/{run}/events/{row['seq']}").status == 200
    for form in ("html", "json"):
        assert get(f"/api/runs/{run}/export/{form}").status == 200


def test_calls_are_one_row_that_says_how_they_ended(whole):
    calls = [row for row in whole.rows if row["kind"] == "call.started"]
    assert calls and all(row["end"] > row["seq"] for row in calls)
    assert not {row["end"] for row in calls} & set(whole.shown)
    assert "412 + 148 tokens" in calls[0]["outcome"]
    assert [row["outcome_tone"] for row in calls if row["group"] == "tool"].count("bad") == 1
    assert sum(row["cached"] for row in calls) == 1
    assert whole.rows[-1]["tokens"] == 7 * 560


def test_lineage_verdicts_and_measurements_are_kept_with_each_candidate(whole):
    made = whole.candidates
    assert made["design-1-mended"]["parents"] == ["design-1"]
    assert [v["outcome"] for v in made["design-1"]["verdicts"]] == ["fail"]
    assert made["design-2-shared"]["measurements"][0]["metrics"]["area"]["value"] == 37


def test_filters_and_pages_tell_each_event_once(get, whole):
    base = f"/api/runs/{whole.folder.name}/rows"
    seen = []
    while page := get(f"{base}?from={len(seen)}&count=7").json["rows"]:
        seen += [row["seq"] for row in page]
    assert seen == whole.shown
    groups = get(f"{base}?groups=verdict,measured&count=900").json
    assert {row["group"] for row in groups["rows"]} == {"verdict", "measured"}
    assert get(f"{base}?q=WRAPPING&groups=run").json["total"] == 1
    place = get(f"{base}?groups=verdict&seq={groups['rows'][-1]['seq']}").json
    assert place["place"] <= place["total"] - 1


def test_an_event_in_full_has_prompt_answer_command_output_and_files(whole):
    calls = {row["group"]: row["seq"] for row in reversed(whole.rows) if "end" in row}
    model, tool = (details(whole, calls[group]) for group in ("model", "tool"))
    labels = [part["label"] for part in model["sections"]]
    assert labels == ["system", "user", "options", "answer"]
    assert {part["label"] for part in tool["sections"]} >= {"bwrap", "stdout", "stderr"}
    assert {file["name"] for file in tool["files"]} == {
        "design.sv", "../../etc/passwd", "trace.txt",
    }  # fmt: skip


def test_long_texts_keep_head_and_tail(home):
    story = Story()
    story.start()
    story.ask("hardware", "k", "begin " + "x" * 50_000 + " end", "short")
    story.run.close()
    trace = Trace(story.run.folder).refresh()
    part = details(trace, trace.shown[-1])["sections"][1]
    assert part["text"].startswith("begin") and part["text"].endswith("end\n")
    assert part["left_out"] > 30_000 and len(part["text"]) < 20_000


def test_the_counterexample_is_drawn_with_the_wrong_value_marked(whole):
    contract = TypeAdapter(Contract).validate_python(CONTRACT)
    svg = waveform(counterexample(), contract)
    assert svg.startswith("<svg") and ">c<" in svg and ">b<" in svg
    verdicts = [r for r in whole.rows if r["group"] == "verdict"]
    pictures = [details(whole, row["seq"])["picture"] for row in verdicts]
    assert [p is not None for p in pictures] == ["fail" in row["text"] for row in verdicts]


@pytest.mark.parametrize(
    "table", ["", "cycle", "cycle  rst  en\n", counterexample().replace("rst", "other")]
)
def test_another_table_is_not_drawn(table):
    with pytest.raises(ValueError, match="columns"):
        waveform(table, TypeAdapter(Contract).validate_python(CONTRACT))


def test_fifty_thousand_events_are_paged(get, home):
    run = huge()
    overview = get(f"/api/runs/{run}").json
    assert overview["summary"]["events"] == 50_000
    assert sum(len(lane["spans"]) for lane in overview["lanes"]) < 5_000
    page = get(f"/api/runs/{run}/rows?from=30000&count=100")
    assert len(page.json["rows"]) == 100 and len(page.body) < 60_000
    assert json.loads(page.body)["total"] == 40_001
