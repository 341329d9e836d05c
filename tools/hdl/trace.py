"""Stimuli and traces: what goes into a simulated module and what came out, cycle by cycle.

Timing of one row (one clock cycle). Inputs change while the clock is inactive; after they
settle the outputs are sampled (``before``); the active clock edge follows; the outputs settle
and are sampled again (``after``); the clock returns. A combinational module has no clock and
only ``before`` samples. So ``before`` is a function of the old state and the inputs, ``after``
of the new state and the same inputs.

Within a row the inputs whose edges matter (asynchronous resets) change after the data inputs
have settled. A module with several clocks, or one used on both edges, gets no pulse: its clock
levels are columns of the stimulus, changed last, and only ``before`` is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stimulus:
    """``rows[cycle][i]`` is the unsigned value of input ``inputs[i]`` (the pulsed clock
    excluded)."""

    inputs: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    exhaustive: bool = False
    """True when the rows hold every value of all inputs: complete for a stateless module."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Sampled outputs. ``before[cycle][i]`` and ``after[cycle][i]`` are strings of ``01xz``,
    most significant bit first, for output ``outputs[i]``; ``after`` is empty when combinational.
    """

    outputs: tuple[str, ...]
    before: tuple[tuple[str, ...], ...]
    after: tuple[tuple[str, ...], ...] = ()
    simulator: str = ""
    """Who made it, and after which lowering (``icarus``, ``icarus after yosys``, ``verilator``)."""
