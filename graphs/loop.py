"""The one loop, as a LangGraph state machine: functional feedback first, then performance.

    propose ─▶ check* ─▶ judge ─pass─▶ measure* ─▶ tune ─▶ check* …
                 ▲         │fail                     │no gain
                 └─ repair ◀┘                        ▼
                                                 conclude

Starred nodes fan out over candidates with ``Send``. The state holds records and digests only.
Source: the dual loop of QiMeng (arXiv 2506.05007), section on the agent's feedback loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from graphs.workflow import History, Workflow
from memory.records import Candidate, Measurement, Verdict
from memory.runs import Run

Json = dict[str, Any]


def merge(old: Json, new: Json) -> Json:
    """Reducer: later entries replace earlier ones of the same key."""
    return {**old, **new}


class LoopState(TypedDict, total=False):
    """JSON only. ``frontier`` lists the ids that the next fan-out visits."""

    candidates: Annotated[Json, merge]
    verdicts: Annotated[Json, merge]
    measurements: Annotated[Json, merge]
    frontier: list[str]
    round: int
    tunes: int
    result: Json


class Work(TypedDict):
    """What one branch of a fan-out gets."""

    candidate: Json


@dataclass(frozen=True)
class LoopContext:
    """What the nodes work with; never persisted."""

    workflow: Workflow
    run: Run
    step: str


LoopRuntime = Runtime[LoopContext]


def history_of(state: LoopState) -> History:
    """The typed view of a state."""
    return History(
        candidates={k: Candidate(**v) for k, v in state.get("candidates", {}).items()},
        verdicts={k: Verdict(**v) for k, v in state.get("verdicts", {}).items()},
        measurements={k: Measurement(**v) for k, v in state.get("measurements", {}).items()},
        round=state.get("round", 0),
    )


def _record(context: LoopContext, kind: str, field: str, record: Any) -> Json:
    """Put a record in the log unless an earlier, interrupted pass of this node did."""
    data: Json = record.model_dump(mode="json")
    if not context.run.has(kind, **{field: data}, step=context.step):
        context.run.emit(kind, context.workflow.name, **{field: data}, step=context.step)
    return data


def _add(context: LoopContext, candidates: Sequence[Candidate]) -> Json:
    made = {c.id: _record(context, "candidate.made", "candidate", c) for c in candidates}
    return {"candidates": made, "frontier": list(made)}


def _propose(state: LoopState, runtime: LoopRuntime) -> Json:
    return _add(runtime.context, runtime.context.workflow.propose()) | {"round": 0, "tunes": 0}


def _check(state: Work, runtime: LoopRuntime) -> Json:
    verdict = runtime.context.workflow.check(Candidate(**state["candidate"]))
    return {"verdicts": {verdict.candidate: verdict.model_dump(mode="json")}}


def _judge(state: LoopState, runtime: LoopRuntime) -> Json:
    context = runtime.context
    history = history_of(state)
    verdicts = {id_: history.verdicts[id_] for id_ in state["frontier"]}
    verdicts |= {v.candidate: v for v in context.workflow.judge(history)}
    return {
        "verdicts": {
            id_: _record(context, "verdict.given", "verdict", verdict)
            for id_, verdict in verdicts.items()
        }
    }


def _repair(state: LoopState, runtime: LoopRuntime) -> Json:
    added = _add(runtime.context, runtime.context.workflow.repair(history_of(state)))
    return added | {"round": state["round"] + 1}


def _measure(state: Work, runtime: LoopRuntime) -> Json:
    context = runtime.context
    measurement = context.workflow.measure(Candidate(**state["candidate"]))
    data = _record(context, "measured", "measurement", measurement)
    return {"measurements": {measurement.candidate: data}}


def _tune(state: LoopState, runtime: LoopRuntime) -> Json:
    added = _add(runtime.context, runtime.context.workflow.tune(history_of(state)))
    return added | {"tunes": state["tunes"] + 1}


def _conclude(state: LoopState, runtime: LoopRuntime) -> Json:
    result = runtime.context.workflow.conclude(history_of(state))
    return {"result": result.model_dump(mode="json")}


def _to_check(state: LoopState) -> list[Send] | str:
    """Fan out over what was just made; with nothing new the loop is over."""
    if not state["frontier"]:
        return "conclude"
    return [Send("check", Work(candidate=state["candidates"][id_])) for id_ in state["frontier"]]


def _after_judge(state: LoopState, runtime: LoopRuntime) -> list[Send] | str:
    history, workflow = history_of(state), runtime.context.workflow
    if unmeasured := [c for c in history.passed() if c.id not in history.measurements]:
        return [Send("measure", Work(candidate=state["candidates"][c.id])) for c in unmeasured]
    if history.passed():
        return "tune" if state["tunes"] < workflow.max_tunes else "conclude"
    return "repair" if state["round"] < workflow.max_repairs else "conclude"


def _after_measure(state: LoopState, runtime: LoopRuntime) -> str:
    return "tune" if state["tunes"] < runtime.context.workflow.max_tunes else "conclude"


def build_loop() -> Any:
    """The compiled loop; invoke it with ``context=LoopContext(...)``."""
    graph = StateGraph(LoopState, context_schema=LoopContext)
    graph.add_node("propose", _propose)
    graph.add_node("check", _check, input_schema=Work)
    graph.add_node("judge", _judge)
    graph.add_node("repair", _repair)
    graph.add_node("measure", _measure, input_schema=Work)
    graph.add_node("tune", _tune)
    graph.add_node("conclude", _conclude)
    graph.add_edge(START, "propose")
    for source in ("propose", "repair", "tune"):
        graph.add_conditional_edges(source, _to_check, ["check", "conclude"])
    graph.add_edge("check", "judge")
    graph.add_conditional_edges("judge", _after_judge, ["measure", "repair", "tune", "conclude"])
    graph.add_conditional_edges("measure", _after_measure, ["tune", "conclude"])
    graph.add_edge("conclude", END)
    return graph.compile()
