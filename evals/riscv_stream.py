"""Random RV32I programs: each instruction is drawn when it is reached, and run once.

Our simulator runs along, so that a draw which would leave the program's memory, or come to what
was run before, can be drawn again. All else may happen: traps of every kind, jumps and branches
near and far, every byte lane of a small page of data. A trap handler skips the instruction at
fault.
"""

from __future__ import annotations

import numpy as np

from evals.spike import BASE, SIZE
from tools.bsd.box import Encoding
from tools.bsd.rv32i.iss import ENCODINGS, INPUTS, JAL, JALR, LOAD, LUI, OP_IMM, STORE, step

HEADER = (
    0x0200006F,  # jal x0, setup
    0x340292F3,  # handler: csrrw x5, mscratch, x5
    0x341022F3,  # csrr x5, mepc
    0x00428293,  # addi x5, x5, 4
    0x34129073,  # csrw mepc, x5
    0x340292F3,  # csrrw x5, mscratch, x5
    0x30200073,  # mret
    0x00000013,  # nop
    0x00000297,  # setup: auipc x5, 0
    0xFE428293,  # addi x5, x5, handler - setup
    0x30529073,  # csrw mtvec, x5
)
START = BASE + 4 * len(HEADER)
CODE = range(START, BASE + 0xFF000)
DATA = range(BASE + 0x200000, BASE + 0x201000)
PAGE = slice((DATA.start - BASE) // 4, (DATA.stop - BASE) // 4)
EDGES = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
CALLS = (0x00000073, 0x00100073)
TRIES, ONES, SYSTEM, FENCE_I = 50, 0xFFFFFFFF, 0x73, 0x100F


def stream(seed: int, length: int) -> bytes:
    """The image of a program that runs for ``length`` instructions, its handler's not counted,
    without leaving its memory."""
    writer = _Writer(np.random.default_rng(seed))
    data = writer.words[PAGE].copy()
    for _ in range(length):
        writer.go_on()
    writer.words[PAGE] = data  # as it was before the first store
    return writer.words.astype("<u4").tobytes()


class _Writer:
    """The machine that runs along; ``words`` is its memory, ``plan`` what is to come next."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.pc, self.registers = rng, START, [0] * 32
        self.words = np.zeros(SIZE // 4, dtype=np.uint32)
        self.words[: len(HEADER)] = HEADER
        self.words[PAGE] = rng.integers(1 << 32, size=len(DATA) // 4, dtype=np.uint32)
        self.drawn: set[int] = set()
        self.registers[5] = BASE + 4  # what the header left: the handler's address
        self.registers[11] = 0x1020  # what the boot code left
        self.plan = [word for r in range(1, 32) for word in _set(r, int(rng.integers(1 << 32)))]

    def go_on(self) -> None:
        """Draw the next instruction, and run it."""
        self.drawn.add(self.pc)
        word = self._draw()
        self.words[(self.pc - BASE) // 4] = word
        answer = self._asked(word)
        if answer["trap"]:
            self.pc += 4
            return
        place, lanes = (answer["addr"] - BASE) // 4, answer["strb"]
        if lanes:
            mask = sum(255 << 8 * k for k in range(4) if lanes >> k & 1)
            self.words[place] = int(self.words[place]) & ~mask & ONES | answer["wdata"]
        if answer["we"] and word >> 7 & 31:
            self.registers[word >> 7 & 31] = answer["rd"]
        self.pc = answer["npc"]

    def _asked(self, word: int) -> dict[str, int]:
        operands = self.registers[word >> 15 & 31], self.registers[word >> 20 & 31]
        given = [word, self.pc, *operands, 0]
        answer = self._step(given)
        if answer["re"] and answer["addr"] in DATA:
            given[4] = int(self.words[(answer["addr"] - BASE) // 4])
            answer = self._step(given)
        return answer

    def _step(self, given: list[int]) -> dict[str, int]:
        batch = {p.name: np.array([v], dtype=np.uint64) for p, v in zip(INPUTS, given, strict=True)}
        return {name: int(row[0]) for name, row in step(batch).items()}

    def _draw(self) -> int:
        for _ in range(TRIES):
            if not self.plan:
                self.plan = self._planned()
            word = self.plan.pop(0)
            if self._stays(word):
                return word
        while (free := START + 4 * int(self.rng.integers(len(CODE) // 4))) in self.drawn:
            pass
        return _jump(free - self.pc)

    def _stays(self, word: int) -> bool:
        """Whether the program goes on in its own memory, at a place not used yet."""
        if (word & 0x7F == SYSTEM and word not in CALLS) or word & 0x707F == FENCE_I:
            return False  # Spike has CSRs, and takes FENCE.I for a part of RV32I
        answer = self._asked(word)
        if (answer["re"] or answer["strb"]) and answer["addr"] not in DATA:
            return False
        after = self.pc + 4 if answer["trap"] else answer["npc"]
        return after in CODE and after not in self.drawn

    def _planned(self) -> list[int]:
        """Any legal instruction, an edge value for a register, an aimed access or jump, a call of
        the environment, or any word at all."""
        rng, kind = self.rng, self.rng.random()
        if kind < 0.5:
            return [self._legal(ENCODINGS[rng.integers(len(ENCODINGS))])]
        if kind < 0.6:
            return list(_set(int(rng.integers(1, 32)), EDGES[rng.integers(len(EDGES))]))
        if kind < 0.9:
            return self._aimed()
        if kind < 0.92:
            return [CALLS[rng.integers(2)]]
        own = ENCODINGS[rng.integers(len(ENCODINGS))].match & 0x7F
        word = int(rng.integers(1 << 32))
        return [word & ~0x7F | own if kind < 0.97 else word]

    def _legal(self, code: Encoding) -> int:
        return int(self.rng.integers(1 << 32)) & ~code.mask & ONES | code.match

    def _aimed(self) -> list[int]:
        """A load, store or JALR whose base register was set so that it goes where it may; one in
        four is not aligned on purpose."""
        aimed = [code for code in ENCODINGS if code.match & 0x7F in (LOAD, STORE, JALR)]
        code = aimed[self.rng.integers(len(aimed))]
        word, region = self._legal(code), CODE if code.match & 0x7F == JALR else DATA
        base = int(self.rng.integers(1, 32))
        word = word & ~(31 << 15) | base << 15
        imm = word >> 25 << 5 | word >> 7 & 31 if word & 0x7F == STORE else word >> 20
        target = int(self.rng.integers(region.start, region.stop))
        if self.rng.random() < 0.75:
            target &= ~3
        return [*_set(base, target - ((imm ^ 0x800) - 0x800)), word]


def _set(register: int, value: int) -> tuple[int, int]:
    """LUI and ADDI that set a register."""
    low = value & 0xFFF
    high = (value - ((low ^ 0x800) - 0x800)) & 0xFFFFF000
    return high | register << 7 | LUI, low << 20 | register << 15 | register << 7 | OP_IMM


def _jump(offset: int) -> int:
    """JAL without a link."""
    o = offset & 0x1FFFFF
    return (o >> 20) << 31 | (o >> 1 & 1023) << 21 | (o >> 11 & 1) << 20 | o & 0xFF000 | JAL
