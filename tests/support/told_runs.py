"""Runs told directly to their logs, for the web page: a rich one, and a very long one."""

import json
from dataclasses import asdict

from lpcm.messages import Message, ModelReply, ModelRequest, Usage
from memory.events import Event
from memory.records import Artifact, Budget, Candidate, Goal, Measurement, Metric, Result, Verdict
from memory.runs import Run, RunStore

DESIGN = """module wrap (input clk, input rst, input en, output [3:0] n, output last);
    reg [3:0] n_q;
    always @(posedge clk)
        if (rst) n_q <= 4'd0;
        else if (en) n_q <= (n_q == 4'd11) ? 4'd0 : n_q + 4'd1;
    assign n = n_q;
    assign last = n_q == 4'd11;
endmodule
"""
WRONG = DESIGN.replace("(n_q == 4'd11) ? 4'd0 : ", "")
SHARED = DESIGN.replace("assign last = n_q == 4'd11", "assign last = &{n_q[3], n_q[1:0]}")
CONTRACT = {
    "top": "wrap",
    "ports": [
        {"name": name, "direction": direction, "width": width, "signed": False}
        for name, direction, width in (
            ("clk", "input", 1), ("rst", "input", 1), ("en", "input", 1),
            ("n", "output", 4), ("last", "output", 1),
        )
    ],
    "clocks": [{"port": "clk", "edge": "posedge"}],
    "resets": [{"port": "rst", "active_high": True, "asynchronous": False}],
}  # fmt: skip
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 20" width="900" height="200">'
    '<path d="M0 15h10v-10h10v10h10v-10h10v10h10v-10h10v10h30" fill="none" stroke="#0a5bb5"/></svg>'
)


def counterexample() -> str:
    """A wrap at 12 that does not come, as the verifier's table tells it."""
    lines = ["cycle  rst  en  n expected/got  last expected/got"]
    for cycle in range(14):
        reset, before = int(cycle == 0), max(0, cycle - 1)
        after = 0 if reset else cycle
        sides = []
        for number in (before, after):
            wanted = number % 12
            sides.append((f"{wanted:04b}/{number:04b}", f"{int(wanted == 11)}/{int(number == 11)}"))
        columns = "  ".join(" ".join(side[i] for side in sides) for i in (0, 1))
        lines.append(f"{cycle:5}  {reset}  1  {columns}")
    told = "cycle 12, after the edge: n is 1100, expected 0000"
    return "\n".join([*lines, told]) + "\n\nThe lines that decide n:\n     5  else if (en) n_q <= …"


