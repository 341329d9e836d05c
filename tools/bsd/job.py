"""The whole job: learn a box, prove it, try to fool the proof, measure its area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sandboxes import Sandbox
from tools.bsd.area import Area, area
from tools.bsd.box import Box
from tools.bsd.learn import Learned, Learner, Progress, Settings
from tools.bsd.mutate import mutant
from tools.bsd.prove import Proof, prove
from tools.bsd.verilog import to_verilog

MUTANTS = 3
MOST_FORMAL_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Report:
    """What a job found. ``mutants_refused`` counts wrong netlists that the proof refused, of
    MUTANTS tried; ``area`` is the learned module's, ``reference_area`` the reference's."""

    learned: Learned
    verilog: str
    proof: Proof
    mutants_refused: int
    area: Area
    reference_area: Area

    def summary(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        learned = self.learned
        return {
            "box": learned.box.name,
            "seed": learned.seed,
            "inputs": len(learned.box.input_bits),
            "outputs": len(learned.box.output_bits),
            "evidence": "proved" if self.proof.status == "proved" else "tested",
            "proof": self.proof.status,
            "proof_seconds": round(self.proof.seconds, 2),
            "mutants_refused": f"{self.mutants_refused} of {MUTANTS}",
            "cells": learned.cells,
            "nodes": learned.nodes,
            "nodes_by_output": learned.nodes_by_output(),
            "queries": learned.queries,
            "wrong_vectors_by_round": list(learned.wrong),
            "formal_counterexamples": learned.formal,
            "seconds": round(learned.seconds, 2),
            "cpu_seconds": round(learned.cpu_seconds, 2),
            "orders": learned.orders,
            "area": asdict(self.area),
            "reference_area": asdict(self.reference_area),
        }


def run(
    box: Box,
    reference: str,
    sandbox: Sandbox,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Learn ``box``, prove it against the Verilog ``reference`` as `proved` does, try mutants of
    it, measure it. Raises what `proved` raises.
    """
    learner = Learner(box, settings or Settings(), progress)
    learned, verilog, proof = proved(learner, reference, sandbox)
    return Report(
        learned, verilog, proof, _refused(learned, reference, sandbox),
        area(box, verilog, sandbox), area(box, reference, sandbox),
    )  # fmt: skip


def proved(learner: Learner, reference: str, sandbox: Sandbox) -> tuple[Learned, str, Proof]:
    """Build and refine, and prove the emitted Verilog against ``reference``: netlist, text, proof.

    The reference never reaches the learner: a counterexample comes back as a query vector, is
    answered by the box, counted, and learned from, MOST_FORMAL_ROUNDS times at most. Raises
    BoxError, TooLarge, NotConverged, AigError; RuntimeError when box and reference themselves
    disagree.
    """
    learner.build()
    learned = learner.refine()
    while True:
        verilog = to_verilog(learner.box, learned.netlist, learned.literals)
        proof = prove(learner.box, verilog, reference, sandbox)
        if proof.counterexample is None or learner.formal == MOST_FORMAL_ROUNDS:
            return learned, verilog, proof
        if not learner.wrong_about(proof.counterexample):
            where = learner.oracle.describe(proof.counterexample[:, None], 0)
            name = learner.box.name
            raise RuntimeError(f"{name}: the box and its reference disagree for {where}")
        learned = learner.teach(proof.counterexample)


def _refused(learned: Learned, reference: str, sandbox: Sandbox) -> int:
    rng = np.random.default_rng(learned.seed)
    count = 0
    for _ in range(MUTANTS):
        wrong = to_verilog(learned.box, *mutant(learned.netlist, learned.literals, rng))
        count += prove(learned.box, wrong, reference, sandbox).status == "different"
    return count
