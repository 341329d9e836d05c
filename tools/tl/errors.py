"""What can be wrong with a TL program: one diagnostic per fault, with its line and a name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A fault at a line (1-based; 0 for the program as a whole).

    ``code`` is a stable name (``syntax``, ``undefined``, ``missing-reshape``,
    ``transpose-layout``, ``shape``, ``level``, ``layout``, ``uninitialised``, ``memory``,
    ``dtype``); ``message`` says what is missing.
    """

    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}: {self.message}"


class TLError(ValueError):
    """A program that cannot be used. ``diagnostics`` is never empty."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("\n".join(str(d) for d in diagnostics))
        self.diagnostics = diagnostics
