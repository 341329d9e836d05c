"""Stages as TL programs, for a CPU (C) and for a GPU (TileLang)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evals.kernelbench.stages import Convolution, Line, Product, Scores, Stage
from tools.kernels.attention import Attention, forward
from tools.kernels.gpu.choices import persistent
from tools.kernels.gpu.emitter import GpuSchedule
from tools.kernels.gpu.matrix import PLANES, aligned, planes


class NotHere(ValueError):
    """The target has no right program for a stage; the message says why."""


@dataclass(frozen=True, slots=True)
class Text:
    """A TL program and, for a GPU, what lies below it."""

    code: str
    schedule: GpuSchedule


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of a tile that a target holds near: of a whole row, and of a block; and the least
    rows of a tile (TileLang's fragments of one row are no matrices).
    """

    row: int
    block: int
    least: int


CPU, GPU = Sizes(16384, 16384, 1), Sizes(4096, 4096, 2)
ATTENTION_BLOCK = 64


def for_cpu(stage: Stage) -> list[Text]:
    """The programs of a stage for the C emitter, to run in order."""
    match stage.head:
        case Product() as p:
            code = _panel(stage, p)
        case Convolution() as c:
            code = _convolution(stage, c, c.co)
        case Scores() as s:
            spec = Attention(
                s.batch, s.heads, s.heads, s.queries, s.keys, s.width, s.values, "fp32"
            )
            code = forward(spec, min(ATTENTION_BLOCK, s.queries), min(ATTENTION_BLOCK, s.keys))
        case None:
            code = rows(stage, CPU)
    return [Text(code, GpuSchedule())]


def for_gpu(stage: Stage) -> list[list[Text]]:
    """Choices of programs of a stage for TileLang. Raises NotHere for roads known wrong there:
    fp32 operands of a product other than in planes.
    """
    match stage.head:
        case Product() as p:
            return [_in_planes(stage, p, roles) for roles in (True, False)]
        case Convolution(depthwise=True) as c:
            return [[Text(_convolution(stage, c, _divisor(c.co, 8)), GpuSchedule(128))]]
        case Convolution() | Scores():
            raise NotHere("the GPU road has no fp32-accurate form of it")
        case None:
            return [[Text(rows(stage, GPU), GpuSchedule(threads))] for threads in (256, 128)]


def _join(lines: Sequence[str]) -> str:
    return "\n".join([*lines, ""])


def _head(stage: Stage, sizes: dict[str, int], row: str, column: str) -> list[str]:
    """Parameters and storage; a tile is (row, column)."""
    arrays = [
        f"Allocate {name} in global ({', '.join(map(str, shape))})"
        for name, shape in stage.shapes.items()
    ]
    return [
        *(f"Param {name} = {value}" for name, value in sizes.items()),
        *arrays,
        f"Allocate Y in global ({', '.join(map(str, stage.out_shape))})",
        *(f"Allocate {t} in register ({row}, {column}) as fp32" for t in stage.tiles),
        *(f"Allocate {v} in register ({row}) as fp32" for v in stage.vectors),
    ]


def _text(line: Line, row: str, column: str, lead: str = "", period: int = 1) -> str:
    """A statement at the tile that begins at (row, column)."""
    if line.kind != "load":
        return line.text
    dims, at = {
        "matrix": ("BM, BN", f"{lead}{row}, {column}"),
        "row": ("1, BN", column),
        "column": ("BM", row),
        "periodic": ("BM, BN", f"({row}) % {period}, {column}"),
    }[line.how]
    return f"Copy {line.text} ({dims}) in coordinate [{at}] from global to register"