class Story:
    """A run that is told step by step. ``evil`` is mixed into every text of models and tools."""

    def __init__(self, evil: str = "", goal: str = "", budget: Budget = Budget()) -> None:  # noqa: B008
        self.evil = evil
        text = goal or (
            "A wrapping counter, module wrap. Inputs clk, rst (synchronous, active high), en; "
            "outputs n [3:0], last. At each rising clock edge with en high n goes up by one; "
            f"after 11 comes 0. last is 1 while n is 11. {evil}".rstrip()
        )
        made = Goal(text=text, model="embedded", budget=budget)
        self.run: Run = RunStore().create(made, {}, {"qimeng": "0.1.0", "python": "3.11"})

    def emit(self, kind: str, actor: str, **data) -> None:
        """One event."""
        self.run.emit(kind, actor, **data)

    def start(self) -> None:
        """The run starts and the interface is agreed."""
        self.emit("run.started", "runner", pid=1, sandbox="bwrap", model="embedded")
        steps = [{"id": "1", "workflow": "rtl", "text": "x", "needs": []}]
        self.emit("plan.made", "planner", plan={"steps": steps})
        self.emit("task.made", "planner", step="1", task={"contract": CONTRACT})
        self.emit("note", "planner", text=f"the interface was read from your words {self.evil}")

    def ask(self, actor: str, key: str, prompt: str, answer: str, cached: bool = False) -> None:
        """A model call."""
        messages = (
            Message(role="system", content=f"You write hardware. {self.evil}"),
            Message(role="user", content=f"{prompt}\n{self.evil}"),
        )
        request = ModelRequest(model="embedded", messages=messages, temperature=0.8)
        usage = Usage(tokens_in=412, tokens_out=148)
        reply = ModelReply(text=f"{answer}\n{self.evil}", model="embedded", usage=usage)
        fields = {"tokens_in": 412, "tokens_out": 148, "usd": 0.0021, "cached": cached}
        self.run.once(
            "model", "embedded", key, request.model_dump_json().encode(),
            lambda: reply, lambda r: (r.model_dump_json().encode(), fields),
            ModelReply.model_validate_json, actor,
        )  # fmt: skip

    def simulate(self, key: str, exit_code: int = 0, name: str = "iverilog") -> None:
        """A tool call; the name of one of its files is hostile too."""
        put = self.run.artifacts.put
        request = {
            "driver": "bwrap", "argv": [f"/usr/bin/{name}", "-g2012", self.evil or "design.sv"],
            "files": {f"design{self.evil}.sv": put(DESIGN), "../../etc/passwd": put("x")},
        }  # fmt: skip
        reply = {
            "stdout": put(f"VCD info: dumpfile opened\n{self.evil}\n"),
            "stderr": put("design.sv:5: warning: implicit truncation\n" * 4),
            "files": {"trace.txt": put("0101\n" * 40)},
        }
        self.run.once(
            "tool", name, key, json.dumps(request).encode(), lambda: 0,
            lambda _: (json.dumps(reply).encode(), {"exit_code": exit_code, "killed": None}),
            lambda _: 0, "verifier",
        )  # fmt: skip

    def candidate(self, id_: str, text: str, kind: str = "design", parents=(), how="") -> None:
        """A candidate."""
        name = "model.py" if kind == "reference" else "design.sv"
        origin = f"{how or 'as written'} {self.evil}"
        made = Candidate(
            id=id_, kind=kind, origin=origin, parents=parents,
            files={name: self.run.artifacts.put(text)},
        )  # fmt: skip
        self.emit("candidate.made", "rtl", candidate=made.model_dump(mode="json"), step="1")

    def judge(self, id_: str, outcome: str, evidence: str = "none", reason: str = "") -> None:
        """A verdict; a failing one has a counterexample."""
        found = self.run.artifacts.put(counterexample()) if outcome == "fail" else None
        verdict = Verdict(
            candidate=id_, outcome=outcome, evidence=evidence,
            reason=f"{reason} {self.evil}".strip(), vectors=2341, counterexample=found,
        )  # fmt: skip
        self.emit("verdict.given", "rtl", verdict=verdict.model_dump(mode="json"), step="1")

    def measure(self, id_: str, area: float, depth: float) -> None:
        """A measurement."""
        metrics = {
            "area": Metric(value=area, unit="NAND2 eq."),
            "depth": Metric(value=depth, unit="gates"),
        }
        found = Measurement(candidate=id_, metrics=metrics).model_dump(mode="json")
        self.emit("measured", "rtl", measurement=found, step="1")

    def finish(self, svg: str = SVG) -> None:
        """The result."""
        texts = {"design.sv": SHARED, "testbench.sv": "module tb; endmodule\n", "waveform.svg": svg}
        put = self.run.artifacts.put
        result = Result(
            status="done", workflow="rtl", evidence="agreed",
            detail="4 of 5 independently written models agree (2 in Verilog, 2 in Python)",
            artifacts=tuple(Artifact(name=n, sha256=put(t)) for n, t in texts.items()),
            metrics={"area": Metric(value=37, unit="NAND2 eq.")},
            baseline={"name": "the first answer", "outcome": "behaves differently"},
        )  # fmt: skip
        self.emit("run.finished", "runner", result=result.model_dump(mode="json"))

    def whole(self) -> str:
        """Everything; the id of the run."""
        self.start()
        for number, text in enumerate((WRONG, DESIGN, DESIGN.replace("n_q", "count_q")), 1):
            self.ask(
                "hardware", f"d{number}", "Write the Verilog module.", f"```verilog\n{text}```"
            )
            self.candidate(f"design-{number}", text)
            self.ask(
                "tester", f"r{number}", "Write a cycle-accurate Python model.", "class Model: …"
            )
            self.candidate(f"reference-{number}", f"class Model:\n    n = {number}\n", "reference")
        for number in range(1, 9):
            self.simulate(f"sim{number}", exit_code=int(number == 3))
        self.judge("design-1", "fail", reason="cycle 12: n is 12, expected 0")
        self.judge("reference-2", "inconclusive", reason="runs; not compared")
        for id_ in ("design-2", "design-3", "reference-1", "reference-3"):
            self.judge(id_, "pass", "agreed", "4 of 5 independently written models agree")
        self.ask(
            "hardware", "m1", "Write it again, correct.", f"```verilog\n{DESIGN}```", cached=True
        )
        self.candidate("design-1-mended", DESIGN, parents=("design-1",), how="second try")
        self.judge("design-1-mended", "pass", "agreed", "4 of 5 independently written models agree")
        self.simulate("yosys1", name="yosys")
        for id_, area, depth in (
            ("design-2", 40, 3),
            ("design-3", 43, 5),
            ("design-1-mended", 40, 3),
        ):
            self.measure(id_, area, depth)
        self.candidate("design-2-shared", SHARED, "variant", ("design-2",), "adders shared")
        self.judge("design-2-shared", "pass", "proved", "proved equivalent to design-2")
        self.measure("design-2-shared", 37, 4)
        self.finish()
        self.run.close()
        return self.run.id


