"""The timeline of a run."""

import json

import pytest
from click.testing import CliRunner

from qimeng.cli import cli
from qimeng.event_words import describe


@pytest.fixture
def trace():
    def call(*arguments):
        outcome = CliRunner().invoke(cli, ["trace", *arguments], catch_exceptions=False)
        assert outcome.exit_code == 0
        return outcome.stdout

    return call


def test_it_tells_the_story(trace, tell):
    teller = tell()
    teller.whole()
    shown = trace(teller.run.id)
    in_order = (
        "goal: a Gray counter", "works with model embedded, sandbox bwrap", "plan: rtl",
        "interface: module gray", "asks embedded", "first line", "embedded answered (400 + 90",
        "module gray (input clk", "runs iverilog", "/usr/bin/iverilog -g2012", "exit 0", "said",
        "warned", "design-1: as written", "design-1: pass (agreed): because",
        "design-2: fail: because", "cycle 12: q is 3, expected 2", "area 1,234 um2",
        "done (agreed): 4 of 5", "400 + 90 tokens",
    )  # fmt: skip
    place = 0
    for part in in_order:
        place = shown.find(part, place)
        assert place >= 0, part


def test_long_texts_keep_head_and_tail_and_full_keeps_all(trace, tell):
    teller = tell()
    teller.whole()
    short, full = trace(teller.run.id), trace(teller.run.id, "--full")
    assert "lines …" in short and "│ last" in short and short.count("│ rule") < 10
    assert "lines …" not in full and full.count("│ rule") == 40


def test_json_is_the_log(trace, tell):
    teller = tell()
    teller.whole()
    log = (teller.run.folder / "events.jsonl").read_text().splitlines()
    assert json.loads(trace(teller.run.id, "--json")) == [json.loads(line) for line in log]


def test_last_names_the_newest_and_a_beginning_is_enough(trace, tell):
    teller = tell()
    teller.whole()
    assert f"run {teller.run.id} " in trace("LAST")
    assert trace("last") == trace(teller.run.id[:-1])


def test_no_escape_sequence_gets_to_the_terminal(trace, tell):
    teller = tell("\x1b]0;owned\x07\x9b31m\u202etxt")
    teller.whole()
    for shown in (trace(teller.run.id), trace(teller.run.id, "--full")):
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)
        assert "owned" in shown


def test_a_lost_artifact_does_not_hide_the_rest(trace, tell):
    teller = tell()
    teller.whole()
    for path in (teller.run.folder / "artifacts").iterdir():
        path.unlink()
    shown = trace(teller.run.id)
    assert "lost │" in shown and "done (agreed)" in shown


def test_kills_failures_pauses_and_unknown_events_are_told(trace, tell):
    teller = tell()
    teller.start()
    teller.simulate(killed="memory")
    call = {"key": "k", "type": "model", "name": "embedded"}
    teller.emit("call.failed", "hardware", **call, error="ModelError: cut")
    teller.emit("budget.set", "user", budget={"tokens": 20000, "seconds": None})
    teller.emit("budget.warned", "budget", cap="tokens", used=16000, limit=20000)
    teller.emit("some.day", "someone", colour="blue")
    teller.emit("run.paused", "runner", cause="budget", reason="budget reached")
    teller.run.close()
    shown = trace(teller.run.id)
    for part in (
        "iverilog killed: memory",
        "embedded failed: ModelError: cut",
        "budget: 20,000 tokens",
        "16,000 of 20,000 tokens of the budget are used",
        "some.day",
        "paused: budget reached",
    ):
        assert part in shown


def test_every_kind_of_event_has_words(tell):
    teller = tell()
    teller.whole()
    for event in teller.run.log.events:
        assert describe(event).text != event.kind


def test_an_engine_that_is_no_command_is_shown_too(trace, tell):
    run = tell().run
    run.once(
        "tool", "bsd", "0" * 64, b'["learn", "adder16", 1]',
        do=lambda: "module m;", load=bytes.decode, actor="hardware",
        dump=lambda text: (b'{"verilog": "module m;"}', {"exit_code": 0, "killed": None}),
    )  # fmt: skip
    shown = trace(run.id)
    assert '["learn", "adder16", 1]' in shown and '{"verilog": "module m;"}' in shown
    assert "lost" not in shown
