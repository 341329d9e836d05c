"""The command line. Heavy modules are imported inside the commands that need them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from qimeng.cpu_command import cpu
from qimeng.eval_commands import evaluate
from qimeng.memory_commands import memory
from qimeng.serve_command import mcp, serve
from qimeng.verify_command import verify

if TYPE_CHECKING:
    from memory.records import Budget
    from memory.runs import Run

DONE, NOT_ACHIEVED, BAD_INPUT, PAUSED, ENVIRONMENT = range(5)

EXIT_CODES = """\b
Exit codes: 0 done and checked; 1 not achieved (best attempt kept, reasons given);
2 bad input; 3 paused (budget, or stopped); 4 something missing on this machine."""


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="qimeng")
def cli() -> None:
    """QiMeng designs hardware and kernels from words and proves what it made by running it.

    \b
    Try:
      qimeng doctor
      qimeng run "an 8-bit Gray counter: inputs clk, rst, en; output [7:0] gray"
      qimeng run "a fast fp32 GEMM, 512 x 512 x 512, for this CPU"
      qimeng trace LAST
    """


for verb in (verify, memory, serve, mcp, cpu, evaluate):
    cli.add_command(verb)


@cli.command()
@click.argument("goal", required=False)
@click.option("--goals", type=Path, help='Many goals: JSON lines, {"goal": "…"} and options.')
@click.option("--file", "files", multiple=True, type=Path, help="A file that belongs to the goal.")
@click.option("--workflow", help="Skip the planner's choice: rtl, kernel, learn or machine.")
@click.option("--golden", type=Path, help="A module, truth table, Python code to equal.")
@click.option("--model", help="embedded (the default), a model of the configured server, ….")
@click.option("--budget", help="tokens=…,seconds=…,usd=…,candidates=…: pause at any of these.")
@click.option("--candidates", default=8, show_default=True, help="Attempts of each kind, at most.")
@click.option("--seed", default=0, show_default=True, help="Same seed, same samples and stimuli.")
@click.option("--sandbox", default="auto", show_default=True, help="docker, bwrap or host.")
@click.option("--out", type=Path, help="Also copy the result's files to this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
def run(
    goal: str | None, goals: Path | None, files: tuple[Path, ...], budget: str | None,
    out: Path | None, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Turn GOAL, in plain words, into a checked result."""
    from qimeng.goals import make_goal
    from qimeng.runner import start

    if (goal is None) == (goals is None):
        _stop(BAD_INPUT, "say one goal in words, or name a file of goals with --goals")
    with _friendly():
        options["budget"] = _budget(budget)
        if out and out.exists() and not out.is_dir():
            _stop(BAD_INPUT, f"--out {out} is a file; name a folder")
        if goals:
            from qimeng.batch import run_batch

            sys.exit(run_batch(goals, options, out, as_json))
        made, contents = make_goal(goal or "", files=files, **options)
        with (
            _progress(as_json) as listener,
            start(made, contents, listener, on_wait=_queued) as finished,
        ):
            pass
        _finish(finished, out, as_json)


