"""The tuner: synthesises what passed, and rewrites it; a rewrite counts only when proved."""

from __future__ import annotations

from agents.role import RoleAgent
from memory.records import Evidence, Measurement, Metric, Verdict
from tools.hdl.contract import Contract
from tools.hdl.formal import prove
from tools.hdl.rewrite import rewrites
from tools.hdl.synth import synthesize

PROOF_SECONDS = 20.0


class Tuner(RoleAgent):
    """Measures designs and proposes smaller or faster ones that do the same."""

    name = "tuner"

    def measure(self, candidate: str, source: str, top: str) -> Measurement:
        """Area, longest path, cells and flip-flops on the generic library."""
        found = synthesize(source, top, self.sandbox)
        metrics = {
            "area": Metric(value=found.area, unit=found.area_unit),
            "depth": Metric(value=found.depth, unit="gates"),
            "cells": Metric(value=found.cells, unit="cells"),
            "flops": Metric(value=found.flops, unit="flip-flops"),
        }
        return Measurement(candidate=candidate, metrics=metrics)

    def variants(self, source: str, top: str) -> list[tuple[str, str]]:
        """Names and texts of rewrites that synthesise smaller or shallower."""
        return list(rewrites(source, top, self.sandbox))

    def accept(self, id_: str, parent: str, variant: str, contract: Contract) -> Verdict:
        """A variant passes when it is formally equivalent to its parent, and only then."""
        proof = prove(parent, variant, contract, self.sandbox, PROOF_SECONDS)
        proved = proof.status == "proved"
        return Verdict(
            candidate=id_,
            outcome="pass" if proved else "fail",
            evidence=Evidence.PROVED if proved else Evidence.NONE,
            reason="formally equivalent to its parent" if proved else proof.reason,
        )
