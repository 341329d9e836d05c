"""Agreement within a population of independently written models of one module.

Without a given reference, a design is believed when enough models that were written without
knowledge of each other (Verilog designs and Python references) behave the same on many vectors.
This is the deciding engine: it groups traces by behaviour and applies one fixed rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tools.hdl.compare import first_difference
from tools.hdl.contract import Contract
from tools.hdl.trace import Trace

Language = Literal["verilog", "python"]


@dataclass(frozen=True)
class Member:
    """One model. It has a vote when it was written independently: not derived from another
    member, and not repaired with knowledge of how another one behaves.
    """

    id: str
    language: Language
    trace: Trace
    votes: bool = True


@dataclass(frozen=True)
class Cluster:
    """Members that behave alike."""

    members: tuple[Member, ...]

    def votes(self, language: Language | None = None) -> int:
        """Votes of all members, or of those in one language."""
        return sum(m.votes and language in (None, m.language) for m in self.members)


@dataclass(frozen=True)
class Agreement:
    """Clusters, most votes first. ``settled`` says that the first one is believed."""

    clusters: tuple[Cluster, ...]
    voters: int
    settled: bool

    @property
    def detail(self) -> str:
        """The statement printed with the evidence."""
        best = self.clusters[0]
        return (
            f"{best.votes()} of {self.voters} independently written models agree "
            f"({best.votes('verilog')} in Verilog, {best.votes('python')} in Python)"
        )


MIN_VOTES = 4


def agree(members: Sequence[Member], contract: Contract) -> Agreement:
    """Group by behaviour and decide.

    Settled when the first cluster has at least ``MIN_VOTES`` votes, some of them in each
    language, and more votes than all other clusters of more than one vote together. Texts in one
    language share slips however many they are; a rival group means that the goal can be read two
    ways. (On the tuning goals of ``evals/rtl_goals`` all four large clusters of both languages
    were right, and three of four in one language only were wrong.)
    """
    groups: list[list[Member]] = []
    for member in sorted(members, key=lambda m: m.language):  # Python first: it knows no X
        home = next((g for g in groups if _alike(g[0].trace, member.trace, contract)), None)
        if home is None:
            groups.append([member])
        else:
            home.append(member)
    clusters = sorted(
        (Cluster(tuple(g)) for g in groups), key=lambda c: (-c.votes(), c.members[0].id)
    )
    voters = sum(m.votes for m in members)
    return Agreement(tuple(clusters), voters, _settled(clusters))


def _settled(clusters: Sequence[Cluster]) -> bool:
    if not clusters:
        return False
    best, rivals = clusters[0], sum(c.votes() for c in clusters[1:] if c.votes() > 1)
    both = best.votes("verilog") > 0 and best.votes("python") > 0
    return both and best.votes() >= MIN_VOTES and best.votes() > rivals


def _alike(one: Trace, other: Trace, contract: Contract) -> bool:
    """Without a reset a simulator shows X where a model has some value: that is no difference."""
    difference = first_difference(one, other)
    if difference is None:
        return True
    return difference.unknown and contract.clocks != () and not contract.resets
