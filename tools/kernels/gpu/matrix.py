"""Matrix products on a GPU as chains of TL programs that run one after the other.

A chain's programs share arrays by name; what is neither an argument nor the result of the
operator is workspace. Rows that a copy engine cannot address (not a multiple of 16 bytes) are
first copied into padded ones. A product with few tiles of C is split along k and its parts are
summed in order, so two runs agree. A product of fp32 matrices runs on bf16 tensor cores: every
operand is the sum of three bf16 planes (8 bits of the mantissa each), and of the nine products of
planes the six of the largest weight are added, smallest first.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.kernels.operators import Gemm

PLANES = ((0, 2), (2, 0), (1, 1), (0, 1), (1, 0), (0, 0))
"""Planes of A and B that are multiplied, by rising weight; those left out weigh 2^-24 and less."""
BLOCKS = 65535  # of a grid along any dimension but the innermost
LINE = 8  # elements of 16-bit types in the 16 bytes a row must be a multiple of


@dataclass(frozen=True, slots=True)
class Blocks:
    """Tile sizes of the product, and into how many parts k is split."""

    m: int
    n: int
    k: int
    parts: int = 1


def chain(spec: Gemm, blocks: Blocks, padded: bool = True) -> list[str]:
    """TL programs of C = A B for one pair of row-major matrices, the product the last but a sum.

    Without ``padded``, unaligned rows stay as they are. ValueError for a batch, an epilogue, int8
    or a transposed B.
    """
    if spec.batch > 1 or spec.transposed or spec.bias or spec.activation or spec.dtype == "int8":
        raise ValueError("a chain multiplies one pair of plain matrices")
    before = []
    for name, rows, columns in (("A", spec.m, spec.k), ("B", spec.k, spec.n)):
        if spec.dtype == "fp32":
            before.append(planes(name, rows, columns))
        elif padded and columns % LINE:
            before.append(_padded(name, rows, columns, spec.dtype))
    after = [_sum(spec, blocks.parts)] if blocks.parts > 1 else []
    return [*before, _product(spec, blocks, padded), *after]


def product_of(programs: list[str]) -> int:
    """Which program of a chain multiplies."""
    return next(at for at, text in enumerate(programs) if "GEMM" in text)


def aligned(size: int) -> int:
    """A row's length made a multiple of 16 bytes of a 16-bit type."""
    return -(-size // LINE) * LINE


def _join(lines: list[str]) -> str:
    return "\n".join([*lines, ""])


def _sizes(**sizes: int) -> list[str]:
    return [f"Param {name} = {value}" for name, value in sizes.items()]


def _band(rows: int) -> int:
    """Rows of a block of a copy, so that no grid has too many blocks."""
    band = 4
    while -(-rows // band) > BLOCKS:
        band *= 2
    return band


def _padded(name: str, rows: int, columns: int, dtype: str) -> str:
    return _join(
        [
            *_sizes(L=1, R=rows, C=columns, W=aligned(columns), BR=_band(rows), BC=512),
            f"Allocate {name} in global (L, R, C) as {dtype}",
            f"Allocate {name}P in global (L, R, W) as {dtype}",
            "for parallel i = 0 : ceil(R, BR)",
            "for parallel j = 0 : ceil(W, BC)",
            f"Copy {name} (BR, BC) in coordinate [0, i * BR, j * BC] from global to register",
            f"Copy {name} (BR, BC) in coordinate [0, i * BR, j * BC] from register to global "
            f"as {name}P",
            *("end", "end"),
        ]
    )


def planes(name: str, rows: int, columns: int) -> str:
    """A program that splits an fp32 matrix into three bf16 planes whose sum it is."""
    """x = high + middle + low, each the bf16 nearest to what the ones before leave."""
    lines = [
        *_sizes(L=1, R=rows, C=columns, W=aligned(columns), T=3, BR=_band(rows), BC=512),
        f"Allocate {name} in global (L, R, C) as fp32",
        f"Allocate {name}P in global (T, R, W) as bf16",
        *(f"Allocate H{t} in register (BR, BC) as bf16" for t in range(3)),
        "for parallel i = 0 : ceil(R, BR)",
        "for parallel j = 0 : ceil(W, BC)",
        f"Copy {name} (BR, BC) in coordinate [0, i * BR, j * BC] from global to register",
    ]
    for t in range(3):
        lines += [
            f"Compute Cast {name} and get H{t}",
            *[f"Compute Subtract {name}, H{t}"] * (t < 2),
            f"Copy H{t} (BR, BC) in coordinate [{t}, i * BR, j * BC] from register to global "
            f"as {name}P",
        ]
    return _join([*lines, "end", "end"])


def _product(spec: Gemm, blocks: Blocks, padded: bool) -> str:
    exact = spec.dtype == "fp32"
    kind = "bf16" if exact else spec.dtype
    a, b = (
        f"{x}P" if exact or (padded and n % LINE) else x for x, n in (("A", spec.k), ("B", spec.n))
    )
    planes = 3 if exact else 1
    share = -(-spec.k // (blocks.parts * blocks.k)) * blocks.k
    sizes = {"L": planes, "M": spec.m, "N": spec.n, "K": spec.k, "KP": spec.k, "NP": spec.n}
    sizes |= {"KP": aligned(spec.k)} if a != "A" else {}
    sizes |= {"NP": aligned(spec.n)} if b != "B" else {}
    sizes |= {"S": blocks.parts, "KS": share, "BM": blocks.m, "BN": blocks.n, "BK": blocks.k}
    out = "C" if blocks.parts == 1 else "Part"
    lines = [
        *_sizes(**sizes),
        f"Allocate {a} in global (L, M, KP) as {kind}",
        f"Allocate {b} in global (L, K, NP) as {kind}",
        f"Allocate {out} in global (S, M, N) as {spec.dtype if out == 'C' else 'fp32'}",
        "Allocate Acc in register (BM, BN) as fp32 layout mma_C",
        *["Allocate T in register (BM, BN) as fp32 layout mma_C"] * exact,
        "for parallel s = 0 : S",
        "for parallel i = 0 : ceil(M, BM)",
        "for parallel j = 0 : ceil(N, BN)",
        "Compute Fill Acc 0",
        "for k = 0 : ceil(KS, BK)",
        *_turn(a, b, planes),
        "end",
        f"Copy Acc (BM, BN) in coordinate [s, i * BM, j * BN] from register to global as {out}",
        *("end", "end", "end"),
    ]
    return _join(lines)


def _turn(a: str, b: str, planes: int) -> list[str]:
    """One block of k. Sums of planes are added to the total by ordinary fp32 additions,
    because a tensor core cuts off what a long sum of its own does not hold.
    """
    lines = []
    for t in range(planes):
        left, right = f"A{t}", f"B{t}"
        lines += [
            f"Copy {a} (BM, BK) in coordinate [{t}, i * BM, s * KS + k * BK] from global to "
            f"shared as {left}",
            f"Copy {b} (BK, BN) in coordinate [{t}, s * KS + k * BK, j * BN] from global to "
            f"shared as {right}",
        ]
    if planes == 1:
        return [*lines, "Compute GEMM A0, B0 and accumulate Acc"]
    for at, (x, y) in enumerate(PLANES):
        lines.append(f"Compute GEMM A{x}, B{y} and {'accumulate' if at else 'get'} T")
    return [*lines, "Compute Add Acc, T"]


def _sum(spec: Gemm, parts: int) -> str:
    return _join(
        [
            *_sizes(L=1, S=parts, M=spec.m, N=spec.n, BR=4, BC=256),
            "Allocate Part in global (S, M, N) as fp32",
            f"Allocate C in global (L, M, N) as {spec.dtype}",
            "Allocate Acc in register (BR, BC) as fp32",
            "for parallel i = 0 : ceil(M, BR)",
            "for parallel j = 0 : ceil(N, BC)",
            "Compute Fill Acc 0",
            "for s = 0 : S",
            "Copy Part (BR, BC) in coordinate [s, i * BR, j * BC] from global to register",
            "Compute Add Acc, Part",
            "end",
            "Copy Acc (BR, BC) in coordinate [0, i * BR, j * BC] from register to global as C",
            *("end", "end"),
        ]
    )
