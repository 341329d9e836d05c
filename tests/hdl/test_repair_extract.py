"""Taking Verilog out of an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.hdl.extract_code import extract_code

CODE = "module m(input a, output y);\n  assign y = a;\nendmodule\n"
OTHER = CODE.replace("= a", "= ~a")


@pytest.mark.parametrize(
    "answer",
    [
        CODE,
        f"```verilog\n{CODE}```",
        f"Sure, here it is:\n\n```systemverilog\n{CODE}```\nIt copies its input.",
        f"```verilog\n{CODE}",
        f"First try:\n```verilog\n{OTHER}```\nBetter:\n```verilog\n{CODE}```\n",
        f"First try:\n```verilog\n{OTHER}\nBetter:\n```verilog\n{CODE}```\n",
        f"```verilog\n{CODE}```\nRun it with:\n```bash\niverilog m.v\n```\n",
        f"Here is the module:\n{CODE}\nThe module above copies its input to its output.",
        f"{CODE}```\nExplanation: none.",
        f"~~~verilog\n{CODE}~~~\n",
        CODE.replace("  assign", "The output follows the input all the time.\n  assign"),
    ],
)
def test_the_module_comes_out(answer):
    code = extract_code(answer)
    assert [line for line in code.splitlines() if line] == CODE.splitlines()


def test_what_belongs_to_the_module_stays():
    lead = "`timescale 1ns/1ps\n// The module copies its input to the output.\n"
    assert extract_code(f"Answer:\n{lead}{CODE}") == lead + CODE
    two = CODE + "\nmodule n(input b, output z);\n  m u(.a(b), .y(z));\nendmodule\n"
    assert extract_code(two) == two
    comment = CODE.replace(
        "  assign", "  /*\nThe output follows the input all the time.\n*/\n  assign"
    )
    assert extract_code(comment) == comment


def test_a_cut_module_is_kept_whole():
    cut = "module m(input a, output reg y);\n  always @(*) begin\n    y = a +"
    assert extract_code(f"```verilog\n{cut}") == cut + "\n"
    assert extract_code(CODE + cut) == CODE + cut + "\n"


@given(st.text(max_size=200))
def test_text_without_a_module_comes_back(text):
    if "module" not in text and "`" not in text and "~" not in text:
        assert extract_code(text) == text