@cli.command()
@click.argument("run_id", metavar="ID")
@click.option("--budget", help="New caps; those not named stay.")
@click.option("--out", type=Path, help="Also copy the result's files to this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
def resume(run_id: str, budget: str | None, out: Path | None, as_json: bool) -> None:
    """Go on with a run that was paused, stopped or killed. Finished work is not done again."""
    from qimeng.runner import resume as go_on

    with _friendly():
        caps = _budget(budget)
        with (
            _progress(as_json) as listener,
            go_on(_named(run_id), caps, listener, _queued) as finished,
        ):
            pass
        _finish(finished, out, as_json)


@cli.command()
@click.option("--session", metavar="ID", help="Go on with an earlier session.")
@click.option("--list", "listed", is_flag=True, help="List all sessions, newest first.")
@click.option("--model", help="For a new session; as in qimeng run.")
@click.option("--budget", help="Caps for the whole conversation, all its runs included.")
@click.option("--sandbox", default="auto", show_default=True, help="docker, bwrap or host.")
@click.option(
    "--non-interactive", "policy", type=click.Choice(["pause", "deny"]), default="pause",
    show_default=True, help="Without a terminal: what becomes of a question to a person.",
)  # fmt: skip
def chat(
    session: str | None, listed: bool, model: str | None, budget: str | None, sandbox: str,
    policy: str,
) -> None:  # fmt: skip
    """Design in conversation: ask, correct, look at candidates, come back later.

    Without a terminal each line of the standard input is one message.
    """
    from qimeng.chat.session import Session
    from qimeng.chat.terminal import chat as talk
    from qimeng.chat.terminal import list_sessions

    with _friendly():
        if listed:
            list_sessions()
            sys.exit(DONE)
        opened = (
            Session.open(session) if session else Session.create(model, sandbox, _budget(budget))
        )
        with opened:
            sys.exit(DONE if talk(opened, policy) else PAUSED)


@cli.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.pass_context
def runs(context: click.Context, as_json: bool) -> None:
    """List all runs, newest first; `runs gc` removes old ones."""
    from qimeng.listing import list_runs

    if context.invoked_subcommand is None:
        with _friendly():
            list_runs(as_json)


@runs.command()
@click.option("--days", default=30.0, show_default=True, help="Remove runs older than this.")
@click.option("--size", help="Also remove the oldest until the rest fits, for example 5GB.")
@click.option("--open", "open_too", is_flag=True, help="Paused and interrupted runs too.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def gc(days: float, size: str | None, open_too: bool, dry_run: bool, as_json: bool) -> None:
    """Remove old runs to free disk. Runs at work are never touched."""
    from qimeng.cleaning import clean_up

    with _friendly():
        clean_up(days, size, open_too, dry_run, as_json)


@cli.command()
@click.argument("run_id", metavar="ID")
@click.option("--full", is_flag=True, help="Whole prompts, answers and tool outputs.")
@click.option("--json", "as_json", is_flag=True, help="The events as a JSON list.")
@click.option("--html", type=Path, help="Write the trace as one page that needs no network.")
@click.option("--otlp", type=Path, help="Write OpenTelemetry spans (OTLP/JSON, GenAI names).")
def trace(run_id: str, full: bool, as_json: bool, html: Path | None, otlp: Path | None) -> None:
    """Show what the agents did in a run: prompts, tools, verdicts. LAST names the newest run."""
    from qimeng.timeline import show_trace

    with _friendly():
        if html or otlp:
            from qimeng.web.export import write_exports

            write_exports(_named(run_id), html, otlp)
        else:
            show_trace(_named(run_id), full, as_json)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
def doctor(as_json: bool) -> None:
    """Check model, tools and sandboxes, and say what would fix what is missing."""
    from qimeng.doctor import examine

    sys.exit(DONE if examine(as_json) else ENVIRONMENT)


@cli.group()
def models() -> None:
    """List, download and try models."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
def models_list(as_json: bool) -> None:
    """What can be used here."""
    from qimeng.model_commands import list_models

    list_models(as_json)


@models.command("pull")
def models_pull() -> None:
    """Download the embedded model (1.1 GB, once; resumes where it stopped)."""
    from qimeng.model_commands import pull_embedded

    with _friendly():
        pull_embedded()


@models.command("try")
@click.argument("name", default="embedded")
@click.option("--prompt", default="Write a Verilog inverter.", show_default=True)
def models_try(name: str, prompt: str) -> None:
    """Ask model NAME one short question, streaming the answer."""
    from qimeng.model_commands import try_model

    with _friendly():
        try_model(name, prompt)


def _budget(text: str | None) -> Budget | None:
    from memory.budget import parse_budget

    if text is None:
        return None
    try:
        return parse_budget(text)
    except ValueError as error:
        _stop(BAD_INPUT, str(error))


def _named(run_id: str) -> str:
    from qimeng.listing import newest

    return newest() if run_id.upper() == "LAST" else run_id


def _finish(finished: Run, out: Path | None, as_json: bool) -> NoReturn:
    from qimeng.summary import RunView

    view = RunView.read(finished.id)
    files = view.save()
    if out:
        files = view.write_to(out)
    if as_json:
        click.echo(json.dumps(view.as_json(out), ensure_ascii=False))
    else:
        from qimeng.console import print_summary

        print_summary(view, files)
    sys.exit(view.exit_code)


def _queued(busy: int) -> None:
    click.echo(f"waits: {busy} run{'s' * (busy > 1)} at work (QIMENG_MAX_RUNS)", err=True)


def _progress(quiet: bool) -> Any:
    from qimeng.console import progress

    return progress(quiet)


class _friendly:
    """Turns the errors that a person can mend into one line and an exit code.

    The heavy modules that define them are imported only when there is an error.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, (SystemExit, KeyboardInterrupt)):
            return
        import sqlite3

        from lpcm.messages import ModelError
        from memory.events import EventLogError
        from memory.lock import RunBusy
        from memory.runs import NoSuchRun
        from memory.sessions import NoSuchSession
        from qimeng.goals import BadInput
        from qimeng.runner import NotReady
        from sandboxes import SandboxError

        if isinstance(error, (BadInput, NoSuchRun, NoSuchSession, RunBusy, EventLogError)):
            _stop(BAD_INPUT, str(error))
        if isinstance(error, (NotReady, ModelError, SandboxError)):
            _stop(ENVIRONMENT, str(error))
        if isinstance(error, (OSError, sqlite3.Error)) and not isinstance(error, BrokenPipeError):
            _stop(ENVIRONMENT, f"cannot use the files of QiMeng, or those you named: {error}")


def _stop(code: int, message: str) -> NoReturn:
    click.echo(f"qimeng: {message}", err=True)
    sys.exit(code)


def main() -> None:
    """Entry point of ``qimeng``."""
    try:
        cli(standalone_mode=True)
    except BrokenPipeError:
        sys.exit(DONE)
