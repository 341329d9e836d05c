"""Search over all runs, and runs as one file: page, JSON, OpenTelemetry."""

import json
import re
import sqlite3

import pytest
from asgi import EVIL
from click.testing import CliRunner
from told_runs import Story

from memory.events import Event
from qimeng.cli import cli
from qimeng.web.otlp import otlp


@pytest.fixture
def find(get):
    def ask(words):
        return [(h["run"], h["kind"]) for h in get(f"/api/search?q={words}").json["hits"]]

    return ask


def test_goals_prompts_answers_and_verdicts_are_found(find, home):
    one, other = Story(goal="an elevator for giraffes").whole(), Story(goal="a toaster").whole()
    assert find("giraffes") == [(one, "run.created")]
    assert (other, "call.started") in find("cycle-accurate+python+model")
    assert (other, "call.finished") in find("always+posedge")
    assert (one, "verdict.given") in find("expected+0")
    assert find("giraf") == [(one, "run.created")]
    assert find("") == find("%22") == find("nosuchword") == []
    assert find("NEAR(a+b)+OR+%22x+*") == []


def test_what_comes_later_is_found_once_and_a_gone_run_is_not(find, home):
    story = Story(goal="first words")
    assert len(find("first")) == 1
    story.emit("note", "planner", text="second thoughts")
    assert len(find("first")) == len(find("second")) == 1
    story.run.close()
    for path in sorted(story.run.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    story.run.folder.rmdir()
    assert find("first") == []


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 500])
def test_a_lost_or_damaged_index_is_made_again(find, home, damage):
    run = Story(goal="something rare").whole()
    assert find("rare") == [(run, "run.created")]
    (home / "search.db").write_bytes(damage)
    for leftover in home.glob("search.db-*"):
        leftover.unlink()
    assert find("rare") == [(run, "run.created")]


def test_an_index_that_another_server_fed_is_not_fed_twice(home):
    from qimeng.web.search import Search

    Story(goal="something rare").whole()
    first, second = (Search(home / "search.db", home / "runs") for _ in range(2))
    assert len(first.find("rare")) == len(second.find("rare")) == len(first.find("rare")) == 1
    rows = sqlite3.connect(home / "search.db").execute("SELECT count(*) FROM texts").fetchone()
    assert rows[0] < 60


def test_the_exported_page_holds_everything_and_needs_nothing(get, home):
    run = Story(EVIL).whole()
    page = get(f"/api/runs/{run}/export/html").body.decode()
    assert "<script>window.owned" not in page and "</script><" not in page.split("exported")[1][:99]
    assert not re.findall(r"(?:src|href)=[\"']?https?:", page)
    assert not re.search(r"^(?:import|export) ", page, re.MULTILINE)
    data = json.loads(re.search(r'id="exported">(.*?)</script>', page, re.DOTALL)[1])
    assert data["overview"]["summary"]["events"] == 58
    assert len(data["rows"]) == len(data["details"]) == 42
    assert any("assign last" in text for text in data["texts"].values())


def test_json_is_the_log_with_its_overview(get, home):
    run = Story().whole()
    told = get(f"/api/runs/{run}/export/json").json
    log = (home / "runs" / run / "events.jsonl").read_text().splitlines()
    assert told["events"] == [json.loads(line) for line in log]


def test_the_command_line_writes_both(home, tmp_path):
    run = Story().whole()
    page, spans = tmp_path / "a.html", tmp_path / "a.json"
    done = CliRunner().invoke(cli, ["trace", "LAST", "--html", str(page), "--otlp", str(spans)])
    assert done.exit_code == 0, done.output
    assert run in page.read_text() and json.loads(spans.read_text())["resourceSpans"]


# -- OpenTelemetry: the mapping is pinned ----------------------------------------------------


def event(seq, kind, actor="runner", **data):
    return Event(1, seq, 1000.0 + seq, float(seq), kind, actor, data)


MODEL = {"key": "m", "type": "model", "name": "embedded"}
TOOL = {"key": "t", "type": "tool", "name": "yosys"}
EVENTS = [
    event(0, "run.created", "user", goal={"text": "a", "budget": {}, "workflow": None}),
    event(1, "call.started", "hardware", **MODEL, request="0"),
    event(2, "call.finished", "hardware", **MODEL, reply="0", seconds=1.0, tokens_in=7,
          tokens_out=5, usd=0.5, cached=False),
    event(3, "call.started", "tuner", **TOOL, request="0"),
    event(4, "call.finished", "tuner", **TOOL, reply="0", seconds=1.0, exit_code=2, killed=None),
    event(5, "call.started", "tuner", **(TOOL | {"key": "u"}), request="0"),
    event(6, "note", "planner", text="hello"),
]  # fmt: skip


def spans_of(events):
    (resource,) = otlp("run-1", events, "0.1.0")["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    return scope["spans"]


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}


def test_a_run_is_an_agent_a_model_call_a_chat_and_a_tool_call_a_tool():
    root, chat, tool, open_tool = spans_of(EVENTS)
    assert [s["name"] for s in (root, chat, tool)] == [
        "invoke_agent qimeng", "chat embedded", "execute_tool yosys",
    ]  # fmt: skip
    assert attributes(root) == {
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "qimeng",
        "gen_ai.conversation.id": "run-1", "gen_ai.usage.input_tokens": "7",
        "gen_ai.usage.output_tokens": "5", "qimeng.status": "open",
    }  # fmt: skip
    assert attributes(chat) == {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "embedded",
        "gen_ai.agent.name": "hardware", "gen_ai.conversation.id": "run-1",
        "gen_ai.usage.input_tokens": "7", "gen_ai.usage.output_tokens": "5",
        "qimeng.cached": False, "qimeng.usd": 0.5,
    }  # fmt: skip
    assert attributes(tool) == {
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "yosys",
        "gen_ai.tool.call.id": "t", "gen_ai.tool.type": "function",
        "gen_ai.agent.name": "tuner", "gen_ai.conversation.id": "run-1", "qimeng.exit_code": "2",
    }  # fmt: skip
    assert (chat["kind"], tool["kind"], tool["status"]["code"]) == (3, 1, 2)
    assert open_tool["status"]["message"] == "cut short"
    assert [e["name"] for e in root["events"]] == ["qimeng.run.created", "qimeng.note"]


def test_ids_and_times_are_those_of_otlp_and_repeatable():
    spans = spans_of(EVENTS)
    assert spans == spans_of(EVENTS)
    assert len({s["spanId"] for s in spans}) == len(spans)
    for span in spans:
        assert re.fullmatch(r"[0-9a-f]{32}", span["traceId"])
        assert re.fullmatch(r"[0-9a-f]{16}", span["spanId"])
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    assert all(s["parentSpanId"] == spans[0]["spanId"] for s in spans[1:])
    assert spans[1]["startTimeUnixNano"] == "1001000000000"
