"""What a rule is, and the registry the engine and the documentation read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.hdl.contract import Contract
from tools.hdl.repair.diagnose import View

Proposals = Callable[[View, Contract], Iterator[str]]


@dataclass(frozen=True)
class Rule:
    """A named repair: proposes whole new texts, best first; the engine keeps one that helps.

    ``semantic`` rules may change what code that compiles does; the others never see such code
    or keep its behaviour.
    """

    name: str
    propose: Proposals
    semantic: bool

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring: what it fixes."""
        return " ".join((self.propose.__doc__ or "").split("\n\n")[0].split())

    @property
    def example(self) -> str:
        """The docstring's ``Example:`` line, empty when there is none."""
        _, _, example = (self.propose.__doc__ or "").partition("Example:")
        return " ".join(example.split())


def rule(propose: Proposals) -> Rule:
    """Make a rule of a generator function; its name is the rule's name."""
    return Rule(propose.__name__, propose, semantic=False)


def semantic_rule(propose: Proposals) -> Rule:
    """A rule that may change the behaviour of code that compiles."""
    return Rule(propose.__name__, propose, semantic=True)
