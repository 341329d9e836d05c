"""Stimuli by rule: rows that reach what random values do not.

Besides random rows (CodeV-R1, arXiv 2505.24183): corner values and constants mined from the
designs, equal operands, walking ones, small ranges, biased controls, serial patterns, resets
alone and together in mid-run, and quiet runs long enough for the counters the sources name.
A combinational module with at most 12 input bits gets every input value.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain

from pyslang import ast
from pyslang.parsing import TokenKind

from tools.hdl.contract import Contract, Port
from tools.hdl.syntax import SourceError, contents, elaborate, instances, tokens
from tools.hdl.trace import Stimulus

EXHAUSTIVE_BITS = 12
LONGEST_RUN = 70_000
SHORT_RUNS = 1_500
_BIASES = (1 / 16, 1 / 4, 3 / 4, 15 / 16)

Row = dict[str, int]


def stimuli(
    contract: Contract, seed: int = 0, sources: Sequence[str] = (), cycles: int = 2000
) -> Stimulus:
    """Rows for ``contract``: about ``cycles`` of them, more when ``sources`` hold deep counters.

    The first rows assert every reset. Same arguments, same rows.
    """
    names = tuple(p.name for p in contract.driven)
    bits = sum(p.width for p in contract.driven)
    if not contract.clocks and bits <= EXHAUSTIVE_BITS:
        return Stimulus(names, tuple(_every_value(contract.driven, bits, seed)), exhaustive=True)
    rules = Rules(contract, random.Random(seed), mine(sources))
    rows = [*rules.start(), *rules.body(cycles)]
    if contract.pulsed is None and contract.clocks:
        rows = rules.with_clock_levels(rows)
    return Stimulus(names, tuple(tuple(row[name] for name in names) for row in rows))


def mine(sources: Sequence[str]) -> frozenset[int]:
    """Non-negative constants the sources name: literals and parameters."""
    found: set[int] = set()
    for source in sources:
        try:
            design = elaborate(source)
        except SourceError:
            continue
        for token in tokens(design.tree.root):
            if token.kind == TokenKind.IntegerLiteral:
                found.add(_unsigned(token.value))
        for instance in instances(design.top):
            for node in contents(instance):
                if isinstance(node, ast.ParameterSymbol):
                    found.add(_unsigned(getattr(node.value, "value", None)))
    return frozenset(found - {-1})


def _unsigned(value: object) -> int:
    """The value of a constant, -1 for what is no known non-negative number."""
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return -1
    return number if number >= 0 else -1


def _every_value(driven: Sequence[Port], bits: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Every input value in order, then again shuffled: order must not matter.

    The fewer values the more orders: an output that is not assigned in some case keeps its last
    value, which is often the right one.
    """
    words, rng = list(range(1 << bits)), random.Random(seed)
    orders = max(1, min(16, 512 >> bits))
    for word in chain(words, *(rng.sample(words, len(words)) for _ in range(orders))):
        row = []
        for port in driven:
            row.append(word & ((1 << port.width) - 1))
            word >>= port.width
        yield tuple(row)


def _constant(pattern: int) -> Callable[[Port], int]:
    return lambda port: pattern & ((1 << port.width) - 1)


