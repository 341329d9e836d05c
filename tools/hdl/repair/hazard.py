"""A suspicion about code that compiles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hazard:
    """One suspicion: what, about which name, over which span of the text."""

    code: str
    message: str
    offset: int
    end: int
    name: str = ""
