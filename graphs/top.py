"""The planner's top graph: a goal becomes a plan, each step runs through the one loop.

plan ─▶ step ─▶ step ─▶ … ─▶ END
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import networkx as nx
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agents.planner import Planner
from agents.workbench import Workbench
from graphs.loop import LoopContext, build_loop
from graphs.workflow import Workflow
from memory.records import Plan, Result, Step

RECURSION_LIMIT = 200


class TopState(TypedDict, total=False):
    """JSON only: the plan, its steps in the order they run, and the results so far by step."""

    order: list[dict[str, Any]]
    results: dict[str, Any]


@dataclass(frozen=True)
class TopContext:
    """What the nodes work with; never persisted."""

    workbench: Workbench


def open_workflow(step: Step, workbench: Workbench) -> Workflow | Result:
    """The workflow that a step names, or why it cannot begin. Only what is used is imported."""
    if step.workflow == "rtl":
        from graphs.rtl import RtlWorkflow

        return RtlWorkflow.begin(step, workbench)
    if step.workflow == "kernel":
        from graphs.kernel import KernelWorkflow

        return KernelWorkflow.begin(step, workbench)
    if step.workflow == "learn":
        from graphs.learn import LearnWorkflow

        return LearnWorkflow.begin(step, workbench)
    if step.workflow == "machine":
        from graphs.machine import MachineWorkflow

        return MachineWorkflow.begin(step, workbench)
    raise ValueError(f"no workflow {step.workflow!r}")


def in_order(plan: Plan) -> list[Step]:
    """The steps in an order that respects ``needs``. ValueError on a cycle or unknown step."""
    steps = {step.id: step for step in plan.steps}
    graph = nx.DiGraph()
    graph.add_nodes_from(steps)
    graph.add_edges_from((need, step.id) for step in plan.steps for need in step.needs)
    if not nx.is_directed_acyclic_graph(graph) or set(graph) != set(steps):
        raise ValueError("the plan's steps do not form a directed acyclic graph")
    return [steps[id_] for id_ in nx.lexicographical_topological_sort(graph)]


def _plan(state: TopState, runtime: Runtime[TopContext]) -> TopState:
    workbench = runtime.context.workbench
    planned = Planner(workbench).plan()
    if isinstance(planned, Result):
        return {"order": [], "results": {"plan": planned.model_dump(mode="json")}}
    if not workbench.run.has("plan.made"):
        workbench.run.emit("plan.made", "planner", plan=planned.model_dump(mode="json"))
    return {"order": [s.model_dump(mode="json") for s in in_order(planned)], "results": {}}


def _step(state: TopState, runtime: Runtime[TopContext]) -> TopState:
    workbench = runtime.context.workbench
    step = next(Step.model_validate(s) for s in state["order"] if s["id"] not in state["results"])
    workflow = open_workflow(step, workbench)
    if isinstance(workflow, Result):
        return {"results": state["results"] | {step.id: workflow.model_dump(mode="json")}}
    context = LoopContext(workflow, workbench.run, step.id)
    final = build_loop().invoke({}, {"recursion_limit": RECURSION_LIMIT}, context=context)
    return {"results": state["results"] | {step.id: final["result"]}}


def _next(state: TopState) -> str:
    """The next step; a step that was not achieved ends the plan."""
    failed = any(result["status"] != "done" for result in state["results"].values())
    return END if failed or len(state["results"]) >= len(state["order"]) else "step"


def build_top(checkpointer: BaseCheckpointSaver[Any]) -> Any:
    """The compiled top graph; invoke it with ``context=TopContext(...)``."""
    graph = StateGraph(TopState, context_schema=TopContext)
    graph.add_node("plan", _plan)
    graph.add_node("step", _step)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", _next, ["step", END])
    graph.add_conditional_edges("step", _next, ["step", END])
    return graph.compile(checkpointer=checkpointer)
