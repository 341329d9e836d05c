/* The AMX tile instructions in plain C, for tests on processors that have none.

   Written from the operation sections of the instruction set reference, not from another
   implementation: the shape of every tile comes from the configuration; a bf16 product sums its
   even and its odd elements apart, then adds both to the result, flushing denormals in and out;
   an int8 product wraps in 32 bits. Where the processor would raise a fault (no configuration,
   shapes that do not fit), this traps. It says nothing about time. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#undef _tile_dpbssd
#define _tile_loadconfig tile_loadconfig
#define _tile_release tile_release
#define _tile_loadd tile_loadd
#define _tile_stored tile_stored
#define _tile_zero tile_zero
#define _tile_dpbf16ps tile_dpbf16ps
#define _tile_dpbssd tile_dpbssd

typedef struct { unsigned rows, bytes; uint8_t row[16][64]; } tile;
static _Thread_local tile tmm[8];
static _Thread_local int configured;

static inline void fault_unless(int good) { if (!good) __builtin_trap(); }

static inline void tile_loadconfig(const void *at) {
  const uint8_t *p = at;
  uint16_t bytes[16];
  fault_unless(p[0] == 1);
  for (int i = 2; i < 16; i++) fault_unless(p[i] == 0);
  memcpy(bytes, p + 16, sizeof bytes);
  memset(tmm, 0, sizeof tmm);
  for (int t = 0; t < 8; t++) {
    tmm[t].rows = p[48 + t];
    tmm[t].bytes = bytes[t];
    fault_unless(tmm[t].rows <= 16 && tmm[t].bytes <= 64);
  }
  for (int t = 8; t < 16; t++) fault_unless(bytes[t] == 0 && p[48 + t] == 0);
  configured = 1;
}
static inline void tile_release(void) {
  memset(tmm, 0, sizeof tmm);
  configured = 0;
}
static inline tile *configured_tile(int t) {
  fault_unless(configured && tmm[t].rows && tmm[t].bytes);
  return &tmm[t];
}
static inline void tile_zero(int t) { memset(configured_tile(t)->row, 0, sizeof tmm[t].row); }
static inline void tile_loadd(int t, const void *base, long stride) {
  tile *to = configured_tile(t);
  memset(to->row, 0, sizeof to->row);
  for (unsigned r = 0; r < to->rows; r++)
    memcpy(to->row[r], (const char *)base + r * stride, to->bytes);
}
static inline void tile_stored(int t, void *base, long stride) {
  const tile *from = configured_tile(t);
  for (unsigned r = 0; r < from->rows; r++)
    memcpy((char *)base + r * stride, from->row[r], from->bytes);
}
static inline void fit(const tile *c, const tile *a, const tile *b) {
  fault_unless(c != a && c != b && a != b);
  fault_unless(c->rows == a->rows && c->bytes == b->bytes && a->bytes == 4 * b->rows);
}
static inline float flushed(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if (!(bits & 0x7f800000)) bits &= 0x80000000;
  memcpy(&x, &bits, 4);
  return x;
}
static inline float bf16_at(const uint8_t *at) {
  uint16_t half;
  memcpy(&half, at, 2);
  const uint32_t bits = (uint32_t)half << 16;
  float x;
  memcpy(&x, &bits, 4);
  return flushed(x);
}
static inline void tile_dpbf16ps(int to, int left, int right) {
  tile *c = configured_tile(to);
  const tile *a = configured_tile(left), *b = configured_tile(right);
  fit(c, a, b);
  for (unsigned m = 0; m < c->rows; m++) {
    float even[16] = {0}, odd[16] = {0}, sum[16];
    for (unsigned k = 0; k < a->bytes / 4; k++)
      for (unsigned n = 0; n < c->bytes / 4; n++) {
        const uint8_t *x = a->row[m] + 4 * k, *y = b->row[k] + 4 * n;
        even[n] = flushed(__builtin_fmaf(bf16_at(x), bf16_at(y), even[n]));
        odd[n] = flushed(__builtin_fmaf(bf16_at(x + 2), bf16_at(y + 2), odd[n]));
      }
    memcpy(sum, c->row[m], sizeof sum);
    for (unsigned n = 0; n < c->bytes / 4; n++)
      sum[n] = flushed(flushed(sum[n]) + flushed(even[n] + odd[n]));
    memcpy(c->row[m], sum, c->bytes);
  }
}
static inline void tile_dpbssd(int to, int left, int right) {
  tile *c = configured_tile(to);
  const tile *a = configured_tile(left), *b = configured_tile(right);
  fit(c, a, b);
  for (unsigned m = 0; m < c->rows; m++) {
    uint32_t sum[16];
    memcpy(sum, c->row[m], sizeof sum);
    for (unsigned k = 0; k < a->bytes / 4; k++)
      for (unsigned n = 0; n < c->bytes / 4; n++)
        for (unsigned q = 0; q < 4; q++)
          sum[n] += (uint32_t)((int8_t)a->row[m][4 * k + q] * (int8_t)b->row[k][4 * n + q]);
    memcpy(c->row[m], sum, c->bytes);
  }
}