def rows(stage: Stage, target: Sizes) -> str:
    """A stage that begins with a matrix.

    Rows that fit are held whole; longer ones are read again for each reduction, block by block.
    """
    reductions = [at for at, line in enumerate(stage.lines) if line.kind == "reduce"]
    m, n = stage.rows, stage.columns
    whole = bool(reductions) and n <= target.row
    bn = n if whole else _divisor(n, 1024) if reductions else min(n, 1024)
    if reductions and not whole and bn < 64:
        raise NotHere(f"rows of {n} have no blocks of a good size")
    bm = max(target.least, min(m, 64, target.block // bn))
    if stage.periodic and (bm := _divisor(_period(stage), bm)) < target.least:
        raise NotHere("weights that differ from row to row")
    out = "BM" if stage.result in stage.vectors else "BM, BN"
    head = _head(stage, {"M": m, "N": n, "BM": bm, "BN": bn}, "BM", "BN")
    if not reductions or whole:
        column = "0" if whole else "j * BN"
        at = "i * BM" if out == "BM" else f"i * BM, {column}"
        loops = ["for parallel i = 0 : ceil(M, BM)"]
        loops += [] if whole else ["for parallel j = 0 : ceil(N, BN)"]
        body = [_fused(stage, line, column) for line in stage.lines]
        store = f"Copy {stage.result} ({out}) in coordinate [{at}] from register to global as Y"
        return _join([*head, *loops, *body, store, *["end"] * len(loops)])
    return _join([*head, "for parallel i = 0 : ceil(M, BM)", *_passes(stage, reductions), "end"])


def _fused(stage: Stage, line: Line, column: str) -> str:
    if line.kind == "reduce":
        return f"Compute {line.text} {line.tile} and get {line.vector}"
    return _text(line, "i * BM", column, period=_period(stage))


def _passes(stage: Stage, reductions: list[int]) -> list[str]:
    """One loop over the blocks of a row for each reduction, and one for the result."""
    found: list[str] = []
    matrix = stage.result not in stage.vectors
    before = 0
    for at in [*reductions, *[len(stage.lines)] * matrix]:
        end = at == len(stage.lines)
        found += [s.text for s in stage.lines[before:at] if s.kind == "vector"]
        line = stage.lines[at] if not end else Line("reduce", "")
        work = [s for s in stage.lines[:at] if s.kind in ("load", "matrix")]
        body = [_text(s, "i * BM", "j * BN", period=_period(stage)) for s in work]
        if end:
            last = f"Copy {stage.result} (BM, BN) in coordinate [i * BM, j * BN]"
            body.append(f"{last} from register to global as Y")
        else:
            start = "0" if line.text == "RowSum" else "-inf"
            found.append(f"Compute Fill {line.vector} {start}")
            body.append(f"Compute {line.text} {line.tile} and accumulate {line.vector}")
        found += ["for j = 0 : ceil(N, BN)", *body, "end"]
        before = at
    if not matrix:
        found += [s.text for s in stage.lines[before:] if s.kind == "vector"]
        store = f"Copy {stage.result} (BM) in coordinate [i * BM]"
        found.append(f"{store} from register to global as Y")
    return found


def _period(stage: Stage) -> int:
    names = [line.text for line in stage.lines if line.how == "periodic"]
    return stage.shapes[names[0]][0] if names else 1


def _divisor(n: int, most: int) -> int:
    """The largest divisor of ``n`` that is at most ``most``."""
    return next(d for d in range(min(n, most), 0, -1) if n % d == 0)


def _operands(p: Product) -> tuple[str, str, str, str, str]:
    """Tiles and places of A and B, and the product, as TL writes them."""
    left = ("BK, BM", "k * BK, i * BM") if p.left_transposed else ("BM, BK", "i * BM, k * BK")
    right = ("BN, BK", "j * BN, k * BK") if p.right_transposed else ("BK, BN", "k * BK, j * BN")
    product = f"A{'.T' * p.left_transposed}, B{'.T' * p.right_transposed}"
    return (*left, *right, product)


def _epilogue(stage: Stage) -> list[str]:
    return [_text(line, "i * BM", "j * BN", lead="l, ") for line in stage.lines]


def _panel(stage: Stage, p: Product) -> str:
    """A panel of B serves all of A (Goto and van de Geijn); the epilogue runs on the last of k."""
    ta, at, tb, bt, product = _operands(p)
    sizes = {"L": p.batch, "M": p.m, "N": p.n, "K": p.k}
    sizes |= {"BM": min(96, p.m), "BN": min(768, p.n), "BK": min(256, p.k)}
    place = "(BM, BN) in coordinate [l, i * BM, j * BN]"
    last = ["if k == ceil(K, BK) - 1", *_epilogue(stage), "end"] if stage.lines else []
    return _join(
        [
            *_head(stage, sizes, "BM", "BN"),
            "Allocate Acc in register (BM, BN) as fp32 layout mma_C",
            "for parallel l = 0 : L",
            "for parallel j = 0 : ceil(N, BN)",
            "for k = 0 : ceil(K, BK)",
            f"Copy B ({tb}) in coordinate [l, {bt}] from global to shared",
            "for i = 0 : ceil(M, BM)",
            f"Copy A ({ta}) in coordinate [l, {at}] from global to shared",
            *("Compute Fill Acc 0", "if k > 0"),
            *(f"Copy Y {place} from global to register as Acc", "end"),
            f"Compute GEMM {product} and accumulate Acc",
            *last,
            f"Copy {stage.result} {place} from register to global as Y",
            *["end"] * 4,
        ]
    )


def _convolution(stage: Stage, c: Convolution, channels: int) -> str:
    """One row of output pixels at a time, a tap a step; an image is a (channels, pixels) matrix."""
    (r, s), (dy, dx), (oh, ow) = c.kernel, c.dilation, c.out
    bn = _divisor(ow, 512)
    sizes = {"NB": c.batch, "W": c.width, "OH": oh, "OW": ow, "CO": c.co, "CI": c.ci}
    sizes |= {"R": r, "S": s, "BM": channels, "BN": bn, "CB": c.co // channels}
    image, channel = "b / CB", "b % CB * BM"
    pixel = f"(y + r * {dy}) * W + x * BN + c * {dx}"
    if c.depthwise:
        step = [
            f"Copy A (BM, BN) in coordinate [{image}, {channel}, {pixel}] from global to register",
            f"Copy B (BM) in coordinate [r * S + c, {channel}] from global to register",
            *("Compute Multiply A, B", "Compute Add Acc, A"),
        ]
    else:
        step = [
            f"Copy B (BM, CI) in coordinate [r * S + c, {channel}, 0] from global to shared",
            f"Copy A (CI, BN) in coordinate [{image}, 0, {pixel}] from global to shared",
            "Compute GEMM B, A and accumulate Acc",
        ]
    place = f"[{image}, {channel}, y * OW + x * BN]"
    layout = "" if c.depthwise else " layout mma_C"
    epilogue = [_text(s, channel, "y * OW + x * BN", lead=f"{image}, ") for s in stage.lines]
    loops = {"b": "NB * CB", "y": "OH", "x": "OW / BN"}  # a grid has three dimensions
    return _join(
        [
            *_head(stage, sizes, "BM", "BN"),
            f"Allocate Acc in register (BM, BN) as fp32{layout}",
            *(f"for parallel {name} = 0 : {extent}" for name, extent in loops.items()),
            "Compute Fill Acc 0",
            *("for r = 0 : R", "for c = 0 : S", *step, "end", "end"),
            *epilogue,
            f"Copy {stage.result} (BM, BN) in coordinate {place} from register to global as Y",
            *["end"] * len(loops),
        ]
    )


def _in_planes(stage: Stage, p: Product, roles: bool) -> list[Text]:
    """An fp32 product on bf16 tensor cores: operands in three planes, six products, and blocks
    of k added by ordinary additions (``tools.kernels.gpu.matrix``).
    """
    if p.batch > 1:
        raise NotHere("products of batches in planes are not written")
    a = (p.k, p.m) if p.left_transposed else (p.m, p.k)
    b = (p.n, p.k) if p.right_transposed else (p.k, p.n)
    small = bool(stage.tiles)
    block = (128, 64 if small else 128, 32)
    sizes = {"M": p.m, "N": p.n, "K": p.k, "BM": block[0], "BN": block[1], "BK": block[2]}
    kept = {n: s for n, s in stage.shapes.items() if n not in "AB"}
    shaped = Stage(stage.rows, stage.columns, stage.head, {}, kept, stage.tiles)
    body = [_text(line, "i * BM", "j * BN", lead="0, ") for line in stage.lines]
    code = [
        *_head(shaped, sizes, "BM", "BN"),
        f"Allocate AP in global (3, {a[0]}, {aligned(a[1])}) as bf16",
        f"Allocate BP in global (3, {b[0]}, {aligned(b[1])}) as bf16",
        "Allocate Acc in register (BM, BN) as fp32 layout mma_C",
        "Allocate T in register (BM, BN) as fp32 layout mma_C",
        *("for parallel i = 0 : ceil(M, BM)", "for parallel j = 0 : ceil(N, BN)"),
        *("Compute Fill Acc 0", "for k = 0 : ceil(K, BK)"),
    ]
    code += _plane_products(p)
    place = "(BM, BN) in coordinate [0, i * BM, j * BN]"
    code += ["Compute Add Acc, T", "end", *body]
    code += [f"Copy {stage.result} {place} from register to global as Y", "end", "end"]
    schedule = persistent(block, 256, 3, swizzle=8).schedule if roles else GpuSchedule(256, 3)
    split = [Text(planes(name, *size), GpuSchedule()) for name, size in (("A", a), ("B", b))]
    return [*split, Text(_join(code), schedule)]


def _plane_products(p: Product) -> list[str]:
    """One block of k: three tiles of each operand, and the products that count, smallest first."""
    ta, at, tb, bt, _ = _operands(p)
    lines = []
    for t in range(3):
        lines += [
            f"Copy AP ({ta}) in coordinate [{t}, {at}] from global to shared as A{t}",
            f"Copy BP ({tb}) in coordinate [{t}, {bt}] from global to shared as B{t}",
        ]
    left, right = ".T" * p.left_transposed, ".T" * p.right_transposed
    for turn, (x, y) in enumerate(PLANES):
        how = "accumulate" if turn else "get"
        lines.append(f"Compute GEMM A{x}{left}, B{y}{right} and {how} T")
    return lines
