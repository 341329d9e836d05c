"""The states of a sequential black box, found from its behaviour (active automaton learning).

Two words lead to the same state when the box answers all *probes*, further words, alike after
both. States are the words that no other state explains, found breadth first; a hypothesis is
tested by Chow's W-method and by random walks out of every transition; what refutes it is cut to
a new probe by binary search (Rivest and Schapire 1993).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.bsd.box import BoxError, Words
from tools.bsd.learn import Progress
from tools.bsd.netlist import Ints
from tools.bsd.sequential.box import Asker, SequentialBox

Word = tuple[int, ...]

PROBES, LENGTH = 48, 10
WALKS, WALK = 8, 40
MOST_WORDS = 1 << 19


class TooManyStates(RuntimeError):
    """The box has more states than asked for; the message says how many were found."""


@dataclass(frozen=True, slots=True)
class Mined:
    """A Mealy machine; state 0 is reset's. ``after`` and ``out`` have shape (states, letters).

    It is the box if that has at most ``exact_to`` states (Chow 1978); ``refuted`` counts the
    hypotheses that a test refuted, ``clocks`` all steps that were asked.
    """

    after: Ints
    out: Words
    exact_to: int
    refuted: int
    clocks: int

    @property
    def states(self) -> int:
        """The number of states."""
        return len(self.after)

    @property
    def moore(self) -> bool:
        """Whether outputs depend on the state alone."""
        return bool((self.out == self.out[:, :1]).all())

    def run(self, words: Ints) -> Words:
        """What the machine answers to words of shape (words, length)."""
        state = np.zeros(len(words), dtype=np.int64)
        answers = np.zeros(words.shape, dtype=np.uint64)
        for i, column in enumerate(words.T):
            answers[:, i] = self.out[state, column]
            state = self.after[state, column]
        return answers


def mine(
    box: SequentialBox,
    seed: int = 0,
    most: int = 64,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Mined:
    """The least machine that answers as the box did; the progress counts states, and clocks as
    queries. Raises TooManyStates beyond ``most`` states, BoxError for a box that breaks its
    contract."""
    return _Miner(box, seed, most, progress).mine()


class _Miner:
    """Probes are kept as rows of one array, padded at the end with -1."""

    def __init__(
        self, box: SequentialBox, seed: int, most: int, progress: Callable[[Progress], None]
    ) -> None:
        self.box, self.most, self.ask, self.progress = box, most, Asker(box), progress
        self._started = time.monotonic()
        self.rng = np.random.default_rng(seed)
        self.probes = [tuple(map(int, word)) for word in self._random(PROBES, LENGTH)]

    def mine(self) -> Mined:
        self.ask.audit(self._random(PROBES, WALK))
        for refuted in range(self.most):  # each refutation adds a state
            guess, access = self._hypothesis()
            tests, extra = self._exhaustive(guess, access)
            self._report("test states", guess.states)
            found = self._refute(guess, tests) or self._refute(guess, self._walks(access))
            if found is None:
                exact = guess.states + extra
                return Mined(guess.after, guess.out, exact, refuted, self.ask.clocks)
            self.probes.append(self._separating(guess, access, found))
        raise BoxError(f"{self.box.name} is no machine: the same word led to different states")

    def _report(self, stage: str, states: int) -> None:
        seconds = time.monotonic() - self._started
        self.progress(Progress(stage, states, self.most, 0, self.ask.clocks, seconds))

    def _random(self, count: int, length: int) -> Ints:
        """Random words; half of them stay on a letter for a while."""
        words = self.rng.integers(0, self.box.letters, (count, length))
        stay = self.rng.random((count, length)) < np.where(np.arange(count) % 2, 0.7, 0.0)[:, None]
        for i in range(1, length):
            words[:, i] = np.where(stay[:, i], words[:, i - 1], words[:, i])
        return words

    def _hypothesis(self) -> tuple[Mined, list[Word]]:
        """A machine that explains all probes after all transitions, and its access words."""
        letters = range(self.box.letters)
        known = {self._signatures([()])[0]: 0}
        access: list[Word] = [()]
        after, out = [], []
        for word in access:  # grows
            self._report("mine states", len(access))
            longer = [(*word, letter) for letter in letters]
            row = []
            for signature, reached in zip(self._signatures(longer), longer, strict=True):
                if signature not in known:
                    known[signature] = len(access)
                    access.append(reached)
                    if len(access) > self.most:
                        raise TooManyStates(f"{self.box.name}: more than {self.most} states")
                row.append(known[signature])
            after.append(row)
            out.append(self.ask(np.array(longer))[:, -1])
        return Mined(np.array(after), np.stack(out), len(access), 0, 0), access

    def _signatures(self, words: list[Word]) -> list[bytes]:
        """What the box answers to every probe after each of some words of equal length."""
        start, tail = np.array(words, dtype=np.int64).reshape(len(words), -1), self._padded()
        whole = np.hstack([np.repeat(start, len(tail), axis=0), np.tile(tail, (len(words), 1))])
        answers = self.ask(np.maximum(whole, 0))[:, start.shape[1] :]
        answers[whole[:, start.shape[1] :] < 0] = 0
        return [row.tobytes() for row in answers.reshape(len(words), -1)]

    def _padded(self) -> Ints:
        length = max(map(len, self.probes))
        rows = [[*probe, *[-1] * (length - len(probe))] for probe in self.probes]
        return np.array(rows, dtype=np.int64)

    def _exhaustive(self, guess: Mined, access: list[Word]) -> tuple[list[Word], int]:
        """Chow's test words for one state more than were found, and 1; without any, and 0, where
        they would be too many: for as many states as were found the hypothesis is tested."""
        tails = self._distinguishing(guess, access)
        letters = range(self.box.letters)
        if guess.states * len(letters) ** 2 * len(tails) > MOST_WORDS:
            return [], 0
        pairs = [(a, b, *tail) for a in letters for b in letters for tail in tails]
        return [word + pair for word in access for pair in pairs], 1

    def _distinguishing(self, guess: Mined, access: list[Word]) -> list[Word]:
        """Few probes that tell all states apart, the best first, greedily."""
        states = np.arange(guess.states)
        answers = [self._from(guess, states, probe) for probe in self.probes]
        groups, chosen = np.zeros(guess.states, dtype=np.int64), []
        while len(np.unique(groups)) < guess.states:
            split = [_refined(groups, row) for row in answers]
            best = max(range(len(split)), key=lambda k: int(split[k].max()))
            groups = split[best]
            chosen.append(self.probes[best])
        return chosen or self.probes[:1]

    def _from(self, guess: Mined, states: Ints, probe: Word) -> Words:
        """What the hypothesis answers to a probe from every state."""
        rows = []
        for letter in probe:
            rows.append(guess.out[states, letter])
            states = guess.after[states, letter]
        return np.stack(rows, axis=1)

    def _walks(self, access: list[Word]) -> list[Word]:
        """Random words after every transition."""
        starts = [(*word, a) for word in access for a in range(self.box.letters)] * WALKS
        tails = self._random(len(starts), WALK).tolist()
        return [start + tuple(tail) for start, tail in zip(starts, tails, strict=True)]

    def _refute(self, guess: Mined, words: list[Word]) -> Word | None:
        """The shortest word met whose last answer the hypothesis gets wrong."""
        found: list[Word] = []
        for length in {len(word) for word in words}:
            every = np.array([word for word in words if len(word) == length])
            wrong = self.ask(every) != guess.run(every)
            for row in np.flatnonzero(wrong.any(axis=1))[:1]:
                found.append(tuple(every[row, : int(np.argmax(wrong[row])) + 1].tolist()))
        return min(found, key=len, default=None)

    def _separating(self, guess: Mined, access: list[Word], wrong: Word) -> Word:
        """The end of a refuting word that tells apart two words that the hypothesis takes for
        one state: where replacing the beginning by the state's own word changes the answer."""

        def last(start: int) -> int:
            state = 0
            for letter in wrong[:start]:
                state = int(guess.after[state, letter])
            return int(self.ask(np.array([access[state] + wrong[start:]]))[0, -1])

        truth, low, high = last(0), 0, len(wrong) - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if last(middle) == truth else (low, middle)
        return wrong[high:]


def _refined(groups: Ints, answers: Words) -> Ints:
    """Groups of states split by their answers."""
    rows = np.hstack([groups[:, None].astype(np.uint64), answers])
    refined: Ints = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    return refined
