"""One small goal with a scripted model that answers it, and the real command line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


def script(
    path: Path, design: str = DESIGN, reference: str = REFERENCE, mended: str | None = None
) -> str:
    """A script file that answers the prompts; the name to give as --model."""
    answers = {
        "Write the Verilog module": f"```verilog\n{design}```",
        "Write a cycle-accurate Python model": f"```python\n{reference}```",
        "Write it again, correct": f"```verilog\n{mended or design}```",
    }
    usage = {"tokens_in": 100, "tokens_out": 50}
    path.write_text(
        "".join(
            json.dumps({"when": w, "reply": {"text": t, "model": "scripted", "usage": usage}})
            + "\n"
            for w, t in answers.items()
        )
    )
    return f"scripted:{path}"


Qimeng = Callable[..., subprocess.CompletedProcess[str]]


def command(*arguments: str) -> list[str]:
    """The command line as this environment has it."""
    return [sys.executable, "-m", "qimeng", *arguments]
