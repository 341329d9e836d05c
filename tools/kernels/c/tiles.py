"""Micro-kernels on matrix tiles (AMX): 16 x 16 results, 32 bf16 or 64 int8 of k at once.

A left tile is 16 rows of 64 bytes, packed or in place; a right one is 16 rows of k groups, 16
columns each. Whatever lies outside the arrays is packed as zero, and results outside are
not written.
"""

from __future__ import annotations

from tools.kernels.c.isa import Dot, Isa
from tools.kernels.c.micro import TYPES, Micro
from tools.kernels.c.plan import Schedule

SIDE = 16  # rows and columns of a result tile
TILES = 8
LINE = 64  # bytes of a cache line, and of a tile's row
NEAR = 32 << 10  # bytes of a right panel that stay in the first cache
_PRODUCTS = {"bf16": "_tile_dpbf16ps", "int8": "_tile_dpbssd"}


def unfit(dot: Dot, schedule: Schedule) -> str:
    """Why a schedule's register tile cannot be made of matrix tiles; empty where it can."""
    if not dot.tile_row:
        return ""
    if schedule.rows % SIDE:
        return f"a matrix tile has {SIDE} rows: {schedule.rows} are no multiple"
    high, wide = schedule.rows // SIDE, schedule.vectors
    # One row of tiles needs its right tiles one after the other, several need them kept.
    if high * wide + high + (wide if high > 1 else 1) > TILES:
        return f"{high} x {wide} results and their operands are more than {TILES} tiles"
    return ""


def pass_steps(panel: int) -> int:
    """Steps of k after which a product turns to the next panel: so much of one stays near."""
    return NEAR // (LINE * panel)


def print_tiles(m: Micro, isa: Isa) -> str:
    """The C function; ``keep`` nonzero adds to what the result holds."""
    element, result = TYPES[m.dtype]
    high = -(-m.rows // SIDE)
    cells = [(r, v) for r in range(high) for v in range(m.vectors)]
    lines = [
        f"static void {m.name}(long steps, const {element} *a, const {element} *b, "
        f"{result} *c, int keep, long lanes) {{",
        # GCC's tile loads do not say that they read memory.
        '  __asm__ volatile("" ::: "memory");',
        # A tile load that misses takes its rows one after the other: they are called before.
        *(f"  if (keep) {_fetch(_place(m, r, v), m.ldc)}" for r, v in cells if _whole(m, r, v)),
        *(line for r, v in cells for line in _begin(m, r, v)),
        "  for (long k = 0; k < steps; k++) {",
        *(f"    {line}" for r, v in cells for line in _step(m, isa, high, r, v)),
        f"    a += {m.left_step};",
        f"    b += {m.right_step};",
        "  }",
        *(line for r, v in cells for line in _end(m, r, v)),
        *("  (void)lanes;", "}", ""),
    ]
    return "\n".join(lines)


def _whole(m: Micro, r: int, v: int) -> bool:
    """Whether all of a result tile is wanted."""
    return m.rows >= (r + 1) * SIDE and not (m.masked and v == m.vectors - 1)


def _place(m: Micro, r: int, v: int) -> str:
    return f"c + {r * SIDE * m.ldc + v * SIDE}"


def _fetch(place: str, stride: int) -> str:
    return f"for (int i = 0; i < {SIDE}; i++) __builtin_prefetch({place} + i * {stride}L);"


def _begin(m: Micro, r: int, v: int) -> list[str]:
    tile = r * m.vectors + v
    if not _whole(m, r, v):
        return [f"  _tile_zero({tile});"]
    load = f"_tile_loadd({tile}, {_place(m, r, v)}, {4 * m.ldc})"
    return [f"  if (keep) {load};", f"  else _tile_zero({tile});"]


def _step(m: Micro, isa: Isa, high: int, r: int, v: int) -> list[str]:
    """One product, after the loads of the operands that it is the first to need."""
    dot = isa.dots[m.dtype]
    size = 4 // dot.group
    first = high * m.vectors
    left, right = first + r, first + high + v % (TILES - first - high)
    lines = []
    if v == 0:
        at = r * SIDE * m.left_row
        lines.append(f"_tile_loadd({left}, a + {at}, {m.left_row * size});")
        lines += [_fetch(f"a + {at + m.ahead * m.left_step}", m.left_row)] * bool(m.ahead)
    if r == 0:
        at, stride = v * SIDE * dot.group, m.right_step // SIDE
        lines.append(f"_tile_loadd({right}, b + {at}, {stride * size});")
        lines += [_fetch(f"b + {at + m.ahead * m.right_step}", stride)] * bool(m.ahead)
    return [*lines, f"{_PRODUCTS[m.dtype]}({r * m.vectors + v}, {left}, {right});"]


def _end(m: Micro, r: int, v: int) -> list[str]:
    """A whole tile to its place, a part of one by way of memory."""
    tile, place = r * m.vectors + v, _place(m, r, v)
    if _whole(m, r, v):
        return [f"  _tile_stored({tile}, {place}, {4 * m.ldc});"]
    integer = m.dtype == "int8"
    kind, letter, result = ("vi", "i", "int32_t") if integer else ("vf", "v", "float")
    n = "lanes" if m.masked and v == m.vectors - 1 else str(SIDE)
    return [
        "  {",
        f"    {result} part[{SIDE * SIDE}] ALIGNED;",
        f"    _tile_stored({tile}, part, {4 * SIDE});",
        f"    for (long r = 0; r < {min(SIDE, m.rows - r * SIDE)}; r++) {{",
        f"      {kind} x = {letter}_load(part + r * {SIDE});",
        f"      {result} *to = {place} + r * {m.ldc};",
        f"      if (keep) x += {letter}_loadm(to, {n});",
        f"      {letter}_storem(to, x, {n});",
        *("    }", "  }"),
    ]
