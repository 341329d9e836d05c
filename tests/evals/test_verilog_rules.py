"""The benchmarks' own rules: layouts, prompts, which code counts, who passes."""

import dataclasses

import pytest
from checkouts import V2

from evals.verilog.official import classify_v2, judge
from evals.verilog.problems import NoSuchData, load, rtllm_listed, suites
from evals.verilog.prompts import bare_messages, official_code

WRONG = {
    "Prob001_invert": ("~a", "a"),
    "Prob002_count": ("+ 2'd1", "+ 2'd3"),
    "invert": ("~a", "a"),
    "wrap": ("4'd11", "4'd10"),
}


def problems(v1, v2, rtllm):
    return [
        *load(v2, "v2-spec"),
        *load(v2, "v2-complete"),
        *load(v1, "v1-human"),
        *load(rtllm, "rtllm"),
    ]


def test_goldens_pass_and_wrong_designs_fail_in_every_suite(v1, v2, rtllm, sandbox):
    found = problems(v1, v2, rtllm)
    assert len(found) == 6
    for problem in found:
        assert judge(problem, problem.golden, sandbox).passed, problem.name
        spoilt = problem.golden.replace(*WRONG[problem.name])
        assert spoilt != problem.golden
        assert not judge(problem, spoilt, sandbox).passed, problem.name
        assert not judge(problem, "", sandbox).passed
        assert not judge(problem, problem.golden.replace("endmodule", ""), sandbox).passed


def test_a_checkout_says_what_it_holds(v1, v2, rtllm):
    assert suites(v2) == ["v2-spec", "v2-complete"]
    assert suites(v1) == ["v1-human"]
    assert suites(rtllm) == ["rtllm"]
    assert rtllm_listed(rtllm) == ["wrap", "wrapp"]
    with pytest.raises(NoSuchData):
        load(v1, "v2-spec")


def test_an_endless_design_times_out(v2, sandbox, monkeypatch):
    monkeypatch.setattr("evals.verilog.official.VERILOG_EVAL_SECONDS", 1.0)
    problem = load(v2, "v2-spec")[0]
    endless = problem.golden.replace(
        "assign y = ~a;", "assign y = ~a; reg r = 0; always @(r) r <= ~r; initial r = 1;"
    )
    assert judge(problem, endless, sandbox).code == "T"


def test_a_time_out_line_outweighs_a_clean_count(v2, sandbox):
    problem = load(v2, "v2-spec")[0]
    late = problem.test.replace("$finish;", '$display("TIMEOUT"); $finish;')
    found = judge(dataclasses.replace(problem, test=late), problem.golden, sandbox)
    assert (found.passed, found.code, found.mismatches) == (False, "T", 0)


@pytest.mark.parametrize(
    ("log", "design", "letter"),
    [
        ("Mismatches: 0 in 9 samples", "", "."),
        ("Mismatches: 2 in 9 samples", "", "R"),
        ("Mismatches: 2 in 9 samples", "always @(posedge clk, posedge reset)", "r"),
        ("dut.sv:1: syntax error\nMismatches: 0 in 9 samples", "", "S"),
        ("an error\nMismatches: 0 in 9 samples", "", "C"),
        ("error: Unable to bind wire/reg/memory `clk' in `tb'", "", "c"),
        ("error: Unable to bind wire/reg/memory `x' in `tb'", "", "p"),
        ("x is declared here as wire.", "", "w"),
        ("error: Unknown module type: foo", "", "m"),
        ("Mismatches: 0 in 9 samples\nTIMEOUT", "", "T"),
        ("  Mismatches: 0 in 9 samples", "", "R"),
        ("", "", "R"),
    ],
)
def test_the_letters_of_verilog_eval(log, design, letter):
    assert classify_v2(log, design)[0] == letter


def test_v1_fails_whatever_the_compiler_complains_about(v1, sandbox):
    problem = load(v1, "v1-human")[0]
    warned = problem.golden.replace("~a", "~a; wire [0:0] z = b")
    assert judge(problem, warned, sandbox).code == "compile error"


def test_the_zero_shot_prompts_are_the_checkouts_own(v1, v2, rtllm):
    spec = load(v2, "v2-spec")[0]
    system, user = bare_messages(spec, v2)
    assert system.content == "Be exact."
    assert user.content == (
        f"\nQuestion:\n{V2[spec.name][0]}\nBetween [BEGIN] and [DONE].\nAnswer:\n"
    )
    system, user = bare_messages(load(v2, "v2-complete")[0], v2)
    lines = user.content.splitlines()
    assert lines[0] == "// Go on."
    assert lines[1] == f"// {V2[spec.name][0]}"
    assert lines[-1] == "module TopModule (input a, output y);"
    (only,) = bare_messages(load(v1, "v1-human")[0], v1)
    assert only.content == "// y is not a.\nmodule top_module (input a, output y);\n"
    (only,) = bare_messages(load(rtllm, "rtllm")[0], rtllm)
    assert only.content.startswith("A wrapping counter, module wrap.")


BODY = "  assign y = ~a;\nendmodule\n"
WHOLE = "module TopModule (input a, output y);\n" + BODY


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        (f"[BEGIN]\n{WHOLE}[DONE]", True),
        (f"[BEGIN]\n{WHOLE}", False),  # the official rule takes nothing without an end
        (f"Here it is:\n```verilog\n{WHOLE}```\nand that is all", True),
        (f"Here it is:\n{WHOLE}Thank you.", True),
        (f"```verilog\n{WHOLE}", True),
        (f"{WHOLE}```\nwords\n```\n", False),
        (f"[BEGIN]\n```\n{WHOLE}```\n[DONE]", False),
    ],
)
def test_which_code_counts_in_spec_to_rtl(answer, passes, v2, sandbox):
    problem = load(v2, "v2-spec")[0]
    text = official_code(problem, answer)
    assert judge(problem, text, sandbox).passed == passes


@pytest.mark.parametrize("answer", [BODY, WHOLE, f"```\n{BODY}```", f"Sure:\n```\n{WHOLE}```\n"])
def test_a_completion_gets_its_head_once(answer, v1, v2, sandbox):
    for problem in (load(v2, "v2-complete")[0], load(v1, "v1-human")[0]):
        text = official_code(problem, answer.replace("TopModule", problem.top))
        assert text.count("module " + problem.top) == 1
        assert judge(problem, text, sandbox).passed


def test_the_golden_is_called_what_the_test_calls(rtllm):
    (problem,) = load(rtllm, "rtllm")
    assert problem.top == "wrap"
    assert "verified" not in problem.golden
