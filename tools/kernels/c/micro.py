"""Micro-kernels: one register tile of C += A B, printed as straight-line C.

A tile is ``rows`` by ``vectors`` registers. The left operand is broadcast (packed as [k][row],
or read in place with constant strides), the right one is loaded by vectors (packed as
[k][column], or read in place with a constant row stride).
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.kernels.c.isa import Isa


@dataclass(frozen=True, slots=True)
class Micro:
    """Shape and operand access of one micro-kernel.

    ``left_row``/``left_step`` are element strides of the left operand along rows and k steps,
    ``right_step`` of the right one along k steps; ``ldc`` of the result's rows. With
    ``masked`` the last vector holds only ``lanes`` columns. ``compensated`` adds the int8
    correction that follows each packed right panel. ``ahead`` is for matrix tiles (``Schedule``).
    """

    dtype: str
    rows: int
    vectors: int
    left_row: int
    left_step: int
    right_step: int
    ldc: int
    masked: bool
    unroll: int
    compensated: bool = False
    ahead: int = 0

    @property
    def name(self) -> str:
        strides = f"{self.left_row}_{self.left_step}_{self.right_step}_{self.ldc}"
        return f"micro_{self.dtype}_{self.rows}x{self.vectors}_{strides}{'m' * self.masked}"


# Loads of a type without a dot instruction, and one left element in every lane.
_WIDEN = {
    "bf16": "vf b{v} = widen_bf16(b + {at});",
    "int8": "vi b{v} = widen_int8(b + {at});",
}
_SPREAD = {
    "fp32": "vf a{r} = v_set1(*({at}));",
    "bf16": "vf a{r} = v_set1(bf16_value(*({at})));",
    "int8": "vi a{r} = i_set1(*({at}));",
}
TYPES = {"fp32": ("float", "float"), "bf16": ("uint16_t", "float"), "int8": ("int8_t", "int32_t")}


def print_micro(m: Micro, isa: Isa) -> str:
    """The C function; ``keep`` nonzero adds to what the result holds."""
    element, result = TYPES[m.dtype]
    kind = "vi" if result == "int32_t" else "vf"
    letter = "i" if result == "int32_t" else "v"
    cells = [(r, v) for r in range(m.rows) for v in range(m.vectors)]
    lines = [
        f"static void {m.name}(long steps, const {element} *a, const {element} *b, "
        f"{result} *c, int keep, long lanes) {{",
        f"  {kind} {', '.join(f'c{r}_{v} = {{0}}' for r, v in cells)};",
        *(f"  __builtin_prefetch(c + {r * m.ldc});" for r in range(m.rows)),
        f"#pragma GCC unroll {m.unroll}",
        "  for (long k = 0; k < steps; k++) {",
        *_loads(m, isa),
        *(line for r in range(m.rows) for line in _row(m, isa, r)),
        f"    a += {m.left_step};",
        f"    b += {m.right_step};",
        "  }",
    ]
    if m.compensated:
        for r, v in cells:
            lines.append(f"  c{r}_{v} += i_load((const int32_t *)b + {v * isa.lanes});")
    lines += [f"  {line}" for r, v in cells for line in _store(m, isa, letter, r, v)]
    lines += ["  (void)lanes;", "}", ""]
    return "\n".join(lines)


def _last(m: Micro, v: int) -> bool:
    return m.masked and v == m.vectors - 1


def _loads(m: Micro, isa: Isa) -> list[str]:
    if m.dtype != "fp32":
        group = isa.dots[m.dtype].group
        load = "vi b{v} = i_load(b + {at});" if group > 1 else _WIDEN[m.dtype]
        places = ((v, v * isa.lanes * group) for v in range(m.vectors))
        return [f"    {load.format(v=v, at=at)}" for v, at in places]
    # A packed panel is padded to whole vectors, a matrix in place is not.
    loads = []
    for v in range(m.vectors):
        in_place = _last(m, v) and m.right_step % isa.lanes != 0
        part = f"b + {v * isa.lanes}"
        loads.append(
            f"    vf b{v} = {f'v_loadm({part}, lanes)' if in_place else f'v_load({part})'};"
        )
    return loads


def _row(m: Micro, isa: Isa, r: int) -> list[str]:
    at = f"a + {r * m.left_row}" if r else "a"
    if isa.dots[m.dtype].group == 1:
        steps = " ".join(f"c{r}_{v} += a{r} * b{v};" for v in range(m.vectors))
        return [f"    {_SPREAD[m.dtype].format(r=r, at=at)}", f"    {steps}"]
    steps = " ".join(f"c{r}_{v} = dot_{m.dtype}(c{r}_{v}, a{r}, b{v});" for v in range(m.vectors))
    return [f"    vi a{r} = i_set1(*(const int32_t *)({at}));", f"    {steps}"]


def _store(m: Micro, isa: Isa, letter: str, r: int, v: int) -> list[str]:
    at, value = f"c + {r * m.ldc + v * isa.lanes}", f"c{r}_{v}"
    if _last(m, v):
        return [
            f"if (keep) {value} += {letter}_loadm({at}, lanes);",
            f"{letter}_storem({at}, {value}, lanes);",
        ]
    return [f"if (keep) {value} += {letter}_load({at});", f"{letter}_store({at}, {value});"]
