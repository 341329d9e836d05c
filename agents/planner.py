"""The planner: which workflow a goal needs, and the interface contract of a hardware module."""

from __future__ import annotations

import json

from pydantic import TypeAdapter

from agents.role import RoleAgent, load_prompt
from agents.routing import for_golden, route
from memory.records import Goal, Plan, Result, Step
from tools.hdl.contract import Contract, Port
from tools.hdl.contract_text import contract_for, read_contract

_CONTRACT_SCHEMA = {
    "type": "object",
    "properties": {
        "module": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,30}$"},
        "ports": {
            "type": "array",
            "minItems": 2,
            "maxItems": 24,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]{0,30}$"},
                    "direction": {"enum": ["input", "output"]},
                    "width": {"type": "integer", "minimum": 1, "maximum": 1024},
                },
                "required": ["name", "direction", "width"],
            },
        },
    },
    "required": ["module", "ports"],
}


class NoContract(ValueError):
    """The interface could not be agreed; the message says what to add to the goal."""


class Planner(RoleAgent):
    """Routes a goal and fixes interfaces before anything is written."""

    name = "planner"

    def plan(self) -> Plan | Result:
        """A plan for the run's goal, or a Result of status ``unsupported`` that says why not."""
        goal = self.workbench.run.goal
        assert goal is not None, "a run begins with its goal"
        store = self.workbench.run.artifacts
        golden = for_golden(store.text(goal.golden)) if goal.golden else None
        if workflow := goal.workflow or golden or self.workflow(goal.text):
            return Plan(steps=(Step(id="1", workflow=workflow, text=self._whole(goal)),))
        return Result(
            status="unsupported",
            workflow="none",
            reasons=(
                "this asks neither for a digital logic module nor for a compute kernel, which is "
                "what QiMeng can make; pass --workflow rtl, kernel or learn if it does",
            ),
        )

    def _whole(self, goal: Goal) -> str:
        """The goal's words followed by its files."""
        store = self.workbench.run.artifacts
        files = [f"{name}:\n{store.text(digest)}" for name, digest in goal.files.items()]
        return "\n\n".join([goal.text, *files])

    def workflow(self, text: str) -> str | None:
        """What the words ask for: by rule where clear, else by the model; None for neither."""
        found = route(text)
        if found == "other":
            return None
        if found in ("rtl", "kernel", "learn", "machine"):
            return found
        kinds = ["module", "other"] if found == "ask module" else ["module", "kernel", "other"]
        schema = {
            "type": "object",
            "properties": {"kind": {"enum": kinds}},
            "required": ["kind"],
        }
        prompt = "route" if found == "ask module" else "route_kernel"
        reply = self.ask(load_prompt(prompt, goal=text), json_schema=schema, max_tokens=20)
        return {"module": "rtl", "kernel": "kernel"}.get(json.loads(reply.text)["kind"])

    def wants_hardware(self, text: str) -> bool:
        """Whether the words ask for a digital module."""
        return self.workflow(text) == "rtl"

    def contract(self, text: str) -> Contract:
        """The interface: read from the words where they are explicit, asked of the model where
        not. Raises Contradiction when the words contradict themselves, NoContract when there is
        no usable interface.
        """
        reading = read_contract(text)
        if reading.contract:
            return reading.contract
        messages = load_prompt("contract", goal=text)
        reply = self.ask(messages, json_schema=_CONTRACT_SCHEMA, max_tokens=700)
        return self._merged(text, reading.module, reading.ports, json.loads(reply.text))

    def announce(self, step: Step, contract: Contract) -> None:
        """Show the contract, once."""
        data = TypeAdapter(Contract).dump_python(contract, mode="json")
        if not self.workbench.run.has("task.made", step=step.id):
            self.workbench.run.emit("task.made", self.name, step=step.id, task={"contract": data})

    def _merged(
        self, text: str, module: str | None, read: tuple[Port, ...], asked: dict[str, object]
    ) -> Contract:
        """What was read wins over what the model said; the model fills the gaps."""
        ports = {p["name"]: Port(p["name"], p["direction"], p["width"]) for p in asked["ports"]}  # type: ignore[attr-defined]
        ports |= {port.name: port for port in read}
        if {"input", "output"} - {port.direction for port in ports.values()}:
            raise NoContract(
                "the goal does not say which inputs and outputs the module has; "
                "name them, for example: inputs clk, rst, en; output count [7:0]"
            )
        return contract_for(module or str(asked["module"]), tuple(ports.values()), text)


def header(contract: Contract) -> str:
    """The ANSI Verilog header of a contract."""
    lines = [
        f"    {p.direction} {'signed ' * p.signed}{f'[{p.width - 1}:0] ' * (p.width > 1)}{p.name}"
        for p in contract.ports
    ]
    return f"module {contract.top} (\n" + ",\n".join(lines) + "\n);"
