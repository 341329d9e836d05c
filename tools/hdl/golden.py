"""The golden side of a verification: contract, stimuli and traces, made once for many designs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from resource import RUSAGE_CHILDREN, getrusage
from time import monotonic

from sandboxes import Sandbox
from tools.hdl.batch import simulate_many
from tools.hdl.compare import Difference, first_difference, mask_power_up, shrink, unobserved
from tools.hdl.contract import Contract
from tools.hdl.deep import deep_stimulus
from tools.hdl.interface import extract
from tools.hdl.rare import resets_in_rare_states
from tools.hdl.simulate import SimulationError, simulate, simulate_under
from tools.hdl.stimuli import stimuli
from tools.hdl.trace import Stimulus, Trace

BY_LEVEL_CYCLES = 600
EARLY_BITS, LEAST_EARLY_ROWS = 16_384, 64
"""Of a much longer stimulus a batch sees first the rows with so many bits at all ports, then 16
times as many: most wrong designs go no further."""
BATCH_BYTES, ROW_BYTES = 60_000_000, 100
"""Memory for what a batch has shown: a byte for each sampled bit, and some for each row."""
BATCH_SECONDS, BATCH_SHARE = 2.0, 3.0
"""CPU time of a batch: some, and for each design so many times what the golden needs for the
rows. When it is not enough, one design may be endless, and each runs alone."""
SLOW_ROWS = 50
MOST_SHRUNK = 20_000
HEAD_ROWS, TAIL_ROWS = 8, 32
"""Of a long counterexample's table, the rows that are shown."""
FIRST_PATIENCE, PATIENCE = 4.0, 8.0
"""CPU seconds a design may take: some, and so many times what the golden took."""


@dataclass(frozen=True)
class Counterexample:
    """Inputs under which the DUT is wrong, and what both sides did.

    ``str`` gives a table: a row a cycle, of each output ``expected/got`` before and after the
    edge; of many rows the first and the last.
    """

    stimulus: Stimulus
    difference: Difference
    expected: Trace
    got: Trace

    def __str__(self) -> str:
        clocked = bool(self.expected.after)
        heads = [
            f"{o} {p}" for o in self.expected.outputs for p in ("before", "after")[: 1 + clocked]
        ]
        if not clocked:
            heads = list(self.expected.outputs)
        table = [["cycle", *self.stimulus.inputs, *heads]]
        count = len(self.stimulus.rows)
        skipped = range(HEAD_ROWS, max(HEAD_ROWS, count - TAIL_ROWS))
        for cycle, row in enumerate(self.stimulus.rows):
            if cycle in skipped:
                continue
            samples = [(self.expected.before[cycle], self.got.before[cycle])]
            if clocked:
                samples.append((self.expected.after[cycle], self.got.after[cycle]))
            outputs = range(len(self.expected.outputs))
            cells = [f"{want[i]}/{have[i]}" for i in outputs for want, have in samples]
            table.append([str(cycle), *map(str, row), *cells])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(c.rjust(w) for c, w in zip(r, widths, strict=True)) for r in table]
        if skipped:
            lines.insert(1 + HEAD_ROWS, f"… {len(skipped)} more rows …")
        return "\n".join([*lines, str(self.difference)])


