"""``python -m evals.batch.generate WEIGHTS REQUESTS REPLIES``: answer requests in one batch.

REQUESTS is a NumPy archive of ``collect``; REPLIES gets one JSON line each: its number and the
tokens. Stopped and begun again it goes on. Samples are drawn by llama.cpp's default chain (the 40
likeliest, ``top_p``, a twentieth of the likeliest, then the temperature), not by its generator: a
seed says which sample it is and no more. Needs torch, numpy and gguf.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evals.batch.qwen2 import Qwen2

TOP_K, MIN_P = 40, 0.05


@dataclass(slots=True)
class Sequence:
    """One request on its way."""

    number: int
    prompt: int
    temperature: float
    top_p: float
    most: int
    tokens: list[int] = field(default_factory=list)


def pick(logits: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """One token for each row of ``logits``; the likeliest where the temperature is 0."""
    best, which = logits.topk(TOP_K)
    chance = best.softmax(-1)
    before = chance.cumsum(-1) - chance
    out = (before >= top_p[:, None]) | (chance < MIN_P * chance[:, :1])
    out[:, 0] = False
    warm = best.masked_fill(out, -torch.inf) / temperature.clamp(min=1e-3)[:, None]
    drawn = warm.softmax(-1).multinomial(1)
    drawn = torch.where(temperature[:, None] > 0, drawn, torch.zeros_like(drawn))
    return which.gather(1, drawn)[:, 0]


class Batch:
    """Slots that are filled again as soon as their sequence ends."""

    def __init__(self, model: Qwen2, prompts: list[Any], slots: int, device: str) -> None:
        self.model, self.prompts, self.device = model, prompts, device
        self.busy: list[Sequence | None] = [None] * slots
        self.tokens = torch.zeros(slots, dtype=torch.long, device=device)
        self.lengths = torch.zeros(slots, dtype=torch.long, device=device)
        self.temperature = torch.zeros(slots, device=device)
        self.top_p = torch.ones(slots, device=device)
        self.last: tuple[int, Any, Any] = (-1, None, None)

    def run(self, work: Iterator[Sequence]) -> Iterator[Sequence]:
        """Finished sequences as they come."""
        ended = self._fill(work)
        yield from ended
        while any(self.busy):
            logits = self.model.step(self.tokens, self.lengths)
            self.lengths += 1
            self.tokens = pick(logits, self.temperature, self.top_p)
            for slot, token in enumerate(self.tokens.tolist()):
                if (sequence := self.busy[slot]) and self._ends(sequence, token):
                    self.busy[slot] = None
                    self.lengths[slot] = 0
                    yield sequence
            yield from self._fill(work)

    def _ends(self, sequence: Sequence, token: int) -> bool:
        sequence.tokens.append(token)
        return token in self.model.ends or len(sequence.tokens) >= sequence.most

    def _fill(self, work: Iterator[Sequence]) -> list[Sequence]:
        ended = []
        for slot, there in enumerate(self.busy):
            while there is None and (sequence := next(work, None)):
                first = self._begin(slot, sequence)
                if self._ends(sequence, first):
                    ended.append(sequence)
                else:
                    there = self.busy[slot] = sequence
        return ended

    def _begin(self, slot: int, sequence: Sequence) -> int:
        """Samples of one prompt follow each other: it is read once."""
        if self.last[0] != sequence.prompt:
            tokens = torch.as_tensor(self.prompts[sequence.prompt], device=self.device).long()
            self.last = (sequence.prompt, *self.model.read(tokens))
        _, logits, kept = self.last
        self.model.place(slot, kept)
        self.lengths[slot] = kept.shape[3]
        self.temperature[slot], self.top_p[slot] = sequence.temperature, sequence.top_p
        at = slice(slot, slot + 1)
        self.tokens[at] = pick(logits[None], self.temperature[at], self.top_p[at])
        return int(self.tokens[slot])


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("weights", "requests", "replies"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=480)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(0)
    with torch.inference_mode():
        answer(options, device)


def answer(options: argparse.Namespace, device: str) -> None:
    """Append to ``options.replies`` what it lacks, within ``options.seconds``."""
    start = time.monotonic()
    given = np.load(options.requests)
    prompts = np.split(given["tokens"], given["ends"][:-1])
    known = set()
    if options.replies.exists():
        known = {json.loads(line)["number"] for line in options.replies.read_text().splitlines()}
    rows = zip(given["prompt"], given["temperature"], given["top_p"], given["most"], strict=True)
    waiting = [
        Sequence(number, int(prompt), float(warm), float(top), int(most))
        for number, (prompt, warm, top, most) in enumerate(rows)
        if number not in known
    ]
    waiting.sort(key=lambda s: (len(prompts[s.prompt]), s.prompt))
    longest = max((len(prompts[s.prompt]) + s.most for s in waiting), default=1)
    model = Qwen2(options.weights, options.slots, longest, device)
    print(f"{len(waiting)} requests, at most {longest} tokens; loaded", flush=True)
    made = done = 0
    with options.replies.open("a") as file:
        for sequence in Batch(model, prompts, options.slots, device).run(iter(waiting)):
            file.write(json.dumps({"number": sequence.number, "tokens": sequence.tokens}) + "\n")
            done, made = done + 1, made + len(sequence.tokens)
            spent = time.monotonic() - start
            if done % 200 == 0:
                print(f"{done} of {len(waiting)}, {made} tokens, {spent:.0f} s", flush=True)
            if spent > options.seconds:
                break
    print(f"{done} answered, {made} tokens, {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
