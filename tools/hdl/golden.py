"""The golden side of a verification: contract, stimuli and traces, made once for many designs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

from sandboxes import Sandbox
from tools.hdl.compare import Difference, first_difference, mask_power_up, shrink, unobserved
from tools.hdl.contract import Contract
from tools.hdl.interface import extract
from tools.hdl.simulate import SimulationError, simulate, simulate_many, simulate_under
from tools.hdl.stimuli import stimuli
from tools.hdl.trace import Stimulus, Trace

BY_LEVEL_CYCLES = 600


@dataclass(frozen=True)
class Counterexample:
    """Inputs under which the DUT is wrong, and what both sides did. ``str`` gives a table."""

    stimulus: Stimulus
    difference: Difference
    expected: Trace
    got: Trace

    def __str__(self) -> str:
        names = [*self.stimulus.inputs, *(f"{o} expected/got" for o in self.expected.outputs)]
        lines = ["cycle  " + "  ".join(names)]
        for cycle, row in enumerate(self.stimulus.rows):
            outputs = []
            for i in range(len(self.expected.outputs)):
                phases = [(self.expected.before, self.got.before)]
                if self.expected.after:
                    phases.append((self.expected.after, self.got.after))
                outputs.append(" ".join(f"{e[cycle][i]}/{g[cycle][i]}" for e, g in phases))
            lines.append(f"{cycle:5}  " + "  ".join([*map(str, row), *outputs]))
        return "\n".join([*lines, str(self.difference)])


@dataclass(frozen=True)
class Golden:
    """A reference design with its stimuli and, for each, its trace with power-up hidden."""

    source: str
    contract: Contract
    stimuli: tuple[Stimulus, ...]
    traces: tuple[Trace, ...]
    sandbox: Sandbox
    patience: float
    """Seconds a design may take for what the golden did: several times what it took."""

    @property
    def vectors(self) -> int:
        """Rows of all stimuli."""
        return sum(len(stimulus.rows) for stimulus in self.stimuli)

    @property
    def exhaustive(self) -> bool:
        """True when every input value is among the rows."""
        return self.stimuli[0].exhaustive

    @property
    def unobserved(self) -> tuple[str, ...]:
        """Outputs the golden leaves unknown nearly always: nothing can be said of those."""
        return unobserved(self.traces[0])

    def check(self, dut: str) -> tuple[Stimulus, Difference] | None:
        """Simulate ``dut``: where it differs (a wrong known value before an unknown), or None.

        Raises SimulationError when it gives no trace.
        """
        return self._worst(
            simulate(dut, self.contract, s, self.sandbox, wall_seconds=self.patience)
            for s in self.stimuli
        )

    def check_many(
        self, duts: Sequence[str]
    ) -> list[tuple[Stimulus, Difference] | SimulationError | None]:
        """``check`` of many designs, in one compile and one run for each stimulus."""
        columns = [
            simulate_many(duts, self.contract, stimulus, self.sandbox) for stimulus in self.stimuli
        ]
        results: list[tuple[Stimulus, Difference] | SimulationError | None] = []
        for answers in zip(*columns, strict=True):
            errors = [a for a in answers if isinstance(a, SimulationError)]
            traces = [a for a in answers if isinstance(a, Trace)]
            results.append(errors[0] if errors else self._worst(traces))
        return results

    def differences(
        self, dut: str, under: Sequence[Stimulus]
    ) -> list[tuple[Trace, Trace, Difference | None]]:
        """Simulate both under other stimuli: expected, got, the difference."""
        traces = simulate_under(self.source, self.contract, under, self.sandbox)
        expected = [mask_power_up(t, self.contract, s) for t, s in zip(traces, under, strict=True)]
        got = simulate_under(dut, self.contract, under, self.sandbox, self.patience)
        return [(e, g, first_difference(e, g)) for e, g in zip(expected, got, strict=True)]

    def counterexample(
        self, dut: str, stimulus: Stimulus, difference: Difference, rounds: int = 4
    ) -> Counterexample:
        """The difference, under a stimulus made shorter in at most ``rounds`` rounds."""
        leading = 2 if self.contract.resets and stimulus.inputs == self.stimuli[0].inputs else 0

        def rerun(shorter: Sequence[Stimulus]) -> list[Difference | None]:
            return [found for _, _, found in self.differences(dut, shorter)]

        shortest = shrink(stimulus, difference, leading, rerun, rounds)
        expected, got, found = self.differences(dut, [shortest])[0]
        if found is None:
            raise SimulationError("runtime", "the difference does not show again")
        return Counterexample(shortest, found, expected, got)

    def _worst(self, traces: Iterable[Trace]) -> tuple[Stimulus, Difference] | None:
        weaker: tuple[Stimulus, Difference] | None = None
        for stimulus, expected, got in zip(self.stimuli, self.traces, traces, strict=True):
            found = first_difference(expected, got)
            if found is not None and not found.unknown:
                return stimulus, found
            if found is not None and weaker is None:
                weaker = stimulus, found
        return weaker


def prepare(
    source: str,
    sandbox: Sandbox,
    top: str | None = None,
    seed: int = 0,
    others: Sequence[str] = (),
    cycles: int = 2000,
) -> Golden:
    """Read the golden's contract, make stimuli from its and ``others``' constants, run it.

    Raises SourceError, Unsupported or SimulationError when the golden cannot be a reference.
    """
    contract = extract(source, top)
    chosen = [stimuli(contract, seed, (source, *others), cycles)]
    if contract.pulsed is not None:
        chosen.append(stimuli(contract.unpulsed(), seed, (), BY_LEVEL_CYCLES))
    start = monotonic()
    traces = [
        mask_power_up(simulate(source, contract, stimulus, sandbox), contract, stimulus)
        for stimulus in chosen
    ]
    patience = 4 + 8 * (monotonic() - start)
    return Golden(source, contract, tuple(chosen), tuple(traces), sandbox, patience)