def huge(events: int = 50_000) -> str:
    """A run of so many events, written at once: calls of five agents, candidates, verdicts."""
    story = Story(goal="A very long run")
    story.start()
    put, log = story.run.artifacts.put, story.run.log.path
    request = put(
        ModelRequest(model="m", messages=(Message(role="user", content="p"),)).model_dump_json()
    )
    reply = put(ModelReply(text="an answer", model="m").model_dump_json())
    source = put(DESIGN)
    first = len(story.run.log.events)
    story.run.close()
    with log.open("ab") as file:
        for seq in range(first, events):
            kind, actor, data = _filler(seq, request, reply, source)
            event = Event(1, seq, 1.8e9 + seq / 10, round(seq / 10, 1), kind, actor, data)
            file.write(json.dumps(asdict(event)).encode() + b"\n")
    return story.run.id


def _filler(seq: int, request: str, reply: str, source: str):
    agents = ("hardware", "tester", "verifier", "tuner", "planner")
    step, number = seq % 5, seq // 5
    call = {"key": f"k{number}", "type": "model", "name": "embedded"}
    if step == 0:
        return "call.started", agents[number % 5], call | {"request": request}
    if step == 1:
        spent = {"seconds": 0.1, "tokens_in": 3, "tokens_out": 2, "usd": 0.0, "cached": False}
        return "call.finished", agents[number % 5], call | {"reply": reply} | spent
    if step == 2:
        made = {"id": f"design-{number}", "files": {"design.sv": source}, "origin": "as written"}
        return (
            "candidate.made",
            "rtl",
            {"candidate": made | {"parents": [], "kind": "design"}, "step": "1"},
        )
    if step == 3:
        verdict = {"candidate": f"design-{number}", "outcome": "fail", "evidence": "none"}
        more = {"reason": f"line {number}", "vectors": 1, "counterexample": None}
        return "verdict.given", "rtl", {"verdict": verdict | more, "step": "1"}
    return "note", "planner", {"text": f"note number {number}"}
