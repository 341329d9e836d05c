"""``kill -9`` at random moments, many times, over runs and chats: is anything lost or paid twice?

    python -m evals.crash --times 100 --seed 1

Each round starts a process with the scripted model, kills it after a random time, and starts it
again until it ends by itself. Then its log is checked: every finished call was made once, the
turns said are all there and answered, the result is that of an undisturbed run, and the index
rebuilt from the files equals the index.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from memory.index import Index, rebuild
from memory.sessions import conversation
from memory.events import read_events

GOAL = (
    "A wrapping counter, module wrap. Inputs clk, rst (synchronous, active high), en; outputs "
    "n [3:0], last. At each rising clock edge with en high n goes up by one; after 11 comes 0. "
    "last is 1 while n is 11."
)
TURNS = (GOAL, "why was any rejected?", "make the reset active low", "show me the code")
DESIGN = """module wrap (input clk, input rst, input en, output [3:0] n, output last);
    reg [3:0] n_q;
    always @(posedge clk)
        if (rst) n_q <= 4'd0;
        else if (en) n_q <= (n_q == 4'd11) ? 4'd0 : n_q + 4'd1;
    assign n = n_q;
    assign last = n_q == 4'd11;
endmodule
"""
MODEL = """class Model:
    def reset(self):
        self.n = 0

    def outputs(self, i):
        return {"n": self.n, "last": 1 if self.n == 11 else 0}

    def tick(self, i):
        if i.en:
            self.n = 0 if self.n == 11 else self.n + 1
"""
