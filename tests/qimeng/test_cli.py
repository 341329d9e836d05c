"""The command line: exit codes, one clear line for bad input, nothing heavy where quick."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from qimeng.cli import cli


@pytest.fixture
def qimeng():
    def call(*arguments):
        return CliRunner().invoke(cli, arguments, catch_exceptions=False)

    return call


def one_line(text):
    return text.startswith("qimeng: ") and text.count("\n") == 1


# -- bad input: 2 -------------------------------------------------------------------------

BAD_GOALS = {
    "empty": "",
    "blank": " \n\t ",
    "long": "a counter " * 1_000_000,
    "binary": "a counter \x00\x01",
    "surrogates": "a counter \udcff",
    "contradiction": "module m: input [3:0] a, input [7:0] a, output y",
}


@pytest.mark.parametrize("name", BAD_GOALS)
def test_a_bad_goal_is_told_in_one_line_and_makes_no_run(qimeng, own_home, name):
    outcome = qimeng("run", BAD_GOALS[name])
    assert outcome.exit_code == 2
    assert one_line(outcome.stderr)
    assert outcome.stdout == ""
    assert len(outcome.stderr) < 400
    assert not (own_home / "runs").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--workflow", "magic"),
        ("--candidates", "0"),
        ("--seed", "-1"),
        ("--sandbox", "none"),
        ("--budget", "tokens"),
        ("--budget", "usd=inf"),
        ("--file", "/nowhere/at/all.v"),
        ("--golden", "/"),
        ("--golden", __file__),  # no module, no table, no function of the form
        ("--out", __file__),
        ("--file", sys.executable),
    ],
)
def test_a_bad_option_is_told_in_one_line(qimeng, options):
    outcome = qimeng("run", "a counter", *options)
    assert outcome.exit_code == 2
    assert one_line(outcome.stderr)


@pytest.mark.parametrize("verb", ["resume", "trace"])
@pytest.mark.parametrize("id_", ["nothing", "../../etc", "*", "LAST", ""])
def test_an_unknown_run_is_told_in_one_line(qimeng, verb, id_):
    outcome = qimeng(verb, id_)
    assert outcome.exit_code == 2
    assert one_line(outcome.stderr)
    assert "qimeng runs" in outcome.stderr


def test_a_run_in_use_is_not_resumed(qimeng, tell):
    teller = tell()
    teller.start()
    outcome = qimeng("resume", teller.run.id)
    assert outcome.exit_code == 2
    assert "another process" in outcome.stderr


def test_a_damaged_run_is_told_in_one_line(qimeng, tell):
    teller = tell()
    teller.whole()
    log = teller.run.folder / "events.jsonl"
    log.write_bytes(b"garbage\n" + log.read_bytes())
    outcome = qimeng("trace", teller.run.id)
    assert outcome.exit_code == 2
    assert "line 1" in outcome.stderr and one_line(outcome.stderr)


# -- environment: 4 -----------------------------------------------------------------------


def test_a_missing_model_is_4_with_the_command_that_fixes_it(qimeng):
    outcome = qimeng("run", "a counter with enable")
    assert outcome.exit_code == 4
    assert "qimeng models pull" in outcome.stderr
    assert one_line(outcome.stderr)


def test_a_usd_budget_without_a_price_is_refused_before_any_run(qimeng, monkeypatch, own_home):
    monkeypatch.setenv("QIMENG_BASE_URL", "http://127.0.0.1:9/v1")
    outcome = qimeng("run", "a counter", "--model", "unheard-of", "--budget", "usd=1")
    assert outcome.exit_code == 4
    assert "price" in outcome.stderr
    assert not (own_home / "runs").exists()


def test_a_home_that_cannot_be_used_is_4(qimeng, monkeypatch):
    monkeypatch.setenv("QIMENG_HOME", "/proc/qimeng")
    outcome = qimeng("trace", "x")
    assert outcome.exit_code == 4
    assert "/proc/qimeng" in outcome.stderr and one_line(outcome.stderr)


# -- results ------------------------------------------------------------------------------


def test_json_is_exactly_one_object_with_the_promised_keys(qimeng, tell, tmp_path):
    id_ = tell().whole()
    outcome = qimeng("resume", id_, "--json", "--out", str(tmp_path / "out"))
    assert outcome.exit_code == 0
    assert outcome.stderr == ""
    shown = json.loads(outcome.stdout)
    assert outcome.stdout.count("\n") == 1
    assert list(shown) == [
        "run_id", "status", "workflow", "evidence", "artifacts", "metrics", "baseline", "spend",
        "reasons",
    ]  # fmt: skip
    assert shown["run_id"] == id_
    assert shown["evidence"] == {"level": "agreed", "detail": "4 of 5 models agree"}
    assert list(shown["spend"]) == ["tokens_in", "tokens_out", "usd", "seconds"]
    assert shown["spend"]["usd"] == 0.25
    for artifact in shown["artifacts"]:
        assert artifact["path"] == str(tmp_path / "out" / artifact["name"])
        assert list(artifact) == ["name", "path", "sha256"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"design.sv", "testbench.sv", "waveform.svg", "report.md", "report.html"}


@pytest.mark.parametrize(("status", "code"), [("done", 0), ("not_achieved", 1), ("unsupported", 1)])
def test_exit_codes_of_finished_runs(qimeng, tell, status, code):
    id_ = tell().whole(status=status, reasons=("why",) if code else ())
    assert qimeng("resume", id_).exit_code == code


def test_the_summary_says_all_that_matters(qimeng, tell):
    id_ = tell().whole()
    shown = qimeng("resume", id_).stdout
    assert shown.splitlines()[0] == "done · agreed: 4 of 5 models agree"
    for part in (
        "module gray (inputs clk, rst_n; outputs q[7:0]",
        "rst_n: reset, asynchronous, active low",
        "1,234 um2",
        "7 levels",
        "400 + 90 tokens",
        "$0.25",
        f"qimeng trace {id_}",
        "result/design.sv",
        "result/report.html",
    ):
        assert part in shown


def test_the_headline_of_a_failure_claims_nothing(qimeng, tell):
    id_ = tell().whole(
        status="not_achieved", evidence="compiled", detail="it runs", reasons=("they disagree",)
    )
    first, second, *_ = qimeng("resume", id_).stdout.splitlines()
    assert first == "not achieved · the best attempt is kept (compiled)"
    assert second == "they disagree"


# -- list ---------------------------------------------------------------------------------


def test_no_runs_is_friendly(qimeng):
    outcome = qimeng("runs")
    assert outcome.exit_code == 0
    assert "qimeng run" in outcome.stdout
    assert json.loads(qimeng("runs", "--json").stdout) == []


def test_the_list_shows_every_state_within_80_columns(qimeng, tell, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = tell("long " * 40 + "\x1b[31m\n").whole()
    dead = tell()
    dead.start()
    dead.run.close()
    alive = tell(tokens=5)
    alive.start()
    lines = qimeng("runs").stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in "".join(lines)
    states = {line.split()[0]: line for line in lines}
    assert " done " in states[done] and " agreed " in states[done]
    assert " interrupted " in states[dead.run.id]
    assert " running " in states[alive.run.id]
    rows = json.loads(qimeng("runs", "--json").stdout)
    assert {row["id"]: row["status"] for row in rows} == {
        done: "done",
        dead.run.id: "interrupted",
        alive.run.id: "running",
    }


def test_a_deleted_run_is_not_listed(qimeng, tell):
    teller = tell()
    teller.whole()
    for path in sorted(teller.run.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    teller.run.folder.rmdir()
    assert json.loads(qimeng("runs", "--json").stdout) == []


HEAVY = (
    "pydantic",
    "rich",
    "langgraph",
    "langchain_core",
    "openai",
    "pyslang",
    "networkx",
    "numpy",
)


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("runs",), ("--version",)])
def test_nothing_heavy_is_imported_where_it_must_be_quick(tell, arguments):
    tell().whole()
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print([m for m in {HEAVY} if m in sys.modules]))\n"
        f"sys.argv[1:] = {list(arguments)}\n"
        "from qimeng.cli import main\nmain()"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"


def test_importing_qimeng_is_cheap():
    code = f"import sys, qimeng; print([m for m in {HEAVY} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