@dataclass(frozen=True)
class Golden:
    """A reference design with its stimuli and, for each, its trace with power-up hidden."""

    source: str
    contract: Contract
    stimuli: tuple[Stimulus, ...]
    traces: tuple[Trace, ...]
    sandbox: Sandbox
    spent: float
    """CPU seconds of the golden's runs; of a sandbox that does not tell, the wall time."""

    @property
    def patience(self) -> float:
        """CPU seconds a design may take for what the golden did."""
        return min(20.0, FIRST_PATIENCE + PATIENCE * self.spent)

    @property
    def vectors(self) -> int:
        """Rows of all stimuli."""
        return sum(len(stimulus.rows) for stimulus in self.stimuli)

    @property
    def exhaustive(self) -> bool:
        """True when every input value is among the rows."""
        return self.stimuli[0].exhaustive

    @property
    def blind(self) -> bool:
        """True when some output is mostly made of bits that the golden leaves unknown."""
        hidden = Counter(bit.rpartition("[")[0] for bit in self.unobserved)
        return any(2 * hidden[p.name] > p.width for p in self.contract.outputs)

    @cached_property
    def unobserved(self) -> tuple[str, ...]:
        """Output bits the golden leaves unknown nearly always: nothing can be said of those."""
        return unobserved(self.traces[0])

    def check(self, dut: str) -> Counterexample | None:
        """Simulate ``dut``: where it differs (a wrong known value before an unknown), or None.

        The counterexample is cut after the difference. Raises SimulationError when the design
        gives no trace.
        """
        weaker: Counterexample | None = None
        for stimulus, expected in zip(self.stimuli, self.traces, strict=True):
            got = simulate(dut, self.contract, stimulus, self.sandbox, seconds=self.patience)
            found = _counterexample(stimulus, expected, got)
            if _final(found):
                return found
            weaker = weaker or found
        return weaker

    def check_deep(self, dut: str, seconds: float) -> tuple[int, Counterexample | None]:
        """``check`` under ``tools.hdl.deep``: the number of its rows, and what differs there.

        Raises SimulationError, also when the golden needs more than ``seconds``.
        """
        contract, sandbox = self.contract, self.sandbox
        stimulus = deep_stimulus(self.source, contract, (dut,), sandbox)
        trace = simulate(self.source, contract, stimulus, sandbox, seconds=seconds)
        expected = mask_power_up(trace, contract, stimulus)
        got = simulate(dut, contract, stimulus, sandbox, seconds=seconds)
        return len(stimulus.rows), _counterexample(stimulus, expected, got)

    def starts(self, dut: str) -> bool:
        """True when the design, too slow for all rows, runs and agrees on the first few."""
        try:
            return self.under(dut, [_cut(self.stimuli[0], SLOW_ROWS)])[0] is None
        except SimulationError:
            return False

    def in_verilator(self, source: str, seconds: float) -> Difference | None:
        """Where the second simulator sees ``source`` leave the golden's trace."""
        stimulus = self.stimuli[0]
        got = simulate(source, self.contract, stimulus, self.sandbox, "verilator", seconds)
        return first_difference(self.traces[0], got)

    def check_many(self, duts: Sequence[str]) -> list[Counterexample | SimulationError | None]:
        """``check`` of many designs, in one compile and one run for each stimulus."""
        found: list[Counterexample | SimulationError | None] = [None] * len(duts)
        row_bytes = ROW_BYTES + 2 * sum(port.width for port in self.contract.outputs)
        for stimulus, expected in self._stages():
            left = [i for i, answer in enumerate(found) if not _final(answer)]
            size = max(1, BATCH_BYTES // (len(stimulus.rows) * row_bytes))
            for batch in (left[k : k + size] for k in range(0, len(left), size)):
                answers = self._run([duts[i] for i in batch], stimulus)
                for i, got in zip(batch, answers, strict=True):
                    new = _judged(stimulus, expected, got)
                    found[i] = new if _final(new) else found[i] or new
        return found

    def _stages(self) -> Iterator[tuple[Stimulus, Trace]]:
        """Each stimulus with its trace; before a long one, its beginnings."""
        bits = sum(port.width for port in self.contract.ports)
        first = max(LEAST_EARLY_ROWS, EARLY_BITS // bits)
        for stimulus, trace in zip(self.stimuli, self.traces, strict=True):
            early = first
            while 4 * early < len(stimulus.rows):
                yield _cut(stimulus, early), _cut_trace(trace, early)
                early *= 16
            yield stimulus, trace

    def _run(self, duts: Sequence[str], stimulus: Stimulus) -> Sequence[Trace | SimulationError]:
        share = len(stimulus.rows) / self.vectors
        seconds = BATCH_SECONDS + BATCH_SHARE * len(duts) * self.spent * share
        return simulate_many(duts, self.contract, stimulus, self.sandbox, seconds, self.patience)

    def under(self, dut: str, stimuli: Sequence[Stimulus]) -> list[Counterexample | None]:
        """Simulate both sides under other stimuli and compare."""
        traces = simulate_under(self.source, self.contract, stimuli, self.sandbox)
        rows = sum(len(stimulus.rows) for stimulus in stimuli)
        seconds = self.patience + PATIENCE * self.spent * rows / self.vectors
        answers = simulate_under(dut, self.contract, stimuli, self.sandbox, seconds)
        found = []
        for stimulus, trace, got in zip(stimuli, traces, answers, strict=True):
            expected = mask_power_up(trace, self.contract, stimulus)
            found.append(_counterexample(stimulus, expected, got))
        return found

    def _since_reset(self, dut: str, example: Counterexample) -> Counterexample:
        column = {name: i for i, name in enumerate(example.stimulus.inputs)}
        active = [(column[r.port], int(r.active_high)) for r in self.contract.resets]
        rows = example.stimulus.rows
        starts = [n for n, row in enumerate(rows) if all(row[i] == level for i, level in active)]
        if not active or not starts:
            return example
        cut = replace(example.stimulus, rows=(rows[0], *rows[starts[-1] :]), exhaustive=False)
        shown = self.under(dut, [cut])[0]
        same = shown is not None and shown.difference.unknown == example.difference.unknown
        return shown if shown is not None and same else example

    def shorten(self, dut: str, example: Counterexample) -> Counterexample:
        """The same kind of difference under a stimulus with as few rows as found.

        One of very many rows only loses those before its last reset.
        """
        by_rule = example.stimulus.inputs == self.stimuli[0].inputs
        leading = 2 if self.contract.resets and by_rule else 0

        def rerun(shorter: Sequence[Stimulus]) -> list[Difference | None]:
            return [found.difference if found else None for found in self.under(dut, shorter)]

        try:
            example = self._since_reset(dut, example)
            if len(example.stimulus.rows) > MOST_SHRUNK:
                return example
            shortest = shrink(example.stimulus, example.difference, leading, rerun)
            return self.under(dut, [shortest])[0] or example
        except SimulationError:  # too slow for many runs: what it showed stands
            return example


def _judged(
    stimulus: Stimulus, expected: Trace, got: Trace | SimulationError
) -> Counterexample | SimulationError | None:
    return _counterexample(stimulus, expected, got) if isinstance(got, Trace) else got


def _final(found: Counterexample | SimulationError | None) -> bool:
    """True when further stimuli cannot change the answer: no trace, or a wrong known value."""
    if isinstance(found, Counterexample):
        return not found.difference.unknown
    return found is not None


def _counterexample(stimulus: Stimulus, expected: Trace, got: Trace) -> Counterexample | None:
    found = first_difference(expected, got)
    if found is None:
        return None
    end = found.cycle + 1
    return Counterexample(
        _cut(stimulus, end), found, _cut_trace(expected, end), _cut_trace(got, end)
    )


def _cut(stimulus: Stimulus, rows: int) -> Stimulus:
    return replace(stimulus, rows=stimulus.rows[:rows], exhaustive=False)


def _cut_trace(trace: Trace, rows: int) -> Trace:
    return replace(trace, before=trace.before[:rows], after=trace.after[:rows])


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
    start = _used(sandbox)
    traces = [simulate(source, contract, chosen[0], sandbox)]
    if contract.pulsed is not None:
        by_level = stimuli(contract.unpulsed(), seed, (), BY_LEVEL_CYCLES)
        rare = resets_in_rare_states(contract, chosen[0], traces[0])
        chosen.append(replace(by_level, rows=by_level.rows + rare))
        traces.append(simulate(source, contract, chosen[1], sandbox))
    spent = _used(sandbox) - start
    masked = [mask_power_up(t, contract, s) for t, s in zip(traces, chosen, strict=True)]
    return Golden(source, contract, tuple(chosen), tuple(masked), sandbox, spent)


def _used(sandbox: Sandbox) -> float:
    """A clock of the CPU time of finished child processes; Docker's are not ours to count."""
    if sandbox.name == "docker":
        return monotonic()
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
