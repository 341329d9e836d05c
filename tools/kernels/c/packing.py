"""Packing: tiles of global arrays copied into the order the micro-kernels read.

Left panels are [row / MR][k / step][row % MR][step], right panels
[column / NR][k / group][column % NR][group]; whatever lies outside the array is zero. A step is a
group but where a target multiplies tiles; the depth is a multiple of it.
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
      for (long r = 0; r < MR; r++) {
        const long row = i + r, first = g * GROUP;
        const int exists = row >= r0 && row < r1;
        ELEMENT *to = dst + (g * MR + r) * GROUP;
        if (AS_IT_IS && ks == 1 && exists && first >= k0 && first + GROUP <= k1) {
          memcpy(to, src + row * rs + first, GROUP * sizeof *to);
          continue;
        }
        for (long q = 0; q < GROUP; q++) {
          const long k = first + q;
          to[q] = (ELEMENT)((exists && k >= k0 && k < k1 ? src[row * rs + k * ks] : 0) BIAS);
        }
      }
  }
}
"""

RIGHT = """
/* VL columns of one group of k, from column at and k first on. */
static inline void pack_lanes(ELEMENT *restrict to, const ELEMENT *restrict src, long ks, long cs,
                              long at, long first, long c0, long c1, long k0, long k1) {
INTERLEAVE  for (long i = 0; i < VL * GROUP; i++) {
    const long column = at + i / GROUP, k = first + i % GROUP;
    const int inside = column >= c0 && column < c1 && k >= k0 && k < k1;
    to[i] = inside ? src[k * ks + column * cs] : 0;
  }
}

/* Columns [c0, c1) and depths [k0, k1) of the tile exist; s(k, c) = src[k * ks + c * cs]. */
static void pack_right(ELEMENT *restrict dst, const ELEMENT *restrict src, long ks, long cs,
                       long columns, long depth, long c0, long c1, long k0, long k1) {
  const long groups = CEIL(depth, GROUP), size = groups * NR * GROUP + EXTRA;
  if (GROUP > 1 && cs == 1) {  /* some rows of the source at a time, from end to end */
    for (long f = 0; f < groups; f += 4)
      for (long j = 0; j < columns; j += NR)
        for (long g = f; g < MIN(f + 4, groups); g++)
          for (long c = 0; c < NR; c += VL)
            pack_lanes(dst + j / NR * size + (g * NR + c) * GROUP, src, ks, cs, j + c, g * GROUP,
                       c0, c1, k0, k1);
  } else {
    for (long j = 0; j < columns; j += NR) {
      ELEMENT *panel = dst + j / NR * size;
      const int whole = j >= c0 && j + NR <= c1 && k0 == 0 && k1 >= depth;
      if (GROUP == 1 && whole && cs == 1) {
        for (long k = 0; k < depth; k++)
          memcpy(panel + k * NR, src + k * ks + j, NR * sizeof *dst);
      TRANSPOSE} else {
        for (long g = 0; g < groups; g++)
          for (long c = 0; c < NR; c += VL)
            pack_lanes(panel + (g * NR + c) * GROUP, src, ks, cs, j + c, g * GROUP, c0, c1, k0, k1);
      }
    }
  }COMPENSATE
}
"""

TRANSPOSED = """
/* One whole panel of 32-bit groups from rows of stride cs, by VL x VL blocks in registers. */
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
  for (long j = 0; j < columns; j += NR) {
    ELEMENT *panel = dst + j / NR * size;
    for (long c = 0; c < NR; c++) {
      int32_t sum = 0;
      for (long g = 0; g < groups; g++)
        for (long q = 0; q < GROUP; q++) sum += panel[(g * NR + c) * GROUP + q];
      ((int32_t *)(panel + groups * NR * GROUP))[c] = -128 * sum;
    }
  }"""
_TRANSPOSE = """} else if (whole && ks == 1 && cs % GROUP == 0) {
        pack_transposed((float *)panel, (const float *)(src + j * cs), cs / GROUP, groups);
      """
# A group of rows becomes 32-bit lanes.
_INTERLEAVE = """
  if (cs == 1 && at >= c0 && at + VL <= c1 && first >= k0 && first + GROUP <= k1) {
    vi lanes = {0};
    for (int q = 0; q < GROUP; q++)
      lanes |= __builtin_convertvector(*(const vu *)(src + (first + q) * ks + at), vi)
               << (q * 32 / GROUP);
    i_store((int32_t *)to, lanes);
    return;
  }
"""
_LANES = """
typedef UNSIGNED vu __attribute__((vector_size(4 / GROUP * VL), aligned(4 / GROUP), may_alias));
"""

_ELEMENT = {"fp32": "float", "bf16": "uint16_t", "int8": "int8_t"}


def print_packing(dtype: str, rows: int, columns: int, isa: Isa) -> str:
    """Packing functions for panels of ``rows`` and ``columns``."""
    lanes, dot = isa.lanes, isa.dots[dtype]
    low = [x for i in range(lanes // 2) for x in (i, i + lanes)]
    high = [x + lanes // 2 for x in low]
    grouped = dot.group > 1
    words = dot.group > 1 or dtype == "fp32"  # groups are 32-bit words
    right = _LANES * grouped + TRANSPOSED * words + RIGHT
    text = LEFT.replace("GROUP", str(dot.step)) + right
    for old, new in {
        "AS_IT_IS": "0" if dot.offset else "1",
        "BIAS": f"+ {dot.offset}" if dot.offset else "",
        "EXTRA": str(4 * columns if dot.offset else 0),
        "COMPENSATE": _COMPENSATE if dot.offset else "",
        "INTERLEAVE": _INTERLEAVE.lstrip("\n") if grouped else "",
        "TRANSPOSE": _TRANSPOSE if words else "",
        "LOG_VL": str(lanes.bit_length() - 1),
        "LOW": ", ".join(map(str, low)),
        "HIGH": ", ".join(map(str, high)),
        "UNSIGNED": f"u{_ELEMENT[dtype].removeprefix('u')}",
        "ELEMENT": _ELEMENT[dtype],
        "GROUP": str(dot.group),
        "MR": str(rows),
        "NR": str(columns),
    }.items():
        text = text.replace(old, new)
    return text
