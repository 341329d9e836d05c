"""A drawing in the words: what leaves nothing open needs no model, what shows a part refuses."""

from pathlib import Path

import pytest

from agents.workbench import Workbench
from graphs.loop import LoopContext, build_loop
from graphs.rtl import RtlWorkflow
from lpcm.gateway import Gateway
from lpcm.scripted import ScriptedModel
from memory.records import Candidate, Evidence, Goal, Parts, Result, Step
from memory.runs import RunStore
from sandboxes.probe import open_sandbox

INTERFACE = "A module named pick with input a, input b, input s and output y.\n\n"
TABLE = "s | a | b | y\n" + "".join(
    f"{s} | {a} | {b} | {b if s else a}\n" for s in (0, 1) for a in (0, 1) for b in (0, 1)
)
PART = "".join(TABLE.splitlines(keepends=True)[:6])
RIGHT = "module pick(input a, input b, input s, output y); assign y = s ? b : a; endmodule\n"


@pytest.fixture
def begin(tmp_path: Path):
    store = RunStore(tmp_path)

    def make(text: str, parts: Parts, *script: str) -> tuple[Workbench, RtlWorkflow]:
        run = store.create(Goal(text=text, parts=parts, candidates=2), {}, {})
        # Without a script any question would be an error.
        model = ScriptedModel((lambda _: script[0]) if script else [])
        bench = Workbench(run, Gateway(lambda name: model), "scripted", open_sandbox("host"))
        workflow = RtlWorkflow.begin(Step(id="1", workflow="rtl", text=text), bench)
        assert isinstance(workflow, RtlWorkflow)
        return bench, workflow

    return make


def judged(bench: Workbench, workflow: RtlWorkflow, source: str):
    files = {"design.sv": bench.run.artifacts.put(source)}
    return workflow.check(Candidate(id="design-1", kind="design", files=files, origin="a test"))


def test_a_whole_table_is_learned_and_proved_without_a_model(begin):
    bench, workflow = begin(INTERFACE + TABLE, Parts())
    with bench.run:
        assert judged(bench, workflow, RIGHT).evidence == Evidence.PROVED
        assert judged(bench, workflow, RIGHT.replace("b : a", "a : b")).outcome == "fail"
        context = LoopContext(workflow, bench.run, "1")
        final = build_loop().invoke({}, {"recursion_limit": 50}, context=context)
        result = Result.model_validate(final["result"])
    assert (result.status, result.evidence) == ("done", Evidence.PROVED)
    assert "the truth table in the words" in result.detail


def test_a_diagram_is_made_and_its_like_is_accepted(begin):
    text = (
        "A module named door with input clk, input rst, input push and output open.\n\n"
        "SHUT (0) --0--> SHUT\nSHUT (0) --1--> WIDE\nWIDE (1) --0--> WIDE\nWIDE (1) --1--> SHUT\n"
        "\nA synchronous reset leads to state SHUT.\n"
    )
    like = (
        "module door(input clk, input rst, input push, output reg open);\n"
        "always @(posedge clk) open <= !rst & (open ^ push);\nendmodule\n"
    )
    bench, workflow = begin(text, Parts())
    with bench.run:
        (made,) = workflow.propose()
        assert workflow.check(made).outcome == "pass"
        assert judged(bench, workflow, like).outcome == "pass"
        assert judged(bench, workflow, like.replace("!rst &", "rst |")).outcome == "fail"


def test_a_part_of_a_table_refuses_what_contradicts_it(begin):
    bench, workflow = begin(INTERFACE + PART, Parts())
    with bench.run:
        assert workflow.golden is None
        assert judged(bench, workflow, RIGHT).outcome == "inconclusive"
        wrong = judged(bench, workflow, RIGHT.replace("b : a", "a : b"))
        assert wrong.outcome == "fail" and wrong.counterexample
        assert wrong.reason.startswith("at line 2 of the truth table (s=0 a=0 b=1) y is 0")


def test_a_run_says_what_all_attempts_contradict(begin):
    bench, workflow = begin(INTERFACE + PART, Parts(), RIGHT.replace("b : a", "a : b"))
    with bench.run:
        context = LoopContext(workflow, bench.run, "1")
        final = build_loop().invoke({}, {"recursion_limit": 50}, context=context)
        result = Result.model_validate(final["result"])
    assert result.status == "not_achieved"
    want = "no attempt does what the truth table in the words shows: at line 2"
    assert result.reasons[0].startswith(want)


def test_without_the_part_the_words_are_only_words(begin):
    bench, workflow = begin(INTERFACE + TABLE, Parts(drawings=False))
    with bench.run:
        assert workflow.golden is None and workflow.drawn is None
