"""Works on a run until it is finished or paused; the same code starts and resumes."""

from __future__ import annotations

import os
import platform
import sqlite3
import traceback
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from agents.routing import needs_model
from graphs.checkpoints import NoServer, checkpoints
from lpcm.cache import ReplyCache
from lpcm.gateway import Gateway
from lpcm.messages import ModelError, Usage
from lpcm.models import default_model, open_model
from lpcm.prices import Prices
from memory import slots
from memory.budget import BudgetReached
from memory.events import Event
from memory.home import home
from memory.library import Library, item_of
from memory.records import Budget, Goal, Result
from memory.runs import Run, RunStore, StopRequested
from memory.storage import lack
from sandboxes import Sandbox, SandboxError
from sandboxes.on_ray import on_ray
from sandboxes.probe import open_sandbox

Listener = Callable[[Event], None]
MISSING = (ModelError, SandboxError, NoServer)
"""Errors of what the run needs from outside; it pauses, and goes on once that is mended."""
OnWait = Callable[[int], None]


class NotReady(RuntimeError):
    """A model, tool or sandbox is missing; the message names the command that fixes it (exit 4)."""


def start(
    goal: Goal,
    files: dict[str, bytes],
    listener: Listener | None = None,
    run_id: str | None = None,
    on_wait: OnWait = lambda busy: None,
) -> Run:
    """Create a run and work on it until it is finished or paused. Raises NotReady before any
    run exists. The caller closes the run.

    At most ``slots.limit()`` runs work at once; ``on_wait`` hears when this one has to wait.
    """
    _ready(goal, goal.budget, files[goal.golden].decode() if goal.golden else "")
    if reason := lack():
        raise NotReady(reason)
    versions = {name: version(name) for name in ("qimeng", "langgraph", "langchain-core", "pyosys")}
    run = RunStore().create(goal, files, versions | {"python": platform.python_version()}, run_id)
    work(run, listener, on_wait)
    return run


def resume(
    run_id: str,
    budget: Budget | None = None,
    listener: Listener | None = None,
    on_wait: OnWait = lambda busy: None,
) -> Run:
    """Go on with a run that was paused or killed, with other caps if ``budget`` is given."""
    run = RunStore().open(run_id)
    try:
        if run.result is None:
            assert run.goal is not None
            _ready(run.goal, budget or run.budget, _golden(run))
            if budget:
                caps = run.budget.model_dump() | budget.model_dump(exclude_none=True)
                run.emit("budget.set", "user", budget=caps)
            work(run, listener, on_wait)
    except BaseException:
        run.close()
        raise
    return run


def prices() -> Prices:
    """The shipped price table with the user's ``prices.toml`` laid over it."""
    return Prices(home() / "prices.toml")


def _golden(run: Run) -> str:
    return run.artifacts.text(run.goal.golden) if run.goal and run.goal.golden else ""


def _ready(goal: Goal, budget: Budget, golden: str) -> tuple[Sandbox, str]:
    name = goal.model or default_model()
    try:
        if needs_model(goal.text, goal.workflow, golden):
            open_model(name)
        if budget.usd is not None and prices().usd(name, Usage()) is None:
            raise NotReady(
                f"a usd budget needs the price of {name}, which is unknown; add it to the price "
                "table, or cap tokens instead"
            )
        return on_ray(open_sandbox(goal.sandbox)), name  # type: ignore[arg-type]
    except (ModelError, SandboxError) as error:
        raise NotReady(str(error)) from error


def work(run: Run, listener: Listener | None = None, on_wait: OnWait = lambda busy: None) -> None:
    """Run the top graph to its end or to a pause; either way the log says which.

    The listener is told every event of the run from the first, those of earlier processes too.
    """
    if listener:
        for event in run.log.events:
            listener(event)
        run.listeners.append(listener)
    assert run.goal is not None
    driver, model = _ready(run.goal, run.budget, _golden(run))
    with slots.slot(on_wait):
        _work(run, driver, model)


def _work(run: Run, driver: Sandbox, model: str) -> None:
    run.log.resume_clock()
    run.emit("run.started", "runner", pid=os.getpid(), sandbox=driver.name, model=model)
    try:
        result = _invoke(run, driver, model)
    except (BudgetReached, StopRequested, KeyboardInterrupt, *MISSING) as error:
        run.stopping.set()  # threads of the graph that still work make no further calls
        cause, reason = _pause(run, error)
        run.emit("run.paused", "runner", cause=cause, reason=reason)
    except Exception as error:
        details = run.folder / "error.txt"
        details.write_text(traceback.format_exc())
        reason = f"internal error: {type(error).__name__}: {error} (details in {details})"
        run.emit("run.paused", "runner", cause="error", reason=reason)
    else:
        _remember(run, result)
        run.emit("run.finished", "runner", result=result.model_dump(mode="json"))


def _remember(run: Run, result: Result) -> None:
    """Enter the result into the library; before the run's last event, so that a crash between
    the two enters it again. A library that cannot be written does not spoil the run.
    """
    assert run.goal is not None
    try:
        Library().enter(item_of(run.id, run.goal, result, run.artifacts))
    except (OSError, sqlite3.Error, KeyError) as error:
        run.emit("note", "runner", text=f"this result could not enter the library: {error}")


def _pause(run: Run, error: BaseException) -> tuple[str, str]:
    if isinstance(error, BudgetReached):
        return "budget", f"{error}; `qimeng resume {run.id} --budget {error.cap}=…` goes on"
    if isinstance(error, MISSING):
        return "environment", str(error)
    return "stopped", f"stopped; `qimeng resume {run.id}` goes on"


def _invoke(run: Run, driver: Sandbox, model: str) -> Result:
    from agents.workbench import Workbench
    from graphs.top import RECURSION_LIMIT, TopContext, build_top

    gateway = Gateway(open_model, ReplyCache(home() / "replies.db"), prices=prices())
    context = TopContext(Workbench(run, gateway, model, driver))
    with checkpoints(run) as saver:
        graph = build_top(saver)
        config: dict[str, Any] = {
            "configurable": {"thread_id": run.id},
            "recursion_limit": RECURSION_LIMIT,
            "max_concurrency": os.cpu_count() or 1,
        }
        known = graph.get_state(config)
        if known.values and not known.next:
            final = known.values
        else:
            fresh: dict[str, Any] | None = None if known.next else {"results": {}}
            final = graph.invoke(fresh, config, context=context, durability="sync")
    return Result.model_validate(list(final["results"].values())[-1])
