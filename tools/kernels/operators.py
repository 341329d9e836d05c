"""Operators beside attention: their shapes and the TL programs a proposer writes for them.

Matrices are row-major. The block sizes are arguments, so that a search can choose them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WIDE = {"fp32": "fp32", "fp16": "fp32", "bf16": "fp32", "int8": "int32"}
Activation = Literal["", "Relu", "Gelu", "Silu", "Tanh", "Sigmoid"]


@dataclass(frozen=True, slots=True)
class Gemm:
    """C = activation(A B + bias) for ``batch`` pairs; B is (n, k) when ``transposed``.

    int8 multiplies into int32 and takes no epilogue; the other types accumulate in fp32 and
    return ``dtype``.
    """

    m: int
    n: int
    k: int
    dtype: str = "fp32"
    batch: int = 1
    transposed: bool = False
    bias: bool = False
    activation: Activation = ""

    @property
    def flops(self) -> int:
        return 2 * self.batch * self.m * self.n * self.k


@dataclass(frozen=True, slots=True)
class Rows:
    """A function of each row of an (rows, columns) fp32 matrix.

    ``softmax``, ``layernorm`` and ``rmsnorm`` (with weights G, and B for layernorm) return a
    matrix; ``sum``, ``max`` and ``mean`` one number a row.
    """

    kind: Literal["softmax", "layernorm", "rmsnorm", "sum", "max", "mean"]
    rows: int
    columns: int

    @property
    def flops(self) -> int:
        return 5 * self.rows * self.columns


@dataclass(frozen=True, slots=True)
class Elementwise:
    """activation(X) for every element of a (rows, columns) fp32 matrix."""

    kind: Literal["Relu", "Gelu", "Silu", "Tanh", "Sigmoid", "Exp"]
    rows: int
    columns: int

    @property
    def flops(self) -> int:
        return 8 * self.rows * self.columns


@dataclass(frozen=True, slots=True)
class Gemv:
    """y = A x for an (m, k) matrix."""

    m: int
    k: int

    @property
    def flops(self) -> int:
        return 2 * self.m * self.k


@dataclass(frozen=True, slots=True)
class Conv2d:
    """Convolution, zero padding ``pad`` on all sides, NHWC and weights (kh, kw, ci, co).

    ``depthwise`` filters each channel on its own: ``co`` equals ``ci`` and weights are
    (kh, kw, ci). A ``stride`` above one must divide the width.
    """

    batch: int
    height: int
    width: int
    ci: int
    co: int
    kernel: int
    pad: int = 0
    depthwise: bool = False
    stride: int = 1

    @property
    def out_height(self) -> int:
        return (self.height + 2 * self.pad - self.kernel) // self.stride + 1

    @property
    def out_width(self) -> int:
        return (self.width + 2 * self.pad - self.kernel) // self.stride + 1

    @property
    def flops(self) -> int:
        channels = self.ci if self.depthwise else self.ci * self.co
        pixels = self.batch * self.out_height * self.out_width
        return 2 * pixels * self.kernel**2 * channels


def _join(*lines: str) -> str:
    return "\n".join([*lines, ""])


def _gemm_head(spec: Gemm, bm: int, bn: int, bk: int) -> list[str]:
    wide = WIDE[spec.dtype]
    out = wide if spec.dtype == "int8" else spec.dtype
    sizes = {"L": spec.batch, "M": spec.m, "N": spec.n, "K": spec.k, "BM": bm, "BN": bn, "BK": bk}
    b = "N, K" if spec.transposed else "K, N"
    return [
        *(f"Param {name} = {value}" for name, value in sizes.items()),
        f"Allocate A in global (L, M, K) as {spec.dtype}",
        f"Allocate B in global (L, {b}) as {spec.dtype}",
        *["Allocate Bias in global (N) as fp32"] * spec.bias,
        f"Allocate C in global (L, M, N) as {out}",
        f"Allocate Acc in register (BM, BN) as {wide} layout mma_C",
    ]


def _copies(spec: Gemm, stages: int) -> tuple[str, str, str]:
    """The two loads and the product."""
    later = f" async stages {stages}" if stages else ""
    a = f"Copy A (BM, BK) in coordinate [l, i * BM, k * BK] from global to shared{later}"
    tile, at = ("BN, BK", "j * BN, k * BK") if spec.transposed else ("BK, BN", "k * BK, j * BN")
    b = f"Copy B ({tile}) in coordinate [l, {at}] from global to shared{later}"
    right = "B.T" if spec.transposed else "B"
    return a, b, f"Compute GEMM A, {right} and accumulate Acc"


def _epilogue(spec: Gemm) -> list[str]:
    lines = []
    if spec.bias:
        lines += [
            "Copy Bias (1, BN) in coordinate [j * BN] from global to register",
            "Compute Add Acc, Bias",
        ]
    return [*lines, *[f"Compute {spec.activation} Acc"] * bool(spec.activation)]


_STORE = "Copy Acc (BM, BN) in coordinate [l, i * BM, j * BN] from register to global as C"


def gemm_blocked(spec: Gemm, bm: int, bn: int, bk: int, stages: int = 0) -> str:
    """Output-stationary sketch: each block of C stays in registers over all of k."""
    a, b, product = _copies(spec, stages)
    return _join(
        *_gemm_head(spec, bm, bn, bk),
        "for parallel l = 0 : L",
        "for parallel i = 0 : ceil(M, BM)",
        "for parallel j = 0 : ceil(N, BN)",
        "Compute Fill Acc 0",
        "for k = 0 : ceil(K, BK)",
        *(a, b, product, "end"),
        *_epilogue(spec),
        *(_STORE, "end", "end", "end"),
    )


def gemm_panel(spec: Gemm, bm: int, bn: int, bk: int) -> str:
    """Panel-stationary sketch (Goto and van de Geijn): a panel of B serves all of A."""
    a, b, product = _copies(spec, 0)
    epilogue = _epilogue(spec)
    sums = "Copy C (BM, BN) in coordinate [l, i * BM, j * BN] from global to register as Acc"
    return _join(
        *_gemm_head(spec, bm, bn, bk),
        "for parallel l = 0 : L",
        "for parallel j = 0 : ceil(N, BN)",
        "for k = 0 : ceil(K, BK)",
        b,
        "for i = 0 : ceil(M, BM)",
        a,
        "Compute Fill Acc 0",
        *(["if k > 0", sums, "end"] if bk < spec.k else []),
        product,
        *(["if k == ceil(K, BK) - 1", *epilogue, "end"] if epilogue else []),
        *(_STORE, "end", "end", "end", "end"),
    )


def rows(spec: Rows, bm: int) -> str:
    """One pass over memory: whole rows are held near while they are reduced and rewritten."""
    weights = {"layernorm": ("G", "B"), "rmsnorm": ("G",)}.get(spec.kind, ())
    matrix = spec.kind in ("softmax", "layernorm", "rmsnorm")
    body = {
        "softmax": [
            *("Compute RowMax X and get m", "Compute Subtract X, m", "Compute Exp X"),
            *("Compute RowSum X and get s", "Compute Reciprocal s", "Compute Multiply X, s"),
        ],
        "layernorm": [
            *("Compute RowSum X and get m", _mean("m"), "Compute Subtract X, m"),
            *("Compute Square X and get T", "Compute RowSum T and get s", _mean("s")),
            *("Compute Offset s 1e-05", "Compute Rsqrt s", "Compute Multiply X, s"),
            *("Compute Multiply X, G", "Compute Add X, B"),
        ],
        "rmsnorm": [
            *("Compute Square X and get T", "Compute RowSum T and get s", _mean("s")),
            *("Compute Offset s 1e-05", "Compute Rsqrt s", "Compute Multiply X, s"),
            "Compute Multiply X, G",
        ],
        "sum": ["Compute RowSum X and get s"],
        "max": ["Compute RowMax X and get s"],
        "mean": ["Compute RowSum X and get s", _mean("s")],
    }[spec.kind]
    lines = [line.replace("COLUMNS", repr(1.0 / spec.columns)) for line in body]
    out = "X (BM, N) in coordinate [i * BM, 0]" if matrix else "s (BM) in coordinate [i * BM]"
    return _join(
        *(f"Param M = {spec.rows}", f"Param N = {spec.columns}", f"Param BM = {bm}"),
        "Allocate X in global (M, N)",
        *(f"Allocate {w} in global (N)" for w in weights),
        f"Allocate Y in global ({'M, N' if matrix else 'M'})",
        "for parallel i = 0 : ceil(M, BM)",
        *(f"Copy {w} (1, N) in coordinate [0] from global to register" for w in weights),
        "Copy X (BM, N) in coordinate [i * BM, 0] from global to register",
        *lines,
        f"Copy {out} from register to global as Y",
        "end",
    )


def _mean(name: str) -> str:
    return f"Compute Scale {name} COLUMNS"


def elementwise(spec: Elementwise, bm: int) -> str:
    """One load, one function, one store."""
    return _join(
        *(f"Param M = {spec.rows}", f"Param N = {spec.columns}", f"Param BM = {bm}"),
        "Allocate X in global (M, N)",
        "Allocate Y in global (M, N)",
        "for parallel i = 0 : ceil(M, BM)",
        "Copy X (BM, N) in coordinate [i * BM, 0] from global to register",
        f"Compute {spec.kind} X",
        "Copy X (BM, N) in coordinate [i * BM, 0] from register to global as Y",
        "end",
    )


def gemv(spec: Gemv, bm: int) -> str:
    """Row-wise dot products; the matrix is read once."""
    return _join(
        *(f"Param M = {spec.m}", f"Param K = {spec.k}", f"Param BM = {bm}"),
        "Allocate A in global (M, K)",
        "Allocate X in global (K)",
        "Allocate Y in global (M)",
        "for parallel i = 0 : ceil(M, BM)",
        "Copy X (1, K) in coordinate [0] from global to register",
        "Copy A (BM, K) in coordinate [i * BM, 0] from global to register",
        "Compute Multiply A, X",
        "Compute RowSum A and get s",
        "Copy s (BM) in coordinate [i * BM] from register to global as Y",
        "end",
    )


def conv2d(spec: Conv2d, block: int) -> str:
    """Implicit GEMM over a row of ``block`` output pixels, one product a filter tap.

    TL's tiles have unit stride. With a stride S, S pixels of a row are taken as one of S times the
    channels: the pixels that a tap meets are then neighbours, at an offset within them.
    """
    sizes = {
        "NB": spec.batch,
        "H": spec.height,
        "W": spec.width,
        "CI": spec.ci,
        "CO": spec.co,
        "R": spec.kernel,
        "S": spec.stride,
        "OH": spec.out_height,
        "OW": spec.out_width,
        "BW": block,
    }
    tile = "BW, CI" if spec.depthwise else "BW, CO"
    weights = "R, R, CI" if spec.depthwise else "R, R, CI, CO"
    whole = -(-spec.pad // spec.stride)  # strides that keep the tap's column positive
    column = f"(c + {whole * spec.stride - spec.pad})"
    place = (
        f"[n, y + r - {spec.pad}, x * BW + c - {spec.pad}, 0]"
        if spec.stride == 1
        else f"[n, y * S + r - {spec.pad}, x * BW + {column} / S - {whole}, "
        f"({column} - {column} / S * S) * CI]"
    )
    if spec.depthwise:
        step = [
            f"Copy X (BW, CI) in coordinate {place} from global to register",
            "Copy F (1, CI) in coordinate [r, c, 0] from global to register",
            *("Compute Multiply X, F", "Compute Add Acc, X"),
        ]
    else:
        step = [
            f"Copy X (BW, CI) in coordinate {place} from global to shared",
            "Copy F (CI, CO) in coordinate [r, c, 0, 0] from global to shared",
            "Compute GEMM X, F and accumulate Acc",
        ]
    return _join(
        *(f"Param {name} = {value}" for name, value in sizes.items()),
        f"Allocate X in global (NB, H, {'W, CI' if spec.stride == 1 else 'W / S, S * CI'})",
        f"Allocate F in global ({weights})",
        "Allocate Y in global (NB, OH, OW, CO)",
        f"Allocate Acc in register ({tile}) as fp32 layout {'row' if spec.depthwise else 'mma_C'}",
        "for parallel n = 0 : NB",
        "for parallel y = 0 : OH",
        "for parallel x = 0 : ceil(OW, BW)",
        "Compute Fill Acc 0",
        *("for r = 0 : R", "for c = 0 : R", *step, "end", "end"),
        f"Copy Acc ({tile}) in coordinate [n, y, x * BW, 0] from register to global as Y",
        *("end", "end", "end"),
    )
