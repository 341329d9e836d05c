"""Runs of the real command line in processes of their own, with a scripted model."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

GOAL = (
    "A wrapping counter, module wrap. Inputs clk, rst (synchronous, active high), en; outputs "
    "n [3:0], last. At each rising clock edge with en high n goes up by one; after 11 comes 0. "
    "last is 1 while n is 11."
)
DESIGN = """module wrap (input clk, input rst, input en, output [3:0] n, output last);
    reg [3:0] n_q;
    always @(posedge clk)
        if (rst) n_q <= 4'd0;
        else if (en) n_q <= (n_q == 4'd11) ? 4'd0 : n_q + 4'd1;
    assign n = n_q;
    assign last = n_q == 4'd11;
endmodule
"""
WRONG_DESIGN = DESIGN.replace("(n_q == 4'd11) ? 4'd0 : ", "")
REFERENCE = """class Model:
    def reset(self):
        self.n = 0

    def outputs(self, i):
        return {"n": self.n, "last": 1 if self.n == 11 else 0}

    def tick(self, i):
        if i.en:
            self.n = 0 if self.n == 11 else self.n + 1
"""


def script(path: Path, design: str = DESIGN, reference: str = REFERENCE) -> str:
    """A script file that answers both prompts; the name to give as --model."""
    answers = {
        "Write the Verilog module": f"```verilog\n{design}```",
        "Write a cycle-accurate Python model": f"```python\n{reference}```",
        "The compiler says": f"```verilog\n{design}```",
    }
    usage = {"tokens_in": 100, "tokens_out": 50}
    path.write_text(
        "".join(
            json.dumps({"when": w, "reply": {"text": t, "model": "scripted", "usage": usage}}) + "\n"
            for w, t in answers.items()
        )
    )
    return f"scripted:{path}"


Qimeng = Callable[..., subprocess.CompletedProcess[str]]


def command(*arguments: str) -> list[str]:
    """The command line as this environment has it."""
    return [sys.executable, "-m", "qimeng", *arguments]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, without the user's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("QIMENG_", "OPENAI_"))}
    return kept | {"QIMENG_HOME": str(tmp_path / "home")}


@pytest.fixture
def qimeng(environment: dict[str, str]) -> Qimeng:
    """Run the command line to its end."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), env=environment, capture_output=True, text=True, timeout=240
        )

    return call
