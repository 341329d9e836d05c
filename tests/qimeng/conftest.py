"""Runs made directly from events, in a home of their own: no model is needed to show one."""

import json

import pytest

from lpcm.messages import Message, ModelReply, ModelRequest, Usage
from memory.records import (
    Artifact,
    Budget,
    Candidate,
    Goal,
    Measurement,
    Metric,
    Plan,
    Result,
    Step,
    Verdict,
)
from memory.runs import RunStore

SOURCE = (
    "module gray (input clk, output reg [7:0] q);\n  always @(posedge clk) q <= q + 1;\nendmodule\n"
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="9"><path d="M0 0h9"/></svg>'
CONTRACT = {
    "top": "gray",
    "ports": [
        {"name": "clk", "direction": "input", "width": 1, "signed": False},
        {"name": "rst_n", "direction": "input", "width": 1, "signed": False},
        {"name": "q", "direction": "output", "width": 8, "signed": True},
    ],
    "clocks": [{"port": "clk", "edge": "posedge"}],
    "resets": [{"port": "rst_n", "active_high": False, "asynchronous": True}],
}
METRICS = {"area": Metric(value=1234.5, unit="um2"), "depth": Metric(value=7, unit="levels")}


class Teller:
    """Tells a whole run to its log; ``evil`` is mixed into every text of a model or a tool."""

    def __init__(self, evil: str = "", **goal) -> None:
        self.evil = evil
        self.goal = Goal(text=f"a Gray counter {evil}", **goal)
        self.run = RunStore().create(self.goal, {}, {"qimeng": "0.1.0", "python": "3.11"})

    def emit(self, kind, actor, **data):
        return self.run.emit(kind, actor, **data)

    def start(self):
        self.emit("run.started", "runner", pid=1, sandbox="bwrap", model="embedded")
        plan = Plan(steps=(Step(id="1", workflow="rtl", text="x"),))
        self.emit("plan.made", "planner", plan=plan.model_dump(mode="json"))
        self.emit("task.made", "planner", step="1", task={"contract": CONTRACT})
        self.emit("note", "planner", text=f"read from your words {self.evil}")

    def ask(self, actor="hardware", key="one"):
        request = ModelRequest(
            model="embedded",
            messages=(
                Message(role="user", content=f"first line\n{self.evil}\n" + "rule\n" * 40 + "last"),
            ),
        )
        reply = ModelReply(
            text=f"```\n{SOURCE}{self.evil}```",
            model="m",
            usage=Usage(tokens_in=400, tokens_out=90),
        )
        fields = {"tokens_in": 400, "tokens_out": 90, "usd": 0.25, "cached": False}
        self.run.once(
            "model",
            "embedded",
            key,
            request.model_dump_json().encode(),
            lambda: reply,
            lambda r: (r.model_dump_json().encode(), fields),
            ModelReply.model_validate_json,
            actor,
        )

    def simulate(self, killed=None):
        put = self.run.artifacts.put
        request = {
            "driver": "bwrap",
            "argv": ["/usr/bin/iverilog", "-g2012"],
            "files": {"a.v": "x"},
        }
        reply = {
            "stdout": put(f"said {self.evil}\n"),
            "stderr": put("warned\n"),
            "files": {"dump.vcd": "x"},
        }
        exit_code = None if killed else 0
        self.run.once(
            "tool",
            "iverilog",
            f"tool {killed}",
            json.dumps(request).encode(),
            lambda: 0,
            lambda _: (json.dumps(reply).encode(), {"exit_code": exit_code, "killed": killed}),
            lambda _: 0,
            "verifier",
        )

    def judge(self):
        found = self.run.artifacts.put(f"cycle 12: q is 3, expected 2 {self.evil}")
        for name, outcome in (("design-1", "pass"), ("design-2", "fail")):
            made = Candidate(id=name, files={}, origin=f"as written {self.evil}")
            self.emit("candidate.made", "rtl", candidate=made.model_dump(mode="json"), step="1")
            verdict = Verdict(
                candidate=name,
                outcome=outcome,
                evidence="agreed" if outcome == "pass" else "none",
                reason=f"because {self.evil}",
                counterexample=None if outcome == "pass" else found,
            )
            self.emit("verdict.given", "rtl", verdict=verdict.model_dump(mode="json"), step="1")
        measured = Measurement(candidate="design-1", metrics=METRICS).model_dump(mode="json")
        self.emit("measured", "rtl", measurement=measured, step="1")

    def finish(self, status="done", evidence="agreed", detail="4 of 5 models agree", reasons=()):
        texts = {
            "design.sv": f"{SOURCE}// {self.evil}\n",
            "testbench.sv": "module tb; endmodule\n",
            "waveform.svg": SVG,
        }
        put = self.run.artifacts.put
        result = Result(
            status=status,
            workflow="rtl",
            evidence=evidence,
            detail=detail,
            artifacts=tuple(Artifact(name=n, sha256=put(t)) for n, t in texts.items()),
            metrics=METRICS,
            baseline={"name": "the first answer", "outcome": f"does not run {self.evil}"},
            reasons=reasons,
        )
        self.emit("run.finished", "runner", result=result.model_dump(mode="json"))

    def whole(self, **result):
        self.start()
        self.ask()
        self.simulate()
        self.judge()
        self.finish(**result)
        self.run.close()
        return self.run.id


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("QIMENG_HOME", str(tmp_path / "home"))
    for name in ("MODEL", "MODEL_PATH", "BASE_URL", "API_KEY"):
        monkeypatch.delenv(f"QIMENG_{name}", raising=False)
        monkeypatch.delenv(f"OPENAI_{name}", raising=False)
    return tmp_path / "home"


@pytest.fixture
def tell():
    """Make a Teller; its run is closed at the end of the test."""
    told = []

    def make(evil: str = "", **caps: float) -> Teller:
        told.append(Teller(evil, budget=Budget.model_validate(caps)))
        return told[-1]

    yield make
    for teller in told:
        teller.run.close()
