"""The contract of a module: what a testbench must know to drive it, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

Direction = Literal["input", "output", "inout"]
Edge = Literal["posedge", "negedge", "both"]


class Unsupported(ValueError):
    """The engine cannot judge this design; the message says which feature stands in the way."""


@dataclass(frozen=True)
class Port:
    """One port of the elaborated top module. ``width`` is in bits, parameters applied."""

    name: str
    direction: Direction
    width: int
    signed: bool = False


@dataclass(frozen=True)
class Clock:
    """An input that state is clocked by, and the edge or edges that do it."""

    port: str
    edge: Edge


@dataclass(frozen=True)
class Reset:
    """An input that brings state to constants, with its active level and its kind."""

    port: str
    active_high: bool
    asynchronous: bool


@dataclass(frozen=True)
class Contract:
    """Interface of module ``top``: ports in declaration order, clocks, resets."""

    top: str
    ports: tuple[Port, ...]
    clocks: tuple[Clock, ...] = ()
    resets: tuple[Reset, ...] = ()

    @cached_property
    def pulsed(self) -> Clock | None:
        """The clock a simulation pulses once a row: the only one, and used on one edge only.

        With several clocks, or one used on both edges, nothing is pulsed: clock levels are then
        ordinary columns of the stimulus.
        """
        single = len(self.clocks) == 1 and self.clocks[0].edge != "both"
        return self.clocks[0] if single else None

    @cached_property
    def driven(self) -> tuple[Port, ...]:
        """The columns of a stimulus: every input except the pulsed clock."""
        pulsed = self.pulsed.port if self.pulsed else None
        return tuple(p for p in self.ports if p.direction == "input" and p.name != pulsed)

    @cached_property
    def outputs(self) -> tuple[Port, ...]:
        """What is compared."""
        return tuple(p for p in self.ports if p.direction == "output")

    @cached_property
    def edge_sensitive(self) -> frozenset[str]:
        """Driven inputs whose edges matter: they change after the data inputs have settled."""
        edges = {c.port for c in self.clocks} | {r.port for r in self.resets if r.asynchronous}
        return frozenset(edges & {p.name for p in self.driven})

    def unpulsed(self) -> Contract:
        """The same module with its clocks driven by level, as columns of the stimulus."""
        return replace(self, clocks=tuple(Clock(c.port, "both") for c in self.clocks))
