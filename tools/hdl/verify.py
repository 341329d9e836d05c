"""Are these two modules the same? A portfolio: guard, interface, simulation, formal, again.

Each answer is sound in its own right, so the first that decides wins: a difference is one that
simulation shows, a proof is formal or exhaustive. See docs/verification.md for the verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

from memory.records import Evidence
from sandboxes import Sandbox
from tools.hdl.contract import Contract, Port, Unsupported
from tools.hdl.formal import prove, stateless
from tools.hdl.golden import Counterexample, Golden, prepare
from tools.hdl.interface import extract_ports
from tools.hdl.simulate import SimulationError, admit, lower
from tools.hdl.syntax import SourceError
from tools.hdl.trace import Stimulus

DEEP_SECONDS = 4.0
SECOND_SIMULATOR_SECONDS = 6.0

Answer = Literal["equivalent", "different", "inconclusive", "unsupported"]
Cause = Literal["compile", "guard", "interface", "timeout", "runtime", "behaviour", "golden", ""]


@dataclass(frozen=True)
class Verification:
    """The answer. ``cause`` says which check decided against the DUT; ``details`` what was run."""

    verdict: Answer
    evidence: Evidence = Evidence.NONE
    vectors: int = 0
    counterexample: Counterexample | None = None
    reason: str = ""
    cause: Cause = ""
    details: Mapping[str, str] = field(default_factory=dict)


def verify(
    dut: str,
    golden: str,
    sandbox: Sandbox,
    top: str | None = None,
    seconds: float = 20.0,
    seed: int = 0,
) -> Verification:
    """Compare ``dut`` with ``golden`` within about ``seconds``. Never raises on their content."""
    deadline = monotonic() + seconds
    try:
        reference = prepare(golden, sandbox, top, seed, (dut,))
    except (SourceError, Unsupported, SimulationError) as error:
        return Verification("unsupported", reason=f"golden: {error}", cause="golden")
    refused = _interface(dut, reference.contract)
    if refused is not None:
        return refused
    try:
        found = reference.check(dut)
        if found is not None and not found.difference.unknown:
            return _different(reference, reference.shorten(dut, found))
        if reference.blind:
            return _unobserved(reference)
        return _settle(reference, dut, found, deadline)
    except SimulationError as error:
        return _no_trace(reference, dut, error, deadline)


def _no_trace(reference: Golden, dut: str, error: SimulationError, deadline: float) -> Verification:
    """Refused for good; or only slow, when the first rows run well: then a proof may decide."""
    if error.kind != "timeout" or not reference.starts(dut):
        return _refused(error)
    golden, contract = reference.source, reference.contract
    seconds = max(1.0, deadline - monotonic())
    proof = prove(golden, dut, contract, reference.sandbox, seconds)
    details = {"formal": proof.reason or proof.status}
    if proof.status == "proved" and not reference.blind:
        return Verification("equivalent", Evidence.PROVED, details=details)
    return Verification("inconclusive", reason=f"slow or endless: {error}", details=details)


def verify_many(
    duts: Sequence[str], golden: str, sandbox: Sandbox, top: str | None = None, seed: int = 0
) -> list[Verification]:
    """Compare many designs with one golden by simulation alone, in batches: the fast form.

    ``equivalent`` is at most ``tested``; counterexamples are cut after the difference, not
    searched for the shortest.
    """
    try:
        reference = prepare(golden, sandbox, top, seed, duts)
    except (SourceError, Unsupported, SimulationError) as error:
        verdict = Verification("unsupported", reason=f"golden: {error}", cause="golden")
        return [verdict] * len(duts)
    refused = {i: v for i, d in enumerate(duts) if (v := _interface(d, reference.contract))}
    left = [i for i in range(len(duts)) if i not in refused]
    found = dict(zip(left, reference.check_many([duts[i] for i in left]), strict=True))
    unobserved = _unobserved(reference) if reference.blind else None
    return [refused.get(i) or _tested(reference, found[i], unobserved) for i in range(len(duts))]


def _tested(
    reference: Golden,
    found: Counterexample | SimulationError | None,
    unobserved: Verification | None,
) -> Verification:
    if isinstance(found, SimulationError):
        return _refused(found)
    if found is not None and found.difference.unknown:
        return _shows_unknown(reference, found)
    if found is not None:
        return _different(reference, found)
    return unobserved or Verification("equivalent", Evidence.TESTED, reference.vectors)


def _interface(dut: str, golden: Contract) -> Verification | None:
    """Why the DUT cannot even be connected, or None."""
    try:
        ports = extract_ports(dut, golden.top)
    except SourceError as error:
        where = f"line {error.line}: " if error.line else ""
        return Verification("different", reason=f"{where}{error}", cause="compile")
    except Unsupported as error:
        return Verification("different", reason=str(error), cause="interface")
    want, have = ({p.name: p for p in side} for side in (golden.ports, ports))
    reasons = [f"port {name} is missing" for name in want if name not in have]
    reasons += [f"port {name} is not in the golden" for name in have if name not in want]
    for name in want.keys() & have.keys():
        a, b = _shape(want[name]), _shape(have[name])
        if a != b:
            reasons.append(f"port {name} is {b}, expected {a}")
    if not reasons:
        return None
    return Verification("different", reason="; ".join(sorted(reasons)), cause="interface")


def _shape(port: Port) -> str:
    return f"{port.direction} of {port.width} bit{'s' * (port.width > 1)}"


def _refused(error: SimulationError) -> Verification:
    if error.kind == "starved":
        return Verification("inconclusive", reason=error.message)
    where = f"line {error.line}: " if error.line else ""
    return Verification("different", reason=f"{where}{error.message}", cause=error.kind)


def _different(reference: Golden, example: Counterexample) -> Verification:
    return Verification(
        "different",
        Evidence.TESTED,
        reference.vectors,
        example,
        str(example.difference),
        "behaviour",
    )


def _unobserved(reference: Golden) -> Verification:
    names = ", ".join(dict.fromkeys(bit.partition("[")[0] for bit in reference.unobserved))
    reason = f"the golden leaves {names} unknown: nothing to compare with"
    return Verification("inconclusive", vectors=reference.vectors, reason=reason, cause="golden")


def _settle(
    reference: Golden, dut: str, found: Counterexample | None, deadline: float
) -> Verification:
    """No wrong known value was seen: prove it, find one, or say how far testing went."""
    golden, contract, sandbox = reference.source, reference.contract, reference.sandbox
    proof = prove(golden, dut, contract, sandbox, max(1.0, (deadline - monotonic()) / 2))
    details = {"formal": proof.reason or proof.status}
    if reference.unobserved:
        details["never determined by the golden"] = ", ".join(reference.unobserved)
    if proof.status == "proved":
        return Verification("equivalent", Evidence.PROVED, reference.vectors, details=details)
    if proof.counterexample is not None:
        shown = reference.under(dut, [proof.counterexample])[0]
        if shown is not None and not shown.difference.unknown:
            return _different(reference, reference.shorten(dut, shown))
        found = found or shown
    if found is not None:
        return _filled(reference, dut, found)
    if reference.exhaustive and all(stateless(s, contract, sandbox) for s in (golden, dut)):
        return Verification("equivalent", Evidence.PROVED, reference.vectors, details=details)
    return _tested_on(reference, dut, deadline, details)


def _tested_on(
    reference: Golden, dut: str, deadline: float, details: dict[str, str]
) -> Verification:
    """Undecided: longer runs, then another simulator, as far as there is time."""
    vectors, left = reference.vectors, deadline - monotonic()
    details["longer runs"] = "not done: no time"
    if left >= DEEP_SECONDS:
        try:
            rows, found = reference.check_deep(dut, left / 2)
        except SimulationError as error:
            details["longer runs"] = f"not done: {error.message[:200]}"
        else:
            if found is not None and not found.difference.unknown:
                return _different(reference, reference.shorten(dut, found))
            vectors += rows
            details["longer runs"] = f"{rows:,} rows{', which show X' if found else ''}"
    second = _second_simulator(reference, dut, deadline - monotonic())
    details["verilator"] = second or "agrees"
    if second.startswith("disagrees"):
        reason = f"Icarus and Verilator disagree: {second}"
        return Verification("inconclusive", vectors=vectors, reason=reason, details=details)
    return Verification("equivalent", Evidence.TESTED, vectors, details=details)


def _second_simulator(reference: Golden, dut: str, seconds: float) -> str:
    """Empty when Verilator, too, finds no wrong value; ``disagrees``; else why it has no say."""
    if seconds < SECOND_SIMULATOR_SECONDS:
        return "not run: no time"
    try:
        found = reference.in_verilator(dut, seconds)
        if found is None:
            return ""
        misread = reference.in_verilator(reference.source, seconds)
    except SimulationError as error:
        return f"not run: {error.message[:200]}"
    return f"reads the golden otherwise: {misread}" if misread else f"disagrees: {found}"


def _filled(reference: Golden, dut: str, found: Counterexample) -> Verification:
    """The DUT shows X where the golden is known: a real fault when some power-up state is wrong.

    Gates show X where no hardware would (``q & ~q``), so X alone does not decide.
    """
    for fill in ("zero", "one"):
        text = admit(dut, reference.contract.top)
        concrete = lower(text, reference.contract.top, reference.sandbox, fill=fill)
        if concrete is None or _is_wrong(reference, concrete, found.stimulus):
            return _different(reference, reference.shorten(dut, found))
    return _shows_unknown(reference, found)


def _is_wrong(reference: Golden, concrete: str, stimulus: Stimulus) -> bool:
    """True when a design without X shows a wrong value, under ``stimulus`` or by rule."""
    try:
        found = reference.under(concrete, [stimulus])[0] or reference.check(concrete)
    except SimulationError as error:
        if error.kind == "starved":
            raise
        return True
    return found is not None and not found.difference.unknown


def _shows_unknown(reference: Golden, example: Counterexample) -> Verification:
    reason = f"unknown where the golden is known: {example.difference}"
    return Verification(
        "inconclusive", vectors=reference.vectors, counterexample=example, reason=reason
    )
