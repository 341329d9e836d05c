"""Packing: tiles of global arrays copied into the order the micro-kernels read.

Left panels are [row / MR][k / group][row % MR][group], right panels
[column / NR][k / group][column % NR][group]; whatever lies outside the array is zero.
"""

from __future__ import annotations

from tools.kernels.c.isa import Isa

LEFT = """
/* Rows [r0, r1) and columns [k0, k1) of the tile exist; s(r, k) = src[r * rs + k * ks]. */
static void pack_left(ELEMENT *restrict dst, const ELEMENT *restrict src, long rs, long ks,
                      long rows, long depth, long r0, long r1, long k0, long k1) {
  const long groups = CEIL(depth, GROUP);
  for (long i = 0; i < rows; i += MR, dst += groups * MR * GROUP) {
    if (GROUP == 1 && i >= r0 && i + MR <= r1 && k0 == 0 && k1 >= depth) {
      for (long k = 0; k < depth; k++)
        for (long r = 0; r < MR; r++) dst[k * MR + r] = src[(i + r) * rs + k * ks];
      continue;
    }
    for (long g = 0; g < groups; g++)
      for (long r = 0; r < MR; r++)
        for (long q = 0; q < GROUP; q++) {
          const long row = i + r, k = g * GROUP + q;
          const int inside = row >= r0 && row < r1 && k >= k0 && k < k1;
          dst[(g * MR + r) * GROUP + q] = (ELEMENT)((inside ? src[row * rs + k * ks] : 0) BIAS);
        }
  }
}
"""

RIGHT = """
/* Columns [c0, c1) and depths [k0, k1) of the tile exist; s(k, c) = src[k * ks + c * cs]. */
static void pack_right(ELEMENT *restrict dst, const ELEMENT *restrict src, long ks, long cs,
                       long columns, long depth, long c0, long c1, long k0, long k1) {
  const long groups = CEIL(depth, GROUP);
  for (long j = 0; j < columns; j += NR) {
    const int whole = j >= c0 && j + NR <= c1 && k0 == 0 && k1 >= depth;
    if (GROUP == 1 && whole && cs == 1) {
      for (long k = 0; k < depth; k++) memcpy(dst + k * NR, src + k * ks + j, NR * sizeof *dst);
    TRANSPOSE} else {
      for (long g = 0; g < groups; g++)
        for (long c = 0; c < NR; c++)
          for (long q = 0; q < GROUP; q++) {
            const long column = j + c, k = g * GROUP + q;
            const int inside = column >= c0 && column < c1 && k >= k0 && k < k1;
            dst[(g * NR + c) * GROUP + q] = inside ? src[k * ks + column * cs] : 0;
          }
    }
    dst += groups * NR * GROUP;COMPENSATE
  }
}
"""

TRANSPOSED = """
/* One whole panel from rows of stride cs, by VL x VL blocks transposed in registers. */
static void pack_transposed(float *restrict dst, const float *restrict src, long cs, long depth) {
  for (long c = 0; c < NR; c += VL) {
    long k = 0;
    for (; k + VL <= depth; k += VL) {
      vf t[2][VL];
#pragma GCC unroll 16
      for (int i = 0; i < VL; i++) t[0][i] = v_load(src + (c + i) * cs + k);
#pragma GCC unroll 4
      for (int s = 0; s < LOG_VL; s++)
#pragma GCC unroll 16
        for (int i = 0; i < VL / 2; i++) {
          const vf x = t[s % 2][i], y = t[s % 2][i + VL / 2];
          t[1 - s % 2][2 * i] = __builtin_shufflevector(x, y, LOW);
          t[1 - s % 2][2 * i + 1] = __builtin_shufflevector(x, y, HIGH);
        }
#pragma GCC unroll 16
      for (int i = 0; i < VL; i++) v_store(dst + (k + i) * NR + c, t[LOG_VL % 2][i]);
    }
    for (; k < depth; k++)
      for (int i = 0; i < VL; i++) dst[k * NR + c + i] = src[(c + i) * cs + k];
  }
}
"""

# int8 dot products take one unsigned side: A + 128 is multiplied and 128 times the column sums
# of B are taken away again by the vector that follows each panel.
_COMPENSATE = """
    for (long c = 0; c < NR; c++) {
      int32_t sum = 0;
      for (long g = 0; g < groups; g++)
        for (long q = 0; q < GROUP; q++) sum += dst[((g - groups) * NR + c) * GROUP + q];
      ((int32_t *)dst)[c] = -128 * sum;
    }
    dst += 4 * NR;"""
_TRANSPOSE = """} else if (whole && ks == 1) {
      pack_transposed(dst, src + j * cs, cs, depth);
    """

_ELEMENT = {"fp32": "float", "bf16": "uint16_t", "int8": "int8_t"}


def print_packing(dtype: str, rows: int, columns: int, isa: Isa) -> str:
    """Packing functions for panels of ``rows`` and ``columns``."""
    lanes, dot = isa.lanes, isa.dots[dtype]
    real = dtype == "fp32"
    low = [x for i in range(lanes // 2) for x in (i, i + lanes)]
    high = [x + lanes // 2 for x in low]
    text = LEFT + TRANSPOSED * real + RIGHT
    for old, new in {
        "BIAS": f"+ {dot.offset}" if dot.offset else "",
        "COMPENSATE": _COMPENSATE if dot.offset else "",
        "TRANSPOSE": _TRANSPOSE if real else "",
        "LOG_VL": str(lanes.bit_length() - 1),
        "LOW": ", ".join(map(str, low)),
        "HIGH": ", ".join(map(str, high)),
        "ELEMENT": _ELEMENT[dtype],
        "GROUP": str(dot.group),
        "MR": str(rows),
        "NR": str(columns),
    }.items():
        text = text.replace(old, new)
    return text
