"""QiMeng's Python face: ``run``, ``resume`` and ``read`` give what the command line prints.

    import qimeng
    run = qimeng.run("an 8-bit Gray counter with enable", budget="tokens=20000")
    print(run.status, run.evidence.label, run.text("design.sv"))
    for event in run.events():
        print(event.kind)

Importing it is cheap; models, graphs and engines are loaded by the first call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memory.events import Event
    from memory.records import Budget, Parts
    from qimeng.summary import RunView

__all__ = ["read", "resume", "run"]


def run(
    text: str,
    *,
    files: Sequence[str | Path] = (),
    golden: str | Path | None = None,
    workflow: str | None = None,
    model: str | None = None,
    budget: str | Budget | None = None,
    candidates: int = 8,
    seed: int = 0,
    sandbox: str = "auto",
    parts: Parts | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> RunView:
    """Work on a goal in plain words until it is finished or paused; its files and reports are
    then in ``view.folder / "result"``.

    ``budget`` is a Budget or as in ``--budget``. ``on_event`` is called with every event as it
    happens, from several threads. ``parts`` switches parts of the workflow off, for ablations.
    Raises goals.BadInput or runner.NotReady before a run exists.
    """
    from qimeng.goals import make_goal
    from qimeng.runner import start
    from qimeng.summary import RunView

    goal, contents = make_goal(
        text,
        files=tuple(map(Path, files)),
        golden=Path(golden) if golden else None,
        workflow=workflow,
        model=model,
        sandbox=sandbox,
        candidates=candidates,
        seed=seed,
        budget=_budget(budget),
        parts=parts,
    )
    with start(goal, contents, on_event) as worked_on:
        view = RunView.read(worked_on.id)
    view.save()
    return view


def resume(
    run_id: str,
    budget: str | Budget | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> RunView:
    """Go on with a paused, stopped or killed run; caps that ``budget`` does not name stay.

    ``on_event`` first hears the events of earlier processes again.
    """
    from qimeng.runner import resume as go_on
    from qimeng.summary import RunView

    with go_on(run_id, _budget(budget), on_event) as worked_on:
        view = RunView.read(worked_on.id)
    view.save()
    return view


def read(run_id: str) -> RunView:
    """A run as its files stand now; the beginning of its id is enough if it is unique."""
    from qimeng.summary import RunView

    return RunView.read(run_id)


def _budget(budget: str | Budget | None) -> Budget | None:
    from memory.budget import parse_budget
    from qimeng.goals import BadInput

    if not isinstance(budget, str):
        return budget
    try:
        return parse_budget(budget)
    except ValueError as error:
        raise BadInput(str(error)) from error