class Rules:
    """The rules. Resets are inactive in every row unless a rule says otherwise.

    The parts of ``stimuli``, and further ones for runs that have more time.
    """

    def __init__(self, contract: Contract, rng: random.Random, constants: frozenset[int]) -> None:
        self._rng = rng
        self._resets = contract.resets
        clocks = {c.port for c in contract.clocks}
        held = clocks | {r.port for r in contract.resets}
        self._clocks = [p.name for p in contract.driven if p.name in clocks]
        self._data = [p for p in contract.driven if p.name not in held]
        self._bits = [p for p in self._data if p.width == 1]
        self._constants = sorted(constants)
        self._sequential = bool(contract.clocks)
        self._quiet = self._quiet_length()

    def start(self) -> Iterator[Row]:
        """All resets asserted, long enough for every clock to see them, then released."""
        if self._resets:
            for _ in range(2 + 6 * len(self._clocks)):
                yield self._row(self._uniform, {r.port for r in self._resets})

    def body(self, cycles: int) -> Iterator[Row]:
        """All other rules, in shares of ``cycles``."""
        part = max(8, cycles // 8)
        yield from self._each_reset(part // 4)
        yield from self._many(self._uniform, part)
        yield from self._many(self._corner, part)
        yield from self._walking(part // 2)
        yield from self._many(self._small, part // 2)
        yield from self._many(self._equal, part)
        for bias in _BIASES:
            yield from self._biased(bias, part // 2)
        if self._sequential:
            yield from self._held(part)
            yield from self._serial(part)
            yield from self._random_resets(part)
            yield from self._quiet_runs()

    def rare_resets(self, count: int) -> Iterator[Row]:
        """One reset or all, for a row, far enough apart for the state between to be any."""
        ports = [r.port for r in self._resets]
        for _ in range(count if ports else 0):
            yield from self._biased(self._rng.choice(_BIASES), self._rng.randint(32, 160))
            some = {self._rng.choice(ports)} if self._rng.random() < 0.5 else set(ports)
            yield self._row(self._uniform, some)

    def long_stretches(self, count: int) -> Iterator[Row]:
        """Without any reset, for what takes thousands of cycles of traffic."""
        yield from self._many(self._uniform, count)
        yield from self._held(count)
        yield from self._biased(self._rng.choice(_BIASES), count)
        yield from self._many(self._corner_or_uniform, count)

    def quiet(self, length: int) -> Iterator[list[Row]]:
        """Runs from reset with all controls high, all low, and each alone or alone low."""
        names = frozenset(p.name for p in self._bits)
        settings = [names, frozenset[str]()]
        settings += [frozenset({p.name}) for p in self._bits]
        settings += [names - {p.name} for p in self._bits]
        for high in dict.fromkeys(settings):
            row = self._row(partial(self._control, high))
            start = {**row, **{r.port: int(r.active_high) for r in self._resets}}
            yield [start] + [row] * length

    def with_clock_levels(self, rows: Sequence[Row]) -> list[Row]:
        """Toggle one clock a row; none in a row where a reset moves, which would be a race."""
        levels = dict.fromkeys(self._clocks, 0)
        resets = {r.port for r in self._resets}
        last: Row = {}
        out = []
        for row in rows:
            if last and all(row[name] == last[name] for name in resets):
                clock = self._rng.choice(self._clocks)
                levels[clock] ^= 1
            last = {**row, **levels}
            out.append(last)
        return out

    def _row(
        self, value: Callable[[Port], int], asserted: set[str] | frozenset[str] = frozenset()
    ) -> Row:
        row = {p.name: value(p) for p in self._data}
        for reset in self._resets:
            row[reset.port] = int((reset.port in asserted) == reset.active_high)
        return row

    def _many(self, value: Callable[[Port], int], count: int) -> Iterator[Row]:
        return (self._row(value) for _ in range(count))

    def _uniform(self, port: Port) -> int:
        return self._rng.getrandbits(port.width)

    def _corner(self, port: Port) -> int:
        """Ends, sign boundary, alternations, one bit, or a mined constant and its neighbours."""
        top = (1 << port.width) - 1
        half = 1 << (port.width - 1)
        fixed = (0, 1, top, top - 1, half, half - 1, top // 3, top - top // 3)
        if self._constants and self._rng.random() < 0.5:
            near = self._rng.choice(self._constants) + self._rng.choice((-1, 0, 0, 1))
            return near & top
        if self._rng.random() < 0.2:
            return 1 << self._rng.randrange(port.width)
        return self._rng.choice(fixed) & top

    def _small(self, port: Port) -> int:
        return self._rng.randrange(min(1 << port.width, 4))

    def _equal(self, port: Port) -> int:
        """Ports of one width get one value a row, or one that differs in a single bit."""
        if port is self._data[0]:
            self._shared: dict[int, int] = {}
        value = self._shared.setdefault(port.width, self._corner_or_uniform(port))
        if self._rng.random() < 0.15:
            value ^= 1 << self._rng.randrange(port.width)
        return value

    def _corner_or_uniform(self, port: Port) -> int:
        return self._uniform(port) if self._rng.random() < 0.5 else self._corner(port)

    def _walking(self, count: int) -> Iterator[Row]:
        """One bit walks over all data inputs, over a background of zeros, then of ones."""
        places = [(p.name, bit) for p in self._data for bit in range(p.width)]
        self._rng.shuffle(places)
        for background in (0, -1):
            for name, bit in places[: count // 2]:
                row = self._row(_constant(background))
                row[name] ^= 1 << bit
                yield row

    def _biased(self, bias: float, count: int) -> Iterator[Row]:
        """Each one-bit input keeps its own bias for a while, so queues fill and drain."""
        for _ in range(max(1, count // 32)):
            bias_of = {p.name: self._rng.choice((bias, 1 - bias, 0.5)) for p in self._bits}
            yield from self._many(partial(self._mostly, bias_of), 32)

    def _mostly(self, bias_of: dict[str, float], port: Port) -> int:
        if port.name in bias_of:
            return int(self._rng.random() < bias_of[port.name])
        return self._corner_or_uniform(port)

    def _held(self, count: int) -> Iterator[Row]:
        """Values held for 2 to 40 rows: all ones, all zeros, then mixed or equal ones.

        A counter behind an address saturates only when one place is used several times.
        """
        first = [_constant(0), _constant(-1)]
        while count > 0:
            mixed = self._rng.choice((self._corner_or_uniform, self._equal))
            row = self._row(first.pop() if first else mixed)
            length = self._rng.randint(2, 40)
            yield from [row] * length
            count -= length

    def _serial(self, count: int) -> Iterator[Row]:
        """Mined constants shifted into each one-bit input, both bit orders, others held."""
        patterns = [c for c in self._constants if 2 < c < 1 << 16]
        while count > 0 and self._bits and patterns:
            row, port = self._row(self._uniform), self._rng.choice(self._bits)
            bits = f"{self._rng.choice(patterns):b}"
            for bit in bits if self._rng.random() < 0.5 else reversed(bits):
                yield {**row, port.name: int(bit)}
                count -= 1

    def _each_reset(self, count: int) -> Iterator[Row]:
        """Every reset alone and all together, in mid-run, for one row and for several."""
        ports = [r.port for r in self._resets]
        for asserted in [{p} for p in ports] + ([set(ports)] if len(ports) > 1 else []):
            for length in (1, 3):
                yield from self._many(self._corner_or_uniform, max(4, count // 4))
                yield from (self._row(self._uniform, asserted) for _ in range(length))

    def _random_resets(self, count: int) -> Iterator[Row]:
        for _ in range(count if self._resets else 0):
            asserted = {r.port for r in self._resets if self._rng.random() < 1 / 12}
            yield self._row(self._corner_or_uniform, asserted)

    def _quiet_length(self) -> int:
        """Rows for a counter to pass twice the largest limit the sources name, if that is near."""
        reachable = [c for c in self._constants if c <= LONGEST_RUN]
        limit = max([64, *reachable])
        return (2 * limit if limit <= LONGEST_RUN // 8 else limit) + 8

    def _quiet_runs(self) -> Iterator[Row]:
        """As long as counters need; some SHORT_RUNS rows in all or, when longer, two runs."""
        budget = max(2 * self._quiet, SHORT_RUNS)
        for run in self.quiet(self._quiet):
            if budget <= 0:
                return
            yield from run
            budget -= self._quiet

    def _control(self, high: frozenset[str], port: Port) -> int:
        return int(port.name in high) if port.width == 1 else self._uniform(port)
