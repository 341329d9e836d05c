"""Rewrites for area or depth: Yosys proposes, a prover disposes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from sandboxes import Sandbox
from tools.hdl.contract import Contract
from tools.hdl.synth import Synthesis, SynthesisError, synthesize
from tools.hdl.yosys import run_yosys


class Proved(Protocol):
    """What a prover answers: ``status`` is ``proved`` when the designs are equal."""

    @property
    def status(self) -> str: ...


Prover = Callable[[str, str, Contract, Sandbox, float], Proved]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A named Yosys script between reading a design and writing its variant."""

    name: str
    script: str
    aim: str


REWRITES = (
    Rewrite("share_resources", "proc; opt; share -aggressive; opt -full", "area"),
    Rewrite("merge_muxes", "proc; opt -full; opt_share; peepopt; opt -full", "area"),
    Rewrite(
        "fsm_one_hot",
        "proc; flatten; opt; fsm_detect; fsm_extract; fsm_opt; fsm_recode -encoding one-hot; "
        "fsm_map; opt -full",
        "depth",
    ),
    Rewrite(
        "fsm_binary",
        "proc; flatten; opt; fsm_detect; fsm_extract; fsm_opt; fsm_recode -encoding binary; "
        "fsm_map; opt -full",
        "area",
    ),
    Rewrite(
        "gates_for_area",
        "synth -flatten; abc -g simple -script +strash;ifraig;scorr;dc2;dc2;strash;dch,-f;map,-a",
        "area",
    ),
    Rewrite(
        "gates_for_depth",
        "synth -flatten; abc -g simple -script +strash;ifraig;scorr;balance;dc2,-b;balance;dch,-f;"
        "map,-B,0.9,-D,0",
        "depth",
    ),
)


@dataclass(frozen=True)
class Variant:
    """An equivalent design by one rewrite, with its figures."""

    rewrite: Rewrite
    source: str
    synthesis: Synthesis


def rewrites(
    source: str, contract: Contract, sandbox: Sandbox, prove: Prover, seconds: float = 10.0
) -> Iterator[Variant]:
    """Variants of ``source`` whose figures differ and that ``prove`` finds equal to it.

    Each proof may take ``seconds``. A rewrite that Yosys refuses, that changes nothing, or that
    is not proved gives nothing. Raises SynthesisError when ``source`` itself does not synthesize.
    """
    baseline = synthesize(source, contract.top, sandbox)
    seen = {(baseline.area, baseline.depth)}
    for rewrite in REWRITES:
        variant = _rewritten(source, contract.top, rewrite, sandbox)
        if variant is None:
            continue
        try:
            figures = synthesize(variant, contract.top, sandbox)
        except SynthesisError:
            continue
        if (figures.area, figures.depth) in seen:
            continue
        if prove(source, variant, contract, sandbox, seconds).status == "proved":
            seen.add((figures.area, figures.depth))
            yield Variant(rewrite, variant, figures)


def _rewritten(source: str, top: str, rewrite: Rewrite, sandbox: Sandbox) -> str | None:
    script = (
        f"read_verilog -sv design.sv; hierarchy -top {top}\n"
        + "\n".join(part.strip() for part in _commands(rewrite.script))
        + "\nopt_clean -purge\nwrite_verilog -noattr variant.v"
    )
    outcome = run_yosys(sandbox, script, {"design.sv": source.encode()}, ("variant.v",))
    found: dict[str, Any] = dict(outcome.files)
    return found["variant.v"].decode() if outcome.ok and "variant.v" in found else None


def _commands(script: str) -> list[str]:
    """Split at ``; `` only: inside an ABC script the semicolons have no space behind them."""
    return script.split("; ")
