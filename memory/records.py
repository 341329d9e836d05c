"""The vocabulary of every layer: Goal, Plan, Task, Candidate, Verdict, Measurement, Result.

All are frozen pydantic models, JSON-serialisable. File contents never appear in them: a file
is named by the SHA-256 of its bytes in the run's artifact store.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Record(BaseModel):
    """Base of all records: immutable, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(IntEnum):
    """How well a result was checked, weak to strong. A headline never claims more than this."""

    NONE = 0
    COMPILED = 1
    AGREED = 2
    """k of n independently written models agree on n vectors; no reference was given."""
    TESTED = 3
    """n vectors against a reference that was given."""
    PROVED = 4
    """Formal equivalence, or exhaustive."""

    @property
    def label(self) -> str:
        """The word printed next to a result."""
        return self.name.lower()


EvidenceField = Annotated[
    Evidence,
    PlainValidator(lambda v: Evidence[v.upper()] if isinstance(v, str) else Evidence(v)),
    PlainSerializer(lambda e: e.label, return_type=str),
]


class Budget(Record):
    """Caps over a whole run and all its agents; None means no cap. ``seconds`` is working time."""

    tokens: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    usd: float | None = Field(default=None, ge=0)
    candidates: int | None = Field(default=None, ge=1)


class Spend(Record):
    """What a run has used so far: a fold over its events."""

    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    candidates: int = 0


class Parts(Record):
    """Parts of the RTL workflow that an ablation switches off, one at a time, to see their worth.

    ``repair_rules``: mend a design by rule; ``references``: Python models beside the designs;
    ``clustering``: behaviour decides, else the first design that runs; ``second_tries``: the
    model mends what a tool found; ``examples``: worked examples in the prompts; ``drawings``:
    tables, waveforms and diagrams in the words are read by rule.
    """

    repair_rules: bool = True
    references: bool = True
    clustering: bool = True
    second_tries: bool = True
    examples: bool = True
    drawings: bool = True


class Goal(Record):
    """What the user asked for, in words, with files (name to digest) and how to go about it."""

    text: str
    files: dict[str, Digest] = {}
    golden: Digest | None = None
    workflow: str | None = None
    model: str | None = None
    sandbox: str = "auto"
    candidates: int = Field(default=8, ge=1, le=64)
    seed: int = 0
    budget: Budget = Budget()
    parts: Parts = Parts()


class Step(Record):
    """One task of a plan, given to a named workflow. ``needs`` lists steps that come first."""

    id: str
    workflow: str
    text: str
    needs: tuple[str, ...] = ()


class Plan(Record):
    """A directed acyclic graph of steps."""

    steps: tuple[Step, ...]


class Candidate(Record):
    """One attempt. ``files`` maps names to digests; ``origin`` says who made it and how."""

    id: str
    files: dict[str, Digest]
    origin: str
    parents: tuple[str, ...] = ()
    kind: str = "design"


class Verdict(Record):
    """The answer of a check. ``reason`` is one line a person or a model can act on."""

    candidate: str
    outcome: Literal["pass", "fail", "inconclusive", "unsupported"]
    evidence: EvidenceField = Evidence.NONE
    reason: str = ""
    vectors: int = 0
    counterexample: Digest | None = None


class Metric(Record):
    """One measured quantity with its unit and every sample taken."""

    value: float
    unit: str
    samples: tuple[float, ...] = ()


class Measurement(Record):
    """Metrics of one candidate against a named baseline of the same run."""

    candidate: str
    metrics: dict[str, Metric]
    baseline: str | None = None


class Artifact(Record):
    """A file of the result."""

    name: str
    sha256: Digest


class Result(Record):
    """What a workflow hands back. ``status`` is ``done`` only when a check passed."""

    status: Literal["done", "not_achieved", "unsupported"]
    workflow: str
    evidence: EvidenceField = Evidence.NONE
    detail: str = ""
    artifacts: tuple[Artifact, ...] = ()
    metrics: dict[str, Metric] = {}
    baseline: dict[str, Any] | None = None
    reasons: tuple[str, ...] = ()
