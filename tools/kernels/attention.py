"""Attention as TL: the deterministic proposer for every variant, forward and backward.

Forward follows online softmax over key blocks (FlashAttention). Key blocks that no mask can
touch run in a loop of their own without masks; which blocks those are is part of the program.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attention:
    """Shape and variant of softmax(scale * Q K^T + masks) V.

    Arrays are (batch, heads, length, width); K and V have ``kv_heads`` heads, shared by groups
    of query heads (1 is MQA). ``window`` keeps the last that many keys; ``prefix`` shows the
    first keys to every row; both imply causal. ``softcap`` 0 is off. ``ragged`` takes one key
    count a batch entry, ``alibi`` one slope a head. ``latent`` reads V as the first
    ``value_width`` columns of K (MLA). ``statistics`` also returns log-sum-exp rows, for the
    backward pass. A row that may see no key gives zero.
    """

    batch: int
    heads: int
    kv_heads: int
    queries: int
    keys: int
    width: int
    value_width: int
    dtype: str = "fp32"
    causal: bool = False
    window: int = 0
    prefix: int = 0
    softcap: float = 0.0
    alibi: bool = False
    ragged: bool = False
    latent: bool = False
    statistics: bool = False

    @property
    def masked(self) -> bool:
        """A row sees no key later than itself (aligned at the ends), but for the prefix."""
        return self.causal or bool(self.window) or bool(self.prefix)

    @property
    def scale(self) -> float:
        return 1.0 / math.sqrt(self.width)

    @property
    def parameters(self) -> dict[str, int]:
        values = {
            "B": self.batch,
            "H": self.heads,
            "HK": self.kv_heads,
            "G": self.heads // self.kv_heads,
            "NQ": self.queries,
            "NK": self.keys,
            "D": self.width,
            "DV": self.value_width,
        }
        extra = {"W": self.window, "P0": self.prefix}
        return {**values, **{name: value for name, value in extra.items() if value}}

    @property
    def flops(self) -> int:
        """Multiplications and additions over the keys that the masks leave."""
        pairs = 0
        shift = self.keys - self.queries
        for row in range(self.queries):
            high = min(self.keys, row + shift + 1) if self.masked else self.keys
            low = max(0, row + shift - self.window + 1) if self.window else 0
            pairs += max(high - low, 0, min(self.prefix, self.keys))
        return 2 * self.batch * self.heads * pairs * (self.width + self.value_width)


def _head(spec: Attention, names: dict[str, str]) -> list[str]:
    parameters = [f"Param {k} = {v}" for k, v in spec.parameters.items()]
    arrays = [f"Allocate {k} in global ({v}) as {spec.dtype}" for k, v in names.items()]
    return [*parameters, *arrays]


def forward(spec: Attention, block_m: int = 64, block_n: int = 64, stages: int = 0) -> str:
    """TL Code of the forward pass with the given query and key block sizes."""
    arrays = {"Q": "B, H, NQ, D", "K": "B, HK, NK, D"}
    if not spec.latent:
        arrays["V"] = "B, HK, NK, DV"
    lines = [*_head(spec, {**arrays, "O": "B, H, NQ, DV"})]
    lines += ["Allocate Length in global (B) as int32"] * spec.ragged
    lines += ["Allocate Slope in global (H) as fp32"] * spec.alibi
    lines += ["Allocate L in global (B, H, NQ) as fp32"] * spec.statistics
    lines += [
        f"Param BM = {block_m}",
        f"Param BN = {block_n}",
        "Allocate S in register (BM, BN) as fp32 layout mma_C",
        f"Allocate P in register (BM, BN) as {spec.dtype} layout mma_C",
        "Allocate Acc in register (BM, DV) as fp32 layout mma_C",
        "Allocate m in register (BM) as fp32",
        "Allocate l in register (BM) as fp32",
        "for parallel b = 0 : B",
        "for parallel h = 0 : H",
        "for parallel q = 0 : ceil(NQ, BM)",
        "Copy Q (BM, D) in coordinate [b, h, q * BM, 0] from global to shared",
        "Compute Fill m -inf",
        "Compute Fill l 0",
        "Compute Fill Acc 0",
        *_key_loops(spec, block_n, stages),
        "Compute Divide Acc, l",
        "Copy Acc (BM, DV) in coordinate [b, h, q * BM, 0] from register to global as O",
    ]
    if spec.statistics:
        lines += [
            "Compute Log l",
            "Compute Add m, l",
            "Copy m (BM) in coordinate [b, h, q * BM] from register to global as L",
        ]
    return "\n".join([*lines, "end", "end", "end", ""])


def _key_loops(spec: Attention, block_n: int, stages: int) -> list[str]:
    """Loops over key blocks: [first, clear) masked, [clear, edge) not, [edge, last) masked."""
    shift = spec.keys - spec.queries
    row = f"q * BM + {shift}" if shift >= 0 else f"q * BM - {-shift}"
    length = "Length[b]" if spec.ragged else "NK"
    first, last, clear = "0", f"ceil({length}, BN)", "0"
    edge = f"{length} / BN"
    if spec.masked:
        seen = f"max(0, {row} + BM)"
        open_to = f"max(0, {row} + 1) / BN"
        if spec.prefix:
            seen = f"max({seen}, P0)"
            open_to = f"max({open_to}, P0 / BN)"
        last = f"min({last}, ceil({seen}, BN))"
        edge = f"min({edge}, {open_to})"
    if spec.window:
        first = f"min(max(0, {row} + 1 - W) / BN, {last})"
        clear = f"min(ceil(max(0, {row} + BM - W), BN), {last})"
    ends = spec.ragged or spec.keys % block_n != 0
    masked = _body(spec, _masks(spec, length if ends else "", shift), stages)
    plain = _body(spec, [], stages)
    loops = []
    if spec.window:
        loops += [f"for j = {first} : {clear}", *masked, "end"]
    loops += [f"for j = {clear} : {edge}", *plain, "end"]
    if spec.masked or ends:
        start = f"max({clear}, {edge})" if spec.window else edge
        loops += [f"for j = {start} : {last}", *masked, "end"]
    return loops


def _masks(spec: Attention, length: str, shift: int) -> list[str]:
    """Mask statements for a block at [q * BM, j * BN]; each only removes elements."""
    kinds = [f"bound({length})"] if length else []
    if spec.prefix:
        kinds.append(f"prefix({_signed(shift)}, P0)")
    elif spec.masked:
        kinds.append(f"causal({_signed(shift)})")
    if spec.window:
        kinds.append(f"window({_signed(shift)}, W)")
    return [f"Compute Mask S {kind} [q * BM, j * BN]" for kind in kinds]


def _signed(value: int) -> str:
    return str(value) if value >= 0 else f"0 - {-value}"


def _body(spec: Attention, masks: list[str], stages: int) -> list[str]:
    """One key block: scores, softmax, and the weighted values."""
    later = f" async stages {stages}" if stages else ""
    place = "in coordinate [b, h / G, j * BN, 0] from global to shared"
    score = []
    if spec.softcap:
        score.append(f"Compute Softcap S {spec.softcap!r}")
    if spec.alibi:
        score.append("Compute Alibi S Slope[h] [q * BM, j * BN]")
    value = f"Copy K (BN, DV) {place} as V" if spec.latent else f"Copy V (BN, DV) {place}"
    return [
        f"Copy K (BN, D) {place}{later}",
        "Compute GEMM Q, K.T and get S",
        f"Compute Scale S {spec.scale!r}",
        *score,
        *masks,
        "Compute OnlineSoftmax S, m, l, Acc and get P",
        "Reshape P from mma_C to mma_A",
        f"{value}{later}",
        "Compute GEMM P, V and accumulate Acc",
    ]


def backward(spec: Attention, block_m: int = 64, block_n: int = 64) -> dict[str, str]:
    """TL Code of the backward pass for full and causal attention, as two programs.

    ``keys`` gives dK and dV (a block of keys against all queries, on transposed scores, so that
    no tile in registers is ever transposed), ``queries`` gives dQ. Both recompute the weights
    from the row statistics L of the forward pass and E, the row sums of dO * O.
    ValueError for another variant.
    """
    plain = spec.causal or not spec.masked
    if not plain or spec.softcap or spec.alibi or spec.ragged or spec.latent:
        raise ValueError("the backward pass covers full and causal attention")
    return {
        "keys": _backward_keys(spec, block_m, block_n),
        "queries": _backward_queries(spec, block_m, block_n),
    }


_READ = {
    "Q": "B, H, NQ, D",
    "K": "B, HK, NK, D",
    "V": "B, HK, NK, DV",
    "dO": "B, H, NQ, DV",
}


def _backward_head(spec: Attention, outputs: dict[str, str], sizes: tuple[int, int]) -> list[str]:
    return [
        *_head(spec, {**_READ, **outputs}),
        "Allocate L in global (B, H, NQ) as fp32",
        "Allocate E in global (B, H, NQ) as fp32",
        f"Param BM = {sizes[0]}",
        f"Param BN = {sizes[1]}",
    ]


def _backward_keys(spec: Attention, block_m: int, block_n: int) -> str:
    shift = spec.keys - spec.queries
    first = f"max(0, j * BN - {_bracket(shift)}) / BM" if spec.causal else "0"
    mask = f"Compute Mask S anticausal({_signed(shift)}) [j * BN, q * BM]"
    query = "in coordinate [b, h * G + g, q * BM, 0] from global to shared"
    row = "(1, BM) in coordinate [b, h * G + g, q * BM] from global to register"
    key = "in coordinate [b, h, j * BN, 0]"
    outputs = {"dK": "B, HK, NK, D", "dV": "B, HK, NK, DV"}
    return "\n".join(
        [
            *_backward_head(spec, outputs, (block_m, block_n)),
            *(f"Allocate {n} in register (BN, BM) as fp32 layout mma_C" for n in ("S", "T")),
            *(
                f"Allocate {n} in register (BN, BM) as {spec.dtype} layout mma_C"
                for n in ("P", "R")
            ),
            "Allocate AccK in register (BN, D) as fp32 layout mma_C",
            "Allocate AccV in register (BN, DV) as fp32 layout mma_C",
            "for parallel b = 0 : B",
            "for parallel h = 0 : HK",
            "for parallel j = 0 : ceil(NK, BN)",
            f"Copy K (BN, D) {key} from global to shared",
            f"Copy V (BN, DV) {key} from global to shared",
            "Compute Fill AccK 0",
            "Compute Fill AccV 0",
            "for g = 0 : G",
            f"for q = {first} : ceil(NQ, BM)",
            f"Copy Q (BM, D) {query}",
            f"Copy dO (BM, DV) {query}",
            f"Copy L {row}",
            f"Copy E {row}",
            "Compute GEMM K, Q.T and get S",
            f"Compute Scale S {spec.scale!r}",
            "Compute Subtract S, L",
            *[mask] * spec.causal,
            "Compute Exp S",
            "Compute GEMM V, dO.T and get T",
            "Compute Subtract T, E",
            "Compute Multiply T, S",
            "Compute Cast S and get P",
            "Compute Cast T and get R",
            "Reshape P from mma_C to mma_A",
            "Reshape R from mma_C to mma_A",
            "Compute GEMM P, dO and accumulate AccV",
            "Compute GEMM R, Q and accumulate AccK",
            *("end", "end"),
            f"Compute Scale AccK {spec.scale!r}",
            f"Copy AccK (BN, D) {key} from register to global as dK",
            f"Copy AccV (BN, DV) {key} from register to global as dV",
            *("end", "end", "end", ""),
        ]
    )


def _bracket(value: int) -> str:
    return str(value) if value >= 0 else f"({_signed(value)})"


def _backward_queries(spec: Attention, block_m: int, block_n: int) -> str:
    shift = spec.keys - spec.queries
    row = f"q * BM + {_bracket(shift)}"
    last = f"min(ceil(NK, BN), ceil(max(0, {row} + BM), BN))" if spec.causal else "ceil(NK, BN)"
    query = "in coordinate [b, h, q * BM, 0]"
    key = "in coordinate [b, h / G, j * BN, 0] from global to shared"
    vector = "(BM) in coordinate [b, h, q * BM] from global to register"
    mask = f"Compute Mask S causal({_signed(shift)}) [q * BM, j * BN]"
    return "\n".join(
        [
            *_backward_head(spec, {"dQ": "B, H, NQ, D"}, (block_m, block_n)),
            *(f"Allocate {n} in register (BM, BN) as fp32 layout mma_C" for n in ("S", "T")),
            f"Allocate R in register (BM, BN) as {spec.dtype} layout mma_C",
            "Allocate Acc in register (BM, D) as fp32 layout mma_C",
            "for parallel b = 0 : B",
            "for parallel h = 0 : H",
            "for parallel q = 0 : ceil(NQ, BM)",
            f"Copy Q (BM, D) {query} from global to shared",
            f"Copy dO (BM, DV) {query} from global to shared",
            f"Copy L {vector}",
            f"Copy E {vector}",
            "Compute Fill Acc 0",
            f"for j = 0 : {last}",
            f"Copy K (BN, D) {key}",
            f"Copy V (BN, DV) {key}",
            "Compute GEMM Q, K.T and get S",
            f"Compute Scale S {spec.scale!r}",
            "Compute Subtract S, L",
            *[mask] * spec.causal,
            "Compute Exp S",
            "Compute GEMM dO, V.T and get T",
            "Compute Subtract T, E",
            "Compute Multiply T, S",
            "Compute Cast T and get R",
            "Reshape R from mma_C to mma_A",
            "Compute GEMM R, K and accumulate Acc",
            "end",
            f"Compute Scale Acc {spec.scale!r}",
            f"Copy Acc (BM, D) {query} from register to global as dQ",
            *("end", "end", "end", ""),
        ]
    )
