"""The whole job of a sequential box: mine, encode, learn the logic, prove it, write Verilog.

The learner sees the encoded machine as a black box, and what it learned is proved equal to that
machine's table. What the table has to do with the box itself is what `mine` says: tested, and
exact if the box has no more states than Mined.exact_to.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sandboxes import Command, Sandbox
from tools.bsd.job import MUTANTS, Report, run
from tools.bsd.learn import Progress, Settings
from tools.bsd.netlist import Ints
from tools.bsd.package import Package
from tools.bsd.sequential.box import Asker, SequentialBox
from tools.bsd.sequential.encode import anneal, nodes, table
from tools.bsd.sequential.mine import Mined, mine

WORDS, LENGTH = 32, 256


class SimulationFailed(RuntimeError):
    """The Verilog could not be simulated; the message is the simulator's."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A mined box: its states' codes, the report on its logic, and the whole in Verilog.
    ``table`` is the encoded machine as a module, which the logic is proved equal to;
    ``simulated`` says how many of WORDS * LENGTH clocks of random words the Verilog answered as
    the box did."""

    box: SequentialBox
    mined: Mined
    codes: Ints
    logic: Report
    verilog: str
    table: str
    simulated: int

    @property
    def proved(self) -> bool:
        """Whether the logic is proved equal to the mined machine's, by a prover that refused
        every mutant, and the Verilog answered all that was asked as the box did."""
        right = self.logic.proof.status == "proved" and self.logic.mutants_refused == MUTANTS
        return right and self.simulated == WORDS * LENGTH

    def summary(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        mined, logic, order = self.mined, self.logic, np.arange(1 << self._bits)
        return {
            "box": self.box.name, "letters": self.box.letters, "states": mined.states,
            "moore": mined.moore, "exact_to_states": mined.exact_to,
            "refuted_hypotheses": mined.refuted, "clocks_asked": mined.clocks,
            "state_bits": self._bits, "seed": logic.learned.seed,
            "nodes_as_found": nodes(mined, order), "nodes_annealed": nodes(mined, self.codes),
            "logic_nodes": logic.learned.nodes, "logic_queries": logic.learned.queries,
            "proof": logic.proof.status, "mutants_refused": f"{logic.mutants_refused} of {MUTANTS}",
            "clocks_simulated": f"{self.simulated} of {WORDS * LENGTH}",
            "queries": mined.clocks,
            "area": asdict(logic.area), "reference_area": asdict(logic.reference_area),
        }  # fmt: skip

    def package(self) -> Package:
        """What is handed over: the module, its logic, the table behind it, the figures."""
        name, figures = self.box.name, self.summary()
        files = {
            f"{name}.v": wrapper(self.box, self.logic),
            f"{name}_logic.v": self.logic.verilog,
            f"{name}_table.v": self.table,
            "figures.json": json.dumps(figures, indent=1) + "\n",
        }
        return Package(figures, files)

    @property
    def _bits(self) -> int:
        return self.logic.learned.box.inputs[0].width


def make(
    box: SequentialBox,
    sandbox: Sandbox,
    settings: Settings | None = None,
    most: int = 64,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Machine:
    """Mine, encode, learn, prove, simulate. Raises what `mine` and `job.run` raise, and
    SimulationFailed."""
    settings = settings or Settings()
    mined = mine(box, settings.seed, most, progress)
    codes = anneal(mined, settings.seed)
    known = table(box, mined, codes)
    logic = run(known.box(), known.verilog(), sandbox, settings, progress)
    verilog = logic.verilog + wrapper(box, logic)
    right = simulated(box, verilog, sandbox)
    return Machine(box, mined, codes, logic, verilog, known.verilog(), right)


def wrapper(box: SequentialBox, logic: Report) -> str:
    """The module with the machine's name: a state register around the logic's module."""
    inner = logic.learned.box
    sides = (("input", box.inputs), ("output", box.outputs))
    ports = ",\n".join(f"  {side} {_range(p.width)}{p.name}" for side, own in sides for p in own)
    wires = ", ".join(f".{p.name}({p.name})" for p in inner.inputs + inner.outputs)
    return f"""\
module {box.name} (
  input clk, rst,
{ports}
);
  // The state that reset goes to is 0.
  reg {_range(inner.inputs[0].width)}state;
  wire {_range(inner.inputs[0].width)}next;
  {inner.name} logic_ ({wires});
  always @(posedge clk) state <= rst ? 0 : next;
endmodule
"""


def _range(width: int) -> str:
    return f"[{width - 1}:0] "


def simulated(box: SequentialBox, verilog: str, sandbox: Sandbox, seed: int = 7) -> int:
    """In how many clocks of random words the Verilog answers as the box. Raises
    SimulationFailed."""
    words = np.random.default_rng(seed).integers(0, box.letters, (WORDS, LENGTH))
    expected = Asker(box)(words)
    letters = "".join(f"{int(letter):x}\n" for letter in words.reshape(-1))
    files = {
        "design.v": verilog.encode(),
        "test.v": _testbench(box).encode(),
        "letters.hex": letters.encode(),
    }
    script = "iverilog -g2005 -o sim design.v test.v && vvp -n sim"
    done = sandbox.run(Command(("/bin/sh", "-c", script), files=files))
    answers = [line for line in done.text().split() if set(line) <= set("0123456789abcdefx")]
    if not done.ok or len(answers) != expected.size:
        raise SimulationFailed(done.text()[-1000:])
    right = (a == f"{int(e):x}" for a, e in zip(answers, expected.reshape(-1), strict=True))
    return sum(right)


def _testbench(box: SequentialBox) -> str:
    """Resets before each word, and prints the packed outputs at each letter."""
    inputs, outputs = (", ".join(p.name for p in side[::-1]) for side in (box.inputs, box.outputs))
    wires = "".join(f"  wire {_range(p.width)}{p.name};\n" for p in box.inputs + box.outputs)
    ports = ", ".join(f".{p.name}({p.name})" for p in box.inputs + box.outputs)
    bits = sum(p.width for p in box.inputs)
    return f"""\
module test;
  reg clk = 0, rst = 1;
  reg [{bits - 1}:0] letters [0:{WORDS * LENGTH - 1}], letter;
{wires}  assign {{{inputs}}} = letter;
  {box.name} made (.clk(clk), .rst(rst), {ports});
  integer i;
  initial begin
    $readmemh("letters.hex", letters);
    for (i = 0; i < {WORDS * LENGTH}; i = i + 1) begin
      if (i % {LENGTH} == 0) begin rst = 1; #1 clk = 1; #1 clk = 0; rst = 0; end
      letter = letters[i];
      #1 $display("%0h", {{{outputs}}});
      clk = 1; #1 clk = 0;
    end
    $finish;
  end
endmodule
"""
